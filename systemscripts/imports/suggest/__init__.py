"""What to propose for an unknown file: profile its columns, infer types, write the YAML of its import."""
