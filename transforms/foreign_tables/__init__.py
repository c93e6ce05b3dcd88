"""How is a table of unknown origin, CSV, JSON lines or Parquet, read row by row?"""
