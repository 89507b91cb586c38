"""Rows of YAML jobs in another database."""
