"""One entry of a CAMT statement becoming one row.

The entry's own amount and direction are what the account moved; its payments only say who and what for, and are parts
of the row where they sum to it. A reversal's direction is already its own: it only turns round who the other side is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from commands.imports.closings import Balance
from commands.imports.reading import Reason, Split, StatementRow
from commands.imports.texts import clean, read_instalment
from domain.errors import Rejected
from domain.ledger import FIRST_DAY, LAST_DAY
from domain.money import ISO_4217, MAX_AMOUNT_MINOR, Amount, commodity

NAMES_TOLD = 3
"""How many of an entry's payments are named in its payee."""

MIN_ENTRY_REFERENCE = 6
"""A shorter reference of an entry is its place in the statement, which another statement counts otherwise."""

_FIGURE = re.compile(r"\s*+\+?+([0-9]{0,24}+)(?:\.([0-9]{0,17}+))?+\s*+", re.ASCII)
_DAY = re.compile(r"\s*([0-9]{4}-[0-9]{2}-[0-9]{2})", re.ASCII)
_NO_REFERENCES = frozenset({"", "NOTPROVIDED", "NONREF", "NOTAVAILABLE"})
_PENDING = frozenset({"PDNG", "FUTR"})


@dataclass(slots=True)
class Element:
    """An element by its local name, with its `Ccy` attribute, its text where it has no elements inside, and those."""

    name: str
    currency: str
    text: str = ""
    inner: list[Element] = field(default_factory=list)

    def first(self, *path: str) -> Element | None:
        """The first element down a path."""
        found = self
        for name in path:
            for element in found.inner:
                if element.name == name:
                    found = element
                    break
            else:
                return None
        return found

    def said(self, *path: str) -> str:
        """The text of the first element down a path; empty where there is none."""
        found = self.first(*path)
        return found.text.strip() if found is not None else ""

    def all(self, name: str) -> list[Element]:
        return [element for element in self.inner if element.name == name]


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment of an entry. `figure` and `currency` as written, empty where not told; `is_credit` None likewise."""

    figure: str
    currency: str
    is_credit: bool | None
    creditor: str
    debtor: str
    purpose: str
    reference: str


def payment_of(details: Element) -> Payment:
    amount = (
        details.first("Amt") or details.first("AmtDtls", "TxAmt", "Amt") or details.first("AmtDtls", "InstdAmt", "Amt")
    )
    direction = details.said("CdtDbtInd")
    return Payment(
        amount.text if amount is not None else "",
        amount.currency if amount is not None else "",
        direction == "CRDT" if direction else None,
        _party(details, "Cdtr"),
        _party(details, "Dbtr"),
        _purpose(details),
        _reference(details),
    )


def row_of(number: int, entry: Element, payments: Sequence[Payment], currency: str) -> StatementRow:
    """The row of an entry of an account in `currency`. `row_amount_not_valid` makes the whole file doubtful."""
    written = entry.first("Amt")
    amount = _amount(number, written, currency)
    is_credit = _is_credit(number, entry.said("CdtDbtInd"))
    amount = amount if is_credit else -amount
    day, dated = _day_of(entry)
    asks_creditor = is_credit is _is_true(entry.said("RvslInd"))
    names = [payment.creditor if asks_creditor else payment.debtor for payment in payments]
    more = clean(entry.said("AddtlNtryInf"))
    payee, memo = _words(names, [payment.purpose for payment in payments], more, _count(entry, payments))
    splits: tuple[Split, ...] = ()
    if len(payments) > 1:
        splits = _splits(amount, is_credit, payments, names)
    return StatementRow(
        number,
        day,
        amount,
        payee,
        memo,
        _bank_id(entry, payments),
        _kind(entry),
        read_instalment(f"{payee} {memo}"),
        dated,
        _left_out(entry, amount, currency, day),
        pending=_status(entry) in _PENDING,
        splits=splits,
    )


def balance_of(element: Element) -> Balance | None:
    """A balance; None where its day cannot be read. Raises `row_amount_not_valid` for an amount that is none."""
    written = element.first("Amt")
    amount = _amount(0, written, written.currency if written is not None else "")
    day = read_day(element.said("Dt", "Dt") or element.said("Dt", "DtTm"))
    if day is None:
        return None
    return Balance(amount if _is_credit(0, element.said("CdtDbtInd")) else -amount, day)


def _amount(number: int, written: Element | None, currency: str) -> Amount:
    text = written.text if written is not None else ""
    read = _figure(text, currency)
    if read is None:
        raise Rejected("row_amount_not_valid", row=number, text=clean(text[:40]))
    own = clean(written.currency).upper() if written is not None and written.currency else currency
    return Amount(read[0], commodity(own[:24], read[1]))


def _figure(text: str, currency: str) -> tuple[int, int] | None:
    """`(minor, places)` of XML's decimal, whose only mark is a point; zeros beyond the currency's places dropped."""
    found = _FIGURE.fullmatch(text)
    if found is None or not (found[1] or found[2]):
        return None
    places = found[2] or ""
    scale = ISO_4217[currency].scale if currency in ISO_4217 else 2
    while len(places) > scale and places[-1] == "0":
        places = places[:-1]
    minor = int((found[1] or "0") + places)
    return (minor, len(places)) if minor <= MAX_AMOUNT_MINOR * 10 ** max(0, len(places) - scale) else None


def _is_credit(number: int, direction: str) -> bool:
    if direction not in ("CRDT", "DBIT"):
        raise Rejected("row_amount_not_valid", row=number, text=clean(direction[:40]))
    return direction == "CRDT"


def _is_true(text: str) -> bool:
    return text in ("true", "1")


def _status(entry: Element) -> str:
    return entry.said("Sts", "Cd") or entry.said("Sts", "Prtry") or entry.said("Sts") or "BOOK"


def _left_out(entry: Element, amount: Amount, currency: str, day: date | None) -> Reason | None:
    status = _status(entry)
    if status in _PENDING:
        return Reason("row_pending")
    if status == "INFO":
        return Reason("row_informational")
    if status != "BOOK":
        return Reason("row_status_unknown", {"status": clean(status[:40])})
    if day is None:
        written = entry.said("BookgDt", "Dt") or entry.said("BookgDt", "DtTm") or entry.said("ValDt", "Dt")
        return Reason("row_date_not_valid", {"text": clean(written[:40])})
    if amount.commodity.code != currency:
        return Reason("row_in_other_currency", {"currency": amount.commodity.code, "expected": currency})
    return Reason("row_moves_nothing") if amount.minor == 0 else None


def _day_of(entry: Element) -> tuple[date | None, bool]:
    """The day it was booked, else its value's; `dated` False where the entry tells neither."""
    told = False
    for name in ("BookgDt", "ValDt"):
        written = entry.said(name, "Dt") or entry.said(name, "DtTm")
        told = told or bool(written)
        day = read_day(written)
        if day is not None:
            return day, True
    return None, told


@lru_cache(maxsize=4096)
def read_day(text: str) -> date | None:
    """The bank's own day, whatever the hour elsewhere."""
    found = _DAY.match(text)
    if found is None:
        return None
    try:
        day = date.fromisoformat(found[1])
    except ValueError:
        return None
    return day if FIRST_DAY <= day <= LAST_DAY else None


def _party(details: Element, role: str) -> str:
    for name in (role, f"Ultmt{role}"):
        party = details.first("RltdPties", name)
        if party is not None and (told := party.said("Nm") or party.said("Pty", "Nm")):
            return clean(told)
    return ""


def _purpose(details: Element) -> str:
    told: list[str] = []
    remittance = details.first("RmtInf")
    if remittance is not None:
        told += [piece.text for piece in remittance.all("Ustrd")]
        for structured in remittance.all("Strd"):
            told.append(structured.said("CdtrRefInf", "Ref"))
            told += [piece.text for piece in structured.all("AddtlRmtInf")]
    return clean(" ".join([piece for piece in told if piece]) or details.said("AddtlTxInf"))


def _reference(details: Element) -> str:
    for name in ("AcctSvcrRef", "TxId", "EndToEndId"):
        reference = clean(details.said("Refs", name))
        if reference.upper() not in _NO_REFERENCES:
            return reference
    return ""


def _bank_id(entry: Element, payments: Sequence[Payment]) -> str:
    own = clean(entry.said("AcctSvcrRef"))
    if own.upper() not in _NO_REFERENCES:
        return own
    if len(payments) == 1 and payments[0].reference:
        return payments[0].reference
    place = clean(entry.said("NtryRef"))
    return place if len(place) >= MIN_ENTRY_REFERENCE and place.upper() not in _NO_REFERENCES else ""


def _kind(entry: Element) -> str:
    code = entry.first("BkTxCd")
    if code is None:
        return ""
    domain = [code.said("Domn", "Cd"), code.said("Domn", "Fmly", "Cd"), code.said("Domn", "Fmly", "SubFmlyCd")]
    return clean("-".join([part for part in domain if part]) or code.said("Prtry", "Cd"))


def _count(entry: Element, payments: Sequence[Payment]) -> int:
    """How many payments the entry is of, as its details count them or as the bank says."""
    said = sum(int(text) for text in _batch_counts(entry))
    return max(len(payments), said)


def _batch_counts(entry: Element) -> list[str]:
    counts = [details.said("Btch", "NbOfTxs") for details in entry.all("NtryDtls")]
    return [text for text in counts if text.isascii() and text.isdigit() and len(text) <= 15]


def _words(names: Sequence[str], purposes: Sequence[str], more: str, count: int) -> tuple[str, str]:
    """Payee and memo; of several payments how many and the first names, each purpose once."""
    told = list(dict.fromkeys([name for name in names if name]))
    memo = clean(" · ".join(dict.fromkeys([purpose for purpose in purposes if purpose])))
    if count > 1:
        listed = ", ".join(told[:NAMES_TOLD]) + (", …" if len(told) > NAMES_TOLD else "")
        return clean(f"{count} × {listed or more}"), memo or (more if listed else "")
    payee = told[0] if told else memo or more
    memo = memo or more
    return payee, memo if memo != payee else (more if more != payee else "")


def _splits(amount: Amount, is_credit: bool, payments: Sequence[Payment], names: Sequence[str]) -> tuple[Split, ...]:
    """A part a payment, where each tells its amount in the account's currency and they sum to the entry's."""
    code, sign = amount.commodity.code, 1 if is_credit else -1
    read: list[tuple[int, int]] = []
    for payment in payments:
        figure = _figure(payment.figure, code)
        if figure is None or (payment.currency and payment.currency != code):
            return ()
        own_sign = sign if payment.is_credit is None else (1 if payment.is_credit else -1)
        read.append((own_sign * figure[0], figure[1]))
    scale = max([amount.commodity.scale, *[places for _, places in read]])
    if sum(minor * 10 ** (scale - places) for minor, places in read) != amount.minor * 10 ** (
        scale - amount.commodity.scale
    ):
        return ()
    return tuple(
        [
            Split(Amount(minor, commodity(code, places)), "", clean(f"{name} {payment.purpose}"))
            for (minor, places), name, payment in zip(read, names, payments, strict=True)
        ]
    )
