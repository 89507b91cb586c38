"""A YAML job: all its sources at once into one table, then again whenever something comes, until it is told to stop."""
