"""Compares fetching from an SFTP server with the `sftp` program of OpenSSH, both from one sshd on loopback.

    .venv/bin/python -m bench.sftp --megabytes 1000
    .venv/bin/python -m bench.sftp --files 1000 --megabytes 10
    .venv/bin/python -m bench.sftp --megabytes 200 --delay-ms 50

`sftp_pull.py` is the whole command: start-up, two lists of the folder, download, checks, ledger; `sftp` is one `get` of
the same folder. A delay is added to each direction by a proxy.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import measurement
from bench.installation import Bench, create_installation
from bench.measurement import Run

PIECE_BYTES = 2**16
CONFIGURATION = """
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
UsePAM no
PasswordAuthentication no
StrictModes no
AuthorizedKeysFile {folder}/client_key.pub
Subsystem sftp internal-sftp
"""


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=1000, help="of all files")
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with create_installation() as bench, _run_server(bench.folder) as server_port:
        files = bench.folder / "served"
        files.mkdir()
        size = int(options.megabytes * 1e6 / options.files)
        for number in range(options.files):
            with (files / f"file_{number}.bin").open("wb") as stream:
                for start in range(0, size, PIECE_BYTES):
                    stream.write(os.urandom(min(PIECE_BYTES, size - start)))
        port = _start_proxy(server_port, options.delay_ms / 1000) if options.delay_ms else server_port
        _configure(bench, files, port)
        turns = [(_run_sftp(bench, files, port), _run_pull(bench)) for _ in range(options.repeats + 1)]
    # the first turn is a warm-up
    theirs, ours = ([turn[which] for turn in turns[1:]] for which in (0, 1))
    print(f"{options.files:,} files, {options.megabytes:g} MB, delay {options.delay_ms:g} ms")
    print(measurement.format_table([("sftp", theirs), ("sftp_pull", ours)], theirs))


@contextmanager
def _run_server(folder: Path) -> Iterator[int]:
    """Yield the port of an sshd whose keys are in `folder`."""
    for name in ("host_key", "client_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    file = folder / "sshd_config"
    file.write_text(f"Port {port}\n" + CONFIGURATION.format(folder=folder))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "sshd"
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen([program, "-D", "-e", "-f", str(file)], stderr=log)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def _start_proxy(target: int, delay_seconds: float) -> int:
    """Return the port of a proxy to a port of this machine; each direction takes `delay_seconds`."""
    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            client, _ = server.accept()
            upstream = socket.create_connection(("127.0.0.1", target))
            for source, sink in ((client, upstream), (upstream, client)):
                threading.Thread(target=_pass_on, args=(source, sink, delay_seconds), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(server.getsockname()[1])


def _pass_on(source: socket.socket, sink: socket.socket, delay_seconds: float) -> None:
    """Pass on what a socket receives, each piece after the delay, without limiting how much is on its way."""
    pieces: list[tuple[float, bytes]] = []
    arrived = threading.Condition()

    def send() -> None:
        while True:
            with arrived:
                arrived.wait_for(lambda: bool(pieces))
                due, piece = pieces.pop(0)
            time.sleep(max(0, due - time.monotonic()))
            if not piece:
                sink.shutdown(socket.SHUT_WR)
                return
            sink.sendall(piece)

    threading.Thread(target=send, daemon=True).start()
    while True:
        piece = source.recv(PIECE_BYTES)
        with arrived:
            pieces.append((time.monotonic() + delay_seconds, piece))
            arrived.notify()
        if not piece:
            return


def _configure(bench: Bench, files: Path, port: int) -> None:
    shown = subprocess.run(
        ["ssh-keygen", "-lf", bench.folder / "host_key.pub"], capture_output=True, text=True, check=True
    )
    bench.job("sftp_trust_host", f"127.0.0.1:{port}", "--fingerprint", shown.stdout.split()[1])
    key = (bench.folder / "host_key.pub").read_text().split()[:2]
    (bench.folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {' '.join(key)}\n")
    with (bench.folder / "settings.env").open("a") as stream:
        # both programs fetch at once, without waiting for files that may still grow
        stream.write("SFTP_STILL_SECONDS=0\n")
    source = {
        "type": "sftp", "host": "127.0.0.1", "port": port, "user": getpass.getuser(), "path": str(files),
        "key_file": str(bench.folder / "client_key"), "settle": "keep",
    }  # fmt: skip
    bench.psql(
        "insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode, sources) values "
        f"('bench', '.*', 'public.imported', 'append', '{json.dumps([source])}')"
    )


def _run_sftp(bench: Bench, files: Path, port: int) -> Run:
    target = bench.folder / "fetched"
    shutil.rmtree(target, ignore_errors=True)
    command = [
        "sftp", "-q", "-r", "-P", str(port), "-i", str(bench.folder / "client_key"),
        "-o", f"UserKnownHostsFile={bench.folder / 'known_hosts'}",
        f"{getpass.getuser()}@127.0.0.1:{files}", str(target),
    ]  # fmt: skip
    os.sync()
    return measurement.run_command(command)


def _run_pull(bench: Bench) -> Run:
    for name in ("file_watcher", "file_watcher/file_watcher_temp"):
        for path in (bench.folder / name).glob("file_*.bin"):
            path.unlink()
    bench.psql("delete from dba.tfile")
    bench.settle()
    return bench.job("sftp_pull", "bench")


if __name__ == "__main__":
    main()
