"""The web console: pages for people, JSON for programs; the same functions behind both as behind the job scripts."""

from __future__ import annotations

from webconsole.application import create_app

__all__ = ["create_app"]
