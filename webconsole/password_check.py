"""Check passwords, and slow down who enters wrong ones."""

from __future__ import annotations

import logging
import math

from flask import current_app, request

from webconsole import connections
from webconsole.security import access, users
from webconsole.security.login_throttle import LoginThrottle
from webconsole.security.users import User

logger = logging.getLogger(__name__)
# of a name that is counted among the failed attempts
MAX_NAME_LETTERS = 100


def check_password(name: str, password: str) -> tuple[User | None, int]:
    """Return the user and 0; None and 0 if name or password are wrong; None and the seconds to wait before a check."""
    # failed names are remembered for a while and must not fill the memory
    name = name[:MAX_NAME_LETTERS]
    throttle: LoginThrottle = current_app.extensions["console_login_throttle"]
    address = request.remote_addr or ""
    browser = access.find_known_browser(name)
    # counted before the password is checked, so that parallel attempts count like consecutive ones
    count, wait = throttle.begin_try(name, address, browser)
    if wait:
        return None, math.ceil(wait)
    with connections.write_as_etl() as cursor:
        user = users.check_password(cursor, name, password)
    if user is None:
        text = f"console: wrong password for {name[:80]!r} from {address} ({count} in a row)"
        logger.warning("%s", text, extra={"code": "sign_in_failed"})
        return None, 0
    throttle.record_success(name, address, browser)
    return user, 0
