"""Finished files into a bucket: type: s3, with the keys prefix and, where it is another one, bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from systemscripts import s3
from systemscripts.configuration import variables
from systemscripts.configuration.column_schema import Strict


class Options(Strict):
    """The keys of a target of this kind."""

    bucket: str = ""  # the setting BUCKET
    prefix: str = ""


def probe(written: dict[str, Any]) -> str:
    """Look at the bucket once, for doctor.py; how it is in words. Raises EtlError."""
    options = variables.resolve_variables(written, "delivery target")
    bucket = s3.open_bucket(str(options.get("bucket", "")))
    next(bucket.list_objects(str(options.get("prefix", ""))), None)
    return f"{bucket.address}{options.get('prefix', '')} can be read"


def deliver(options: dict[str, Any], paths: list[Path]) -> None:
    """Store each file under its name below the prefix; the same again replaces it.

    Raises ConfigurationError for a refused login, TryLaterError when the service does not answer.
    """
    wanted = Options.model_validate(options)
    prefix, bucket = wanted.prefix, s3.open_bucket(wanted.bucket)
    for path in paths:
        bucket.upload(path, f"{prefix.rstrip('/')}/{path.name}" if prefix else path.name)
