"""The hashes of the migrations, which are never changed once they have landed: frozen_migrations.sha256.

After a new one: PYTHONPATH=. .venv/bin/python -m tests.upgrade.frozen_migrations
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from systemscripts.db_utils import migrations

LIST = Path(__file__).with_suffix(".sha256")
COMMAND = "PYTHONPATH=. .venv/bin/python -m tests.upgrade.frozen_migrations"


def read_list() -> dict[str, str]:
    """Return the hash of each frozen file, by name."""
    return {line.split()[1]: line.split()[0] for line in LIST.read_text().splitlines()}


def compute_hashes() -> dict[str, str]:
    """Return the hash of each file there is, by name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(migrations.FOLDER.glob("*.sql"))
    }


def add_new() -> list[str]:
    """Freeze the files that are not in the list yet; return their names. A changed one stays as it was frozen."""
    frozen = read_list() if LIST.exists() else {}
    new = {name: text for name, text in compute_hashes().items() if name not in frozen}
    LIST.write_text("".join(f"{text}  {name}\n" for name, text in sorted((frozen | new).items())))
    return list(new)


if __name__ == "__main__":
    print(*(f"frozen: {name}" for name in add_new()), sep="\n")
