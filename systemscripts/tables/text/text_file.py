"""Read the bytes of a text file: one pass that checks them while a thread hashes, then chunks to be split."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from systemscripts.errors import BadDataError, TryLaterError
from systemscripts.summary import Notice
from systemscripts.tables.text import background_sha256, encodings
from systemscripts.tables.text.record_splitter import MAX_LINE_BYTES

# Each chunk becomes a block of records, so the memory for reading is a small multiple of this. Larger ones do not fit
# into the cache of the processor.
CHUNK_BYTES = 2**20
# The first chunks are smaller, each half as large again as the one before, so that the server gets data at once.
FIRST_CHUNK_BYTES = 2**18
# Pieces of the first pass, which fit into the cache of the processor.
SCAN_PIECE_BYTES = 2**20
# Decoded at a time. The text of a whole piece would be too large for malloc to use the same memory again (glibc manual,
# M_MMAP_THRESHOLD), and new memory takes longer than decoding.
DECODED_BYTES = 2**15
# A record with totals is short.
MAX_CONTROL_BYTES = 64 * 2**10
# Enough to see a byte order mark, binary data and zeros.
HEAD_BYTES = 64 * 2**10


@dataclass(frozen=True)
class ByteScan:
    """The result of one pass over the whole file. `line_end`: LF, CRLF or CR; b"" if they are mixed."""

    is_utf8: bool
    line_end: bytes


class TextFile:
    """One open text file. `encoding` is that of the file, `wire_encoding` that of the chunks (Python's names).

    `path` may be removed or replaced after opening: the open file is read. If the file changes while it is open, a pass
    raises TryLaterError, since the hash would not be that of the loaded text.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self._status = os.fstat(self._descriptor)
        self.size = self._status.st_size
        self._digest = background_sha256.take_digest(self._descriptor)
        # -1: not counted yet
        self._line_count: int | None = -1
        self.head = self.read_bytes(0, HEAD_BYTES)
        first = scan_bytes(self._read_pieces())
        guess = encodings.detect_encoding(self.head, first.is_utf8, self._read_chunks, encoding)
        self.encoding, self.note, self._text_start = guess.name, guess.note, guess.mark_bytes
        text = f"the encoding was guessed ({guess.note}); set reading.encoding of the import"
        self.doubt = Notice("encoding_guessed", text) if guess.is_guess else None
        self.wire_encoding = self.encoding if encodings.can_split_at_bytes(self.encoding) else "utf-8"
        self.is_utf8 = first.is_utf8
        self.line_end = first.line_end if self.wire_encoding == self.encoding else b""

    def take_first_line(self) -> str:
        """Take the first line out of the text, which begins with an empty one instead, and return it."""
        head = self.read_bytes(self._text_start, MAX_CONTROL_BYTES)
        end = re.search(rb"[\r\n]", head)
        self._refuse_control_unless(end is not None, "first")
        line = head[: end.start()] if end else b""
        self._text_start += len(line)
        return line.decode(self.encoding, "replace")

    def take_last_line(self) -> str:
        """Take the last line that is not blank out of the text, and return it."""
        tail = self.read_bytes(max(self.size - MAX_CONTROL_BYTES, self._text_start), MAX_CONTROL_BYTES)
        whole = tail.rstrip(b"\r\n\x1a ")
        start = max(whole.rfind(b"\n"), whole.rfind(b"\r")) + 1
        self._refuse_control_unless(bool(start), "last")
        self.size -= len(tail) - start
        return whole[start:].decode(self.encoding, "replace")

    def _refuse_control_unless(self, is_found: bool, which: str) -> None:
        if not is_found or self.wire_encoding != self.encoding:
            why = f"its encoding is {self.encoding}" if is_found else "it has no other line"
            raise BadDataError(
                f"{self.path.name}: the {which} record, which has the totals, cannot be split off: {why}"
            )

    def sha256(self) -> str:
        """Return the SHA-256 of the bytes that the first pass checked, and wait for it if necessary."""
        digest = self._digest.hexdigest()
        self._refuse_change()
        return digest

    def count_lines(self, header: bytes = b"") -> int | None:
        """Return the number of lines that end with LF, and of the last one without. The first call reads the file.

        None if a line is not only a record, but has to be looked at: the file contains NUL bytes, or `header` again.
        """
        if self._line_count == -1:
            self._line_count = self._count_line_feeds(header)
        return self._line_count

    def _count_line_feeds(self, header: bytes) -> int | None:
        count, header_count, line, end = 0, 0, header + self.line_end, b""
        for piece in self._read_pieces():
            if header:
                # The end of the piece before may have the first part of the line.
                header_count += (end + piece).count(line)
            if b"\x00" in piece or header_count > 1:
                return None
            count, end = count + piece.count(b"\n"), bytes(piece[1 - len(line) :])
        return count + (not end.endswith(b"\n"))

    def read_line(self, number: int) -> bytes:
        """Return one of the first lines, without its end. `number`: from 1."""
        return bytes(self.head).split(self.line_end, number)[number - 1] if self.line_end else b""

    def chunks(self) -> Iterator[bytes]:
        """Yield the text in the wire encoding, about 1 MB at a time, without byte order mark."""
        raw = self._read_chunks(self._text_start)
        return raw if self.wire_encoding == self.encoding else encodings.recode(raw, self.encoding, self.path)

    def read_samples(self, begin_bytes: int, other_bytes: int) -> list[str]:
        """Return the beginning of the text and, if it is larger, a piece of its middle and of its end, decoded."""
        begin = self._decode(self._text_start, begin_bytes)
        if self.size <= begin_bytes + 2 * other_bytes or self.wire_encoding != self.encoding:
            return [self._decode(self._text_start, begin_bytes + 2 * other_bytes)]
        return [begin] + [self._decode(start, other_bytes) for start in (self.size // 2, self.size - other_bytes)]

    def read_head(self, size: int) -> bytes:
        """Return whole lines from the beginning, in the wire encoding: about `size` bytes, or a longer first line.

        Raises BadDataError when the first line is longer than 256 MB.
        """
        mark = self.line_end or b"\n"
        head = bytearray()
        for chunk in self.chunks():
            head += chunk
            if len(head) >= size and mark in head:
                break
            if len(head) > MAX_LINE_BYTES:
                raise BadDataError(f"not a table: no line end in {len(head) >> 20} MB")
        end = head.rfind(mark, 0, size)
        if end < 0:
            end = head.find(mark)
        return bytes(head[: end + len(mark)] if end > 0 else head)

    def read_tail(self, size: int) -> tuple[bytes, int]:
        """Return the end of the text (b"" if the file cannot be split at bytes), and the size of the text in bytes."""
        length = self.size - self._text_start
        if self.wire_encoding != self.encoding:
            return b"", length
        return self.read_bytes(max(self.size - size, self._text_start), size), length

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        self._digest.stop()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def read_bytes(self, start: int, size: int) -> bytes:
        """Return at most `size` bytes of the file from `start`."""
        return os.pread(self._descriptor, size, start)

    def _decode(self, start: int, size: int) -> str:
        return self.read_bytes(start, size).decode(self.encoding, errors="replace")

    def _read_chunks(self, start: int) -> Iterator[bytes]:
        size = min(FIRST_CHUNK_BYTES, CHUNK_BYTES)
        while chunk := self.read_bytes(start, min(size, max(self.size - start, 0))):
            yield chunk
            start, size = start + len(chunk), min(size * 3 // 2, CHUNK_BYTES)
        self._refuse_change()

    def _read_pieces(self) -> Iterator[bytearray]:
        """Yield the file in pieces that share one buffer, which is faster than new memory for each."""
        piece, start = bytearray(SCAN_PIECE_BYTES), 0
        while size := os.preadv(self._descriptor, [piece], start):
            size = min(size, self.size - start)
            yield piece if size == len(piece) else piece[:size]
            start += size
            if start >= self.size:
                break
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
        is_utf8 = is_utf8 and _is_utf8_so_far(decoder, piece)
        if b"\r" in piece or last == b"\r":
            returns += piece.count(b"\r")
            feeds += piece.count(b"\n")
            pairs += piece.count(b"\r\n") + (last == b"\r" and piece[:1] == b"\n")
        else:
            # Only whether there are any matters, and counting them takes time.
            lone_feed = lone_feed or b"\n" in piece
        last = bytes(piece[-1:])
    is_utf8 = is_utf8 and _is_utf8_so_far(decoder, b"", final=True)
    return ByteScan(is_utf8, _find_line_end(returns, feeds + lone_feed, pairs))


def _is_utf8_so_far(decoder: codecs.IncrementalDecoder, piece: bytes | bytearray, final: bool = False) -> bool:
    if piece.isascii() and not final and not decoder.getstate()[0]:
        # Ten times faster than decoding, and most pieces are ASCII.
        return True
    try:
        for start in range(0, len(piece), DECODED_BYTES):
            decoder.decode(piece[start : start + DECODED_BYTES])
        decoder.decode(b"", final)
    except UnicodeDecodeError:
        return False
    return True


def _find_line_end(returns: int, feeds: int, pairs: int) -> bytes:
    if returns == feeds == pairs and pairs:
        return b"\r\n"
    if not returns:
        return b"\n"
    return b"" if feeds else b"\r"
