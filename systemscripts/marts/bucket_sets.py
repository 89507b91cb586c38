"""Parquet sets in the bucket: each version has its own prefix, `latest.json` names one, the last three are kept.

All objects of a version are stored before `latest.json`, one small object, is replaced: a reader of the files that it
names never sees a mix. Versions that it does not name are old or of a killed run, and are removed; other objects below
the prefix are left alone.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from systemscripts import settings
from systemscripts.marts.local_sets import KEPT_VERSIONS, VERSION
from systemscripts.s3 import Bucket

logger = logging.getLogger(__name__)

POINTER = "latest.json"


def publish(bucket: Bucket, prefix: str, version: str, folder: Path, kept: Iterable[date]) -> None:
    """Store a local version of a set as a version in the bucket and point to it.

    Months in `kept` are copied inside the bucket from the previous version if it has them. Raises EtlError.
    """
    # fails if there is no such bucket: some services create a bucket at the first write
    next(bucket.list_objects(prefix), None)
    before = _read_pointer(bucket, prefix)
    unchanged = _list_unchanged(bucket, before, kept)
    files = []
    for path in sorted(folder.rglob("*.parquet")):
        name = path.relative_to(folder).as_posix()
        key, size = f"{prefix}{version}/{name}", path.stat().st_size
        existing = bucket.find(unchanged[name]) if name in unchanged else None
        if existing is not None and existing.size == size:
            bucket.copy(existing, key)
        else:
            bucket.upload(path, key)
        files.append({"key": key, "name": name, "size": size})
    versions = [version, *before.get("versions", [])][:KEPT_VERSIONS]
    pointer = {"version": version, "written_at": settings.now().isoformat(), "versions": versions, "files": files}
    bucket.write(f"{prefix}{POINTER}", json.dumps(pointer, indent=1).encode(), "application/json")
    _remove_others(bucket, prefix, versions)


def _read_pointer(bucket: Bucket, prefix: str) -> dict[str, Any]:
    content = bucket.read(f"{prefix}{POINTER}") or b"{}"
    try:
        pointer = json.loads(content)
    except ValueError:
        pointer = None
    if not isinstance(pointer, dict):
        text = f"{bucket.address}{prefix}{POINTER} was damaged: it is written again"
        logger.warning("%s", text, extra={"code": "pointer_damaged"})
        return {}
    return pointer


def _list_unchanged(bucket: Bucket, before: dict[str, Any], kept: Iterable[date]) -> dict[str, str]:
    """Return name in the set -> key, for the files of the months to keep."""
    months = {str(month) for month in kept}
    return {
        file["name"]: file["key"]
        for file in before.get("files", [])
        if months & {part.partition("=")[2] for part in file["name"].split("/")}
    }


def _remove_others(bucket: Bucket, prefix: str, versions: list[str]) -> None:
    for item in bucket.list_objects(prefix):
        folder, slash, _ = item.key.removeprefix(prefix).partition("/")
        if slash and VERSION.fullmatch(folder) and folder not in versions:
            bucket.delete(item.key)
