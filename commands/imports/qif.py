"""QIF: what Quicken and whoever copies it write, one letter a line.

The file does not say how its dates are ordered, which mark its decimals have, what currency it is in or what an account
held: the order is found from all its dates together, or asked; a figure that could be a thousand is asked; the rest is
left to be said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from io import StringIO

from commands.imports.reading import (
    MAX_IMPORT_ROWS,
    NO_HINTS,
    AccountType,
    Detected,
    Hints,
    Question,
    Reason,
    Split,
    Statement,
    StatementRow,
    Statements,
)
from commands.imports.texts import clean, decimal_mark_of, decoded, read_figure, read_instalment
from domain.errors import Rejected
from domain.ledger import FIRST_DAY, LAST_DAY
from domain.money import MAX_AMOUNT_MINOR, Amount, commodity

NAME = "qif"

MAX_ACCOUNTS = 1_000
"""Accounts of one file."""

MAX_FIELD_CHARS = 10_000
"""Of one line, what is looked at: five times the longest text that is kept."""

MAX_SECTION_CHARS = 40
"""Of the name of a section that is left out, what is told."""

PLACES = 2
"""Decimal places beyond which zeros say nothing; the file names no currency that could have others."""

FIRST_SHORT_YEAR = 70
"""Two digits from here on, without Quicken's apostrophe, are of the twentieth century."""

MIN_DATES = 3
"""Different dates from which on it tells that they lie in one month."""

_HEADER = re.compile(rb"\s*(?:#[^\n]*\n\s*)*!(?:type|account|option|clear)\b", re.IGNORECASE)
_SECTIONS = {
    "bank": AccountType.CHECKING,
    "cash": AccountType.CHECKING,
    "otha": AccountType.CHECKING,
    "ccard": AccountType.CARD,
    "othl": AccountType.CREDIT_LINE,
    "invst": AccountType.INVESTMENT,
}
_PARTS = re.compile(r"\s*([0-9]{1,4})\s*[/.\-]\s*([0-9]{1,2})\s*([/.\-']|/\s*')\s*([0-9]{1,4})\s*", re.ASCII)
_DIGITS = re.compile(r"\s*([0-9]{4})([0-9]{2})([0-9]{2})\s*", re.ASCII)
_OPENING = "opening balance"
"""What Quicken calls the payee of a record that is no movement, in capitals as it likes."""


class Qif:
    """Quicken Interchange Format: bank, cash and card accounts; investments are listed and not booked."""

    name = NAME

    def fits(self, head: bytes, file_name: str) -> bool:
        head = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")
        return _HEADER.match(head) is not None or file_name.lower().endswith(".qif")

    def read(self, raw: bytes, hints: Hints = NO_HINTS) -> Statements:
        text, encoding = decoded(raw, None)
        file = _File()
        file.read(text)
        if not file.accounts:
            raise Rejected("qif_without_transactions")
        found = date_order(file.dates(), hints.date_order)
        rows = _Rows(found.order, hints.decimal_mark)
        statements = tuple([rows.statement(number, account) for number, account in enumerate(file.accounts, 1)])
        questions: list[Question] = []
        if found.example:
            facts, choices = {"example": found.example}, ("dmy", "mdy")
            questions.append(Question("which_date_order", "date_order", facts, choices, needed=not found.order))
        if rows.ambiguous:
            facts = {"example": rows.ambiguous}
            questions.append(Question("which_decimal_mark", "decimal_mark", facts, (".", ","), needed=True))
        remarks = [Reason("section_left_out", {"section": name, "count": n}) for name, n in file.passed_over.items()]
        detected = Detected(encoding, decimal_mark=rows.seen_mark, date_order=found.order)
        return Statements(detected, statements, tuple(remarks), tuple(questions))


# The file's records


@dataclass(slots=True)
class _Part:
    category: str
    memo: str = ""
    figure: str = ""


@dataclass(slots=True)
class _Record:
    """One record as written: texts by the letter of their lines, and its parts."""

    number: int
    texts: dict[str, str] = field(default_factory=dict)
    parts: list[_Part] = field(default_factory=list)


@dataclass(slots=True)
class _Account:
    type: AccountType
    name: str
    records: list[_Record] = field(default_factory=list)


class _File:
    """One pass over the lines: which section it is in, accounts with their records."""

    def __init__(self) -> None:
        self.accounts: list[_Account] = []
        self.passed_over: Counter[str] = Counter()
        self._by_place: dict[tuple[str, AccountType], _Account] = {}
        self._name = ""
        self._row_count = self._part_count = 0

    def dates(self) -> Iterator[str]:
        return (record.texts.get("D", "") for account in self.accounts for record in account.records)

    def read(self, text: str) -> None:
        section, account = "", None
        texts: dict[str, str] = {}
        parts: list[_Part] = []
        for place, line in enumerate(StringIO(text.lstrip("\ufeff"), newline=None), 1):
            letter = line[:1]
            if letter == "\n":
                continue
            if letter == "^":
                if account is not None:
                    self._take(account, texts, parts)
                elif section == "account":
                    self._name = clean(texts.get("N", ""))
                elif section:
                    self.passed_over[section] += 1
                elif texts or parts:
                    raise Rejected("qif_not_well_formed", line=place)
                texts, parts = {}, []
            elif letter == "!":
                if texts or parts:
                    raise Rejected("qif_not_well_formed", line=place)
                section, account = self._section(line, section, account)
            elif letter == "S":
                parts.append(_Part(_told(line)))
                self._part_count += 1
                if self._part_count > MAX_IMPORT_ROWS:
                    raise Rejected("import_too_many_rows", limit=MAX_IMPORT_ROWS)
            elif letter == "$" and parts:
                parts[-1].figure = _told(line)
            elif letter == "E" and parts:
                parts[-1].memo = _told(line)
            elif letter == "M" and "M" in texts:
                if len(texts["M"]) < MAX_FIELD_CHARS:
                    texts["M"] = f"{texts['M']} {_told(line)}"
            elif letter in "DTUPMLNYIQ" and letter not in texts and letter:
                texts[letter] = _told(line)
        if texts or parts:
            raise Rejected("import_cut_in_half")

    def _section(self, line: str, section: str, account: _Account | None) -> tuple[str, _Account | None]:
        """The section that a header begins, and the account that its records are of."""
        head, _, name = line[1:].strip().partition(":")
        head = head.strip().casefold()
        if head in ("option", "clear"):
            return section, account
        if head == "account":
            return "account", None
        folded = "".join(name.split()).casefold()
        kind = _SECTIONS.get(folded)
        if head != "type" or kind is None:
            return clean(line[1 : MAX_SECTION_CHARS + 1]), None
        place = (self._name, kind)
        if place not in self._by_place:
            if len(self.accounts) >= MAX_ACCOUNTS:
                raise Rejected("too_many_statements", limit=MAX_ACCOUNTS)
            self._by_place[place] = _Account(kind, self._name)
            self.accounts.append(self._by_place[place])
        return folded, self._by_place[place]

    def _take(self, account: _Account, texts: dict[str, str], parts: list[_Part]) -> None:
        if not texts and not parts:
            return
        self._row_count += 1
        if self._row_count > MAX_IMPORT_ROWS:
            raise Rejected("import_too_many_rows", limit=MAX_IMPORT_ROWS)
        account.records.append(_Record(self._row_count, texts, parts))


def _told(line: str) -> str:
    return line[1 : MAX_FIELD_CHARS + 1].strip()


# Days


@dataclass(frozen=True, slots=True)
class DateOrder:
    """How days and months are ordered: "ymd", "dmy", "mdy" or, where that must be asked, empty. `example` is a date
    that the other order would read as another day, where a person should look at it.
    """

    order: str
    example: str = ""


def date_order(texts: Iterable[str], hint: str) -> DateOrder:
    """The order of day and month that fits every date. "ymd" where each begins with its year, which is always read so;
    `hint` is a person's answer.
    """
    pairs: dict[tuple[date | None, date | None], str] = {}
    for text in texts:
        dmy, mdy, is_certain = readings_of(text)
        if not is_certain and (dmy is not None or mdy is not None):
            pairs.setdefault((dmy, mdy), text)
    if hint in ("dmy", "mdy"):
        return DateOrder(hint)
    if not pairs:
        return DateOrder("ymd")
    by_day = [dmy for dmy, _ in pairs if dmy is not None]
    by_month = [mdy for _, mdy in pairs if mdy is not None]
    if len(by_day) < len(pairs) and len(by_month) < len(pairs):
        return DateOrder("", clean(next(iter(pairs.values()))[:40]))  # no order fits all
    if len(by_day) < len(pairs) or len(by_month) < len(pairs):
        return DateOrder("dmy" if len(by_day) == len(pairs) else "mdy")
    examples = [clean(text[:40]) for (dmy, mdy), text in pairs.items() if dmy != mdy]
    if not examples:
        return DateOrder("dmy")  # every day is that of its month: either order reads the same
    if _is_one_month(by_day, by_month):
        return DateOrder("dmy", examples[0])
    return DateOrder("mdy" if _is_one_month(by_month, by_day) else "", examples[0])


def _is_one_month(days: Sequence[date], otherwise: Sequence[date]) -> bool:
    """Whether dates lie in one month that otherwise would be the same day of several months, with gaps between them.

    Nobody moves money so. What falls on one day of months in a row may be a standing payment: that does not tell.
    """
    if len(days) < MIN_DATES or len({(day.year, day.month) for day in days}) > 1:
        return False
    months = sorted({day.year * 12 + day.month for day in otherwise})
    return months[-1] - months[0] >= len(months)


@lru_cache(maxsize=8192)
def readings_of(text: str) -> tuple[date | None, date | None, bool]:
    """A date with its day first and with its month first, and whether it begins with its year, so that both are one.

    `1/ 9'26` is Quicken's for a year from 2000 on.
    """
    found = _DIGITS.fullmatch(text) or _PARTS.fullmatch(text)
    if found is None:
        return None, None, False
    if found.re is _DIGITS or len(found[1]) == 4:
        last = found[found.re.groups]
        day = _day(int(found[1]), int(found[2]), int(last)) if len(last) <= 2 else None
        return day, day, True
    first, second, mark, last = found.groups()
    if len(last) == 4:
        year = int(last)
    elif len(last) <= 2:
        is_late = "'" in mark or int(last) < FIRST_SHORT_YEAR
        year = int(last) + (2000 if is_late else 1900)
    else:
        return None, None, False
    return _day(year, int(second), int(first)), _day(year, int(first), int(second)), False


def _day(year: int, month: int, day: int) -> date | None:
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return found if FIRST_DAY <= found <= LAST_DAY else None


# Rows


class _Rows:
    """Records becoming rows, once the order of dates is known."""

    def __init__(self, order: str, mark: str) -> None:
        self.ambiguous = ""
        """The first figure that could be a thousand."""
        self.seen_mark = mark
        self._order = order
        self._mark = mark

    def statement(self, number: int, account: _Account) -> Statement:
        is_investment = account.type is AccountType.INVESTMENT
        make = self._investment if is_investment else self._row
        rows = tuple([make(record, account.name) for record in account.records])
        account.records.clear()
        days = [row.date for row in rows if row.date is not None]
        first, last = min(days, default=None), max(days, default=None)
        return Statement(number, account.type, "", account.name, "", first, last, None, None, rows)

    def _row(self, record: _Record, account: str) -> StatementRow:
        texts = record.texts
        day, left_out = self._day(texts.get("D", ""))
        amount, not_read = self._amount(record.number, texts.get("T") or texts.get("U", ""))
        category, words = _category(texts.get("L", ""))
        check, kind = _check(texts.get("N", ""))
        payee = clean(texts.get("P", ""))
        memo = clean(" ".join([text for text in (texts.get("M", ""), words, check) if text]))
        splits, not_split = self._splits(record, amount)
        left_out = left_out or not_read or not_split
        if left_out is None and amount is not None and amount.minor == 0:
            left_out = Reason("row_moves_nothing")
        if _is_opening(texts, account):
            left_out = Reason("row_is_opening_balance")
        return StatementRow(
            record.number,
            day,
            amount,
            payee or memo,
            memo if payee else "",
            "",
            kind,
            read_instalment(f"{payee} {memo}"),
            left_out=left_out,
            category="" if record.parts else category,
            splits=splits,
        )

    def _investment(self, record: _Record, account: str) -> StatementRow:
        """A row that is listed only; day and amount as far as they can be read."""
        texts = record.texts
        day, _ = self._day(texts.get("D", ""))
        try:
            minor, places = self._figure(texts.get("T") or texts.get("U", ""))
            amount = Amount(minor, commodity("", places)) if abs(minor) <= MAX_AMOUNT_MINOR * 10**places else None
        except Rejected:
            amount = None
        payee = clean(" ".join([texts.get("N", ""), texts.get("Y", "") or texts.get("P", "")]))
        left_out = Reason("row_of_investment")
        return StatementRow(record.number, day, amount, payee, clean(texts.get("M", "")), "", "", left_out=left_out)

    def _day(self, text: str) -> tuple[date | None, Reason | None]:
        dmy, mdy, is_certain = readings_of(text)
        if dmy is None and mdy is None:
            return None, Reason("row_date_not_valid", {"text": clean(text[:40])})
        if not self._order and not is_certain:
            return None, Reason("date_ambiguous", {"text": clean(text[:40])})
        day = mdy if self._order == "mdy" else dmy
        return day, None if day is not None else Reason("row_date_not_valid", {"text": clean(text[:40])})

    def _figure(self, text: str) -> tuple[int, int]:
        """As `read_figure`; a person's word on the mark decides only what the figure itself leaves open."""
        if not self.seen_mark:
            self.seen_mark = decimal_mark_of(text)
        try:
            return read_figure(text, PLACES)
        except Rejected as rejected:
            if rejected.code != "amount_ambiguous" or not self._mark:
                raise
        return read_figure(text, PLACES, self._mark)

    def _amount(self, number: int, text: str) -> tuple[Amount | None, Reason | None]:
        try:
            minor, places = self._figure(text)
        except Rejected as rejected:
            if rejected.code != "amount_ambiguous":
                raise Rejected("row_amount_not_valid", row=number, text=clean(text[:40])) from None
            self.ambiguous = self.ambiguous or clean(text[:40])
            return None, Reason("amount_ambiguous", rejected.params)
        if abs(minor) > MAX_AMOUNT_MINOR * 10 ** max(0, places - PLACES):
            raise Rejected("row_amount_not_valid", row=number, text=clean(text[:40]))
        return Amount(minor, commodity("", places)), None

    def _splits(self, record: _Record, whole: Amount | None) -> tuple[tuple[Split, ...], Reason | None]:
        """The parts of a row, which must sum to it."""
        splits: list[Split] = []
        for part in record.parts:
            if not part.figure:
                return (), Reason("row_splits_do_not_add_up")
            amount, not_read = self._amount(record.number, part.figure)
            if amount is None:
                return (), not_read
            category, words = _category(part.category)
            splits.append(Split(amount, category, clean(f"{part.memo} {words}")))
        if splits and whole is not None and not _sum_to(whole, splits):
            return (), Reason("row_splits_do_not_add_up")
        return tuple(splits), None


def _sum_to(whole: Amount, splits: Sequence[Split]) -> bool:
    scale = max([whole.commodity.scale, *[split.amount.commodity.scale for split in splits]])
    return sum(_at_scale(split.amount, scale) for split in splits) == _at_scale(whole, scale)


def _at_scale(amount: Amount, scale: int) -> int:
    return amount.minor * int(10 ** (scale - amount.commodity.scale))


def _category(text: str) -> tuple[str, str]:
    """A category, and what else stands with it for the memo: a class behind a stroke, or the account of a transfer."""
    if text.startswith("["):
        account, bracket, behind = text.partition("]")
        return "", clean(f"{account}{bracket} {behind.removeprefix('/')}")
    category, _, label = text.partition("/")
    return clean(category), clean(label)


def _check(text: str) -> tuple[str, str]:
    """A check's number for the memo, or what kind of movement it is (`ATM`, `DEP`)."""
    if text.isdigit():
        return (f"#{text}" if text.strip("0") else ""), ""
    return "", clean(text).upper()


def _is_opening(texts: dict[str, str], account: str) -> bool:
    """Whether a record is Quicken's opening balance: a transfer from the account to itself, or so called."""
    category = texts.get("L", "")
    if not category.startswith("["):
        return False
    other = clean(category[1:].partition("]")[0])
    return (bool(account) and other == account) or texts.get("P", "").casefold() == _OPENING
