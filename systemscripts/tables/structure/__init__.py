"""Find a table in its file: header, names, end, and other tables that are not read."""
