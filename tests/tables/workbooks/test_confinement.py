"""A parser that a file has taken over: what it can read, write, start and reach from inside its process."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from systemscripts import masking
from systemscripts.monitoring.checks import parser_confinement
from systemscripts.monitoring.doctor_lines import OK, WARNING
from systemscripts.tables.workbooks import confinement, parser_process
from tests.conftest import PROJECT
from tests.tiny_jobs import wait_for

# Each line is tried by itself inside; what does not fail is reported.
HOSTILE = r"""
import ctypes, os, socket
from pathlib import Path
from types import SimpleNamespace

PARENT = os.getppid()

def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.connect(address)

TRIES = {
    "settings": lambda: (FOLDER / "settings.env").read_text(),
    "settings of the project": lambda: Path("PROJECT/config/.env.example").read_text(),
    "a folder of files": lambda: os.listdir(FOLDER),
    "another file": lambda: (FOLDER / "other.csv").read_text(),
    "a script": lambda: Path("PROJECT/jobscripts/database.py").read_text(),
    "password file": lambda: Path("/etc/passwd").read_text(),
    "shadow file": lambda: Path("/etc/shadow").read_text(),
    "home": lambda: os.listdir(os.path.expanduser("~")),
    "environment of the parent": lambda: Path(f"/proc/{PARENT}/environ").read_bytes(),
    "memory of the parent": lambda: open(f"/proc/{PARENT}/mem", "rb").close(),
    "descriptors of the parent": lambda: os.listdir(f"/proc/{PARENT}/fd"),
    "a new file": lambda: (FOLDER / "new").write_text("x"),
    "the file itself": lambda: open(FOLDER / "list.json", "r+b").close(),
    "emptied file": lambda: os.truncate(FOLDER / "list.json", 0),
    "removed file": lambda: os.unlink(FOLDER / "other.csv"),
    "renamed file": lambda: os.rename(FOLDER / "other.csv", FOLDER / "renamed.csv"),
    "a link": lambda: os.symlink("/etc/passwd", FOLDER / "link"),
    "a module": lambda: Path("PROJECT/systemscripts/evil.py").write_text("x"),
    "temporary file": lambda: Path("/tmp/evil").write_text("x"),
    "memory of all": lambda: Path("/dev/shm/evil").write_text("x"),
    "TCP": lambda: connect(socket.AF_INET, ("127.0.0.1", int((FOLDER / "list.json").read_text()))),
    "UNIX socket": lambda: connect(socket.AF_UNIX, str(FOLDER / "socket")),
    "abstract socket": lambda: connect(socket.AF_UNIX, f"\0{FOLDER}"),
    "datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "a program": lambda: os.execv("/bin/true", ["true"]),
    "signal to the parent": lambda: os.kill(PARENT, 0),
    # which Landlock would allow
    "signal to itself": lambda: os.kill(os.getpid(), 0),
    "namespaces": lambda: None if ctypes.CDLL(None).unshare(0x10000000) == 0 else (_ for _ in ()).throw(OSError()),
    "more memory": lambda: __import__("resource").setrlimit(9, (-1, -1)),
    "tracing": lambda: None if ctypes.CDLL(None).ptrace(16, PARENT, 0, 0) == 0 else (_ for _ in ()).throw(OSError()),
}

def unpack(path, output):
    from systemscripts.tables.workbooks import protocol
    global FOLDER
    FOLDER = path.parent
    done = []
    for name, attempt in TRIES.items():
        try:
            attempt()
            done.append(name)
        except (OSError, ValueError):
            pass
    found = {
        "done": done, "environment": sorted(os.environ), "own file": path.read_text(),
        "descriptors": [n for n in range(3, 64) if n != output.fileno() and is_open(n)],
    }
    protocol.write_json(output, protocol.SHEET, found)
    protocol.write_frame(output, protocol.END)

def is_open(number):
    try:
        os.fstat(number)
        return True
    except OSError:
        return False
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[dict[str, object]]:
    """What a hostile parser reports, started as any other, beside files and sockets that are open to its user."""
    (tmp_path / "settings.env").write_text("SMTP_PASSWORD=secret")
    (tmp_path / "other.csv").write_text("of another client")
    name = f"hostile_{os.getpid()}"
    module = PROJECT / "systemscripts" / "tables" / "parsers" / f"{name}.py"
    sockets = [socket.socket(socket.AF_INET), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
    try:
        for server, address in zip(sockets, (("127.0.0.1", 0), str(tmp_path / "socket"), f"\0{tmp_path}"), strict=True):
            server.bind(address)
            server.listen()
        (tmp_path / "list.json").write_text(str(sockets[0].getsockname()[1]))
        module.write_text(HOSTILE.replace("PROJECT", str(PROJECT)))
        request = parser_process.ParseRequest(tmp_path / "list.json", (name,), "JSON file", members=True)
        [(_, payload), _], _, _ = request.ask(list)
        yield json.loads(payload)
    finally:
        module.unlink(missing_ok=True)
        for server in sockets:
            server.close()


@pytest.mark.skipif(not confinement.get_landlock_version(), reason="this kernel has no Landlock")
def test_a_hostile_parser_reads_its_file_and_reaches_nothing_else(hostile: dict[str, object], tmp_path: Path) -> None:
    assert hostile["done"] == []
    assert hostile["own file"] == (tmp_path / "list.json").read_text()
    assert set(hostile["environment"]) <= {  # type: ignore[call-overload]
        "PYTHONPATH", "PYTHONUTF8", "LC_ALL", "MALLOC_ARENA_MAX",
        # set by our own code
        "PYDANTIC_DISABLE_PLUGINS",
    }  # fmt: skip
    assert hostile["descriptors"] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list.json", "other.csv", "settings.env", "socket"]


def test_a_parser_ends_as_soon_as_what_it_sends_cannot_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps([{"number": number, "name": "one of many"} for number in range(100_000)]))
    children: list[Path] = []

    def fail(frames: Iterator[tuple[bytes, bytes]]) -> None:
        next(frames)
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            # other processes end meanwhile
            with contextlib.suppress(OSError):
                is_ours = f"PPid:\t{os.getpid()}\n" in (command.parent / "status").read_text()
                children.extend([command.parent] if is_ours and b"parser_child" in command.read_bytes() else [])
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full") as raised:
        parser_process.ParseRequest(path, ("json_parser",), "JSON file").ask(fail)
    assert len(children) == 1
    # the error is still here, as it is where someone handles it
    wait_for(lambda: not children[0].exists())
    assert raised.value.__traceback__ is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root acts as another user")
def test_another_process_of_the_user_does_not_read_the_memory_of_a_job() -> None:
    look = "import sys; open(f'/proc/{sys.argv[1]}/mem', 'rb').close(); open(f'/proc/{sys.argv[1]}/environ').close()"
    # prctl(PR_SET_DUMPABLE) as protect_memory() calls it, because this user cannot read our modules
    hide = f"import ctypes; ctypes.CDLL(None).prctl({masking.SET_DUMPABLE}, 0, 0, 0, 0); "
    codes = []
    for code in ("", hide):
        job = start_as_nobody(f"{code}print(flush=True); input()")
        assert job.stdout is not None and job.stdin is not None
        job.stdout.readline()
        with start_as_nobody(look, str(job.pid)) as other:
            codes.append(other.wait(timeout=30))
        job.communicate(b"\n", timeout=30)
    assert codes == [0, 1]


def start_as_nobody(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/usr/bin/python3", "-c", *arguments], user=65534, group=65534, extra_groups=[], cwd="/",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def test_doctor_says_whether_parsers_are_confined(monkeypatch: pytest.MonkeyPatch) -> None:
    for version, state in ((0, WARNING), (1, OK), (7, OK)):
        monkeypatch.setattr(confinement, "get_landlock_version", lambda version=version: version)
        [line] = parser_confinement.check(None)
        assert line.state == state
        assert bool(line.next) == (state == WARNING)
