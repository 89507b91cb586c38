"""One module for each subject, found by listing this package.

For doctor.py a module has `ORDER`, a number for its position in the list, and `check(context) -> Iterator[Line]`: it
changes nothing, needs no database, and what it cannot check is a line, not an error.
For watchdog.py it has `find(view) -> Iterator[Finding]`, which raises Unseen if it cannot check at all, and `KEYS`,
the first words of the keys of its findings. Adding one touches that module, its test and its line in
docs/operations.md.
"""
