"""Which legacy encoding some words are in: the one in which they spell words of a language best.

Every encoding that may be meant reads the words, and each letter beyond ASCII is as likely as it is, between its
neighbours, in the best of the languages that the encoding is for. What no language writes (a control character, a
capital within a word, a box, a letter of another script beside it) is nearly impossible. So a few letters are enough,
where general detectors, which count bytes, need some hundred.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from systemscripts.tables.text.alphabets import (
    LEGACY_ENCODINGS,
    UNUSUAL_LETTERS,
    WIDE_ENCODINGS,
    WORLDWIDE,
    read_common_characters,
    read_letters,
)

# Natural logarithms of probabilities, of one character beyond ASCII.
FOREIGN_LETTER = -9.0  # a letter of the script that the language does not have
OTHER_SCRIPT = -14.0
IMPOSSIBLE = -25.0  # a control character, an undefined byte: damage only
ODD_SIGN = -12.0  # box drawing, a sign within a word
RARE_SIGN = -9.0
LOOSE_QUOTE = -6.5
COMMON_SIGN = -4.0
UNIT_PREFIX = -2.5
CAPITAL = -2.5  # a capital at the beginning of a word
CASE_BREAK = -9.0  # a capital within a word, a small letter within capitals
COMMON_NEIGHBOUR, ODD_NEIGHBOUR = 0.5, -1.0
UNUSUAL_WORD = -2.5  # a word with a letter of ASCII that the language hardly has
WORLDWIDE_WORD, FOREIGN_WORD = -3.0, -6.0  # a word in another language than most of the file
KANA, WIDE_SIGN = -4.5, -5.0
COMMON_IDEOGRAPH = -6.5  # one of the some 600 that make up most of a text
IDEOGRAPH = -9.5  # one of the some 4,000 that the first level of each standard has
RARE_IDEOGRAPH = -14.0
SURE_MARGIN = 3.0  # odds of 20 to 1 for the best reading against the next

_BEFORE_NUMBERS, _AFTER_NUMBERS = "€£¥$±~", "€£¥°%²³½¼¾ªº"
# behind a sign they make it part of a word; those of °C, °F and °K do not
_LETTERS = frozenset("ABDEGHIJLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_IN_TEXT = "–—•·©®™§×…"
_APOSTROPHES = "’‘ʼ·"


@dataclass(frozen=True)
class Guess:
    """Python's name of the likeliest encoding, and of the next one that reads the words otherwise, if it may be it."""

    name: str
    rival: str = ""


def guess_encoding(words: Sequence[bytes]) -> Guess | None:
    """Return the likeliest encoding of some words, each with a byte beyond ASCII; None where none fits at all."""
    texts = {name: _decode(words, name) for name in (*LEGACY_ENCODINGS, *WIDE_ENCODINGS)}
    scores: dict[str, float] = {}
    for name, decoded in texts.items():
        if decoded is not None:
            scores[name] = _score_wide(decoded, name) if name in WIDE_ENCODINGS else _score(decoded, name)
    if not scores:
        return None
    best = max(scores, key=lambda name: scores[name])
    rivals = [name for name in scores if texts[name] != texts[best] and _may_be(scores, name, best)]
    return Guess(best, max(rivals, key=lambda name: scores[name], default=""))


def _may_be(scores: dict[str, float], name: str, best: str) -> bool:
    """Whether an encoding is nearly as likely as the best one, or only less usual and its words more likely."""
    behind = scores[best] - scores[name]
    return behind < SURE_MARGIN or (behind < 1.5 * SURE_MARGIN and behind < _usual(best) - _usual(name))


def _usual(name: str) -> float:
    return (WIDE_ENCODINGS if name in WIDE_ENCODINGS else LEGACY_ENCODINGS)[name][0]


def _decode(words: Sequence[bytes], name: str) -> list[str] | None:
    """The words in an encoding; None where many of them are not of it."""
    texts = [word.decode(name, errors="replace") for word in words]
    damaged = sum("\ufffd" in text for text in texts)
    return None if damaged > (0 if name in WIDE_ENCODINGS else len(words) * 0.05) else texts


def _score(texts: list[str], name: str) -> float:
    """The logarithm of how likely the texts are, in the languages of a single-byte encoding."""
    prior, languages = LEGACY_ENCODINGS[name]
    # each once: a word that comes in many fields is no more evidence than in one
    words = list(dict.fromkeys(word for text in texts for word in _split_words(text)))
    by_language = {language: [_score_letters(word, language) for word in words] for language in languages}
    main = max(languages, key=lambda language: sum(by_language[language]))
    score = prior + sum(_score_signs(text) for text in texts)
    for position, own in enumerate(by_language[main]):
        foreign = (by_language[language][position] + _foreign(language) for language in languages)
        score += max(own, *foreign)
    return score


def _foreign(language: str) -> float:
    return WORLDWIDE_WORD if language in WORLDWIDE else FOREIGN_WORD


@lru_cache(maxsize=2**16)
def _split_words(text: str) -> list[str]:
    """The runs of letters of a text that have one beyond ASCII."""
    marks = "".join(letter if _is_letter(letter) or unicodedata.combining(letter) else " " for letter in text)
    return [word for word in marks.split() if not word.isascii()]


@cache
def _shares(language: str) -> dict[str, float]:
    letters = read_letters()[language]
    total = sum(share for share, _, _ in letters.values())
    return {letter: math.log(share / total) for letter, (share, _, _) in letters.items()}


@cache
def _script_of(language: str) -> str:
    return _script(next(iter(read_letters()[language])))


@lru_cache(maxsize=2**18)
def _score_letters(word: str, language: str) -> float:
    """The logarithm of how likely the letters beyond ASCII of a word are in a language."""
    unusual = UNUSUAL_LETTERS.get(language, "")
    score = UNUSUAL_WORD if any(letter in unusual for letter in word.lower()) else 0.0
    for position, letter in enumerate(word):
        if letter < "\x80" or not _is_letter(letter):
            continue
        before, behind = word[position - 1 : position] if position else "", word[position + 1 : position + 2]
        score += _score_letter(_lower(letter), before.lower(), behind.lower(), language)
        score += _score_case(letter, word, position)
    return score


def _score_letter(letter: str, before: str, behind: str, language: str) -> float:
    share = _shares(language).get(letter)
    if share is None:
        script = _script(letter)
        return FOREIGN_LETTER if script == _script_of(language) else OTHER_SCRIPT
    if ("a" <= before <= "z" or "a" <= behind <= "z") and _script_of(language) != "LATIN":
        return share + OTHER_SCRIPT
    _, left, right = read_letters()[language][letter]
    score = share
    score += COMMON_NEIGHBOUR if (before or "^") in left else ODD_NEIGHBOUR if left else 0.0
    score += COMMON_NEIGHBOUR if (behind or "$") in right else ODD_NEIGHBOUR if right else 0.0
    return score


def _score_case(letter: str, word: str, position: int) -> float:
    """A word begins with a capital, or is all in capitals."""
    if not (letter.isupper() or letter.islower()) or letter == "ß":
        return 0.0
    before, behind = word[:position], word[position + 1 :]
    if letter.isupper():
        if any(other != other.upper() for other in before if other != "ß"):
            return CASE_BREAK
        # also behind one capital: "RŽunion" is no word, though "ÎLE" and "GRÖßE" are
        if before and behind[:1].islower() and behind[0] != "ß":
            return CASE_BREAK
        return CAPITAL if not before else -0.5 if before.isupper() else CASE_BREAK
    if len(before) > 1 and before.isupper():
        return CASE_BREAK
    return CASE_BREAK if behind[:1].isupper() else 0.0


@lru_cache(maxsize=2**16)
def _score_signs(text: str) -> float:
    """The logarithm of how likely the characters are that are not letters, whatever the language."""
    score = 0.0
    for position, sign in enumerate(text):
        if sign < "\x80":
            continue
        before, behind = text[position - 1 : position] if position else "", text[position + 1 : position + 2]
        if not _is_letter(sign):
            score += _score_sign(sign, before, behind)
        elif not before.isalpha() and not behind.isalpha() and (before + behind).strip(" .-").isdigit():
            score += ODD_SIGN if before.isdigit() and behind.isdigit() else LOOSE_QUOTE
    return score


def _score_sign(sign: str, before: str, behind: str) -> float:
    category = unicodedata.category(sign)
    if category in ("Cc", "Co", "Cn", "Cs") or sign == "\ufffd":
        return IMPOSSIBLE
    if category in ("Mn", "Mc"):  # vowels and tones of Thai, Hebrew, Arabic, Vietnamese
        follows = before.isalpha() or unicodedata.category(before or " ").startswith("M")
        return COMMON_SIGN if follows and not before.isascii() else ODD_SIGN
    within = before.isalpha() and behind.isalpha()
    if within and sign in _APOSTROPHES:
        return COMMON_SIGN
    if within and sign in "–—":
        return LOOSE_QUOTE
    if within or "\u2500" <= sign <= "\u25ff":
        return ODD_SIGN
    if sign == "\xa0":
        return COMMON_SIGN if before.strip() and behind.strip() else LOOSE_QUOTE
    if sign == "µ":
        return UNIT_PREFIX if not before.isalpha() and behind.isalpha() else RARE_SIGN
    if sign in _AFTER_NUMBERS and (before.isdigit() or not before.strip(" (")) and behind not in _LETTERS:
        return COMMON_SIGN
    if sign in _BEFORE_NUMBERS and not before.isalpha() and (behind.isdigit() or not behind.strip(" -)")):
        return COMMON_SIGN
    if sign in "“«‘„‚‹¿¡":
        return LOOSE_QUOTE if not before.isalnum() and behind.isalnum() else RARE_SIGN
    if sign in "”»’›“‘":
        return LOOSE_QUOTE if before.isalnum() and not behind.isalnum() else RARE_SIGN
    return COMMON_SIGN if sign in _IN_TEXT else RARE_SIGN


def _score_wide(texts: list[str], name: str) -> float:
    """The logarithm of how likely the texts are as Chinese, Japanese or Korean: ideographs in common use, in rows."""
    return _usual(name) + sum(_score_wide_text(text, name) for text in texts)


def _score_wide_text(text: str, name: str) -> float:
    score = 0.0
    for position, letter in enumerate(text):
        if letter < "\x80":
            continue
        neighbours = text[max(position - 1, 0) : position] + text[position + 1 : position + 2]
        alone = not any(other > "\x7f" for other in neighbours)
        mixed = any(other.isascii() and other.isalpha() for other in neighbours)
        score += _score_wide_letter(letter, name) + (RARE_SIGN if alone else 0.0) + (LOOSE_QUOTE if mixed else 0.0)
    return score


@lru_cache(maxsize=2**16)
def _score_wide_letter(letter: str, name: str) -> float:
    _, language = WIDE_ENCODINGS[name]
    if "\u3040" <= letter <= "\u30ff":
        return KANA if language == "Japanese" else RARE_IDEOGRAPH
    if "\u4e00" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7a3":
        if letter in read_common_characters()[language]:
            return COMMON_IDEOGRAPH
        return IDEOGRAPH if _is_first_level(letter, *_FIRST_LEVELS[name]) else RARE_IDEOGRAPH
    return WIDE_SIGN if "\u3000" <= letter <= "\u303f" or "\uff01" <= letter <= "\uff5e" else OTHER_SCRIPT


# The lead bytes of what is in use: GB 2312 level 1, Big5 level 1, JIS X 0208 level 1, KS X 1001's syllables.
_FIRST_LEVELS = {
    "gb18030": ("gb2312", 0xB0, 0xD7),
    "big5hkscs": ("big5", 0xA4, 0xC6),
    "cp932": ("euc-jp", 0xB0, 0xCF),
    "euc-jp": ("euc-jp", 0xB0, 0xCF),
    "cp949": ("euc-kr", 0xB0, 0xC8),
}


def _is_first_level(letter: str, standard: str, first: int, last: int) -> bool:
    try:
        return first <= letter.encode(standard)[0] <= last
    except UnicodeEncodeError:
        return False


def _is_letter(sign: str) -> bool:
    """Whether a character is a letter of a word; the micro sign and the ordinals stand by themselves."""
    return sign.isalpha() and sign not in "µªº"


def _lower(letter: str) -> str:
    """The small letter; the dotted capital of Turkish, whose small one is ASCII, counts as its undotted one."""
    return "ı" if letter == "İ" else letter.lower()


@lru_cache(maxsize=2**14)
def _script(letter: str) -> str:
    """LATIN, CYRILLIC, GREEK ...: the first word of the character's name in the Unicode Character Database."""
    return unicodedata.name(letter, "UNKNOWN").partition(" ")[0]
