"""MT940: the statement message of SWIFT, with the habits of German, Dutch, Polish and Swiss banks.

A field is read whole or the file is refused: no statement line is passed over, and one without its closing balance is
half a file. The bank's own balances say whether the rows add up. The text of a row is taken apart only where the bank
marks its parts.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from io import StringIO

from commands.imports.closings import Balance, Message, dated_by_closing, statements_of
from commands.imports.mt940_details import MAX_DETAIL_CHARS, Words, is_reference, words_of
from commands.imports.reading import (
    MAX_IMPORT_ROWS,
    NO_HINTS,
    AccountType,
    Detected,
    Hints,
    Reason,
    StatementRow,
    Statements,
)
from commands.imports.texts import clean, decoded, read_instalment
from domain.errors import Rejected
from domain.money import ISO_4217, MAX_AMOUNT_MINOR, Amount, commodity

NAME = "mt940"

MAX_MESSAGES = 10_000
"""Messages of one file: a year of daily statements of some twenty accounts."""

FIRST_SHORT_YEAR = 80
"""Two digits from here on are of the twentieth century, as SWIFT reads them: 80 is 1980, 79 is 2079."""

HALF_YEAR_DAYS = 183
"""An entry's day has no year: it is the one that puts it within this of the value's."""

_LIKELY = re.compile(rb"^[^\n:]{0,3}:(20|25P?|28C?|60[FM]|61|62[FM]|86):", re.M)
_ENDINGS = (".sta", ".mt940", ".940", ".swi", ".fin")
_FIELD = re.compile(r":(13D?|20|21|25P?|28C?|34F|60[FM]?|61|62[FM]?|64|65|86|90[DC]|NS):")
_BALANCE = re.compile(r"([DC])(\d{6})([A-Z]{3})?\s?(\d{1,24}(?:,\d{0,9})?)\s*\Z", re.ASCII)
_LINE = re.compile(
    r"(\d{6})(\d{4}|\s{4})?(R?[DC])([A-Z])?\s?(\d{1,24}(?:,\d{0,9})?)([A-Z][A-Z0-9 ]{3})?([^\n]*)", re.ASCII
)
_REFERENCE_CHARS = 16
"""A customer's reference, where no mark ends it; what stands behind is the bank's own text."""


class Mt940:
    """Customer statement messages, one or many in a file, bare or in SWIFT's blocks."""

    name = NAME

    def fits(self, head: bytes, file_name: str) -> bool:
        tags = set(_LIKELY.findall(head.replace(b"\0", b"").replace(b"\r", b"\n")))
        return len(tags) > 1 or file_name.lower().endswith(_ENDINGS)

    def read(self, raw: bytes, hints: Hints = NO_HINTS) -> Statements:
        text, encoding = decoded(raw, None)
        reader = _Reader()
        reader.read(text)
        statements, doubts = statements_of(reader.messages)
        return Statements(Detected(encoding), statements, (*reader.remarks, *doubts))


@dataclass(slots=True)
class _Open:
    """A message while its fields are read."""

    reference: str
    account: str = ""
    number: str = ""
    currency: str = ""
    opening: Balance | None = None
    closing: Balance | None = None
    closing_is_final: bool = False
    rows: list[StatementRow] = field(default_factory=list)
    after_closing: int = 0


class _Reader:
    """One pass over the fields, messages as they end."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.remarks: list[Reason] = []
        self._open: _Open | None = None
        self._line: tuple[int, str] | None = None
        """A statement line, with its place, until all that belongs to it is read."""
        self._details: list[str] = []
        self._notes: list[str] = []
        self._takes_details = False
        self._row_count = 0

    def read(self, text: str) -> None:
        last_place = 0
        is_cut_in_balance = False
        for place, tag, value in _fields(text):
            is_cut_in_balance = tag in ("62F", "62M", "62") and not text.endswith(("\n", "\r"))
            last_place = place
            self._take(place, tag, value)
        if self._open is not None and self._open.closing is None:
            raise Rejected("import_cut_in_half", line=last_place)
        self._finish(last_place)
        if not self.messages:
            raise Rejected("mt940_without_statement")
        if is_cut_in_balance and any(
            doubt.code == "statement_does_not_add_up" for doubt in statements_of(self.messages[-1:])[1]
        ):
            raise Rejected("import_cut_in_half")

    def _take(self, place: int, tag: str, value: str) -> None:
        if tag == "86" and self._takes_details:
            self._details.append(value)
            return
        if tag == "NS" and self._takes_details:
            self._notes.append(value)
            return
        self._finish_row()
        if tag == "20":
            self._finish(place)
            if len(self.messages) >= MAX_MESSAGES:
                raise Rejected("too_many_statements", limit=MAX_MESSAGES)
            self._open = _Open(value)
            return
        message = self._open
        if message is None:
            if tag in ("60F", "60M", "60", "61", "62F", "62M", "62"):
                raise Rejected("mt940_not_well_formed", line=place, text=clean(f":{tag}:{value}"[:40]))
            return
        match tag:
            case "25" | "25P":
                message.account = value
            case "28" | "28C":
                message.number = value
            case "60" | "60F" | "60M":
                message.opening = self._balance(message, place, value)
            case "61":
                self._line, self._takes_details = (place, value), True
            case "62" | "62F" | "62M":
                message.closing = self._balance(message, place, value)
                message.closing_is_final = tag != "62M"
            case _:
                pass  # available balances, sums and what is about the message: nothing is booked from them

    def _balance(self, message: _Open, place: int, value: str) -> Balance:
        value = value.partition("\n")[0]
        found = _BALANCE.match(value)
        day, _ = read_day(found[2]) if found is not None else (None, False)
        if found is None or day is None:
            raise Rejected("mt940_not_well_formed", line=place, text=clean(value[:40]))
        mark, _, currency, figure = found.groups()
        if currency and message.currency and currency != message.currency:
            raise Rejected("mt940_not_well_formed", line=place, text=clean(value[:40]))
        message.currency = message.currency or currency or ""
        minor, places = _figure(figure, message.currency)
        if _is_beyond(minor, places):
            raise Rejected("mt940_not_well_formed", line=place, text=clean(value[:40]))
        return Balance(Amount(-minor if mark == "D" else minor, commodity(message.currency, places)), day)

    def _finish_row(self) -> None:
        if self._line is None or self._open is None:
            self._takes_details = False
            return
        place, value = self._line
        self._row_count += 1
        if self._row_count > MAX_IMPORT_ROWS:
            raise Rejected("import_too_many_rows", limit=MAX_IMPORT_ROWS)
        message = self._open
        message.rows.append(self._row(place, value, message.currency))
        if message.closing is not None:
            message.after_closing += 1
        self._line, self._takes_details = None, False
        self._details, self._notes = [], []

    def _row(self, place: int, value: str, currency: str) -> StatementRow:
        number = self._row_count
        found = _LINE.match(value)
        if found is None:
            raise Rejected("mt940_not_well_formed", line=place, text=clean(value[:40]))
        valued, entered, mark, _, figure, kind, rest = found.groups()
        minor, places = _figure(figure, currency)
        if _is_beyond(minor, places):
            raise Rejected("row_amount_not_valid", row=number, text=figure[:40])
        if mark in ("D", "RC"):
            minor = -minor
        day, was_moved = read_day(valued)
        if was_moved:
            self.remarks.append(Reason("date_moved_to_month_end", {"row": number, "text": valued, "date": day}))
        if entered is not None and not entered.isspace():
            day = entry_day(day, entered)
        left_out: Reason | None = None
        if day is None:
            left_out = Reason("row_date_not_valid", {"text": clean(f"{valued}{entered or ''}")})
        elif minor == 0:
            left_out = Reason("row_moves_nothing")
        bank_id, behind = _references(rest)
        supplement = value[found.end() : found.end() + MAX_DETAIL_CHARS]
        words = words_of(self._details, self._notes, Words(clean(behind), clean(supplement)))
        return StatementRow(
            number,
            day,
            Amount(minor, commodity(currency, places)),
            words.payee,
            words.memo,
            bank_id,
            (kind or "").strip(),
            read_instalment(f"{words.payee} {words.memo}"),
            left_out=left_out,
        )

    def _finish(self, place: int) -> None:
        self._finish_row()
        message, self._open = self._open, None
        if message is None:
            return
        if message.closing is None:
            raise Rejected("import_cut_in_half", line=place)
        inside = message.rows[: len(message.rows) - message.after_closing]
        facts: dict[str, object] = {"account": _account(message)[1]}
        if moved := dated_by_closing(inside, message.opening, message.closing):
            facts_of_moved = {**facts, "count": moved, "date": message.closing.on}
            self.remarks.append(Reason("rows_dated_by_closing_balance", facts_of_moved))
        if message.after_closing:
            self.remarks.append(Reason("rows_after_closing_balance", {**facts, "count": message.after_closing}))
        bank, number = _account(message)
        self.messages.append(
            Message(
                AccountType.CHECKING,
                bank,
                number,
                message.currency,
                f"{message.reference}|{message.number}",
                message.opening,
                message.closing,
                message.closing_is_final,
                (*inside, *message.rows[len(inside) :]),
                message.after_closing,
            )
        )


def _fields(text: str) -> Iterator[tuple[int, str, str]]:
    """Each field with the line it begins on, its tag and its value; lines that belong to no field are passed over.

    A line of a single hyphen ends a message; nothing behind it belongs to a field that began before.
    """
    tag, value, begun = "", [""], 0
    for place, written in enumerate(StringIO(text, newline=None), 1):
        if written == "\n":
            continue
        line = written.rstrip("\n")
        found = _FIELD.match(line)
        if found is None and not (line[:1].isprintable() and line[:1] not in ("{", "-")):
            line = line.lstrip("\x00\x01\x02\x03\ufeff")
            block = line.rpartition("{4:")[2] if line.startswith("{") else line
            found = _FIELD.match(block)
            line = block if found is not None else line
        if found is not None:
            if tag:
                yield begun, tag, "\n".join(value)
            tag, value, begun = found[1], [line[found.end() :]], place
        elif tag and _ends_message(line):
            yield begun, tag, "\n".join(value)
            tag = ""
        elif tag:
            value.append(line)
    if tag:
        yield begun, tag, "\n".join(value)


def _ends_message(line: str) -> bool:
    return line[:1] == "-" and (line.rstrip("\x03 ") in ("-", "-XXX") or line.startswith("-}"))


def _account(message: _Open) -> tuple[str, str]:
    """Bank and number as field 25 has them: `10020030/1234567`, a BIC before the stroke, or a bare IBAN."""
    written = clean(message.account.partition("\n")[0])
    bank, stroke, number = written.rpartition("/")
    if not stroke:
        bank, number = "", written
    number = number.strip(' "')
    if message.currency and number.endswith(message.currency):
        number = number.removesuffix(message.currency).rstrip()
    return bank.strip(), number


def _references(rest: str) -> tuple[str, str]:
    """The bank's id of a row and what stands behind the references: the bank's reference, else the customer's."""
    customer, mark, bank = rest.partition("//")
    behind = ""
    if not mark:
        customer, behind = customer[:_REFERENCE_CHARS], customer[_REFERENCE_CHARS:]
    for reference in (clean(bank), clean(customer)):
        if is_reference(reference):
            return reference, behind
    return "", behind


def _figure(text: str, currency: str) -> tuple[int, int]:
    """`(minor, places)` of digits with a comma; zeros beyond the currency's places are dropped."""
    whole, _, places = text.partition(",")
    scale = ISO_4217[currency].scale if currency in ISO_4217 else 2
    while len(places) > scale and places[-1] == "0":
        places = places[:-1]
    return int(whole + places), len(places)


def _is_beyond(minor: int, places: int) -> bool:
    return minor > MAX_AMOUNT_MINOR * int(10 ** max(0, places - 2))


@lru_cache(maxsize=4096)
def read_day(text: str) -> tuple[date | None, bool]:
    """The day of `YYMMDD`, and whether it is the last of February where a later one was written: banks that count
    thirty days a month write 30 February.
    """
    year, month, day = int(text[:2]), int(text[2:4]), int(text[4:6])
    year += 1900 if year >= FIRST_SHORT_YEAR else 2000
    if month == 2 and monthrange(year, 2)[1] < day <= 30:
        return date(year, 2, monthrange(year, 2)[1]), True
    try:
        return date(year, month, day), False
    except ValueError:
        return None, False


@lru_cache(maxsize=4096)
def entry_day(valued: date | None, text: str) -> date | None:
    """The day of `MMDD` nearest to the value's; the value's own where there is no such day."""
    if valued is None:
        return None
    for year in (valued.year, valued.year - 1, valued.year + 1):
        try:
            day = date(year, int(text[:2]), int(text[2:]))
        except ValueError:
            continue
        if abs((day - valued).days) <= HALF_YEAR_DAYS:
            return day
    return valued
