"""The commands that the pages for operators show, and what each of them answers on a new host."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.conftest import PROJECT

PAGES = ("install", "schedule", "operations", "backup", "sftp", "weekly", "upgrade")
_IN_TEXT = re.compile(r"`((?:sudo |[A-Z_]+=\S+ )*(?:\./|etl |sudo )[^`]+)`")
_COMMENT = re.compile(r"\s{2,}#.*$")


def collect_commands(*, with_sentences: bool = True) -> list[str]:
    """Return every command of the pages, as written, in the order of the pages; each once.

    Without those in sentences, only those of blocks.
    """
    return list(dict.fromkeys(command for page in PAGES for command in _read_page(page, with_sentences)))


def _read_page(page: str, with_sentences: bool) -> Iterator[str]:
    fence, in_block, is_after_blank = "", False, True
    for line in (PROJECT / "docs" / f"{page}.md").read_text().splitlines():
        if line.lstrip().startswith("```"):
            fence = "" if fence else line.strip()[3:] or "text"
            continue
        if fence:
            in_block = fence in ("sh", "bash")
        else:
            # a block of code, as opposed to the next line of an item of a list
            in_block = line.startswith("    ") and (in_block or is_after_blank)
        is_after_blank = not line.strip()
        if in_block:
            yield from _split_line(line)
        elif not fence and with_sentences:
            yield from _IN_TEXT.findall(line)


def _split_line(line: str) -> Iterator[str]:
    command = _COMMENT.sub("", line.strip())
    if command:
        yield command


# What stands for something of the reader's, and what the test types in its place.
TYPED = {
    "etl restore --drop NAME_before_...": (
        "etl restore --drop $(etl sql \"select max(datname) from pg_database where datname like 'etl_b%'\" | tail -n 1)"
    ),
    "etl report NAME --preview /tmp/mail.html": "etl report weekly_summary --preview /tmp/mail.html",
    "etl ask WORD": "etl ask rejected",
    "etl suggest FILE": "etl suggest /var/lib/client_etl_workflow/file_watcher/parcels_20260105.csv",
    "./run_python_etl_script.sh JOB.py": "./run_python_etl_script.sh status.py",
}
# What a host answers that has neither data nor servers outside yet: the exit code, and words of the answer.
ANSWERS = {
    "etl apply NAME --take row": (2, "there is no import 'NAME'"),
    "etl import NAME --retry-refused": (2, "there is no import 'NAME'"),
    "etl import NAME --file FILE": (2, "there is no import 'NAME'"),
    "etl import orders --file ~/orders.csv": (2, "orders"),
    "etl datasets accept N": (2, "accept takes the number of a dataset"),
    "etl datasets undo N": (2, "undo takes the number of a dataset"),
    "etl datasets accept 17": (2, "17"),
    "etl datasets undo 17": (2, "17"),
    "etl doctor --test-mail": (1, "Set ALERT_RECIPIENTS"),
    "./etl backup --to safe_place": (2, "config/targets/safe_place.yaml"),
    "./etl sftp_trust_host files.example.com --fingerprint SHA256:...": (75, "files.example.com"),
    "./etl pull orders --dry-run": (2, "config/imports/orders.yaml"),
    "./etl import orders": (2, "config/imports/orders.yaml"),
    "./etl push NAME report.xlsx": (2, "config/targets/NAME.yaml"),
    "./etl run weekly": (78, "fix the cause"),
    "./etl run weekly --failed": (78, "fix the cause"),
    "etl run weekly": (78, "fix the cause"),
    "ETL_ENV_FILE=/etc/client_etl_workflow/qa.env ./etl run weekly": (78, "fix the cause"),
    # root's; without a new version
    "etl upgrade --back": (78, "nothing to go back to"),
    "./etl upgrade --back": (78, "nothing to go back to"),
    "etl meetmax_url_check": (1, "MeetMax does not answer"),
}
# Those that belong to root, as a person types them who may use sudo.
NEEDS_ROOT = {"./etl upgrade", "./etl upgrade --back", "etl upgrade", "etl upgrade --back"}
# Run by the tests marked long: they take half a minute each, because every page is tried again.
SLOW = {
    "./etl run weekly",
    "./etl run weekly --failed",
    "./etl run weekly --from generic_import",
    "etl run weekly",
    "etl meetmax_url_check",
    "ETL_ENV_FILE=/etc/client_etl_workflow/qa.env ./etl run weekly",
    "sudo ./install_dependencies.sh",
}
# Not run as written here, with the reason.
NOT_RUN = {
    "git clone ADDRESS ~/client_etl_workflow": "the beginning of the set-up, typed before all others",
    "cd ~/client_etl_workflow": "the folder that all others are typed in",
    "./etl run weekly --demo": "tests/demo runs it, with its servers",
    "sudo -u etl_user ...": "what the wrapper prints; test_privilege runs it",
    "sudo ETL_DATA_DIR=/path/of/the/data ./configure_etl_user.sh": "would move the data; test_set_up does so",
    "./install_dependencies.sh --python-only --without web,s3,scan": "takes packages away; install_dependencies.bats",
    "./install_dependencies.sh --python-only --with mail": "asks the registry; install_dependencies.bats",
    "./install_dependencies.sh --python-only --with shares": "asks the registry; install_dependencies.bats",
    "./install_dependencies.sh --python-only --with alerts": "asks the registry; install_dependencies.bats",
    "./run_tests.sh": "is what runs this",
    "etl console": "serves until it is stopped; test_daily_use starts it",
    "mkdir -p var/ssh": "for a clone of one person; here the key belongs to etl_user",
    "ssh-keygen -t ed25519 -N '' -f var/ssh/client_key": "for a clone of one person",
    "sudo mount -o remount /srv && sudo quotacheck -cum /srv && sudo quotaon /srv": "needs a disk with quotas",
    "sudo setquota -u acme 20G 25G 10000 12000 /srv": "needs a disk with quotas",
    "sudo systemctl stop client-etl-console": "systemd does not run in a bare root",
    "./etl upgrade client_etl_workflow-1.0.0.tar.gz": "tests/upgrade: an archive built from this version",
    "sudo -i": "opens a shell",
    "new=$(mktemp -d)": "for the commands after it",
    'git clone ADDRESS "$new"': "tests/upgrade, from the last release",
    '"$new/etl" upgrade --in ~/client_etl_workflow': "tests/upgrade, from the last release",
    "sha256sum --check --ignore-missing SHA256SUMS": "tests/upgrade, from the last release",
    'tar -xzf client_etl_workflow-1.0.0.tar.gz -C "$new" --strip-components=1': "tests/upgrade, from the last release",
    '"$new/etl" upgrade client_etl_workflow-1.0.0.tar.gz --in ~/client_etl_workflow': (
        "tests/upgrade, from the last release"
    ),
    "git clone ADDRESS client_etl_workflow && cd client_etl_workflow": "another host; tests/backups/test_house.py",
    "./install_dependencies.sh && sudo ./configure_etl_user.sh": "another host; tests/backups/test_house.py",
    "./etl restore /mnt/usb/etl_20260105T043000.bundle --passphrase-file /mnt/key/passphrase": (
        "another host; tests/backups/test_house.py"
    ),
    "./etl database move": "tests/backups/test_move.py",
    "./etl database move embedded": "tests/backups/test_move.py",
    "etl database upgrade --back": "tests/db_utils: with PostgreSQL 16 and 18",
    "sudo apt install ./client-etl-workflow_1.0.0_all.deb": "tests/host/test_release.py",
}
