"""YAML jobs: load all sources into one table, then again whenever something new arrives, until stopped."""
