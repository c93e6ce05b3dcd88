"""List, open and write files, on a disk or in an object store; files appear complete or not at all."""
