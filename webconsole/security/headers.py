"""Add the security headers to every answer."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, Response, request, url_for

from webconsole.security import access

# only our own scripts and styles: the content of a file name, a header or a cell stays text
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# under a name of CONSOLE_HOSTS the console is reached by a server with TLS; browsers ignore it without TLS
HSTS = "max-age=31536000"


def install(app: Flask) -> None:
    """Register the headers for every answer, and `asset` for the templates."""
    app.after_request(_add_headers)
    app.template_global("asset")(make_asset_url)


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if not access.is_local_host():
        response.headers["Strict-Transport-Security"] = HSTS
    if request.endpoint != "static":
        # the next user of this browser must not see it
        response.headers["Cache-Control"] = "no-store"
    return response


def make_asset_url(name: str) -> str:
    """Return the address of a static file, which changes with its content."""
    return url_for("static", filename=name, v=_hash_file(name))


@cache
def _hash_file(name: str) -> str:
    return hashlib.sha256((Path(__file__).parents[1] / "static" / name).read_bytes()).hexdigest()[:10]
