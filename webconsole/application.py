"""Build the Flask application from every module of pages/ and api/ that has a `blueprint`."""

from __future__ import annotations

from flask import Flask

from systemscripts import plugins, settings
from webconsole import api, display, error_handlers, pages
from webconsole.security import access, headers, tokens
from webconsole.security.login_throttle import LoginThrottle

# a request carries at most a YAML, which is a few kilobytes
MAX_REQUEST_BYTES = 1 << 20


def create_app() -> Flask:
    """Return the console of this installation; raise ConfigurationError if its key cannot be created or read."""
    app, current = Flask(__name__), settings.current()
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_REQUEST_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_REQUEST_BYTES,
        MAX_FORM_PARTS=50,
        # any other name in the Host header comes from a foreign page that points here
        TRUSTED_HOSTS=["127.0.0.1", "localhost", "[::1]", current.console_host, *current.console_hosts],
        # holds only the message that the next page shows after an action
        SESSION_COOKIE_NAME="console_note",
        SESSION_COOKIE_SAMESITE="Lax",
        SEND_FILE_MAX_AGE_DEFAULT=86_400,
    )
    app.url_map.merge_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.secret_key = app.extensions["console_key"] = tokens.load_key()
    app.extensions["console_login_throttle"] = LoginThrottle()
    for module in plugins.load_modules(pages.__name__, having="blueprint"):
        app.register_blueprint(module.blueprint)
    for module in plugins.load_modules(api.__name__, having="blueprint"):
        # the paths from before /api/v1 stay
        app.register_blueprint(module.blueprint)
        app.register_blueprint(module.blueprint, name=f"v1_{module.blueprint.name}", url_prefix=error_handlers.API)
    access.install(app)
    headers.install(app)
    error_handlers.install(app)
    display.install(app)
    return app
