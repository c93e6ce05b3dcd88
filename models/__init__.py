"""What turns two views into a sharp picture. Knows arrays and files, never Beam."""
