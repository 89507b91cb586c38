"""Datasets: identify a file, compare its content with existing datasets, and know which rows are current."""
