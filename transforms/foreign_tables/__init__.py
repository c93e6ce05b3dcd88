"""Read CSV, JSON lines and Parquet tables of unknown origin row by row."""
