"""Days as banks write them: the order of day and month is told by the whole file, or by a person, never assumed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from commands.imports.delimited.profile import folded
from commands.imports.reading import Reason
from commands.imports.texts import clean
from domain.ledger import FIRST_DAY, LAST_DAY

ORDERS = ("dmy", "mdy", "ymd")

MAX_DAY_CHARS = 60
"""The longest text that is tried as a day, with its time and zone."""

FIRST_SHORT_YEAR = 70
"""Years of two digits: 70 to 99 are of the last century, 00 to 69 of this one, as POSIX has it."""

_TIME = r"(?:[T\s,]+[0-9]{1,2}[:.h][0-9]{2}\S{0,20}(?:\s?\S{1,12}){0,2})?\s*\Z"
_NUMBERS = re.compile(rf"\s*([0-9]{{1,4}})([-/.])\s?([0-9]{{1,2}})\2\s?([0-9]{{1,4}}){_TIME}")
_COMPACT = re.compile(rf"\s*((?:19|20)[0-9]{{2}})([0-9]{{2}})([0-9]{{2}}){_TIME}")
_NAMED = re.compile(rf"\s*([0-9]{{1,2}})[\s./-]*(?:de\s+)?([^\W\d_]{{3,12}})[\s./,-]*(?:de\s+)?([0-9]{{4}}){_TIME}")
_NAMED_FIRST = re.compile(rf"\s*([^\W\d_]{{3,12}})\.?\s*([0-9]{{1,2}}),?\s+([0-9]{{4}}){_TIME}")
_ANYWHERE = re.compile(r"(?<![0-9])(?:[0-9]{4}[-/.][0-9]{2}[-/.][0-9]{2}|[0-9]{2}([-/.])[0-9]{2}\1[0-9]{4})(?![0-9])")
_MONTHS = (
    "jan january janeiro januar januari janvier enero ene gennaio gen",
    "feb february fev fevereiro februar februari fevrier febrero febbraio",
    "mar march marco marz marzo mars maart mrt mrz",
    "apr april abr abril avr avril aprile",
    "may mai maio mayo maggio mag mei",
    "jun june junho juni juin junio giugno giu",
    "jul july julho juli juil juillet julio luglio lug",
    "aug august ago agosto aout augustus",
    "sep sept september set setembro septembre septiembre settembre",
    "oct october out outubro oktober okt octobre octubre ottobre ott",
    "nov november novembro novembre noviembre",
    "dec december dez dezembro dezember decembre dic diciembre dicembre",
)
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}


@dataclass(frozen=True, slots=True)
class Told:
    """What a text says of a day: three numbers, and the orders in which they can be one."""

    numbers: tuple[int, int, int]
    orders: tuple[str, ...]
    is_sure: bool
    """Whether the text tells its order itself: by a year of four digits in front, or a month's name."""


@lru_cache(maxsize=8192)
def told(text: str) -> Told | None:
    """None for what is no day at all."""
    if len(text) > MAX_DAY_CHARS:
        return None
    found = _NUMBERS.match(text)
    if found is not None:
        return _of_numbers(found[1], found[3], found[4])
    found = _COMPACT.match(text)
    if found is not None:
        return Told((int(found[1]), int(found[2]), int(found[3])), ("ymd",), True)
    found = _NAMED.match(text)
    day, name, year = found.groups() if found is not None else ("", "", "")
    if found is None:
        found = _NAMED_FIRST.match(text)
        if found is None:
            return None
        name, day, year = found.groups()
    month = _MONTH_OF.get(folded(name))
    return Told((int(year), month, int(day)), ("ymd",), True) if month is not None else None


def _of_numbers(first: str, second: str, third: str) -> Told | None:
    a, b, c = int(first), int(second), int(third)
    if len(first) == 4:
        return Told((a, b, c), ("ymd",), True) if len(third) <= 2 and a >= FIRST_DAY.year else None
    if len(first) == 3 or len(third) == 3 or (len(third) == 4 and c < FIRST_DAY.year):
        return None
    orders = []
    if len(third) >= 2:
        if 1 <= a <= 31 and 1 <= b <= 12:
            orders.append("dmy")
        if 1 <= a <= 12 and 1 <= b <= 31:
            orders.append("mdy")
    if len(first) == 2 and len(third) <= 2 and 1 <= b <= 12 and 1 <= c <= 31:
        orders.append("ymd")
    return Told((a, b, c), tuple(orders), False)


def order_of(texts: Iterable[str]) -> tuple[str, str, tuple[str, ...]]:
    """The order that all of a file's days are in. Where they leave it open it is empty, and a text that could be two
    days follows, with the orders to choose from.
    """
    possible = set(ORDERS)
    named: set[str] = set()
    is_open = has_year_first = False
    example = first_open = ""
    for text in texts:
        day = told(text)
        if day is None or not day.orders:
            continue
        if day.is_sure:
            has_year_first = True
            continue
        is_open, first_open = True, first_open or text
        possible.intersection_update(day.orders)
        named.update(day.orders)
        if not example and len(day.orders) > 1:
            example = text
    if not is_open:
        return ("ymd" if has_year_first else ""), "", ()
    if len(possible) == 1:
        return possible.pop(), "", ()
    choices = tuple([order for order in ORDERS if order in (possible or named)])
    return "", clean(example or first_open)[:40], choices


def days_in(text: str) -> list[str]:
    """Texts of days within a line, as of the period above a file's rows."""
    return [found[0] for found in _ANYWHERE.finditer(text)]


class Days(dict[str, "date | Reason"]):
    """What each text means as a day in one order, or why it cannot be told; worked out once a text."""

    def __init__(self, order: str) -> None:
        super().__init__()
        self._order = order

    def __missing__(self, text: str) -> date | Reason:
        day = self._read(text)
        self[text] = day
        return day

    def _read(self, text: str) -> date | Reason:
        found = told(text)
        if found is None or not found.orders:
            return Reason("row_date_not_valid", {"text": clean(text)[:40]})
        if not found.is_sure and not self._order:
            return Reason("date_ambiguous", {"text": clean(text)[:40]})
        a, b, c = found.numbers
        order = "ymd" if found.is_sure else self._order
        year, month, day = {"ymd": (a, b, c), "dmy": (c, b, a), "mdy": (c, a, b)}[order]
        if year < 100:
            year += 1900 if year >= FIRST_SHORT_YEAR else 2000
        try:
            read = date(year, month, day)
        except ValueError:
            return Reason("row_date_not_valid", {"text": clean(text)[:40]})
        return read if FIRST_DAY <= read <= LAST_DAY else Reason("row_date_not_valid", {"text": clean(text)[:40]})
