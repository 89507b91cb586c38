"""The words by which reports name their totals and subtotals, in the languages of our clients."""

from __future__ import annotations

import re

_WORDS = (
    # English, French, Spanish, Italian, Portuguese
    "total", "totals", "subtotal", "subtotals", "totaux", "totales", "totale", "totali", "subtotale", "subtotales",
    "totais", "sum", "somme", "suma", "somma", "soma",
    # German
    "summe", "gesamt", "gesamtsumme", "gesamtergebnis", "zwischensumme", "ergebnis", "endsumme", "insgesamt",
    # Dutch
    "totaal", "subtotaal", "eindtotaal", "som",
    # Danish, Norwegian, Swedish
    "ialt", "i alt", "hovedtotal", "delsum", "totalt", "summa", "delsumma", "totalsumma",
    # Polish
    "razem", "ogółem", "łącznie", "suma częściowa", "podsuma",
)  # fmt: skip
# what accounts begin and end with, which no other rows add up to
_BALANCES = (
    "balance", "closing balance", "opening balance", "ending balance", "beginning balance", "saldo", "saldo końcowe",
    "saldo początkowe", "saldo final", "saldo inicial", "saldo finale", "saldo iniziale", "solde", "solde final",
    "endsaldo", "anfangssaldo", "kontostand", "eindsaldo", "beginsaldo", "slutsaldo",
)  # fmt: skip
_ANY = "|".join(sorted(map(re.escape, _WORDS + _BALANCES), key=len, reverse=True))
_STARS = re.compile(r"^\s*\*+\s*$", re.MULTILINE)
_PREFIXES = ("grand", "sub", "sous", "net", "gross", "overall")
_BEFORE = rf"(?:{'|'.join(_PREFIXES)})[\s-]*"
_FIRST_WORDS = frozenset(prefix + word.split()[0] for word in _WORDS + _BALANCES for prefix in ("", *_PREFIXES))
_AFTER = r"(?:\s+(?:général|general|geral|generale|complessivo|amount|końcowa|sum|all))?"
# at most this many letters: longer texts are sentences
MAX_LETTERS = 80
_AT_START = re.compile(rf"\W*((?:{_BEFORE})?(?:{_ANY}){_AFTER})\b", re.IGNORECASE)
_AT_END = re.compile(rf"(?<!\w)((?:{_BEFORE})?(?:{_ANY}))\W*\Z", re.IGNORECASE)


def may_name_totals(text: str) -> bool:
    """Return whether some of many values, one in a line, may name a total: most columns have no such word at all."""
    return not _FIRST_WORDS.isdisjoint(re.findall(r"\w+", text.lower())) or _STARS.search(text) is not None


def is_balance(value: str) -> bool:
    """Return whether a text names the balance of an account."""
    return re.match(rf"\W*(?:{'|'.join(_BALANCES)})\b", value, re.IGNORECASE) is not None


def find_total_word(value: str) -> str:
    """Return a pattern for what a value may be in other files, such as `Total *`; "" if it does not name a total."""
    text = value.strip()
    if not text or len(text) > MAX_LETTERS:
        return ""
    # lists of SAP mark their totals with stars
    if set(text) == {"*"}:
        return as_literal(text)
    if match := _AT_START.match(text):
        is_whole = not re.search(r"\w", text[match.end() :])
        return as_literal(text) if is_whole else f"{as_literal(text[: match.end()])}*"
    if match := _AT_END.search(text):
        return f"*{as_literal(text[match.start() :])}"
    return ""


def as_literal(text: str) -> str:
    """Return a text as skip_if writes it where a star is not any text."""
    return text.replace("*", r"\*")
