"""Guess the legacy encoding of some words: the one in which they read most like words of a language.

Each possible encoding decodes the words. Each non-ASCII letter scores by how common it is, between its neighbours, in
the best language of that encoding. What no language writes (a control character, a capital within a word, a box, a
letter next to one of another script) is nearly impossible. So a few letters are enough, where general detectors, which
count bytes, need some hundred.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain

from systemscripts.tables.text.alphabets import (
    LEGACY_ENCODINGS,
    UNUSUAL_LETTERS,
    WIDE_ENCODINGS,
    WORLDWIDE,
    read_common_characters,
    read_letters,
)

# Scores of one non-ASCII character: estimates of the natural logarithm of its probability. test_encoding_guess.py
# counts how many files in each encoding they recognise.
# A letter of the same script that the language does not have, and one of another script.
FOREIGN_LETTER, OTHER_SCRIPT = -9.0, -14.0
# A control character or an undefined byte, which only damage explains.
IMPOSSIBLE = -25.0
# A box, a sign within a word.
ODD_SIGN = -12.0
# A sign in an unexpected place, such as a currency without a number.
RARE_SIGN = -9.0
# A typographic quote before or after a word.
LOOSE_QUOTE = -6.5
# A sign in an expected place, such as degrees after a number.
COMMON_SIGN = -4.0
# µ before a letter.
UNIT_PREFIX = -2.5
# A capital at the beginning of a word, and one after other capitals.
CAPITAL, CAPITAL_AMONG_CAPITALS = -2.5, -0.5
# A capital within a word, a small letter within capitals.
CASE_BREAK = -9.0
# Hardly any word is longer, and the case of each letter is compared with those before it.
MAX_COMPARED_LETTERS = 40
# Added for each of the two neighbours: one of the letters that commonly precede or follow, or another one.
COMMON_NEIGHBOUR, ODD_NEIGHBOUR = 0.5, -1.0
# Added for a word with an ASCII letter that the language hardly uses.
UNUSUAL_WORD = -2.5
# Added for a word in another language than most of the file: one that is found everywhere, or a rarer one.
WORLDWIDE_WORD, FOREIGN_WORD = -3.0, -6.0
# A Japanese syllable, and a full-width sign: there are only some hundred of them.
KANA, WIDE_SIGN = -4.5, -5.0
# One of about 600 that make up most of a text, one of about 4,000 of the first level of each standard, and any other.
COMMON_IDEOGRAPH, IDEOGRAPH, RARE_IDEOGRAPH = -6.5, -9.5, -14.0
# The best encoding is sure with odds of 20 to 1 against the next, the natural logarithm of which is 3.
SURE_MARGIN = 3.0
# The margin is wider if the best encoding wins only because it is more usual.
PRIOR_MARGIN = 1.5 * SURE_MARGIN
# A euro after every number is hardly more of a proof than one after some.
MAX_SIGN_COUNT = 3
# With this share of words that a single-byte encoding cannot decode, the file is only damaged.
MAX_DAMAGED_SHARE = 0.05

# Signs that are expected before and after numbers.
_BEFORE_NUMBERS, _AFTER_NUMBERS = "€£¥$₪₫±~", "€£¥₪₫°%²³½¼¾ªº"
# After a sign, these letters make it part of a word. Those of °C, °F and °K do not.
_LETTERS = frozenset("ABDEGHIJLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
# Signs that are expected anywhere, and those within a word: apostrophes and the soft hyphen.
_IN_TEXT = "–—•·©®™§×…"
_WITHIN_WORDS = "’‘ʼ·\xad"


@dataclass(frozen=True)
class Guess:
    """Python's name of the likeliest encoding. `rival`: one that is nearly as likely and decodes other text, or ""."""

    name: str
    rival: str = ""


def guess_encoding(words: Sequence[bytes]) -> Guess | None:
    """Return the likeliest encoding of some words with non-ASCII bytes, or None if no encoding can decode them."""
    texts = {name: _decode_words(words, name) for name in (*LEGACY_ENCODINGS, *WIDE_ENCODINGS)}
    scores: dict[str, float] = {}
    for name, decoded in texts.items():
        if decoded is not None:
            scores[name] = _score_wide(decoded, name) if name in WIDE_ENCODINGS else _score_words(decoded, name)
    if not scores:
        return None
    best = max(scores, key=lambda name: scores[name])
    rivals = [name for name in scores if texts[name] != texts[best] and _may_be_meant(scores, name, best)]
    return Guess(best, max(rivals, key=lambda name: scores[name], default=""))


def _may_be_meant(scores: dict[str, float], name: str, best: str) -> bool:
    """Return whether an encoding is nearly as likely as the best one, or behind it only because it is less usual."""
    lag = scores[best] - scores[name]
    return lag < SURE_MARGIN or (lag < PRIOR_MARGIN and lag < _get_prior(best) - _get_prior(name))


def _get_prior(name: str) -> float:
    return (WIDE_ENCODINGS if name in WIDE_ENCODINGS else LEGACY_ENCODINGS)[name][0]


def _decode_words(words: Sequence[bytes], name: str) -> list[str] | None:
    """Return the decoded words, or None if too many of them are invalid in this encoding."""
    texts = [word.decode(name, errors="replace") for word in words]
    damaged = sum("\ufffd" in text for text in texts)
    tolerated = 0 if name in WIDE_ENCODINGS else len(words) * MAX_DAMAGED_SHARE
    return None if damaged > tolerated else texts


def _score_words(texts: list[str], name: str) -> float:
    """Return the logarithm of how likely the texts are in the languages of a single-byte encoding."""
    prior, languages = LEGACY_ENCODINGS[name]
    # Each word counts once: in many fields it proves as much as in one.
    words = list(dict.fromkeys(word for text in texts for word in _split_words(text)))
    by_language = {language: [_score_letters(word, language) for word in words] for language in languages}
    main = max(languages, key=lambda language: sum(by_language[language]))
    signs = Counter(chain.from_iterable(map(_find_signs, texts)))
    score = prior + sum(min(count, MAX_SIGN_COUNT) * _score_sign(*sign) for sign, count in signs.items())
    for position, own in enumerate(by_language[main]):
        foreign = (by_language[language][position] + _score_foreign_word(language) for language in languages)
        score += max(own, *foreign)
    return score


def _score_foreign_word(language: str) -> float:
    return WORLDWIDE_WORD if language in WORLDWIDE else FOREIGN_WORD


@lru_cache(maxsize=2**16)
def _split_words(text: str) -> list[str]:
    """Return the words of a text that have a non-ASCII letter."""
    marks = "".join(letter if _is_letter(letter) or unicodedata.combining(letter) else " " for letter in text)
    return [word for word in marks.split() if not word.isascii()]


@cache
def _compute_log_shares(language: str) -> dict[str, float]:
    letters = read_letters()[language]
    total = sum(share for share, _, _ in letters.values())
    return {letter: math.log(share / total) for letter, (share, _, _) in letters.items()}


@cache
def _find_language_script(language: str) -> str:
    return _find_script(next(iter(read_letters()[language])))


@lru_cache(maxsize=2**18)
def _score_letters(word: str, language: str) -> float:
    """Return the logarithm of how likely the non-ASCII letters of a word are in a language."""
    unusual = UNUSUAL_LETTERS.get(language, "")
    score = UNUSUAL_WORD if any(letter in unusual for letter in word.lower()) else 0.0
    for position, letter in enumerate(word):
        if letter < "\x80" or not _is_letter(letter):
            continue
        before, after = word[position - 1 : position] if position else "", word[position + 1 : position + 2]
        score += _score_letter(_lower_letter(letter), before.lower(), after.lower(), language)
        score += _score_case(letter, word, position)
    return score


def _score_letter(letter: str, before: str, after: str, language: str) -> float:
    share = _compute_log_shares(language).get(letter)
    if share is None:
        script = _find_script(letter)
        return FOREIGN_LETTER if script == _find_language_script(language) else OTHER_SCRIPT
    if ("a" <= before <= "z" or "a" <= after <= "z") and _find_language_script(language) != "LATIN":
        return share + OTHER_SCRIPT
    _, left, right = read_letters()[language][letter]
    score = share
    score += COMMON_NEIGHBOUR if (before or "^") in left else ODD_NEIGHBOUR if left else 0.0
    score += COMMON_NEIGHBOUR if (after or "$") in right else ODD_NEIGHBOUR if right else 0.0
    return score


def _score_case(letter: str, word: str, position: int) -> float:
    """Score the case of a letter: capitals are at the beginning of a word, or everywhere."""
    if not (letter.isupper() or letter.islower()) or letter == "ß":
        return 0.0
    before, after = word[max(position - MAX_COMPARED_LETTERS, 0) : position], word[position + 1 : position + 2]
    if letter.isupper():
        if any(other != other.upper() for other in before if other != "ß"):
            return CASE_BREAK
        # Also after one capital: "RŽunion" is not a word, but "ÎLE" and "GRÖßE" are.
        if before and after.islower() and after != "ß":
            return CASE_BREAK
        if not before:
            return CAPITAL
        return CAPITAL_AMONG_CAPITALS if before.isupper() else CASE_BREAK
    if len(before) > 1 and before.isupper():
        return CASE_BREAK
    return CASE_BREAK if after.isupper() else 0.0


@lru_cache(maxsize=2**16)
def _find_signs(text: str) -> frozenset[tuple[str, str, str]]:
    """Return the non-ASCII characters that are not part of a word, each with its neighbours; any digit is 0.

    The neighbour of the only letter of a number is the number, also where a blank is between them.
    """
    is_number = sum(map(str.isalpha, text)) == 1 and any(map(str.isdigit, text))
    signs = set()
    for position, sign in enumerate(text):
        if sign < "\x80":
            continue
        before, after = text[position - 1 : position] if position else "", text[position + 1 : position + 2]
        before, after = ("0" if neighbour.isdigit() else neighbour for neighbour in (before, after))
        if not _is_letter(sign):
            signs.add((sign, before, after))
        elif not before.isalpha() and not after.isalpha():
            signs.add((sign, before, after or "0") if is_number and before != "0" else (sign, before, after))
    return frozenset(signs)


def _score_sign(sign: str, before: str, after: str) -> float:
    """Return the logarithm of how likely a character is, between its neighbours, in any language."""
    if _is_letter(sign):
        if not (before + after).strip(" .-").isdigit():
            return 0.0
        return ODD_SIGN if before.isdigit() and after.isdigit() else LOOSE_QUOTE
    category = unicodedata.category(sign)
    if category in ("Cc", "Co", "Cn", "Cs") or sign == "\ufffd":
        return IMPOSSIBLE
    # vowels and tones of Thai, Hebrew, Arabic and Vietnamese
    if category in ("Mn", "Mc"):
        follows = before.isalpha() or unicodedata.category(before or " ").startswith("M")
        return COMMON_SIGN if follows and not before.isascii() else ODD_SIGN
    within = before.isalpha() and after.isalpha()
    if within and sign in _WITHIN_WORDS:
        return COMMON_SIGN
    if within and sign in "–—":
        return LOOSE_QUOTE
    if within or "\u2500" <= sign <= "\u25ff":
        return ODD_SIGN
    if sign == "\xa0":
        return COMMON_SIGN if before.strip() and after.strip() else LOOSE_QUOTE
    if sign == "µ":
        return UNIT_PREFIX if not before.isalpha() and after.isalpha() else RARE_SIGN
    if sign in _AFTER_NUMBERS and (before.isdigit() or not before.strip(" (")) and after not in _LETTERS:
        return COMMON_SIGN
    if sign in _BEFORE_NUMBERS and not before.isalpha() and (after.isdigit() or not after.strip(" -)")):
        return COMMON_SIGN
    if sign in "“«‘„‚‹¿¡":
        return LOOSE_QUOTE if not before.isalnum() and after.isalnum() else RARE_SIGN
    if sign in "”»’›“‘":
        return LOOSE_QUOTE if before.isalnum() and not after.isalnum() else RARE_SIGN
    return COMMON_SIGN if sign in _IN_TEXT else RARE_SIGN


def _score_wide(texts: list[str], name: str) -> float:
    """Return the logarithm of how likely the texts are as Chinese, Japanese or Korean."""
    return _get_prior(name) + sum(_score_wide_text(text, name) for text in texts)


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


# The lead bytes of characters in use: level 1 of GB 2312, Big5 and JIS X 0208, and the syllables of KS X 1001.
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
    """Return whether a character is a letter of a word. The micro sign and the ordinals are not."""
    return sign.isalpha() and sign not in "µªº"


def _lower_letter(letter: str) -> str:
    """Return the lower-case letter. İ of Turkish counts as ı, since its own lower case is ASCII."""
    return "ı" if letter == "İ" else letter.lower()


@lru_cache(maxsize=2**14)
def _find_script(letter: str) -> str:
    """Return LATIN, CYRILLIC, GREEK ...: the first word of the character's name in the Unicode Character Database."""
    return unicodedata.name(letter, "UNKNOWN").partition(" ")[0]
