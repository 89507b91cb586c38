"""Change the samples at random and read them: nothing but a table or a refusal may come of it.

    nice -n 19 env PYTHONPATH=. .venv/bin/python -m bench.fuzz_readers --minutes 60 --keep /tmp/fuzz

Each changed file is opened in a process that stands for a job, with the limits of parser_process.py made smaller. A
finding is: an exception that is not an EtlError, the death of that process, more time or memory than the limits allow,
a temporary file or a process that is left. The files of findings are kept, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import csv
import io
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from systemscripts import settings
from systemscripts.errors import EtlError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.workbooks import parser_process, sheets

SAMPLES = Path(__file__).resolve().parents[1] / "tests" / "samples"
# A file larger than this takes long and finds what a small one finds.
MAX_SAMPLE_BYTES = 200_000
# Of one child; a sample needs less than one.
CHILD_SECONDS = 8.0
# Three parsers may be tried, and a busy machine at nice 19 is slow.
MAX_SECONDS = 240
# A job that reads small files needs a tenth of it, without what its libraries only map.
MAX_MEMORY_BYTES = 4 * 2**30
# Where readers of counts, lengths and texts go wrong.
ODD_PARTS = (
    b"\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\xed\xa0\x80", b"\xef\xbb\xbf",
    b"-1", b"99999999999999999999", b"1e999", b"NaN", b'"', b"\r", b"\n", b"\t", b";", b"&#x110000;", b"&lol;", b"]]>",
    b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>", b"<c r='XFD1048577'/>", b"../../../../etc/passwd",
    b"[" * 5000, b'{"a":' * 2000,
)  # fmt: skip
ODD_NUMBERS = (b"-1", b"0", b"4294967296", b"1048577", b"1e308")
Change = Callable[[random.Random, bytes], bytes]


def flip_bits(chance: random.Random, content: bytes) -> bytes:
    """Change some bytes."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        if changed:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(chance: random.Random, content: bytes) -> bytes:
    """Remove a part, often the end."""
    start = chance.randint(0, len(content))
    return content[:start] + (content[chance.randint(start, len(content)) :] if chance.random() < 0.6 else b"")


def repeat(chance: random.Random, content: bytes) -> bytes:
    """Repeat a part."""
    start = chance.randint(0, len(content))
    end = min(chance.randint(start, len(content)), start + 2000)
    return content[:start] + content[start:end] * chance.choice((2, 3, 50)) + content[end:]


def insert(chance: random.Random, content: bytes) -> bytes:
    """Put in, or over, what readers do not expect."""
    start, part = chance.randint(0, len(content)), chance.choice(ODD_PARTS)
    return content[:start] + part + content[start + (len(part) if chance.random() < 0.5 else 0) :]


def swap_numbers(chance: random.Random, content: bytes) -> bytes:
    """Replace a number by an extreme one, in the text of the file or in its binary fields."""
    digits = [index for index, byte in enumerate(content) if 48 <= byte <= 57]
    if digits and chance.random() < 0.7:
        index = chance.choice(digits)
        return content[:index] + chance.choice(ODD_NUMBERS) + content[index + 1 :]
    start, size = chance.randint(0, len(content)), chance.choice((1, 2, 4, 8))
    return content[:start] + chance.choice((b"\xff", b"\x00", b"\x7f")) * size + content[start + size :]


CHANGES: Sequence[Change] = (flip_bits, cut, repeat, insert, swap_numbers)


def change(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """Return changed content; what is packed is often changed inside, so that its checksums are right again."""
    if content[:2] == b"PK" and chance.random() < 0.8:
        with suppress(zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError, ValueError):
            return _change_members(chance, content, other)
    if content[:2] == b"\x1f\x8b" and chance.random() < 0.7:
        with suppress(zlib.error):
            inner = zlib.decompress(content, wbits=31)
            packer = zlib.compressobj(wbits=31)
            return packer.compress(change(chance, inner, other)) + packer.flush()
    if chance.random() < 0.1:
        # two files in one
        return content[: chance.randint(0, len(content))] + other[chance.randint(0, len(other)) :]
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        content = chance.choice(CHANGES)(chance, content)
    return content


def _change_members(chance: random.Random, content: bytes, other: bytes) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as packed, zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as target:
        names = packed.namelist()
        chosen = chance.choice(names)
        for name in names:
            inner, odd_names = packed.read(name), ("x/..", f"../{name}", f"/{name}", name.upper(), "?")
            if name != chosen:
                target.writestr(name, inner)
            elif chance.random() < 0.9:
                target.writestr(chance.choice((name,) * 8 + odd_names), change(chance, inner, other))
    return output.getvalue()


def read(path: Path, answer: Connection) -> None:
    """Read a file as a job does, in this process, and send in one line what came of it; empty: all is well."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        outcome = _read_all(path)
    except EtlError as error:
        is_told = str(error) and "\n" not in str(error) and "Traceback" not in str(error)
        outcome = "refused" if is_told else f"! a refusal that is not one line: {str(error)[:300]!r}"
    except BaseException:
        outcome = "! " + traceback.format_exc()
    answer.send(outcome)


def _read_all(path: Path) -> str:
    with open_table(path) as table:
        for block in table.blocks():
            for record in block.records[:20]:
                with suppress(ValueError, csv.Error):
                    table.parse(record)
        table.content_sha256()
    sheets.list_sheet_names(path)
    for sheet in sheets.open_sheets(path, ReadingOptions(fill_merged=True)):
        with sheet:
            for _ in sheet.blocks():
                pass
    return "read"


def try_file(path: Path, temporary: Path) -> str:
    """Return what came of a file: "read", "refused", or a finding, which begins with "!"."""
    receiving, sending = multiprocessing.get_context("fork").Pipe(duplex=False)
    job = multiprocessing.get_context("fork").Process(target=read, args=(path, sending))
    job.start()
    sending.close()
    try:
        outcome = receiving.recv() if receiving.poll(MAX_SECONDS) else f"! it took more than {MAX_SECONDS} seconds"
    except EOFError:
        outcome = "! the process of the job died"
    job.join(5)
    if job.is_alive():
        outcome = outcome if outcome.startswith("!") else "! the job did not end"
        job.kill()
        job.join()
    elif job.exitcode:
        outcome = f"! the process of the job died with {job.exitcode}: {outcome}"
    if left := sorted(file for file in temporary.rglob("*") if not file.is_dir()):
        outcome = f"! files were left: {', '.join(map(str, left[:5]))}; {outcome}"
        for file in left:
            file.unlink(missing_ok=True)
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz for some minutes; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "fuzz_readers")
    parser.add_argument("--samples", type=Path, nargs="*", default=[SAMPLES])
    options = parser.parse_args(arguments)
    samples = _list_samples(options.samples)
    parser_process.LIMITS = parser_process.Limits(seconds=CHILD_SECONDS, seconds_per_megabyte=0, patience=6)
    chance, outcomes, end = random.Random(options.seed), Counter[str](), time.monotonic() + 60 * options.minutes
    slowest = (0.0, "")
    print(f"seed {options.seed}, {len(samples)} samples", flush=True)
    with tempfile.TemporaryDirectory(prefix="fuzz_") as name:
        temporary = Path(name) / "data"
        os.environ["ETL_DATA_DIR"] = str(temporary)
        settings.reset()
        while time.monotonic() < end:
            sample, other = chance.choice(samples), chance.choice(samples)
            path = Path(name) / f"{sum(outcomes.values())}_{sample.name}"
            path.write_bytes(change(chance, sample.read_bytes(), other.read_bytes()))
            begun = time.monotonic()
            outcome = try_file(path, temporary)
            slowest = max(slowest, (time.monotonic() - begun, path.name))
            outcomes[outcome.splitlines()[-1] if outcome.startswith("!") else outcome] += 1
            if outcome.startswith("!"):
                options.keep.mkdir(parents=True, exist_ok=True)
                path.replace(options.keep / path.name)
                (options.keep / f"{path.name}.finding.txt").write_text(f"seed {options.seed}\n{outcome}\n")
                print(f"{path.name}: {outcome}", flush=True)
            path.unlink(missing_ok=True)
    for outcome, count in outcomes.most_common():
        print(f"{count:8} {outcome[:200]}")
    print(f"slowest: {slowest[0]:.1f} s, {slowest[1]}")
    return int(any(outcome.startswith("!") for outcome in outcomes))


def _list_samples(folders: Sequence[Path]) -> list[Path]:
    """Return the samples; those of binary formats several times, because there are fewer of them and more to find."""
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    notes = (".expected.csv", ".refusal.txt", ".md", ".finding.txt")
    files = [path for path in files if not path.name.endswith(notes) and 0 < path.stat().st_size <= MAX_SAMPLE_BYTES]
    text = (".csv", ".txt", ".tsv")
    return [path for path in files for _ in range(1 if path.name.endswith(text) else 6)]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
