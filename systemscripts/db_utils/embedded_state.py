"""What is known of the embedded server: where it is, its port and its passwords, in var/embedded_database.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from systemscripts import settings
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import ConfigurationError


@dataclass(frozen=True)
class Server:
    """The state of the server in var/embedded_database.json: enough to start it and to log in."""

    # contains data/ and server.log
    folder: str
    port: int
    etl_password: str
    reader_password: str
    # the user that runs it, if not the caller
    user: str = ""
    owner_password: str = ""
    # whether etl is an ordinary login, not the superuser
    has_own_superuser: bool = False

    @property
    def data(self) -> Path:
        """The data directory."""
        return Path(self.folder) / "data"

    def url(self, role: str, database: str = "etl") -> str:
        """Return the address of a database for `etl`, `reader` or the owner of the server."""
        passwords = {"etl": self.etl_password, "reader": self.reader_password}
        password = passwords.get(role, self.owner_password)
        return f"postgresql://{role}:{quote(password)}@127.0.0.1:{self.port}/{database}"


def get_state_path() -> Path:
    """Return the path of the file, whether or not it exists."""
    return Directories(settings.current().etl_data_dir).var / "embedded_database.json"


def read_state() -> Server | None:
    """Return the server of this installation, None if there is none yet; raises ConfigurationError."""
    try:
        return Server(**json.loads(get_state_path().read_text()))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise ConfigurationError(
            f"{get_state_path()} belongs to another user", "Run as the user who started the database."
        ) from error
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{get_state_path()} cannot be read: {error}", "Restore it: it contains the passwords of the database."
        ) from error


def write_state(server: Server) -> None:
    """Keep the state of the server, readable by its owner only."""
    with atomic_write(get_state_path(), mode=0o600) as stream:
        stream.write(json.dumps(asdict(server), indent=1).encode())
