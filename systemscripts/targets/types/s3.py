"""Deliver files to a bucket: type: s3, with the keys prefix and bucket (default: S3_BUCKET)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from systemscripts import s3
from systemscripts.configuration import variables
from systemscripts.configuration.strict_model import Strict
from systemscripts.errors import UsageError


class Options(Strict):
    """The keys of a target of this type."""

    # by default S3_BUCKET
    bucket: str = ""
    prefix: str = ""


def probe(written: dict[str, Any]) -> str:
    """List the bucket once, for doctor.py, and return the result in words; raises EtlError."""
    options = variables.resolve_variables(written, "delivery target")
    bucket = s3.open_bucket(str(options.get("bucket", "")))
    next(bucket.list_objects(str(options.get("prefix", ""))), None)
    return f"{bucket.address}{options.get('prefix', '')} can be read"


def deliver(options: dict[str, Any], paths: list[Path], mark: str = "") -> None:
    """Store each file under its name below the prefix, replacing one of that name.

    Raises ConfigurationError for a refused login, TryLaterError if the service does not answer.
    """
    bucket, prefix = _open_bucket(options)
    for path in paths:
        bucket.upload(path, f"{prefix}{path.name}")


def list_sizes(options: dict[str, Any]) -> dict[str, int]:
    """Return the size in bytes of each object directly below the prefix, by name; raises EtlError."""
    bucket, prefix = _open_bucket(options)
    names = {item.key.removeprefix(prefix): item.size for item in bucket.list_objects(prefix)}
    return {name: size for name, size in names.items() if "/" not in name}


def fetch(options: dict[str, Any], name: str, path: Path) -> None:
    """Download an object below the prefix to `path`, whole or not at all; raises EtlError."""
    bucket, prefix = _open_bucket(options)
    item = bucket.find(f"{prefix}{name}")
    if item is None:
        raise UsageError(f"there is no {bucket.address}{prefix}{name}")
    bucket.download(item, path)


def remove(options: dict[str, Any], names: list[str]) -> None:
    """Remove objects below the prefix; raises EtlError."""
    bucket, prefix = _open_bucket(options)
    for name in names:
        bucket.delete(f"{prefix}{name}")


def _open_bucket(options: dict[str, Any]) -> tuple[s3.Bucket, str]:
    """Return the bucket, and the prefix with a slash at its end."""
    chosen = Options.model_validate(options)
    return s3.open_bucket(chosen.bucket), f"{chosen.prefix.rstrip('/')}/" if chosen.prefix else ""
