"""The web console: pages for people and JSON for programs, on the same functions as the job scripts."""

from __future__ import annotations

from webconsole.application import create_app

__all__ = ["create_app"]
