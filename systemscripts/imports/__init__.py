"""The loader: the target table's shape, and the rows' way into it."""
