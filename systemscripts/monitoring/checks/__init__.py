"""One module for each matter, found by listing this package.

For doctor.py a module has `ORDER`, a number for its place in the list, and `check(context) -> Iterator[Line]`: it
changes nothing, needs no database, and what it cannot check is a line, not an error.
For watchdog.py it has `find(view) -> Iterator[Finding]`, which raises Unseen where it cannot check at all, and `KEYS`,
the first words of the keys that its findings have. Adding one touches that module, its test and its line in
docs/operations.md.
"""
