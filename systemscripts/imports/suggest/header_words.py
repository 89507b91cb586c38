"""What the name of a column says about its values, where the values alone do not tell."""

from __future__ import annotations

import re


def _list_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_YES_NO_FIRST = _list_words("is has was can are did does ist hat est a es ha har er")
_YES_NO = _list_words(
    """flag active aktiv actif activo activa attivo attiva ativo ativa actief aktywny aktywna enabled bool boolean yn
    valid deleted confirmed verified approved subscribed optin consent blocked locked visible checked"""
)
_CODES = _list_words(
    """zip plz postcode postal postleitzahl postalcode zipcode
    postnr postnummer pocztowy cp phone tel telephone telefon telefono mobile mobil
    handy fax iban bic swift ean gtin upc isbn issn barcode sku isin lei cusip sedol wkn ticker symbol ssn vat ustid nif
    cif siren siret naics sic code kod codigo codice"""
)
_FIRST_CODES = _list_words("kod code codigo codice")
_NUMBER_WORDS = _list_words("no nr num number nummer numero numer")
_LETTER_CODES = _list_words(
    """direction dir compass hemisphere side size class grade type kind status category symbol ticker code sex gender
    country state region"""
)
_NUMBERED = _list_words(
    """id key index idx rank count qty quantity amount total sum price cost revenue sales turnover budget balance
    value volume population views clicks impressions visits size bytes area salary income profit capital cap debt
    umsatz betrag menge anzahl summe preis kosten wert montant prix somme quantite importe precio cantidad importo
    prezzo quantita valor preco quantidade bedrag aantal prijs belob antal belopp pris kwota ilosc cena"""
)
_MOMENTS = _list_words(
    """date datum dato data fecha day tag jour dia time zeit heure hora timestamp stamp ts epoch unix created updated
    modified changed at on since until when start end begin from to due sent paid birth birthday dob posted
    cree creado criado creato aangemaakt erstellt oprettet skapad utworzono"""
)
_MOMENT_ENDS = ("date", "datum", "time", "dato", "fecha", "tidspunkt")
_BIRTHS = _list_words("birth birthday birthdate dob born geburtsdatum geboren naissance nacimiento geb")
_DURATIONS = _list_words("duration length dauer duree duracion durata duur laufzeit runtime elapsed lap pace")


def is_yes_or_no(header: str) -> bool:
    """Return whether a header such as is_active or flag asks for yes or no."""
    words = _split_words(header)
    return (len(words) > 1 and words[0] in _YES_NO_FIRST) or not _YES_NO.isdisjoint(words)


def is_code(header: str) -> bool:
    """Return whether a header such as zip or phone means codes, whose digits are not a quantity."""
    words = [word for word in _split_words(header) if word not in _NUMBER_WORDS]
    return bool(words) and (words[-1] in _CODES or words[0] in _FIRST_CODES)


def is_letter_code(header: str) -> bool:
    """Return whether a header such as size or direction means codes of letters, not answers."""
    return not _LETTER_CODES.isdisjoint(_split_words(header))


def is_number(header: str) -> bool:
    """Return whether a header such as id or qty means numbers, also where all have as many digits."""
    return not _NUMBERED.isdisjoint(_split_words(header))


def is_moment(header: str) -> bool:
    """Return whether a header such as created_at or datum means dates or times."""
    words = _split_words(header)
    return not _MOMENTS.isdisjoint(words) or any(word.endswith(_MOMENT_ENDS) for word in words)


def is_birth(header: str) -> bool:
    """Return whether a header means days of birth, which are never in the future."""
    return not _BIRTHS.isdisjoint(_split_words(header))


def is_duration(header: str) -> bool:
    """Return whether a header means how long something took, not when it was."""
    return not _DURATIONS.isdisjoint(_split_words(header))


def _split_words(header: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", header).lower())
