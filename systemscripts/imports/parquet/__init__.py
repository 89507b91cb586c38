"""The rows' way into Parquet files: one file for each dataset, by the same rules as into a table."""
