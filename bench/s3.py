"""Compares fetching from an S3 bucket with boto3 alone, both from one server (SeaweedFS) on loopback.

    .venv/bin/python -m bench.s3 --megabytes 100
    .venv/bin/python -m bench.s3 --files 500 --megabytes 5

Ours is the whole command: start-up, list, ticket of each object, download to the disk; boto3's is a program that lists
the bucket and calls `download_file` for each object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile

from bench import measurement
from bench.installation import Bench, create_installation
from bench.measurement import Run
from demo.s3_server import S3Server

KEY, SECRET, BUCKET = "bench-key-id", "bench-secret", "bench"
PIECE_BYTES = 2**20
PROGRAM = """
import os, sys
import boto3

client = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1")
for page in client.get_paginator("list_objects_v2").paginate(Bucket=sys.argv[2]):
    for item in page["Contents"]:
        client.download_file(sys.argv[2], item["Key"], os.path.join(sys.argv[3], item["Key"]))
"""


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=100, help="of all objects")
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with create_installation() as bench:
        server = S3Server(bench.folder / "s3", KEY, SECRET).start()
        try:
            _fill_bucket(server, options.files, int(options.megabytes * 1e6 / options.files))
            _configure(bench, server)
            turns = [(_run_boto3(bench, server), _run_fetch(bench)) for _ in range(options.repeats + 1)]
        finally:
            server.stop()
    # the first turn is a warm-up
    theirs, ours = ([turn[which] for turn in turns[1:]] for which in (0, 1))
    print(f"{options.files:,} objects, {options.megabytes:g} MB")
    print(measurement.format_table([("boto3", theirs), ("generic_import", ours)], theirs))


def _fill_bucket(server: S3Server, files: int, size: int) -> None:
    import boto3

    client = boto3.client(
        "s3", endpoint_url=server.url, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
    )
    client.create_bucket(Bucket=BUCKET)
    # from a file: the memory of this process would count as that of the ones it starts
    with tempfile.NamedTemporaryFile() as stream:
        for number in range(files):
            stream.seek(0)
            for at in range(0, size, PIECE_BYTES):
                stream.write(os.urandom(min(PIECE_BYTES, size - at)))
            stream.flush()
            client.upload_file(stream.name, BUCKET, f"object_{number}.bin")


def _configure(bench: Bench, server: S3Server) -> None:
    with (bench.folder / "settings.env").open("a") as stream:
        stream.write(f"S3_ENDPOINT_URL={server.url}\nS3_ACCESS_KEY_ID={KEY}\nS3_SECRET_ACCESS_KEY={SECRET}\n")
    source = {"type": "s3", "bucket": BUCKET, "prefix": "", "processed_prefix": "done/", "error_prefix": "error/"}
    bench.psql(
        "insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode, sources) values "
        f"('bench', '.*', 'public.imported', 'append', '{json.dumps([source])}')"
    )


def _run_boto3(bench: Bench, server: S3Server) -> Run:
    target = bench.folder / "fetched"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    os.sync()
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    return measurement.run_command([sys.executable, "-c", PROGRAM, server.url, BUCKET, str(target)], os.environ | keys)


def _run_fetch(bench: Bench) -> Run:
    for path in (bench.folder / "file_watcher").glob("object_*.bin"):
        path.unlink()
    bench.psql("delete from dba.tfile")
    bench.settle()
    return bench.job("generic_import", "bench", "--phase", "fetch")


if __name__ == "__main__":
    main()
