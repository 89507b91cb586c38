"""Which encoding a text file has, from all of its bytes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from systemscripts.errors import BadDataError, ConfigurationError

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with theirs
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# In these every byte below 128 is the ASCII character, and PostgreSQL knows them (PostgreSQL docs, 24.3.1):
# not so in UTF-16, Shift JIS, Big5 or GBK, whose second bytes can look like a delimiter.
CUT_AT_BYTES = re.compile(r"utf-8|ascii|cp125[0-8]|iso8859-([1-9]|10|13|14|15|16)|koi8-[ru]|cp866|cp874")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_SEPARATORS = re.compile(rb"[\r\n\t,;\"]")
_FIELD_BYTES = 128  # of a long text its words near the letter say enough
_MOST_WORDS = 1000  # some hundred are as good as all


@dataclass(frozen=True)
class Encoding:
    """Python's name, how many bytes the byte order mark takes, and why it was chosen."""

    name: str
    mark_bytes: int
    note: str
    # another encoding may be meant as well
    is_guess: bool = False


def can_be_cut_at_bytes(name: str) -> bool:
    """True when delimiters can be found in the raw bytes and PostgreSQL can take them as they are."""
    return CUT_AT_BYTES.fullmatch(codecs.lookup(name).name) is not None


def detect_encoding(
    head: bytes, is_utf8: bool, chunks: Callable[[int], Iterator[bytes]], given: str | None
) -> Encoding:
    """Choose the encoding: what is set, then the byte order mark, then UTF-8 if all bytes are, then the likeliest.

    `chunks(0)` reads the whole file again, only where it is needed. Raises ConfigurationError for an unknown name.
    """
    mark, marked = next(((mark, name) for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), (b"", ""))
    if given:
        return Encoding(_known(given), len(mark), "encoding as set")
    if marked:
        return Encoding(marked, len(mark), f"byte order mark of {marked}")
    if wide := _wide_without_mark(head):
        return Encoding(wide, 0, f"{wide} by its zero bytes")
    if is_utf8:
        return Encoding("utf-8", 0, "all bytes are valid UTF-8")
    return _likeliest(_words_beyond_ascii(chunks(0)))


def recode(chunks: Iterator[bytes], encoding: str, path: Path) -> Iterator[bytes]:
    """Yield the same text as UTF-8. Raises BadDataError at bytes that are not of this encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:  # also half of a pair of UTF-16 that an odd encoding lets through
        raise BadDataError(f"{path.name} is truncated or not {encoding}: {getattr(error, 'reason', error)}") from error


def _known(name: str) -> str:
    try:
        return codecs.lookup(name).name.removesuffix("-sig").removesuffix("_sig")
    except LookupError as error:
        raise ConfigurationError(f"encoding {name!r} is not known", "Try utf-8, cp1252 or latin-1.") from error


def _wide_without_mark(head: bytes) -> str:
    """UTF-16 without a mark: Latin text has a zero in every second byte."""
    zeros_even, zeros_odd = head[0::2].count(0), head[1::2].count(0)
    if len(head) < 4 or max(zeros_even, zeros_odd) * 2 < len(head) * 0.6:
        return ""
    return "utf-16-be" if zeros_even > 4 * zeros_odd else "utf-16-le" if zeros_odd > 4 * zeros_even else ""


def _words_beyond_ascii(chunks: Iterator[bytes]) -> list[bytes]:
    """Return the different fields, or the ends of long ones, that hold a byte beyond ASCII, up to some number.

    Each is widened from the byte to the next separators, so that lines without such a byte cost nothing.
    """
    words: dict[bytes, None] = {}
    for chunk in chunks:
        if chunk.isascii():
            continue
        end = 0
        for match in _BEYOND_ASCII.finditer(chunk):
            if match.start() < end:
                continue
            before = chunk[max(match.start() - _FIELD_BYTES, end) : match.start()]
            start = match.start() - len(_SEPARATORS.split(before)[-1])
            behind = _SEPARATORS.search(chunk, match.end(), match.end() + _FIELD_BYTES)
            end = behind.start() if behind else min(match.end() + _FIELD_BYTES, len(chunk))
            words[chunk[start:end]] = None
            if len(words) >= _MOST_WORDS:
                return list(words)
    return list(words)


def _likeliest(words: list[bytes]) -> Encoding:
    """The encoding of words that are not all UTF-8."""
    text = b"\n".join(words).decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    sound = sum(letter > "\x7f" for letter in text) - damaged
    if sound and sound >= damaged:  # other encodings form valid UTF-8 letters hardly ever
        return Encoding("utf-8", 0, "UTF-8 with damaged bytes: most letters are valid UTF-8, some are not", True)
    from systemscripts.tables.text import encoding_guess  # its statistics are rarely needed

    guess = encoding_guess.guess_encoding(words)
    if guess is None:
        return Encoding("latin-1", 0, "latin-1: no encoding fits", is_guess=True)
    name = codecs.lookup(guess.name).name
    if guess.rival:
        return Encoding(name, 0, f"{name} or {guess.rival} by its letters", is_guess=True)
    return Encoding(name, 0, f"{name}: its letters spell words of a language")
