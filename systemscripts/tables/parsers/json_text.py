"""The text of a JSON file, piece by piece; bytes that were not used as text can be taken and given back."""

from __future__ import annotations

import codecs
import os
from typing import IO


class JsonText:
    """UTF-8 with or without a byte order mark, or UTF-16 with one."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._bytes = file.seek(0, os.SEEK_END)
        self.rewind()

    def rewind(self) -> None:
        """Start again at the beginning."""
        self._file.seek(0)
        self.is_utf8 = not self._file.read(2).startswith((b"\xff\xfe", b"\xfe\xff"))
        self._file.seek(0)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig" if self.is_utf8 else "utf-16")("strict")
        self._returned = b""

    @property
    def bytes_left(self) -> int:
        """How many bytes of the file were not read yet."""
        return self._bytes - self._file.tell() + len(self._returned)

    def read(self, size: int) -> str:
        """Return the text of about so many bytes, "" at the end. Raises UnicodeDecodeError."""
        while content := self.read_bytes(size):
            if text := self._decoder.decode(content):
                return text
        return ""

    def read_bytes(self, size: int) -> bytes:
        """Return up to so many bytes, b"" at the end."""
        if not self._returned:
            return self._file.read(size)
        content, self._returned = self._returned[:size], self._returned[size:]
        return content

    def give_back(self, content: bytes) -> None:
        """Put bytes before those that follow."""
        begun, state = self._decoder.getstate()
        self._decoder.setstate((b"", state))
        self._returned = content + begun + self._returned
