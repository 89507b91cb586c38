"""Detect the encoding of a text file from all of its bytes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from systemscripts.errors import BadDataError, ConfigurationError

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# In these every byte below 128 is an ASCII character, and PostgreSQL supports them (PostgreSQL docs, 24.3.1). In
# UTF-16, Shift JIS, Big5 and GBK the second byte of a letter can look like a delimiter.
SPLITTABLE_ENCODINGS = re.compile(r"utf-8|ascii|cp125[0-8]|iso8859-([1-9]|10|13|14|15|16)|koi8-[ru]|cp866|cp874")
# As long as the part of a word that is read: a field may be one run of such bytes.
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]{1,128}")
_ASCII_BYTES = bytes(range(0x80))
_SEPARATORS = re.compile(rb"[\r\n\t,;\"]")
# In a long text, the words near a letter are enough.
_MAX_WORD_BYTES = 128
# A few hundred words are as good as all of them. Each byte is scored in every language.
_MAX_WORDS, _MAX_BEYOND_ASCII_BYTES = 1000, 10_000
# In UTF-16 without a mark, this share of every second byte is zero, and much fewer of the others.
_MIN_ZERO_SHARE, _MIN_ZERO_RATIO = 0.3, 4


@dataclass(frozen=True)
class Encoding:
    """Python's name of an encoding, the size of the byte order mark, and why the encoding was chosen."""

    name: str
    mark_bytes: int
    note: str
    # True if another encoding is nearly as likely
    is_guess: bool = False


def can_split_at_bytes(name: str) -> bool:
    """Return whether the raw bytes can be split at delimiters and passed to PostgreSQL as they are."""
    return SPLITTABLE_ENCODINGS.fullmatch(codecs.lookup(name).name) is not None


def detect_encoding(
    head: bytes, is_utf8: bool, chunks: Callable[[int], Iterator[bytes]], given: str | None
) -> Encoding:
    """Choose the encoding: the given one, that of the byte order mark, UTF-8 if all bytes are valid, or the likeliest.

    `chunks(0)` reads the whole file again, for the last step only. Raises ConfigurationError for an unknown name.
    """
    mark, marked = next(((mark, name) for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), (b"", ""))
    if given:
        return Encoding(_normalize_name(given), len(mark), "encoding as set")
    if marked:
        return Encoding(marked, len(mark), f"byte order mark of {marked}")
    if wide := _detect_utf16(head):
        return Encoding(wide, 0, f"{wide} by its zero bytes")
    if is_utf8:
        return Encoding("utf-8", 0, "all bytes are valid UTF-8")
    return _guess_encoding(_collect_words(chunks(0)))


def recode(chunks: Iterator[bytes], encoding: str, path: Path) -> Iterator[bytes]:
    """Yield the same text as UTF-8. Raises BadDataError at bytes that are invalid in this encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    # UnicodeError also for a lone surrogate, which some decoders accept.
    except UnicodeError as error:
        raise BadDataError(f"{path.name} is truncated or not {encoding}: {getattr(error, 'reason', error)}") from error


def _normalize_name(name: str) -> str:
    try:
        return codecs.lookup(name).name.removesuffix("-sig").removesuffix("_sig")
    except LookupError as error:
        raise ConfigurationError(f"encoding {name!r} is not known", "Try utf-8, cp1252 or latin-1.") from error


def _detect_utf16(head: bytes) -> str:
    """Return the byte order of UTF-16 without a mark, or "": Latin text has a zero in every second byte."""
    zeros_even, zeros_odd = head[0::2].count(0), head[1::2].count(0)
    if len(head) < 4 or max(zeros_even, zeros_odd) < len(head) * _MIN_ZERO_SHARE:
        return ""
    if zeros_even > _MIN_ZERO_RATIO * zeros_odd:
        return "utf-16-be"
    return "utf-16-le" if zeros_odd > _MIN_ZERO_RATIO * zeros_even else ""


def _collect_words(chunks: Iterator[bytes]) -> list[bytes]:
    """Return up to _MAX_WORDS different fields, or parts of long ones, that contain non-ASCII bytes.

    Each extends from the byte to the next separators, so that lines without such bytes cost nothing.
    """
    words: dict[bytes, None] = {}
    count = 0
    for chunk in chunks:
        if chunk.isascii():
            continue
        end = 0
        for match in _BEYOND_ASCII.finditer(chunk):
            if match.start() < end:
                continue
            before = chunk[max(match.start() - _MAX_WORD_BYTES, end) : match.start()]
            start = match.start() - len(_SEPARATORS.split(before)[-1])
            separator = _SEPARATORS.search(chunk, match.end(), match.end() + _MAX_WORD_BYTES)
            end = separator.start() if separator else min(match.end() + _MAX_WORD_BYTES, len(chunk))
            word = chunk[start:end]
            if word in words:
                continue
            words[word] = None
            count += len(word.translate(None, _ASCII_BYTES))
            if len(words) >= _MAX_WORDS or count >= _MAX_BEYOND_ASCII_BYTES:
                return list(words)
    return list(words)


def _guess_encoding(words: list[bytes]) -> Encoding:
    """Return the encoding of words that are not all valid UTF-8."""
    text = b"\n".join(words).decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    sound = sum(letter > "\x7f" for letter in text) - damaged
    # Text in other encodings hardly ever forms valid UTF-8 letters.
    if sound and sound >= damaged:
        return Encoding("utf-8", 0, "UTF-8 with damaged bytes: most letters are valid UTF-8, some are not", True)
    # Imported late, since its statistics are rarely needed.
    from systemscripts.tables.text import encoding_guess

    guess = encoding_guess.guess_encoding(words)
    if guess is None:
        return Encoding("latin-1", 0, "latin-1: no encoding fits", is_guess=True)
    name = codecs.lookup(guess.name).name
    if guess.rival:
        return Encoding(name, 0, f"{name} or {guess.rival} by its letters", is_guess=True)
    return Encoding(name, 0, f"{name}: its letters spell words of a language")
