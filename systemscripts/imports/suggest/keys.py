"""Find the columns that identify a row: one, or two or three together."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# names of columns that identify something, in the languages of clients
_KEY_NAME = re.compile(
    r"(?:^|_)(?:id|ids|uid|uuid|guid|no|nr|num|number|nummer|numero|numer|code|kod|key|ref|reference|referenz|sku|ean|isin|iban|lei"
    r"|email|e_mail|mail|login|username|barcode|belegnr|kennung|clave|codigo|codice)(?:_\d+)?$|(?:id|nr|code|key|number|nummer)$"
)
KEY_TYPES = ("text", "integer", "bigint")
PART_TYPES = (*KEY_TYPES, "date", "timestamp", "timestamptz", "time")
# what names a person or a place beside the row itself: its values may repeat in the next file
_OTHER_NAME = re.compile(
    r"konto|account|acct|iban|bic|blz|phone|tel|fax|mobil|zip|plz|post|cust|client|kund|card|bank|tax|vat|ust|mail"
)
# In fewer rows nearly every column has a different value in each.
MIN_ROWS = 5
# Pairs and triples of more columns would take too long, and the key is hardly among the last ones.
MAX_COMBINED_COLUMNS = 10
# a column of longer texts is not a name for a row
MAX_KEY_CHARACTERS = 60


@dataclass(frozen=True)
class KeyCandidate:
    """Columns whose values are different in every row.

    `is_named`: the name says that it is a key. `seen_rows`: in how many rows, 0: in all. `others`: other candidates.
    `is_chosen`: a person chose them.
    """

    columns: tuple[str, ...]
    is_named: bool
    seen_rows: int = 0
    others: tuple[str, ...] = ()
    is_chosen: bool = False

    @property
    def is_sure(self) -> bool:
        """Return whether it may be declared as the key without asking."""
        return self.is_chosen or (self.is_named and not self.seen_rows and len(self.columns) == 1)

    def explain(self) -> str:
        """Return why they may be the key."""
        if self.is_chosen:
            return "as it was chosen"
        where = f"in the first {self.seen_rows:,} rows" if self.seen_rows else "in every row"
        others = f"; so {'are' if len(self.others) > 1 else 'is'} {', '.join(self.others)}" if self.others else ""
        return f"{'different' if len(self.columns) == 1 else 'together different'} {where}{others}"


def _place_named_first(name: str) -> int:
    return 2 if not is_key_name(name) else 1 if _OTHER_NAME.search(name) else 0


def find_key(
    types: Mapping[str, str], unique: Sequence[str], columns: Mapping[str, Sequence[str]], rows: int
) -> KeyCandidate | None:
    """Return the likeliest key of a file, None if nothing tells its rows apart.

    `types`: of each column. `unique`: columns that are filled and different in all `rows`. `columns`: the values of the
    first rows, without totals.
    """
    if rows < 2:
        return None
    single = sorted((name for name in unique if types[name] in KEY_TYPES), key=_place_named_first)
    if single:
        others = tuple(name for name in single[1:4] if rows >= MIN_ROWS)
        best = single[0]
        is_named = is_key_name(best) and not _OTHER_NAME.search(best) and rows >= MIN_ROWS
        return KeyCandidate((best,), is_named, others=others)
    return _find_combination(types, columns, rows) if rows >= 2 * MIN_ROWS else None


def is_key_name(name: str) -> bool:
    """Return whether a column is called like a key."""
    return bool(_KEY_NAME.search(name))


def _find_combination(types: Mapping[str, str], columns: Mapping[str, Sequence[str]], rows: int) -> KeyCandidate | None:
    """Return the first two or three columns that together are different in every row that was looked at."""
    possible = [
        name
        for name, values in columns.items()
        if types.get(name) in PART_TYPES
        and all(map(str.strip, values))
        and len(max(values, key=len, default="")) <= MAX_KEY_CHARACTERS
    ]
    possible = sorted(sorted(possible, key=_place_named_first)[:MAX_COMBINED_COLUMNS], key=list(columns).index)
    seen = len(next(iter(columns.values()), ()))
    for count in (2, 3):
        combined = [
            names
            for names in itertools.combinations(possible, count)
            if len(set(zip(*(columns[name] for name in names), strict=True))) == seen
        ]
        if combined:
            best = max(combined, key=lambda names: sum(map(is_key_name, names)))
            return KeyCandidate(best, all(map(is_key_name, best)), 0 if seen == rows else seen)
    return None
