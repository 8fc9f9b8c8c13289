"""What banks would hand out of one and the same account: its movements of some days, in any format.

Written without a line of the program, so that what it reads back is compared with what was meant.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape


@dataclass(frozen=True, slots=True)
class Movement:
    """What the bank knows of one movement: its day, minor units of two places, its id and its words."""

    day: date
    minor: int
    id: str
    words: str


@dataclass(frozen=True, slots=True)
class Slice:
    """The movements of whole days, `first` to `last`, in any order; `closing_minor` is the balance on the last."""

    first: date
    last: date
    movements: tuple[Movement, ...]
    closing_minor: int

    @property
    def opening_minor(self) -> int:
        return self.closing_minor - sum(movement.minor for movement in self.movements)


def text(minor: int, mark: str = ".", thousands: str = "") -> str:
    whole, cents = divmod(abs(minor), 100)
    grouped = f"{whole:,}".replace(",", thousands)
    return f"{'-' if minor < 0 else ''}{grouped}{mark}{cents:02}"


def ofx(told: Slice, number: str, currency: str, *, states: bool) -> bytes:
    rows = "".join(
        [
            f"<STMTTRN><TRNTYPE>OTHER<DTPOSTED>{m.day:%Y%m%d}<TRNAMT>{text(m.minor)}<FITID>{m.id}"
            f"<NAME>{escape(m.words)}</STMTTRN>\n"
            for m in told.movements
        ]
    )
    closing = f"<LEDGERBAL><BALAMT>{text(told.closing_minor)}<DTASOF>{told.last:%Y%m%d}</LEDGERBAL>" if states else ""
    days = f"<DTSTART>{told.first:%Y%m%d}<DTEND>{told.last:%Y%m%d}"
    account = f"<BANKACCTFROM><BANKID>341<ACCTID>{number}<ACCTTYPE>CHECKING</BANKACCTFROM>"
    return (
        f"OFXHEADER:100\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>{currency}{account}"
        f"<BANKTRANLIST>{days}{rows}</BANKTRANLIST>{closing}</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
    ).encode()


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way of writing CSV."""

    delimiter: str = ","
    mark: str = "."
    thousands: str = ""
    days: str = "%Y-%m-%d"
    encoding: str = "utf-8"
    names: tuple[str, str, str] = ("Date", "Payee", "Amount")
    balance: str = ""
    end: str = "\n"


def delimited(told: Slice, dialect: Dialect) -> bytes:
    """CSV in the order of days; with `dialect.balance`, a column of that name runs along."""
    written = io.StringIO()
    out = csv.writer(written, delimiter=dialect.delimiter, lineterminator=dialect.end)
    out.writerow([*dialect.names, *([dialect.balance] if dialect.balance else [])])
    held = told.opening_minor
    for m in sorted(told.movements, key=lambda m: m.day) if dialect.balance else told.movements:
        held += m.minor
        row = [m.day.strftime(dialect.days), m.words, text(m.minor, dialect.mark, dialect.thousands)]
        out.writerow([*row, *([text(held, dialect.mark, dialect.thousands)] if dialect.balance else [])])
    return written.getvalue().encode(dialect.encoding)


def qif(told: Slice) -> bytes:
    rows = [f"D{m.day:%Y-%m-%d}\nT{text(m.minor)}\nP{m.words}\n^\n" for m in told.movements]
    return ("!Type:Bank\n" + "".join(rows)).encode()


def mt940(told: Slice, number: str, currency: str) -> bytes:
    def mark(minor: int) -> str:
        return "D" if minor < 0 else "C"

    lines = [":20:STARTUMS", f":25:37040044/{number}", ":28C:1/1"]
    lines.append(f":60F:{mark(told.opening_minor)}{told.first:%y%m%d}{currency}{text(abs(told.opening_minor), ',')}")
    for m in told.movements:
        lines.append(f":61:{m.day:%y%m%d}{m.day:%m%d}{mark(m.minor)}{text(abs(m.minor), ',')}NMSCNONREF//{m.id}")
        lines.append(f":86:{m.words}")
    lines.append(f":62F:{mark(told.closing_minor)}{told.last:%y%m%d}{currency}{text(abs(told.closing_minor), ',')}")
    return ("\r\n".join([*lines, "-"]) + "\r\n").encode()


def camt053(told: Slice, number: str, currency: str) -> bytes:
    def signed(minor: int) -> str:
        side = "DBIT" if minor < 0 else "CRDT"
        return f'<Amt Ccy="{currency}">{text(abs(minor))}</Amt><CdtDbtInd>{side}</CdtDbtInd>'

    def balance(code: str, minor: int, on: date) -> str:
        kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        return f"<Bal>{kind}{signed(minor)}<Dt><Dt>{on}</Dt></Dt></Bal>"

    entries = "".join([_entry(m, signed(m.minor)) for m in told.movements])
    balances = balance("OPBD", told.opening_minor, told.first) + balance("CLBD", told.closing_minor, told.last)
    account = f"<Acct><Id><Othr><Id>{number}</Id></Othr></Id><Ccy>{currency}</Ccy></Acct>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">'
        f"<BkToCstmrStmt><Stmt><Id>S</Id>{account}{balances}{entries}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def _entry(movement: Movement, signed: str) -> str:
    party = "Cdtr" if movement.minor < 0 else "Dbtr"
    name = f"<RltdPties><{party}><Pty><Nm>{escape(movement.words)}</Nm></Pty></{party}></RltdPties>"
    return (
        f"<Ntry>{signed}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{movement.day}</Dt></BookgDt>"
        f"<AcctSvcrRef>{movement.id}</AcctSvcrRef><NtryDtls><TxDtls>{name}</TxDtls></NtryDtls></Ntry>"
    )


FORMATS: Sequence[str] = ("ofx", "csv", "csv-balance", "qif", "mt940", "camt053")
"""The names that `written` knows."""


def written(form: str, told: Slice, number: str, currency: str, dialect: Dialect) -> bytes:
    """The movements of some days in one of `FORMATS`."""
    match form:
        case "ofx":
            return ofx(told, number, currency, states=True)
        case "csv":
            return delimited(told, dialect)
        case "csv-balance":
            return delimited(told, Dialect(balance="Balance"))
        case "qif":
            return qif(told)
        case "mt940":
            return mt940(told, number, currency)
        case _:
            return camt053(told, number, currency)
