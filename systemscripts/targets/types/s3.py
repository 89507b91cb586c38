"""Deliver files to a bucket: type: s3, with the keys prefix and bucket (default: S3_BUCKET)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from systemscripts import s3
from systemscripts.configuration import variables
from systemscripts.configuration.strict_model import Strict


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


def deliver(options: dict[str, Any], paths: list[Path]) -> None:
    """Store each file under its name below the prefix, replacing one of that name.

    Raises ConfigurationError for a refused login, TryLaterError if the service does not answer.
    """
    chosen = Options.model_validate(options)
    prefix, bucket = chosen.prefix, s3.open_bucket(chosen.bucket)
    for path in paths:
        bucket.upload(path, f"{prefix.rstrip('/')}/{path.name}" if prefix else path.name)
