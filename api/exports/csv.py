"""CSV: a row for every posting, as RFC 4180 has it (UTF-8, CRLF, a header).

A spreadsheet runs what looks like a formula. So a text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return
gets an apostrophe before it, which spreadsheets hide; plain numbers, signed or not, stay as they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from api.exports.content import Content, Told
from domain.errors import Rejected
from domain.money import Amount, decimal_text, parse_decimal

HEADER = (
    "transaction_id",
    "version",
    "date",
    "payee",
    "memo",
    "tags",
    "links",
    "account",
    "account_id",
    "amount",
    "commodity",
    "cost",
    "cost_commodity",
    "cost_date",
    "cost_label",
    "price",
    "price_commodity",
    "import_id",
    "corrects",
)
"""Tags and links are parted by `; `. Cost and price are totals, signed as the amount."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def lines(content: Content) -> Iterator[str]:
    """The file, a transaction at a time."""
    yield _written([HEADER])
    for entry in content.entries:
        yield _written(_rows(entry, content))


def _rows(entry: Told, content: Content) -> Iterator[tuple[str, ...]]:
    head = (
        entry.transaction,
        str(entry.version),
        entry.date.isoformat(),
        entry.payee,
        entry.memo,
        "; ".join(entry.tags),
        "; ".join(entry.links),
    )
    for posting in entry.postings:
        cost, price = posting.cost, posting.price
        standing = content.accounts[posting.account]
        yield (
            *head,
            standing.name,
            standing.account,
            *_pair(posting.amount),
            *_pair(cost.total if cost else None),
            cost.date.isoformat() if cost and cost.date else "",
            cost.label if cost else "",
            *_pair(price.total if price else None),
            entry.import_id or "",
            entry.corrects or "",
        )


def _pair(amount: Amount | None) -> tuple[str, str]:
    if amount is None:
        return "", ""
    return decimal_text(amount.minor, amount.commodity.scale), amount.commodity.code


def guarded(cell: str) -> str:
    """The cell as no spreadsheet will run it."""
    if not cell.startswith(FORMULA_STARTS):
        return cell
    try:
        parse_decimal(cell)
    except Rejected:
        return "'" + cell
    return cell


def _written(rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([[guarded(cell) for cell in row] for row in rows])
    return out.getvalue()
