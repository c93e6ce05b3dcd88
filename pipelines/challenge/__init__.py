"""Make and check NTIRE challenge entries."""
