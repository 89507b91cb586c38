"""One command on a fresh machine, and a newcomer looks around; the pictures in the README are taken on the way.

UPDATE_IMAGES=1 ./run_tests.sh tests/webconsole/test_demo.py puts new pictures into docs/images/.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import PROJECT, Installation
from tests.webconsole import console_pages
from tests.webconsole.conftest import Console, wait_for

WRAPPER = str(PROJECT / "run_python_etl_script.sh")
IMAGES = PROJECT / "docs" / "images"


def start(data: Path, output: Path) -> subprocess.Popen[str]:
    drop = ("ETL_", "DATABASE_", "SMTP_", "MEETMAX_")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(drop)} | {"ETL_DATA_DIR": str(data)}
    with output.open("w") as stream:
        return subprocess.Popen(
            [WRAPPER, "web_console.py", "--demo", "--port", "0"], env=clean, text=True, stdin=subprocess.DEVNULL,
            stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Console, dict[str, str]]]:
    """The demo's console and the one-time passwords that it printed."""
    data = tmp_path_factory.mktemp("console_demo")
    output = data / "output.txt"
    process = start(data, output)
    try:
        wait_for(lambda: "console is at http://" in output.read_text() or process.poll() is not None, 240)
        text = output.read_text()
        assert process.poll() is None, text
        url = text.split("console is at ")[1].split()[0].rstrip("/")
        passwords = dict(re.findall(r"sign in as (\w+) +with the password (\S+)", text))
        yield Console(Installation(data / "var" / "demo", "", ""), process, url), passwords
    finally:
        process.terminate()
        process.wait(60)
        folder = data / "var" / "demo"
        settings = {"ETL_DATA_DIR": str(folder), "ETL_ENV_FILE": str(folder / "settings.env")}
        database_folder = json.loads((folder / "var" / "embedded_database.json").read_text())["folder"]
        subprocess.run([WRAPPER, "database.py", "stop"], env=os.environ | settings, capture_output=True)
        shutil.rmtree(database_folder, ignore_errors=True)


def test_it_prints_an_address_and_one_time_passwords_that_work(demo: tuple[Console, dict[str, str]]) -> None:
    console, passwords = demo
    assert set(passwords) == {"operator", "analyst"}
    for name, role in (("operator", "admin"), ("analyst", "user")):
        answer = console.login(name, passwords[name])
        assert answer.json()["role"] == role
    assert requests.get(f"{console.url}/health", timeout=20).json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("picture", "width", "scheme", "path"),
    [
        ("console_overview", "desktop", "light", "/console/"),
        ("console_lists", "desktop", "light", "/console/lists"),
        ("console_list_changes", "phone", "dark", "/console/lists/meetmax_events/changes?list=119179"),
        ("console_table", "desktop", "dark", "/console/tables/dba.tmeetmax?by=sector,ticker"),
        ("console_changes", "desktop", "light", "changes"),
        ("console_phone", "phone", "light", "/console/datasets"),
    ],
)
def test_pictures_of_the_demo(
    demo: tuple[Console, dict[str, str]], tmp_path: Path, picture: str, width: str, scheme: str, path: str
) -> None:
    console, passwords = demo
    with console_pages.start_browser() as browser, console_pages.open_person(browser, console, width, scheme) as who:
        who.sign_in("operator", passwords["operator"])
        if path == "changes":
            token = console.login("operator", passwords["operator"]).json()["token"]
            headers = {"Authorization": f"Bearer {token}"}
            query = "/datasets?import=meetmax_events&status=active"
            rows = requests.get(console.url + query, headers=headers, timeout=20).json()["rows"]
            values = [
                row["dataset_id"] for row in rows
                if any(requests.get(f"{console.url}/datasets/{row['dataset_id']}/changes", headers=headers, timeout=20)
                       .json()[page] for page in ("changed",))
            ]  # fmt: skip
            path = f"/console/datasets/{values[0]}/changes"
        who.go(path)
        # counts of changes come when their line is in view
        who.page.wait_for_load_state("networkidle")
        assert not who.sticks_out()
        file = tmp_path / f"{picture}.png"
        who.page.screenshot(path=file)
        assert file.stat().st_size > 10_000
        if os.environ.get("UPDATE_IMAGES") == "1":
            shutil.copy(file, IMAGES / file.name)
