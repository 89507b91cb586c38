"""How the machines of a cluster get at the files of the marts: under the same paths, or by way of the bucket.

A shared folder is the default. With S3_SPARK_PREFIX the files that are read go to the bucket, Spark reads and writes
there (s3a), and the results come back; what a killed run has left goes with the next.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from systemscripts import progress, s3, settings
from systemscripts.directory_management import explain_write_error
from systemscripts.errors import EtlError
from systemscripts.s3 import Bucket

logger = logging.getLogger(__name__)


class SharedFolder:
    """Files that every machine sees under the same paths."""

    options: dict[str, str] = {}
    packages = ""

    def __init__(self, output: Path) -> None:
        self._output = output

    def share_file(self, path: Path) -> str:
        """Return the path from which a machine reads a file."""
        return _escape_pattern(str(path))

    def build_result_path(self, name: str) -> str:
        """Return the address to which a machine writes a result."""
        return str(self._output / name)

    def fetch_results(self) -> None:
        """Do nothing: the results are in the output folder already."""


class BucketFolder:
    """Files that are exchanged through a folder in the bucket."""

    def __init__(self, bucket: Bucket, prefix: str, output: Path) -> None:
        self._bucket, self._prefix, self._output = bucket, prefix, output
        self.options = bucket.build_hadoop_options()
        packages = settings.current().spark_packages
        self.packages = "" if packages == "none" else packages

    def share_file(self, path: Path) -> str:
        """Upload a file and return the URL from which a machine reads it."""
        key = f"{self._prefix}read/{path.name}"
        self._bucket.upload(path, key)
        return _escape_pattern(self._build_url(key))

    def build_result_path(self, name: str) -> str:
        """Return the address to which a machine writes a result."""
        return self._build_url(f"{self._prefix}results/{name}")

    def fetch_results(self) -> None:
        """Download the results to the output folder; raises EtlError."""
        prefix = f"{self._prefix}results/"
        items = [item for item in self._bucket.list_objects(prefix) if item.key.endswith(".parquet")]
        with progress.track("results from the bucket", len(items), "files") as tracker:
            for item in items:
                path = self._output / item.key.removeprefix(prefix)
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise explain_write_error(path, error) from error
                self._bucket.download(item, path)
                tracker.advance(1)

    def _build_url(self, key: str) -> str:
        return f"s3a://{self._bucket.name}/{key}"


Place = SharedFolder | BucketFolder


@contextmanager
def open_place(output: Path) -> Iterator[Place]:
    """Yield the way to exchange files that the settings name, for results in the folder `output`; raises EtlError."""
    prefix = settings.current().s3_spark_prefix
    if not prefix:
        yield SharedFolder(output)
        return
    bucket = s3.open_bucket()
    _clear_prefix(bucket, prefix)  # of a killed run; only one runs at a time
    try:
        yield BucketFolder(bucket, prefix, output)
    finally:
        try:
            _clear_prefix(bucket, prefix)
        except EtlError as error:  # what went wrong before it, or what was computed, counts
            text = f"{error}; what is below {bucket.address}{prefix} goes with the next run"
            logger.warning("%s", text, extra={"code": "bucket_not_cleared"})


def _clear_prefix(bucket: Bucket, prefix: str) -> None:
    for name in ("read/", "results/"):
        bucket.clear(f"{prefix}{name}")


def _escape_pattern(path: str) -> str:
    """Return the address of a file with the letters of patterns escaped (Hadoop API, FileSystem.globStatus)."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)
