"""Every route of the console with the role it says it needs, and an address that fills its parts."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

UUID = "6a6f3c9e-6a7d-4d8e-9d53-0f1d3c1b2a3f"
_FILL = {"uuid": UUID, "int": "999999", "default": "public.nothing", "any": "csv", "path": "console.css"}


@dataclass(frozen=True)
class Route:
    """One method of one route."""

    method: str
    rule: str
    role: str | None

    @property
    def path(self) -> str:
        return re.sub(r"<(?:(\w+)(?:\([^)]*\))?:)?\w+>", lambda match: _FILL[match[1] or "default"], self.rule)

    @property
    def is_page(self) -> bool:
        return self.rule == "/" or self.rule.startswith("/console")

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"


@cache
def list_routes() -> tuple[Route, ...]:
    """All of them, read from the application itself."""
    from systemscripts import settings
    from webconsole import create_app
    from webconsole.security import access

    before = {name: os.environ.get(name) for name in ("ETL_DATA_DIR", "ETL_ENV_FILE")}
    with TemporaryDirectory() as folder:
        empty = Path(folder) / "settings.env"
        empty.write_text("DATABASE_URL=embedded\n")
        empty.chmod(0o600)
        os.environ.update(ETL_DATA_DIR=folder, ETL_ENV_FILE=str(empty))
        settings.reset()
        app = create_app()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    settings.reset()
    return tuple(
        Route(method, rule.rule, access.find_role(app, rule.endpoint))
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    )


def list_guarded_routes() -> list[Route]:
    """Those that ask who it is."""
    return [route for route in list_routes() if route.role != "anyone"]


def list_changing_routes() -> list[Route]:
    """Those that may change something."""
    return [route for route in list_guarded_routes() if route.method not in ("GET", "HEAD")]
