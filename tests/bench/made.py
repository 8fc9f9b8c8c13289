"""What the benchmarks measure on: books and files made from a seed, of the sizes that the design names."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta

from domain.book import BookCommand, BookId, OpenBook
from domain.ledger import AccountId, OpenAccount, Posting, RecordTransaction, TransactionId
from domain.money import ISO_4217, Amount
from infra.clock import TimeOrderedIds

SEED = 20260901
BRL = ISO_4217["BRL"]
CATEGORIES = [f"Expenses:{name}" for name in ("Food", "Home", "Transport", "Health", "Leisure", "Study", "Gifts")]
FIRST_DAY = date(2016, 1, 1)
DAYS = 3_650

ids = TimeOrderedIds()


def small_chart() -> tuple[AccountId, list[AccountId], list[BookCommand]]:
    """A checking account, categories, and the commands that open them."""
    checking = AccountId(ids.new())
    categories = [AccountId(ids.new()) for _ in CATEGORIES]
    opened: list[BookCommand] = [OpenAccount(checking, "Assets:Checking")]
    opened += [OpenAccount(account, name) for account, name in zip(categories, CATEGORIES, strict=True)]
    return checking, categories, opened


def opening(book: BookId, name: str) -> OpenBook:
    return OpenBook(book, "BRL", "America/Sao_Paulo", AccountId(ids.new()), name)


def transactions(count: int, checking: AccountId, categories: list[AccountId]) -> Iterator[RecordTransaction]:
    """Two postings each, spread over ten years in order of their days."""
    dice = random.Random(SEED)
    for number in range(count):
        minor = dice.randint(100, 90_000)
        yield RecordTransaction(
            TransactionId(ids.new()),
            FIRST_DAY + timedelta(days=number * DAYS // count),
            (Posting(dice.choice(categories), Amount(minor, BRL)), Posting(checking, Amount(-minor, BRL))),
            payee=f"Payee {dice.randint(1, 500)}",
            memo="weekly shopping",
        )


def beancount_file(count: int) -> bytes:
    """A beancount ledger of so many transactions of two postings."""
    dice = random.Random(SEED)
    lines = [f"{FIRST_DAY} open Assets:Checking BRL", *[f"{FIRST_DAY} open {name} BRL" for name in CATEGORIES], ""]
    for number in range(count):
        day = FIRST_DAY + timedelta(days=number * DAYS // count)
        minor = dice.randint(100, 90_000)
        amount = f"{minor // 100}.{minor % 100:02d}"
        lines.append(f'{day} * "Payee {dice.randint(1, 500)}" "weekly shopping {number}"')
        lines.append(f"  {dice.choice(CATEGORIES)}  {amount} BRL")
        lines.append(f"  Assets:Checking  -{amount} BRL")
        lines.append("")
    return "\n".join(lines).encode()


def ofx_file(count: int) -> bytes:
    """An OFX 1.02 bank statement (SGML, unclosed tags) of so many rows, with its stated balance."""
    dice = random.Random(SEED)
    rows = []
    total = 0
    for number in range(count):
        day = FIRST_DAY + timedelta(days=number * DAYS // count)
        minor = dice.randint(-90_000, 90_000) or 1
        total += minor
        sign = "-" if minor < 0 else ""
        rows.append(
            f"<STMTTRN>\n<TRNTYPE>{'DEBIT' if minor < 0 else 'CREDIT'}\n<DTPOSTED>{day:%Y%m%d}120000\n"
            f"<TRNAMT>{sign}{abs(minor) // 100}.{abs(minor) % 100:02d}\n<FITID>{number}\n"
            f"<NAME>Payee {dice.randint(1, 500)}\n<MEMO>card purchase {number}\n</STMTTRN>"
        )
    last = FIRST_DAY + timedelta(days=DAYS)
    sign = "-" if total < 0 else ""
    return (
        "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\nCOMPRESSION:NONE\n"
        "OLDFILEUID:NONE\nNEWFILEUID:NONE\n\n<OFX>\n<SIGNONMSGSRSV1>\n<SONRS>\n<STATUS>\n<CODE>0\n<SEVERITY>INFO\n"
        f"</STATUS>\n<DTSERVER>{last:%Y%m%d}\n<LANGUAGE>ENG\n</SONRS>\n</SIGNONMSGSRSV1>\n<BANKMSGSRSV1>\n<STMTTRNRS>\n"
        "<TRNUID>1\n<STATUS>\n<CODE>0\n<SEVERITY>INFO\n</STATUS>\n<STMTRS>\n<CURDEF>BRL\n<BANKACCTFROM>\n<BANKID>001\n"
        "<ACCTID>12345-6\n<ACCTTYPE>CHECKING\n</BANKACCTFROM>\n<BANKTRANLIST>\n"
        f"<DTSTART>{FIRST_DAY:%Y%m%d}\n<DTEND>{last:%Y%m%d}\n"
        + "\n".join(rows)
        + f"\n</BANKTRANLIST>\n<LEDGERBAL>\n<BALAMT>{sign}{abs(total) // 100}.{abs(total) % 100:02d}\n"
        f"<DTASOF>{last:%Y%m%d}\n</LEDGERBAL>\n</STMTRS>\n</STMTTRNRS>\n</BANKMSGSRSV1>\n</OFX>\n"
    ).encode("ascii")


def csv_file(count: int, days: int = DAYS) -> bytes:
    """Delimited text of a bank without a profile of its own: so many rows with their running balance.

    A shorter file, of as much less time, is the beginning of a longer one.
    """
    dice = random.Random(SEED)
    lines = ["Date,Description,Amount,Balance"]
    held = 0
    for number in range(count):
        day = FIRST_DAY + timedelta(days=number * days // count)
        minor = dice.randint(-90_000, 90_000) or 1
        held += minor
        lines.append(f"{day},Payee {dice.randint(1, 500)} card purchase {number},{_decimal(minor)},{_decimal(held)}")
    return "\n".join([*lines, ""]).encode()


def _decimal(minor: int) -> str:
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"
