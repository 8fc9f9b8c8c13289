"""OFX against two public parsers: whatever both of us read, we read the same.

`ofxparse` and `ofxtools` are oracles only. Where one of them is wrong or refuses what banks write, the difference is
allowed by name, and it is a failure when it is no longer there.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ofxparse import OfxParser
from ofxtools.models import CCSTMTRS, INVBANKTRAN, STMTRS, STMTTRN
from ofxtools.Parser import OFXTree

from commands.imports.ofx import Ofx
from commands.imports.reading import AccountType, StatementRow
from domain.errors import Rejected
from domain.money import Amount, decimal_text

SAMPLES = Path(__file__).parents[2] / "samples"
FILES = sorted(f"{path.parent.name}/{path.name}" for path in SAMPLES.glob("*/*.ofx"))
DAY_OF_A_ZONE = timedelta(days=1)
"""How far a day moves where an oracle writes the bank's evening as the next morning in London."""


@dataclass(frozen=True, slots=True)
class Told:
    """A row as any of the parsers tells it."""

    day: date
    amount: Decimal
    bank_id: str


@dataclass(frozen=True, slots=True)
class Account:
    """A statement as any of the parsers tells it; the balance None where none is stated."""

    number: str
    currency: str
    balance: Decimal | None
    balance_day: date | None
    rows: tuple[Told, ...]


@contextmanager
def quietly() -> Iterator[None]:
    """An oracle's own warnings are about its code or about names longer than the standard has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def decimal(amount: Amount) -> Decimal:
    return Decimal(amount.minor).scaleb(-amount.commodity.scale)


# The three


def ours(raw: bytes) -> list[Account]:
    return [
        Account(
            statement.account_number,
            statement.currency,
            decimal(statement.stated) if statement.stated is not None and is_of_bank(statement.type) else None,
            statement.stated_on if is_of_bank(statement.type) else None,
            tuple(told for row in statement.rows if (told := told_of(row)) is not None),
        )
        for statement in Ofx().read(raw).statements
    ]


def is_of_bank(type_of_account: AccountType) -> bool:
    """Neither oracle tells a broker's cash as a balance."""
    return type_of_account is not AccountType.INVESTMENT


def told_of(row: StatementRow) -> Told | None:
    """The row with the sign the file has; None where it has no amount, or no day of its own."""
    if row.date is None or row.amount is None or not row.dated:
        return None
    return Told(row.date, decimal(row.amount), row.bank_id)


def ofxparse(raw: bytes) -> list[Account]:
    with quietly():
        accounts = OfxParser.parse(io.BytesIO(raw)).accounts
    return [of_ofxparse(account) for account in accounts]


def of_ofxparse(account: Any) -> Account:
    statement = account.statement
    balance = getattr(statement, "balance", None)
    on = getattr(statement, "balance_date", None)
    rows = tuple(
        Told(day_of(row.date), row.amount, row.id)
        if hasattr(row, "date")
        else Told(day_of(row.tradeDate), row.total, row.id)
        for row in statement.transactions
        if hasattr(row, "date") or row.total
    )
    return Account(
        account.account_id,
        statement.currency.upper(),
        balance,
        day_of(on) if balance is not None and on is not None else None,
        rows,
    )


def ofxtools(raw: bytes) -> list[Account]:
    tree = OFXTree()
    with quietly():
        tree.parse(io.BytesIO(raw))
        statements = tree.convert().statements
        return [of_ofxtools(statement) for statement in statements]


def of_ofxtools(statement: Any) -> Account:
    is_bank = isinstance(statement, STMTRS | CCSTMTRS)
    balance = statement.ledgerbal if is_bank else None
    rows: list[Told] = []
    for entry in statement.transactions or ():
        row = entry.stmttrn if isinstance(entry, INVBANKTRAN) else entry
        if isinstance(row, STMTTRN):
            rows.append(Told(day_of(row.dtposted), row.trnamt, row.fitid))
        elif hasattr(row, "total") and row.total is not None:
            rows.append(Told(day_of(row.dttrade), row.total, row.fitid))
    return Account(
        statement.account.acctid,
        statement.curdef,
        balance.balamt if balance is not None else None,
        day_of(balance.dtasof) if balance is not None else None,
        tuple(rows),
    )


def day_of(instant: datetime) -> date:
    return instant.date()


ORACLES: dict[str, Callable[[bytes], list[Account]]] = {"ofxparse": ofxparse, "ofxtools": ofxtools}


# The samples

UNREADABLE = {
    ("ofxparse", "ofx/bad-date_missing.ofx"): "refuses a file for one row without a date",
    ("ofxparse", "ofx/bad-empty_balance.ofx"): "refuses a file for an empty balance",
    ("ofxparse", "ofx/ofx-v102-empty-tags.ofx"): "refuses an empty tag before its own currency",
    ("ofxtools", "made-up/banco-fitid-repetido-2026-09.ofx"): "reads no decimal comma",
    ("ofxtools", "ofx/bad-date_missing.ofx"): "refuses a file without a header",
    ("ofxtools", "ofx/bad-empty_balance.ofx"): "refuses a file without a header",
    ("ofxtools", "ofx/checking.ofx"): "refuses a bank's number longer than nine",
    ("ofxtools", "ofx/ofx-v102-empty-tags.ofx"): "refuses a header with empty values",
}
"""What an oracle cannot read and banks write."""

DAYS_IN_LONDON = {
    ("ofxparse", "ofx/investment_medium.ofx"): "writes an evening in New York as the next day",
    ("ofxtools", "ofx/investment_medium.ofx"): "writes an evening in New York as the next day",
}
"""Where an oracle moves days from the bank's zone to another: the bank's own day is the one on its paper."""


def a_day_earlier(account: Account) -> Account:
    rows = tuple(Told(row.day - DAY_OF_A_ZONE, row.amount, row.bank_id) for row in account.rows)
    return Account(account.number, account.currency, account.balance, account.balance_day, rows)


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("file", FILES)
def test_a_sample_is_what_another_parser_makes_of_it(file: str, oracle: str) -> None:
    raw = (SAMPLES / file).read_bytes()
    try:
        read = ours(raw)
    except Rejected:
        assert rows_found(oracle, raw) == 0, "we refuse what another parser finds rows in"
        return
    if (oracle, file) in UNREADABLE:
        with pytest.raises(Exception):  # noqa: B017, PT011  # whatever it raises, for it has no error of its own
            ORACLES[oracle](raw)
        return
    theirs = ORACLES[oracle](raw)
    if (oracle, file) in DAYS_IN_LONDON:
        assert read != theirs
        theirs = [a_day_earlier(account) for account in theirs]
    assert read == theirs


def rows_found(oracle: str, raw: bytes) -> int:
    try:
        return sum(len(account.rows) for account in ORACLES[oracle](raw))
    except Exception:
        return 0


# Files made by the standard


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
words = st.text(LETTERS + " .,-/'#&*", min_size=1, max_size=30).filter(lambda text: text.strip(" .,-/'#&*") != "")
ids = st.text(LETTERS + ".-", min_size=1, max_size=40).filter(lambda text: text.strip() != "")
days = st.dates(date(1990, 1, 1), date(2060, 12, 31))
times = st.sampled_from(["", "000000", "120000", "235959", "120000.000", "235959.999"])
figures = st.integers(-(10**11), 10**11).filter(bool)


@dataclass(frozen=True, slots=True)
class Made:
    """An account as it is written into a file."""

    is_card: bool
    number: str
    currency: str
    balance: int
    balance_day: date
    rows: tuple[tuple[date, str, int, str, str], ...]

    @property
    def told(self) -> Account:
        rows = tuple(Told(day, Decimal(minor).scaleb(-2), bank_id) for day, _, minor, bank_id, _ in self.rows)
        return Account(self.number, self.currency, Decimal(self.balance).scaleb(-2), self.balance_day, rows)


accounts = st.builds(
    Made,
    st.booleans(),
    st.text("0123456789", min_size=1, max_size=20),
    st.sampled_from(["USD", "BRL", "EUR", "CAD"]),
    st.integers(-(10**11), 10**11),
    days,
    st.lists(st.tuples(days, times, figures, ids, words), max_size=6).map(tuple),
)


def leaf(name: str, text: str, is_xml: bool) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<{name}>{text}</{name}>" if is_xml else f"<{name}>{text}\r\n"


STATUS = [("CODE", "0"), ("SEVERITY", "INFO")]
HEADER = (
    "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:USASCII\r\nCHARSET:1252\r\n"
    "COMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n"
)
XML_HEADER = (
    '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\r\n'
    '<?OFX OFXHEADER="200" VERSION="200" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>\r\n'
)


def written(made: Sequence[Made], is_xml: bool) -> bytes:
    """The file, element by element in the order of the standard."""

    def leaves(pairs: Sequence[tuple[str, str]]) -> str:
        return "".join([leaf(name, text, is_xml) for name, text in pairs])

    def statement(account: Made) -> str:
        own = [("ACCTID", account.number)]
        of = f"<CCACCTFROM>{leaves(own)}</CCACCTFROM>"
        if not account.is_card:
            of = f"<BANKACCTFROM>{leaves([('BANKID', '1'), *own, ('ACCTTYPE', 'CHECKING')])}</BANKACCTFROM>"
        rows = "".join(
            "<STMTTRN>"
            + leaves(
                [
                    ("TRNTYPE", "OTHER"),
                    ("DTPOSTED", f"{day:%Y%m%d}{time}"),
                    ("TRNAMT", decimal_text(minor, 2)),
                    ("FITID", bank_id),
                    ("NAME", name),
                ]
            )
            + "</STMTTRN>"
            for day, time, minor, bank_id, name in account.rows
        )
        listed = f"<BANKTRANLIST>{leaves([('DTSTART', '19900101'), ('DTEND', '20601231')])}{rows}</BANKTRANLIST>"
        balance = leaves([("BALAMT", decimal_text(account.balance, 2)), ("DTASOF", f"{account.balance_day:%Y%m%d}")])
        prefix = "CC" if account.is_card else ""
        return (
            f"<{prefix}STMTTRNRS>{leaf('TRNUID', '1', is_xml)}<STATUS>{leaves(STATUS)}</STATUS><{prefix}STMTRS>"
            f"{leaf('CURDEF', account.currency, is_xml)}{of}{listed}<LEDGERBAL>{balance}</LEDGERBAL>"
            f"</{prefix}STMTRS></{prefix}STMTTRNRS>"
        )

    sets = [("BANKMSGSRSV1", False), ("CREDITCARDMSGSRSV1", True)]
    body = "".join(
        f"<{name}>{''.join(statement(account) for account in made if account.is_card is is_card)}</{name}>"
        for name, is_card in sets
        if any(account.is_card is is_card for account in made)
    )
    session = f"<STATUS>{leaves(STATUS)}</STATUS>{leaves([('DTSERVER', '20260101'), ('LANGUAGE', 'ENG')])}"
    text = f"<OFX><SIGNONMSGSRSV1><SONRS>{session}</SONRS></SIGNONMSGSRSV1>{body}</OFX>"
    return ((XML_HEADER if is_xml else HEADER) + text).encode("ascii")


@given(st.lists(accounts, min_size=1, max_size=3), st.booleans())
def test_a_file_by_the_standard_is_the_same_to_all_three(made: list[Made], is_xml: bool) -> None:
    raw = written(made, is_xml)
    told = sorted((account.told for account in made), key=repr)
    for parser in (ours, *ORACLES.values()):
        assert sorted(parser(raw), key=repr) == told, parser.__name__


# Brokers' files made by the standard

units = st.tuples(st.integers(1, 10**9), st.integers(4, 6))
deals = st.tuples(st.sampled_from(["BUYSTOCK", "SELLMF", "INCOME", "REINVEST"]), days, units, st.integers(1, 10**9))


def broker_file(made: Sequence[tuple[str, date, tuple[int, int], int]], is_xml: bool) -> bytes:
    def leaves(*pairs: tuple[str, str]) -> str:
        return "".join([leaf(name, text, is_xml) for name, text in pairs])

    def deal(number: int, element: str, day: date, units: tuple[int, int], total: int) -> str:
        told = f"<INVTRAN>{leaves(('FITID', str(number)), ('DTTRADE', f'{day:%Y%m%d}'))}</INVTRAN>"
        told += f"<SECID>{leaves(('UNIQUEID', '458140100'), ('UNIQUEIDTYPE', 'CUSIP'))}</SECID>"
        sums = [("UNITS", decimal_text(*units)), ("UNITPRICE", "1.00"), ("TOTAL", decimal_text(total, 2))]
        at = [("SUBACCTSEC", "CASH"), ("SUBACCTFUND", "CASH")]
        match element:
            case "BUYSTOCK":
                sums[2] = ("TOTAL", decimal_text(-total, 2))
                return f"<BUYSTOCK><INVBUY>{told}{leaves(*sums, *at)}</INVBUY>{leaves(('BUYTYPE', 'BUY'))}</BUYSTOCK>"
            case "SELLMF":
                sums[0] = ("UNITS", decimal_text(-units[0], units[1]))
                return f"<SELLMF><INVSELL>{told}{leaves(*sums, *at)}</INVSELL>{leaves(('SELLTYPE', 'SELL'))}</SELLMF>"
            case "INCOME":
                return f"<INCOME>{told}{leaves(('INCOMETYPE', 'DIV'), sums[2], *at)}</INCOME>"
            case _:
                rest = leaves(("INCOMETYPE", "DIV"), sums[2], at[0], *sums[:2])
                return f"<REINVEST>{told}{rest}</REINVEST>"

    rows = "".join(deal(number, *of) for number, of in enumerate(made, 1))
    listed = f"<INVTRANLIST>{leaves(('DTSTART', '19900101'), ('DTEND', '20601231'))}{rows}</INVTRANLIST>"
    account = f"<INVACCTFROM>{leaves(('BROKERID', 'example.org'), ('ACCTID', '42'))}</INVACCTFROM>"
    statement = f"<INVSTMTRS>{leaves(('DTASOF', '20601231'), ('CURDEF', 'USD'))}{account}{listed}</INVSTMTRS>"
    status = f"<STATUS>{leaves(*STATUS)}</STATUS>"
    session = f"<SONRS>{status}{leaves(('DTSERVER', '20260101'), ('LANGUAGE', 'ENG'))}</SONRS>"
    text = (
        f"<OFX><SIGNONMSGSRSV1>{session}</SIGNONMSGSRSV1><INVSTMTMSGSRSV1><INVSTMTTRNRS>"
        f"{leaves(('TRNUID', '1'))}{status}{statement}</INVSTMTTRNRS></INVSTMTMSGSRSV1></OFX>"
    )
    return ((XML_HEADER if is_xml else HEADER) + text).encode("ascii")


def deals_of_ofxtools(raw: bytes) -> list[tuple[str, Decimal, Decimal | None]]:
    tree = OFXTree()
    with quietly():
        tree.parse(io.BytesIO(raw))
        (statement,) = tree.convert().statements
        return [
            (deal.fitid, deal.total, None if type(deal).__name__ == "INCOME" else deal.units)
            for deal in statement.transactions or ()
        ]


def our_deals(raw: bytes) -> list[tuple[str, Decimal, Decimal | None]]:
    (statement,) = Ofx().read(raw).statements
    return [
        (row.bank_id, decimal(row.amount), decimal(row.trade.units) if row.trade is not None else None)
        for row in statement.rows
        if row.amount is not None
    ]


def deals_of_ofxparse(raw: bytes) -> list[tuple[str, Decimal, Decimal | None]]:
    with quietly():
        (account,) = OfxParser.parse(io.BytesIO(raw)).accounts
    return [
        (deal.id, deal.total, None if deal.type == "income" else deal.units) for deal in account.statement.transactions
    ]


@given(st.lists(deals, max_size=6), st.booleans())
def test_a_brokers_file_by_the_standard_is_the_same_to_all_three(
    made: list[tuple[str, date, tuple[int, int], int]], is_xml: bool
) -> None:
    raw = broker_file(made, is_xml)
    read = our_deals(raw)
    assert len(read) == len(made)
    assert sorted(deals_of_ofxtools(raw)) == sorted(read)
    assert sorted(deals_of_ofxparse(raw)) == sorted(read)
