"""The keys of a source of type http; docs/http.md explains them."""

from __future__ import annotations

from systemscripts.configuration.source_options.api import HttpServer


class Options(HttpServer):
    """A file at an address, or the files that a page links to."""

    # regular expression for the whole name of a linked file: url is then the address of a page
    links: str = ""
    # the name of the file, where neither its address nor the server gives one
    file_name: str = ""
