"""The tables of a run: rows, journal, Parquet files, statistics, and reading them back."""
