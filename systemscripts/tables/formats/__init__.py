"""One module for each format other than delimited text; each has `recognises(head, path)` and `open(path, options)`."""
