"""Yes and no: words of many languages, their letters, a cross or nothing, and 1 or 0 where the header asks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from systemscripts.imports.suggest.header_words import is_letter_code, is_yes_or_no
from systemscripts.imports.suggest.value_spellings import Spelling

# what the conversion reads without a declaration
_DECLARED_NOWHERE = "true/false yes/no y/n t/f on/off"
_LANGUAGES = {
    "English": _DECLARED_NOWHERE,
    "German": "ja/nein j/n wahr/falsch an/aus ein/aus",
    "French": "oui/non o/n vrai/faux",
    "Spanish": "sí/no si/no s/n verdadero/falso",
    "Italian": "sì/no si/no s/n vero/falso",
    "Portuguese": "sim/não sim/nao s/n verdadeiro/falso",
    "Dutch": "ja/nee j/n waar/onwaar aan/uit",
    "Danish": "ja/nej j/n sand/falsk sandt/falsk til/fra",
    "Swedish": "ja/nej j/n sant/falskt på/av",
    "Norwegian": "ja/nei j/n sann/usann på/av",
    "Polish": "tak/nie t/n prawda/fałsz",
    "Finnish": "kyllä/ei tosi/epätosi",
    "Czech": "ano/ne pravda/nepravda",
    "Hungarian": "igen/nem igaz/hamis",
    "Romanian": "da/nu adevărat/fals",
    "Turkish": "evet/hayır evet/hayir doğru/yanlış",
}
_PAIRS = {
    language: [(yes, no) for yes, _, no in (pair.partition("/") for pair in pairs.split())]
    for language, pairs in _LANGUAGES.items()
}
_CROSSES = frozenset("x✓✔☑")
# a column in which only one of these or one letter occurs is more likely a code: Norway, Sunday, size S
_SHORT_WORDS = frozenset(
    ["no", "on", "si", "an", "da", "til", "fra", "av", "ne", "nu", "ei", "ja", "uit", "aan", "ein", "aus"]
)
# values with more different words are not answers, dirt aside
_MAX_WORDS = 30


def list_spellings(sample: Sequence[str], header: str) -> list[Spelling]:
    """Return the booleans that the values of a column may be; `sample`: values, none of them empty."""
    words = Counter(value.casefold() for value in sample)
    if len(words) > _MAX_WORDS:
        return []
    if 2 * (words["0"] + words["1"]) > len(sample):
        return [Spelling("boolean 1 and 0", "[01]", {"type": "boolean"})] if is_yes_or_no(header) else []
    common = words.most_common(1)[0][0]
    if common in _CROSSES:
        declared: dict[str, object] = {"type": "boolean", "true": common, "false": ""}
        return [
            Spelling(f"boolean {common} or blank", f"(?i:{common})", declared, "a blank means no", needs_empty=True)
        ]
    language, count = max(
        ((language, _count_answers(words, pairs)) for language, pairs in _PAIRS.items()), key=lambda item: item[1]
    )
    return _build_spellings(sample, words, _PAIRS[language], header) if 2 * count > len(sample) else []


def _count_answers(words: Counter[str], pairs: list[tuple[str, str]]) -> int:
    return sum(words[word] for word in {word for pair in pairs for word in pair})


def _build_spellings(
    sample: Sequence[str], words: Counter[str], pairs: list[tuple[str, str]], header: str
) -> list[Spelling]:
    """Return the boolean of the pairs that occur; a word that may be a code is text until its opposite occurs."""
    best = [pair for pair in pairs if all(word in words for word in pair)]
    used = best or [pair for pair in pairs if not words.keys().isdisjoint(pair)]
    # words of other pairs whose opposite never occurs
    rest = words.keys() - {word for pair in used for word in pair}
    used += [pair for pair in pairs if pair not in used and not rest.isdisjoint(pair)]
    seen = {word for pair in used for word in pair} & words.keys()
    if all(len(word) == 1 for word in seen) and is_letter_code(header):
        return []
    is_known = {*used} <= {*_PAIRS["English"]}
    yes, no = (list(dict.fromkeys(_write_as_seen(pair[side], sample) for pair in used)) for side in (0, 1))
    declared: dict[str, object] = {"type": "boolean"} | (
        {} if is_known else {"true": _shorten(yes), "false": _shorten(no)}
    )
    pattern = "|".join(sorted({form for pair in used for word in pair for form in _list_forms(word)}, reverse=True))
    name = "boolean" if is_known else f"boolean {yes[0]} and {no[0]}"
    boolean = Spelling(name, pattern, declared)
    if len(seen) == 1 and (seen <= _SHORT_WORDS or len(*seen) == 1) and not is_yes_or_no(header):
        (word,) = seen
        constant = Spelling(f"always {word}", f"(?i:{re.escape(word)})", {"type": "text"}, wider=frozenset({name}))
        return [constant, boolean]
    return [boolean]


def _shorten(words: list[str]) -> str | list[str]:
    return words[0] if len(words) == 1 else words


def _list_forms(word: str) -> list[str]:
    """Return a word in small letters, with a capital and in capitals, as far as the conversion takes them for equal."""
    forms = {word, word.capitalize(), word.upper()}
    return [re.escape(form) for form in forms if form.casefold() == word.casefold()]


def _write_as_seen(word: str, sample: Sequence[str]) -> str:
    """Return a word as the column writes it, or like its other words: in capitals or with a capital first letter."""
    for value in sample:
        if value.casefold() == word:
            return value
    if all(value.isupper() for value in sample[:10]):
        return word.upper()
    return word.capitalize() if all(value[:1].isupper() for value in sample[:10]) else word
