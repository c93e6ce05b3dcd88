"""Tests of the house as a whole: its imports, its wheel, its docs, its measurements."""
