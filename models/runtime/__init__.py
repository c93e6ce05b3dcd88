"""Open model files and restore pictures with them."""
