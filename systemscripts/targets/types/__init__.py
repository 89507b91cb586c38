"""The types of delivery target, found by listing this package."""
