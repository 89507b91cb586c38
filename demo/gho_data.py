"""Generates records like those of the WHO Global Health Observatory: indicator, country, year, sex."""

from __future__ import annotations

from typing import Any

COUNTRIES = {
    "ZAF": "AFR", "BWA": "AFR", "NAM": "AFR", "ZWE": "AFR", "MOZ": "AFR", "LSO": "AFR", "DEU": "EUR", "BRA": "AMR",
}  # fmt: skip
REGIONS = {"AFR": "Africa", "EUR": "Europe", "AMR": "Americas"}
SEXES = ("SEX_BTSX", "SEX_MLE", "SEX_FMLE")
YEARS = range(2000, 2026)
INDICATORS = {"WHOSIS_000001": 62.0, "WHOSIS_000015": 16.5}  # life expectancy at birth, at age 60
FIRST_PUBLISHED = "2024-08-05T10:12:00+02:00"  # years before 2022
PUBLISHED = "2026-08-02T09:43:39.193+02:00"
CORRECTED = "2026-11-20T10:00:00+01:00"


def make_records(indicator: str) -> list[dict[str, Any]]:
    """Return the records of an indicator as first published."""
    records: list[dict[str, Any]] = []
    for country_number, country in enumerate(COUNTRIES):
        for year in YEARS:
            for sex_number, sex in enumerate(SEXES):
                value = round(INDICATORS[indicator] + country_number / 2 + (year - 2000) / 5 + sex_number, 2)
                records.append(_make_record(indicator, 1000 + len(records), country, year, sex, value))
    return records


def correct_records(before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a later release: other ids, one corrected value, one impossible value, and a new field."""
    after = [{**record, "Id": record["Id"] + 500_000} for record in before]
    for record in after:
        key = (record["SpatialDim"], record["TimeDim"], record["Dim1"])
        if key == ("BWA", 2020, "SEX_FMLE"):
            record.update(NumericValue=61.125, Value="61.1 [60.0-62.0]", Date=CORRECTED, DataSourceDim="revised")
        elif key == ("ZAF", 2021, "SEX_MLE"):
            record.update(NumericValue=-1, Value="error", Date=CORRECTED)
    return after


def _make_record(indicator: str, number: int, country: str, year: int, sex: str, value: float) -> dict[str, Any]:
    missing = year == 2003 and sex == "SEX_MLE"
    return {
        "Id": number,
        "IndicatorCode": indicator,
        "SpatialDimType": "COUNTRY",
        "SpatialDim": country,
        "ParentLocationCode": COUNTRIES[country],
        "ParentLocation": REGIONS[COUNTRIES[country]],
        "TimeDimType": "YEAR",
        "TimeDim": year,
        "Dim1Type": "SEX",
        "Dim1": sex,
        "Dim2Type": None,
        "Dim2": None,
        "Value": None if missing else f"{value:.1f} [{value - 0.7:.1f}-{value + 0.8:.1f}]",
        "NumericValue": None if missing else value,
        "Low": None if missing else round(value - 0.7, 2),
        "High": None if missing else round(value + 0.8, 2),
        "Comments": None,
        "Date": PUBLISHED if year >= 2022 else FIRST_PUBLISHED,
        "TimeDimensionValue": str(year),
        "TimeDimensionBegin": f"{year}-01-01T00:00:00+01:00",
        "TimeDimensionEnd": f"{year}-12-31T00:00:00+01:00",
    }
