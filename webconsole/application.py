"""The Flask application, put together: every module of pages/ and api/ that has a `blueprint`."""

from __future__ import annotations

from flask import Flask

from systemscripts import plugins, settings
from webconsole import api, display, error_handlers, pages
from webconsole.security import access, headers, tokens
from webconsole.security.login_throttle import Slowing

MOST_BYTES = 1 << 20  # of one request: a YAML is a few kilobytes


def create_app() -> Flask:
    """The console of this installation; raises ConfigurationError when its key cannot be made or read."""
    app, wanted = Flask(__name__), settings.current()
    app.config.update(
        MAX_CONTENT_LENGTH=MOST_BYTES,
        MAX_FORM_MEMORY_SIZE=MOST_BYTES,
        MAX_FORM_PARTS=50,
        # another name in the Host header is somebody else's page that points here
        TRUSTED_HOSTS=["127.0.0.1", "localhost", "[::1]", wanted.console_host, *wanted.console_hosts],
        SESSION_COOKIE_NAME="console_note",  # only what a page has to say after an action
        SESSION_COOKIE_SAMESITE="Lax",
        SEND_FILE_MAX_AGE_DEFAULT=86_400,
    )
    app.url_map.merge_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.secret_key = app.extensions["console_key"] = tokens.key()
    app.extensions["console_slowing"] = Slowing()
    for package in (api, pages):
        for module in plugins.load_modules(package.__name__, having="blueprint"):
            app.register_blueprint(module.blueprint)
    access.install(app)
    headers.install(app)
    error_handlers.install(app)
    display.install(app)
    return app
