"""Datasets: who a file is about, what its content means beside what is there, and which rows are current."""
