"""Models that turn two views into a sharp picture. They work on arrays and files, and never import Beam."""
