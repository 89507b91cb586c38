"""Issue and read sign-in tokens (JWT, RFC 7519), valid for eight hours or until the user's token version changes."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import shlex
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import jwt

from systemscripts import settings
from systemscripts.directory_management import Directories
from systemscripts.errors import ConfigurationError
from webconsole.security.users import User

# a working day
SESSION_SECONDS = 8 * 3600
MIN_KEY_BYTES = 32
ALGORITHM = "HS256"
AUDIENCE = "client-etl-console"


@dataclass(frozen=True)
class Token:
    """The content of a valid token."""

    user_name: str
    version: int
    token_id: str
    expires_at: int


def load_key() -> bytes:
    """Return the key of this installation, var/console_key, created at the first start; raise ConfigurationError."""
    path = Directories(settings.current().etl_data_dir).create().var / "console_key"
    try:
        if not path.exists():
            _create_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", "Run as the user who owns the installation.") from error
    if len(key) < MIN_KEY_BYTES:
        raise ConfigurationError(
            f"{path} does not contain a key",
            f"Type: rm {shlex.quote(str(path))}; the console creates a new one, and all users sign in again.",
        )
    return key


def _create_key(path: Path) -> None:
    part = path.with_name(f"console_key.{os.getpid()}.part")
    part.touch(mode=0o600)
    part.write_bytes(secrets.token_bytes(64))
    try:
        # fails if another console was first: there must be only one key
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        part.unlink()


def issue_token(user: User, signing_key: bytes) -> tuple[str, Token]:
    """Return a new token for a user, as text and as its content."""
    now = int(time.time())
    token = Token(user.name, user.token_version, str(uuid.uuid4()), now + SESSION_SECONDS)
    claims = {
        "sub": token.user_name, "ver": token.version, "jti": token.token_id, "iat": now, "exp": token.expires_at,
        "aud": AUDIENCE,
    }  # fmt: skip
    return jwt.encode(claims, signing_key, algorithm=ALGORITHM), token


def read_token(text: str, signing_key: bytes) -> Token | None:
    """Return the content of a token, or None if it is forged, damaged or expired."""
    try:
        claims = jwt.decode(
            text, signing_key, algorithms=[ALGORITHM], audience=AUDIENCE,
            options={"require": ["sub", "ver", "jti", "iat", "exp", "aud"]},
        )  # fmt: skip
        return Token(str(claims["sub"]), int(claims["ver"]), str(uuid.UUID(claims["jti"])), int(claims["exp"]))
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
        return None


def make_browser_mark(user_name: str, signing_key: bytes) -> str:
    """Return a mark for a browser with which a user has signed in; it grants nothing and does not reveal the user."""
    nonce = secrets.token_hex(16)
    return f"{nonce}.{_sign_browser(user_name, nonce, signing_key)}"


def find_known_browser(text: str, user_name: str, signing_key: bytes) -> str | None:
    """Return the mark's random part if this user has signed in with the browser before, else None."""
    nonce, _, mark = text.partition(".")
    return nonce if hmac.compare_digest(mark.encode(), _sign_browser(user_name, nonce, signing_key).encode()) else None


def _sign_browser(user_name: str, nonce: str, signing_key: bytes) -> str:
    return hmac.new(signing_key, f"browser {nonce} {user_name}".encode(), hashlib.sha256).hexdigest()


def make_csrf_token(token: Token, signing_key: bytes) -> str:
    """Return the token for the forms of a session, which another site can neither read nor guess."""
    return hmac.new(signing_key, f"csrf {token.token_id}".encode(), hashlib.sha256).hexdigest()
