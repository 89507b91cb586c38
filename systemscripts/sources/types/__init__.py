"""The types of source, found by listing this package."""
