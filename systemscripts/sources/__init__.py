"""Where files come from: `types` has one module for each type of source, `source_plugin` says what it must offer."""

from __future__ import annotations

from systemscripts.sources.source_plugin import Fetched, Request, Unpacking, find_source, load_module

__all__ = ["Fetched", "Request", "Unpacking", "find_source", "load_module"]
