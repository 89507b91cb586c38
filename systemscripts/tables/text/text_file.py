"""The bytes of a text file: one pass that checks them, while a thread hashes; then chunks that can be cut at bytes."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from systemscripts.errors import BadDataError, TryLaterError
from systemscripts.summary import Notice
from systemscripts.tables.text import background_sha256, encodings
from systemscripts.tables.text.record_splitter import MAX_LINE_BYTES

CHUNK_BYTES = 4 * 2**20
# At first smaller, then half as much again each time: the server is not to wait while the next one is made ready.
FIRST_CHUNK_BYTES = 2**19
LOOKED_AT_BYTES = 2**20  # at once, in the first pass: what the processor's cache holds
HEAD_BYTES = 64 * 2**10


@dataclass(frozen=True)
class ByteScan:
    """What one pass over the whole file tells."""

    is_utf8: bool
    line_end: bytes  # b"\n", b"\r\n", b"\r", or b"" where they are mixed


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
        self._digest = background_sha256.take_digest(self._descriptor)
        self._lines: int | None = -1  # not counted yet
        self.head = self.read(0, HEAD_BYTES)
        first = scan_bytes(self._pieces())
        guess = encodings.detect_encoding(self.head, first.is_utf8, self._raw_chunks, encoding)
        self.encoding, self.note, self._text_start = guess.name, guess.note, guess.mark_bytes
        text = f"the encoding is a guess ({guess.note}); set encoding in the import's reading options"
        self.doubt = Notice("encoding_guessed", text) if guess.is_guess else None
        self.wire_encoding = self.encoding if encodings.can_be_cut_at_bytes(self.encoding) else "utf-8"
        self.is_utf8 = first.is_utf8  # every byte of it
        self.line_end = first.line_end if self.wire_encoding == self.encoding else b""

    def sha256(self) -> str:
        """SHA-256 of the file's bytes, where need be waited for; the same bytes that the first pass has seen."""
        found = self._digest.hexdigest()
        self._refuse_change()
        return found

    def lines(self) -> int | None:
        """How many line feeds the file has, and one more where its last line has none; the first call reads it.

        None where it holds NUL: then it is no plain text, and whoever reads it must look at each value.
        """
        if self._lines == -1:
            self._lines = self._counted()
        return self._lines

    def _counted(self) -> int | None:
        count, last = 0, b"\n"
        for piece in self._pieces():
            if b"\x00" in piece:
                return None
            count, last = count + piece.count(b"\n"), bytes(piece[-1:])
        return count + (last != b"\n")

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
        """The begin of the text in the wire encoding, whole lines: `size` bytes, or the first line where it is longer.

        Raises BadDataError when no line ends for 256 MB.
        """
        mark = self.line_end or b"\n"
        head = bytearray()
        for chunk in self.chunks():
            head += chunk
            if len(head) >= size and mark in head:
                break
            if len(head) > MAX_LINE_BYTES:
                raise BadDataError(f"no line end in {len(head) >> 20} MB: this is not a table")
        end = head.rfind(mark, 0, size)
        if end < 0:
            end = head.find(mark)
        return bytes(head[: end + len(mark)] if end > 0 else head)

    def tail_text(self, size: int) -> tuple[bytes, int]:
        """The end of the text, where the file can be cut at bytes (else nothing), and how many bytes it has in all."""
        length = self.size - self._text_start
        if self.wire_encoding != self.encoding:
            return b"", length
        return self.read(max(self.size - size, self._text_start), size), length

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._digest.stop()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def read(self, start: int, size: int) -> bytes:
        """The bytes of the file itself from `start`, at most `size`."""
        return os.pread(self._descriptor, size, start)

    def _decoded(self, start: int, size: int) -> str:
        return self.read(start, size).decode(self.encoding, errors="replace")

    def _raw_chunks(self, start: int) -> Iterator[bytes]:
        size = min(FIRST_CHUNK_BYTES, CHUNK_BYTES)
        while chunk := self.read(start, size):
            yield chunk
            start, size = start + len(chunk), min(size * 3 // 2, CHUNK_BYTES)
        self._refuse_change()

    def _pieces(self) -> Iterator[bytearray]:
        """The file in pieces that are good until the next one is asked for: new memory for each costs more than it."""
        piece, start = bytearray(LOOKED_AT_BYTES), 0
        while size := os.preadv(self._descriptor, [piece], start):
            yield piece if size == len(piece) else piece[:size]
            start += size
        self._refuse_change()

    def _refuse_change(self) -> None:
        now = os.fstat(self._descriptor)
        if (now.st_size, now.st_mtime_ns) != (self._status.st_size, self._status.st_mtime_ns):
            raise TryLaterError(f"{self.path.name} changed while it was being read", "The next run reads it again.")


def scan_bytes(pieces: Iterable[bytes | bytearray]) -> ByteScan:
    """Check the bytes for UTF-8 and count their line ends."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8 = True
    returns = feeds = pairs = 0
    last, lone_feed = b"", False
    for piece in pieces:
        is_utf8 = is_utf8 and _continues_utf8(decoder, piece)
        if b"\r" in piece or last == b"\r":
            returns += piece.count(b"\r")
            feeds += piece.count(b"\n")
            pairs += piece.count(b"\r\n") + (last == b"\r" and piece[:1] == b"\n")
        else:  # one says as much as a million
            lone_feed = lone_feed or b"\n" in piece
        last = bytes(piece[-1:])
    is_utf8 = is_utf8 and _continues_utf8(decoder, b"", final=True)
    return ByteScan(is_utf8, _line_end(returns, feeds + lone_feed, pairs))


def _continues_utf8(decoder: codecs.IncrementalDecoder, piece: bytes | bytearray, final: bool = False) -> bool:
    if piece.isascii() and not final and not decoder.getstate()[0]:
        return True  # ten times faster than decoding, and most pieces are ASCII
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True


def _line_end(returns: int, feeds: int, pairs: int) -> bytes:
    if returns == feeds == pairs and pairs:
        return b"\r\n"
    if not returns:
        return b"\n"
    return b"" if feeds else b"\r"
