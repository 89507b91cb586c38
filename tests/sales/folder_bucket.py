"""An S3 service whose buckets are plain folders (rclone serve s3): what it stores can be seen as files too."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from demo.http_server import HOST, LocalServer


class FolderBuckets(LocalServer):
    """Serves the folders in `folder`, each a bucket; with `spark_defaults` Spark finds the same files by s3a."""

    def __init__(self, folder: Path, key: str, secret: str) -> None:
        self.folder, self._key, self._secret, self.port = folder, key, secret, 0
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def program() -> str | None:
        """Where rclone is, if it is."""
        return shutil.which("rclone", path=str(Path(sys.executable).parent))

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> Self:
        program = self.program()
        assert program is not None
        with socket.socket() as listener:
            listener.bind((HOST, 0))
            self.port = listener.getsockname()[1]
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.folder.with_suffix(".log").open("wb") as log:
            self._process = subprocess.Popen(
                [program, "serve", "s3", str(self.folder), "--addr", f"{HOST}:{self.port}", "--dir-cache-time", "200ms",
                 "--auth-key", f"{self._key},{self._secret}", "--config", "/dev/null"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + 60
        while self._process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise OSError(f"rclone does not come up, see {self.folder.with_suffix('.log')}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def spark_defaults(self, bucket: str, folder: str) -> str:
        """Lines of spark-defaults.conf: s3a://bucket/folder is that folder of the bucket's folder.

        Hadoop's own client of S3 is not in Spark's Python package. Its view file system stands in for that alone
        (Hadoop, "View File System Overload Scheme Guide"): all else, addresses and order of steps, is as with it.
        """
        return (
            "spark.hadoop.fs.s3a.impl org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme\n"
            "spark.hadoop.fs.viewfs.overload.scheme.target.file.impl org.apache.hadoop.fs.LocalFileSystem\n"
            f"spark.hadoop.fs.viewfs.mounttable.{bucket}.link./{folder} {(self.folder / bucket / folder).as_uri()}\n"
        )
