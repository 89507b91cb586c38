"""The profile of a file's values, and the good files before it with which it is compared."""
