"""One module per format beside delimited text; each has `recognises(head, path)` and `open(path, options)`."""
