"""Parsers of workbooks and pages. They run in the child process only: a file may do its worst there.

Each module has `open_book(path: Path) -> Book`. It raises BadDataError when the file is surely not readable by anybody,
any other error when another parser may have more luck.
"""
