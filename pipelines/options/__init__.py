"""Options: declared once, read from the command line, a YAML file or Python."""
