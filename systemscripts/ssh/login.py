"""The login at an SSH server: host, user, and key, agent or password."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from systemscripts.errors import ConfigurationError

if TYPE_CHECKING:
    from paramiko import PKey

SSH_PORT = 22


class Login(BaseModel):
    """The keys of a configuration for the login at an SSH server."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # with or without :port
    host: str = Field(min_length=1)
    port: int = Field(SSH_PORT, ge=1, le=65535)
    user: str = Field(min_length=1)
    key_file: str = ""
    key_passphrase: SecretStr | None = None
    # whether to use the keys of the ssh-agent
    agent: bool = False
    password: SecretStr | None = None

    @model_validator(mode="before")
    @classmethod
    def _split_port(cls, value: object) -> object:
        if isinstance(value, dict) and "port" not in value and isinstance(value.get("host"), str):
            host, port = split_host(value["host"])
            return {**value, "host": host, "port": port}
        return value

    @model_validator(mode="after")
    def _check_method(self) -> Self:
        if not (self.key_file or self.agent or self.password):
            raise ValueError("needs key_file, agent: true, or password: ${SOURCE_...}")
        return self

    @property
    def name(self) -> str:
        """Return the server as written in known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
        return format_host(self.host, self.port)

    @property
    def address(self) -> str:
        """Return the server and the user as a URL without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sftp://{self.user}@{host}:{self.port}"


def split_host(text: str) -> tuple[str, int]:
    """Return host and port of HOST, HOST:PORT or [HOST]:PORT; raises ValueError for an invalid port."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, _parse_port(rest.removeprefix(":")) if rest else SSH_PORT
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, _parse_port(port)
    return text, SSH_PORT


def _parse_port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ValueError(f"expected a port from 1 to 65535, not {text!r}")
    return int(text)


def format_host(host: str, port: int) -> str:
    """Return a server as written in known_hosts."""
    return host if port == SSH_PORT else f"[{host}]:{port}"


def load_private_key(login: Login) -> PKey:
    """Load the private key; raises ConfigurationError if it is missing, readable by others, or not a key."""
    import paramiko

    path = Path(login.key_file).expanduser()
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise ConfigurationError(
                f"the key {path} can be read by others (mode {mode:o})", f"Run: chmod 600 {shlex.quote(str(path))}"
            )
        passphrase = login.key_passphrase.get_secret_value().encode() if login.key_passphrase else None
        return paramiko.PKey.from_path(path, passphrase)  # type: ignore[arg-type]
    except OSError as error:
        raise ConfigurationError(f"the key {path}: {error.strerror or error}", "Correct key_file.") from error
    except paramiko.PasswordRequiredException as error:
        raise ConfigurationError(f"the key {path} has a passphrase", "Set key_passphrase: ${{SOURCE_...}}.") from error
    except (paramiko.SSHException, ValueError, TypeError) as error:
        wrong = " or its passphrase is wrong" if login.key_passphrase else ""
        raise ConfigurationError(f"{path} is not a private key{wrong}", "Name the private key in key_file.") from error
