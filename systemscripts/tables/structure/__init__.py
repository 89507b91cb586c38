"""Where a table stands in its file: header, names, end, and what lies beside it."""
