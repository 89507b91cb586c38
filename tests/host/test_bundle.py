"""A backup of a host that root has set up brings the house back on another such host."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.host.machine import Machine, machine

FOLDER, DATA, LOCAL = "/opt/client_etl", "/var/lib/client_etl_workflow", "/etc/client_etl_workflow/local"
ORDERS = "file_pattern: orders.*\ntarget_table: public.orders\nload_mode: append\n"

pytestmark = pytest.mark.long


def find_path(host: Machine, path: str) -> Path:
    """Return a path of a host as it is seen from here."""
    return Path(f"/proc/{host.holder}/root{host.root}{path}")


def set_up(host: Machine) -> None:
    """Set a host up with the embedded PostgreSQL."""
    host.clone(FOLDER, "root")
    done = host.run(f"{FOLDER}/configure_etl_user.sh", "--embedded")
    assert done.returncode == 0, done.stderr


def run_job(host: Machine, *arguments: str) -> str:
    done = host.run(f"{FOLDER}/run_python_etl_script.sh", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_house_of_one_host_comes_back_on_another(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("hosts")
    with machine(folder / "old") as old:
        set_up(old)
        old.shell(
            f"mkdir -p {LOCAL}/imports && printf '%s' '{ORDERS}' >{LOCAL}/imports/orders.yaml && "
            f"chgrp -R etl_group {LOCAL} && echo SOURCE_CLIENT_PASSWORD=a-secret >>{FOLDER}/config/.env && "
            f"install -m 660 -o etl_user -g etl_group /dev/stdin {DATA}/file_watcher/orders_1.csv <<<$'a;b\\n1;x'"
        )
        run_job(old, "generic_import.py", "orders")
        run_job(old, "schedule.py", "pause", "weekly")
        run_job(old, "backup_database.py")
        passphrase = old.shell(f"cat {DATA}/var/backup_passphrase").strip()
        packed = {path.name: path.read_bytes() for path in find_path(old, f"{DATA}/var/backups").iterdir()}
    with machine(folder / "new") as new:
        set_up(new)
        usb = find_path(new, "/media/usb")
        usb.mkdir()
        for name, content in packed.items():
            (usb / name).write_bytes(content)
        new.shell(
            "chmod -R a+rX /media/usb && "
            f"install -m 640 -g etl_group /dev/stdin /media/usb/passphrase <<<'{passphrase}'"
        )
        bundle = new.shell("ls /media/usb/*.bundle").strip()
        text = run_job(new, "restore_database.py", bundle, "--passphrase-file", "/media/usb/passphrase")
        commands = re.findall(r"as root put back what only root may write: (.*)", text)
        assert commands, text
        for command in commands:
            new.shell(command)
        assert new.shell(f"cat {LOCAL}/imports/orders.yaml").strip() == ORDERS.strip()
        modes = new.shell(f"stat -c '%a %U %G' {FOLDER}/config/.env {LOCAL}/imports/orders.yaml")
        assert modes.splitlines()[0] == "640 root etl_group"
        assert "SOURCE_CLIENT_PASSWORD=a-secret" in new.shell(f"cat {FOLDER}/config/.env")
        count = ("database.py", "sql", "select count(*) from public.orders")
        assert run_job(new, *count).split() == ["count", "1"]
        assert "weekly" in new.shell(f"cat {DATA}/var/pauses.json")
        waiting = f"{DATA}/file_watcher/orders_2.csv"
        new.shell(f"install -m 660 -o etl_user -g etl_group /dev/stdin {waiting} <<<$'a;b\\n2;y'")
        run_job(new, "generic_import.py", "orders")
        assert run_job(new, *count).split() == ["count", "2"]
        run_job(new, "generic_import.py", "--undo", "1")
        run_job(new, "restore_database.py", bundle, "--rehearse", "--passphrase-file", "/media/usb/passphrase")
