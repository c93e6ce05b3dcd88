"""Extract both views from raw files: read the frames, split them, and find out which view is the left one."""
