"""The bytes of a text file: one pass that hashes and checks them, then chunks that can be cut at bytes."""

from __future__ import annotations

import codecs
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from systemscripts.errors import TryLaterError
from systemscripts.tables import encodings

CHUNK_BYTES = 4 * 2**20
HEAD_BYTES = 64 * 2**10


@dataclass(frozen=True)
class FirstPass:
    """What one pass over the whole file tells."""

    sha256: str
    is_utf8: bool
    line_end: bytes  # b"\n", b"\r\n", b"\r", or b"" where they are mixed
    lines: int = 0  # as many as there are line feeds, and one more where the last line has none


class TextFile:
    """One open text file. `encoding` is Python's name of the file's own; `wire_encoding` that of the chunks.

    `path` may be gone or replaced after opening; the open file is what is read. A file that changes while it is open
    ends a pass with TryLaterError: what was hashed would not be what is loaded.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self._status = os.fstat(self._descriptor)
        self.size = self._status.st_size
        self.head = self.read(0, HEAD_BYTES)
        first = first_pass(self._raw_chunks(0))
        self.sha256 = first.sha256
        guess = encodings.find(self.head, first.is_utf8, self._raw_chunks, encoding)
        self.encoding, self.note, self._text_start = guess.name, guess.note, guess.mark_bytes
        self.wire_encoding = self.encoding if encodings.can_be_cut_at_bytes(self.encoding) else "utf-8"
        self.line_end = first.line_end if self.wire_encoding == self.encoding else b""
        self.lines = first.lines

    def chunks(self) -> Iterator[bytes]:
        """Yield the text in the wire encoding, about 4 MB at a time, without byte order mark."""
        raw = self._raw_chunks(self._text_start)
        return raw if self.wire_encoding == self.encoding else encodings.recode(raw, self.encoding, self.path)

    def samples(self, begin_bytes: int, other_bytes: int) -> list[str]:
        """The begin of the text and, of a file too big for that, a piece of its middle and of its end; as text."""
        begin = self._decoded(self._text_start, begin_bytes)
        if self.size <= begin_bytes + 2 * other_bytes or self.wire_encoding != self.encoding:
            return [self._decoded(self._text_start, begin_bytes + 2 * other_bytes)]
        return [begin] + [self._decoded(start, other_bytes) for start in (self.size // 2, self.size - other_bytes)]

    def head_text(self, size: int) -> bytes:
        """The begin of the text in the wire encoding, whole lines."""
        head = next(self.chunks(), b"")[:size]
        mark = self.line_end or b"\n"
        end = head.rfind(mark)
        return head[: end + len(mark)] if end > 0 else head

    def tail_text(self, size: int) -> tuple[bytes, int]:
        """The end of the text, where the file can be cut at bytes (else nothing), and how many bytes it has in all."""
        length = self.size - self._text_start
        if self.wire_encoding != self.encoding:
            return b"", length
        return self.read(max(self.size - size, self._text_start), size), length

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def read(self, start: int, size: int) -> bytes:
        """The bytes of the file itself from `start`, at most `size`."""
        return os.pread(self._descriptor, size, start)

    def _decoded(self, start: int, size: int) -> str:
        return self.read(start, size).decode(self.encoding, errors="replace")

    def _raw_chunks(self, start: int) -> Iterator[bytes]:
        while chunk := self.read(start, CHUNK_BYTES):
            yield chunk
            start += len(chunk)
        now = os.fstat(self._descriptor)
        if (now.st_size, now.st_mtime_ns) != (self._status.st_size, self._status.st_mtime_ns):
            raise TryLaterError(f"{self.path.name} changed while it was being read", "The next run reads it again.")


def first_pass(chunks: Iterator[bytes]) -> FirstPass:
    """Hash the bytes, check them for UTF-8 and count their line ends."""
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8 = True
    returns = feeds = pairs = 0
    last = b""
    for chunk in chunks:
        digest.update(chunk)
        is_utf8 = is_utf8 and _continues_utf8(decoder, chunk)
        feeds += chunk.count(b"\n")
        if b"\r" in chunk:
            returns += chunk.count(b"\r")
            pairs += chunk.count(b"\r\n")
        pairs += last == b"\r" and chunk[:1] == b"\n"
        last = chunk[-1:]
    is_utf8 = is_utf8 and _continues_utf8(decoder, b"", final=True)
    lines = feeds + (last not in (b"", b"\n"))
    return FirstPass(digest.hexdigest(), is_utf8, _line_end(returns, feeds, pairs), lines)


def _continues_utf8(decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool = False) -> bool:
    if chunk.isascii() and not final and not decoder.getstate()[0]:
        return True  # ten times faster than decoding, and most chunks are ASCII
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _line_end(returns: int, feeds: int, pairs: int) -> bytes:
    if returns == feeds == pairs and pairs:
        return b"\r\n"
    if not returns:
        return b"\n"
    return b"" if feeds else b"\r"
