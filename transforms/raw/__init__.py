"""How are both views got out of a raw file? Reading its frames, splitting them, and telling which view is the left one."""
