"""Records become checked values: split, transformed, converted and validated, whole columns at once where possible."""
