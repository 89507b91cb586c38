"""Parquet sets in the bucket: each version below a prefix of its own, `latest.json` names one, the last three kept.

All objects of a version are there before `latest.json`, one small object, is replaced: who reads the files that it
names never sees a mix. A version that it does not name is of a killed run or an old one, and goes; what else lies
below the prefix is somebody else's.
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

    Months in `kept` are copied inside the bucket from the version before, where they are there. Raises EtlError.
    """
    next(bucket.list_objects(prefix), None)  # there is such a bucket: some services make one for whoever writes to it
    before = _pointer(bucket, prefix)
    unchanged = _unchanged(bucket, before, kept)
    files = []
    for path in sorted(folder.rglob("*.parquet")):
        name = path.relative_to(folder).as_posix()
        key, size = f"{prefix}{version}/{name}", path.stat().st_size
        there = bucket.find(unchanged[name]) if name in unchanged else None
        if there is not None and there.size == size:
            bucket.copy(there, key)
        else:
            bucket.upload(path, key)
        files.append({"key": key, "name": name, "size": size})
    versions = [version, *before.get("versions", [])][:KEPT_VERSIONS]
    pointer = {"version": version, "written_at": settings.now().isoformat(), "versions": versions, "files": files}
    bucket.write(f"{prefix}{POINTER}", json.dumps(pointer, indent=1).encode(), "application/json")
    _remove_others(bucket, prefix, versions)


def _pointer(bucket: Bucket, prefix: str) -> dict[str, Any]:
    content = bucket.read(f"{prefix}{POINTER}") or b"{}"
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        text = f"{bucket.address}{prefix}{POINTER} was damaged: it is written again"
        logger.warning("%s", text, extra={"code": "pointer_damaged"})
        return {}
    return found


def _unchanged(bucket: Bucket, before: dict[str, Any], kept: Iterable[date]) -> dict[str, str]:
    """Name in the set -> key, of the files of months that stay as they are."""
    months = {str(month) for month in kept}
    return {
        file["name"]: file["key"]
        for file in before.get("files", [])
        if months & {part.partition("=")[2] for part in file["name"].split("/")}
    }


def _remove_others(bucket: Bucket, prefix: str, versions: list[str]) -> None:
    for found in bucket.list_objects(prefix):
        folder, slash, _ = found.key.removeprefix(prefix).partition("/")
        if slash and VERSION.fullmatch(folder) and folder not in versions:
            bucket.delete(found.key)
