"""Parsers of workbooks, web pages and archives. They run only in the child process, where a hostile file does no harm.

Each module has `open_book(path: Path) -> Book`, or `unpack(path, output)` for archives. It raises BadDataError where no
parser can read the file, any other error where another parser may succeed.
"""
