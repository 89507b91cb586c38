"""Sign-in tokens (JWT, RFC 7519): who somebody is, for eight hours, or until his token version goes up."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import jwt

from systemscripts import settings
from systemscripts.directory_management import Directories
from systemscripts.errors import ConfigurationError
from webconsole.security.users import User

SECONDS = 8 * 3600
ALGORITHM = "HS256"
AUDIENCE = "client-etl-console"


@dataclass(frozen=True)
class Token:
    """What a valid token says."""

    user_name: str
    version: int
    token_id: str
    expires_at: int


def key() -> bytes:
    """The key of this installation, var/console_key, made at the first start; raises ConfigurationError."""
    path = Directories(settings.current().etl_data_dir).create().var / "console_key"
    try:
        if not path.exists():
            _make(path)
        found = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", "Run as the user who owns the installation.") from error
    if len(found) < 32:
        raise ConfigurationError(f"{path} holds no key", "Delete it: a new one is made, and everybody signs in again.")
    return found


def _make(path: Path) -> None:
    part = path.with_name(f"console_key.{os.getpid()}.part")
    part.touch(mode=0o600)
    part.write_bytes(secrets.token_bytes(64))
    try:
        os.link(part, path)  # whoever comes first: two consoles must not make two keys
    except FileExistsError:
        pass
    finally:
        part.unlink()


def issue(user: User, signing_key: bytes) -> tuple[str, Token]:
    """A new token for a user."""
    now = int(time.time())
    token = Token(user.name, user.token_version, str(uuid.uuid4()), now + SECONDS)
    claims = {
        "sub": token.user_name, "ver": token.version, "jti": token.token_id, "iat": now, "exp": token.expires_at,
        "aud": AUDIENCE,
    }  # fmt: skip
    return jwt.encode(claims, signing_key, algorithm=ALGORITHM), token


def read(text: str, signing_key: bytes) -> Token | None:
    """What a token says, or None where it is forged, damaged or over."""
    try:
        claims = jwt.decode(
            text, signing_key, algorithms=[ALGORITHM], audience=AUDIENCE,
            options={"require": ["sub", "ver", "jti", "iat", "exp", "aud"]},
        )  # fmt: skip
        return Token(str(claims["sub"]), int(claims["ver"]), str(uuid.UUID(claims["jti"])), int(claims["exp"]))
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
        return None


def browser_mark(user_name: str, signing_key: bytes) -> str:
    """What a browser keeps by which somebody has signed in: it opens nothing, and says not who it was."""
    nonce = secrets.token_hex(16)
    return f"{nonce}.{_mark(user_name, nonce, signing_key)}"


def marked_browser(text: str, user_name: str, signing_key: bytes) -> str | None:
    """Which browser it is, where this user has signed in by it before; else None."""
    nonce, _, mark = text.partition(".")
    return nonce if hmac.compare_digest(mark.encode(), _mark(user_name, nonce, signing_key).encode()) else None


def _mark(user_name: str, nonce: str, signing_key: bytes) -> str:
    return hmac.new(signing_key, f"browser {nonce} {user_name}".encode(), hashlib.sha256).hexdigest()


def csrf_token(token: Token, signing_key: bytes) -> str:
    """What the forms of one session carry: another site can neither read nor guess it."""
    return hmac.new(signing_key, f"csrf {token.token_id}".encode(), hashlib.sha256).hexdigest()
