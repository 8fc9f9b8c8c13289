"""What can be asked of the register: pages of entries, with an account's running balance, at any version."""

from __future__ import annotations

import base64
import binascii
import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    FromClause,
    Integer,
    Row,
    Select,
    Table,
    and_,
    func,
    literal,
    select,
    tuple_,
)

from domain.book import BookId
from domain.errors import Rejected
from domain.ledger import (
    FIRST_DAY,
    LAST_DAY,
    AccountId,
    Cost,
    ImportId,
    Instalment,
    Posting,
    Price,
    TransactionId,
)
from domain.money import Amount, commodity
from domain.words import words
from projections.chart import BookChart
from projections.readmodel import NEVER, in_chunks
from projections.register.likeness import likeness
from projections.register.tables import NAME, VERSION, chart, entries, lines, months

MAX_PAGE = 500
"""The most transactions of one page."""

MAX_SEARCH_WORDS = 16
"""The most words of one search: each is looked for by itself."""

READ_AT_ONCE = 2_000
"""States read at a time where each is looked at for its payee."""

MAX_CURSOR_CHARS = 400
"""No cursor made here is longer; what is longer is not read."""


MAX_KEYS_A_QUERY = 400
"""Entries that one query looks for by day and version: both stand in it, besides the accounts."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction as it stands, or stood at the version asked for; `version` is that of the event that said it so.

    Postings name the account that a merged one became part of. `change` and `balance` tell of the account asked for
    (None without one), by commodity: what the entry changed, and what the account holds after it in every commodity
    that is not zero or was just changed. `instalment`: which part of which purchase it is; None for a whole one.
    """

    transaction: TransactionId
    version: int
    date: date
    payee: str
    memo: str
    tags: tuple[str, ...]
    links: tuple[str, ...]
    postings: tuple[Posting, ...]
    import_id: ImportId | None
    corrects: TransactionId | None
    instalment: Instalment | None
    change: tuple[Amount, ...] | None
    balance: tuple[Amount, ...] | None


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, newest first, and the cursor of the next page; None where this is the last one."""

    items: list[Entry]
    next: str | None


def transactions(
    connection: Connection,
    book: BookId,
    *,
    account: AccountId | None = None,
    first: date | None = None,
    last: date | None = None,
    text: str | None = None,
    payee: str | None = None,
    known: int | None = None,
    limit: int = 50,
    cursor: str | None = None,
    as_of: date | None = None,
) -> Page:
    """A page of the transactions that stand, newest first: by date, then by version, both falling.

    `account`: only those that post to it, or to what was merged into it, with the change and the running balance after
    each (in minor units; the balance counts what the other filters leave out). `first`, `last` and `as_of` (another
    end, of that day) bound the date. `text`: every word of it must begin a word of payee, memo or tags; case and
    accents are alike, and a text without words finds nothing. `payee`: only those whose payee is the same for a person,
    as `payees` tells them together; the empty one finds what has no payee. `known`: the list as known at that book
    version, None for now. `cursor`: the `next` of the page before, with the same filters. Empty for a book without
    events.

    Raises `page_limit_out_of_range`, `too_many_search_words`, and `cursor_not_valid` for a cursor that was not made
    here, by another version of the register, or with other filters.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise Rejected("page_limit_out_of_range", limit=MAX_PAGE)
    wanted = words(text or "")
    if text and not wanted:
        return Page([], None)
    if len(wanted) > MAX_SEARCH_WORDS:
        raise Rejected("too_many_search_words", limit=MAX_SEARCH_WORDS)
    filters = _digest([book, account, first, last, wanted, known, as_of, None if payee is None else likeness(payee)])
    after = None if cursor is None else _opened(cursor, filters)
    places = chart.of(connection, book, known)
    if places is None:
        return Page([], None)
    bounds = (first or FIRST_DAY, min(last or LAST_DAY, as_of or LAST_DAY))
    matching = [entries.c.words.contains(f" {word}", autoescape=True) for word in wanted]
    stood = standing(entries, places.number, bounds, known)

    def read(after: _Key | None, limit: int) -> Sequence[Row[Any]]:
        if account is not None:
            return _of_account(connection, places, account, bounds, known, matching, after, limit)
        states = select(entries).where(*stood, *matching)
        return connection.execute(_newest(states, entries, after, limit)).all()

    found = read(after, limit + 1) if payee is None else _alike(read, likeness(payee), after, limit + 1)
    shown = found[:limit]
    if account is None or not shown:
        items = [_entry(row, places, None, None) for row in shown]
    else:
        items = _with_balance(connection, places, account, shown, known)
    more = len(found) > limit
    return Page(items, _sealed(filters, (shown[-1].date, shown[-1].version)) if more else None)


def span(connection: Connection, book: BookId, known: int | None = None) -> tuple[date, date] | None:
    """The days of the first and the last transaction that stand, as known at a book version; None without any."""
    number = chart.books.of(connection, book, known)
    if number is None:
        return None
    days = [
        connection.scalar(select(end(entries.c.date)).where(*standing(entries, number, (FIRST_DAY, LAST_DAY), known)))
        for end in (func.min, func.max)
    ]
    return None if days[0] is None or days[1] is None else (days[0], days[1])


def opened_against(
    connection: Connection, book: BookId, equity: AccountId, accounts: Iterable[AccountId], known: int | None = None
) -> set[AccountId]:
    """Which of `accounts` have a standing transaction that also posts to `equity`: their opening balance is told."""
    places = chart.of(connection, book, known)
    if places is None:
        return set()
    wanted = {number: account for account in accounts for number in places.numbers_of(account)}
    told = [*standing(lines, places.number, (FIRST_DAY, LAST_DAY), known)]
    keys = select(lines.c.date, lines.c.version).where(*told, lines.c.account.in_(places.numbers_of(equity)))
    opened: set[AccountId] = set()
    # In two steps: who is told against equity is looked for among its few lines, not among all of an account's.
    for chunk in in_chunks(connection.execute(keys).all(), MAX_KEYS_A_QUERY):
        days, versions = {day for day, _ in chunk}, [version for _, version in chunk]
        posted = select(lines.c.account).where(
            *told, lines.c.account.in_(sorted(wanted)), lines.c.date.in_(sorted(days)), lines.c.version.in_(versions)
        )
        opened.update(wanted[number] for number in connection.scalars(posted.distinct()))
    return opened


_Key = tuple[date, int]


def standing(table: FromClause, number: int, bounds: tuple[date, date], known: int | None) -> list[ColumnElement[bool]]:
    """What picks the states (or lines) of a book between two days that stand, or stood at version `known`."""
    columns = table.c
    between = [columns.book_number == number, columns.date >= bounds[0], columns.date <= bounds[1]]
    if known is None:
        return [*between, columns.until == NEVER]
    return [*between, columns.version <= known, columns.until > known]


def _newest(found: Select[Any], table: Table, after: _Key | None, limit: int) -> Select[Any]:
    if after is not None:
        found = found.where(table.c.date <= after[0], _key(table) < _literal(after))
    return found.order_by(table.c.date.desc(), table.c.version.desc()).limit(limit)


def _key(table: Table) -> Any:
    return tuple_(table.c.date, table.c.version)


def _literal(key: _Key) -> Any:
    return tuple_(literal(key[0], Date), literal(key[1], Integer))


def _of_account(
    connection: Connection,
    places: BookChart,
    account: AccountId,
    bounds: tuple[date, date],
    known: int | None,
    matching: Sequence[ColumnElement[bool]],
    after: _Key | None,
    limit: int,
) -> list[Row[Any]]:
    """The newest states that post to the account: of each account that is part of it, then put in one order."""
    parts: list[Iterable[Row[Any]]] = []
    same = [entries.c[name] == lines.c[name] for name in ("book_number", "date", "version")]
    for number in places.numbers_of(account):
        # One line a commodity, one state for all of them; the order of the lines' key gives the page without sorting.
        keys = select(lines.c.date, lines.c.version).distinct()
        keys = keys.where(*standing(lines, places.number, bounds, known), lines.c.account == number)
        if matching:
            keys = keys.join(entries, and_(*same)).where(*matching)
        page = _newest(keys, lines, after, limit).subquery()
        states = (
            select(entries)
            .join(page, and_(entries.c.date == page.c.date, entries.c.version == page.c.version))
            .where(entries.c.book_number == places.number)
            .order_by(entries.c.date.desc(), entries.c.version.desc())
        )
        parts.append(connection.execute(states).all())
    newest: list[Row[Any]] = []
    for row in heapq.merge(*parts, key=lambda row: (row.date, row.version), reverse=True):
        if not newest or newest[-1].version != row.version:
            newest.append(row)
    return newest[:limit]


def _alike(
    read: Callable[[_Key | None, int], Sequence[Row[Any]]], alike: str, after: _Key | None, limit: int
) -> Sequence[Row[Any]]:
    """The newest of what `read` gives whose payee has this likeness; looked for row by row, as no index knows it."""
    found: list[Row[Any]] = []
    while True:
        rows = read(after, READ_AT_ONCE)
        found += [row for row in rows if likeness(orjson.loads(row.body)[0]) == alike]
        if len(found) >= limit or len(rows) < READ_AT_ONCE:
            return found[:limit]
        after = rows[-1].date, rows[-1].version


def _with_balance(
    connection: Connection, places: BookChart, account: AccountId, shown: Sequence[Row[Any]], known: int | None
) -> list[Entry]:
    """The entries with what each changed on the account, and what the account held after it."""
    numbers = places.numbers_of(account)
    top, bottom = (shown[0].date, shown[0].version), (shown[-1].date, shown[-1].version)
    held, scales = _held_before(connection, places.number, numbers, bottom, known)
    columns = lines.c
    between = (
        select(columns.date, columns.version, columns.commodity, columns.scale, columns.minor)
        .where(
            *standing(lines, places.number, (bottom[0], top[0]), known),
            columns.account.in_(numbers),
            _key(lines) >= _literal(bottom),
            _key(lines) <= _literal(top),
        )
        .order_by(columns.date, columns.version, columns.commodity)
    )
    changes: dict[int, Counter[str]] = {}
    for _, version, code, scale, minor in connection.execute(between):
        scales[code] = scale
        changes.setdefault(version, Counter())[code] += minor
    listed = {row.version: row for row in shown}
    items = []
    for version, change in changes.items():
        held.update(change)
        row = listed.get(version)
        if row is not None:
            after = [code for code in held if held[code] or code in change]
            items.append(
                _entry(
                    row,
                    places,
                    tuple([Amount(change[code], commodity(code, scales[code])) for code in sorted(change)]),
                    tuple([Amount(held[code], commodity(code, scales[code])) for code in sorted(after)]),
                )
            )
    return items[::-1]


def _held_before(
    connection: Connection, number: int, accounts: Sequence[int], key: _Key, known: int | None
) -> tuple[Counter[str], dict[str, int]]:
    """What accounts held, by commodity, before the entry at `key`; and the commodities' scales."""
    month = key[0].replace(day=1)
    held: Counter[str] = Counter()
    scales: dict[str, int] = {}
    since = FIRST_DAY if known is not None else month
    before = standing(lines, number, (since, key[0]), known)
    parts = [(lines, [*before, lines.c.account.in_(accounts), _key(lines) < _literal(key)])]
    if known is None:
        parts.append((months, [months.c.book_number == number, months.c.account.in_(accounts), months.c.month < month]))
    for table, when in parts:
        columns = table.c
        sums = select(columns.commodity, columns.scale, func.sum(columns.minor)).where(*when)
        for code, scale, minor in connection.execute(sums.group_by(columns.commodity, columns.scale)):
            scales[code] = scale
            held[code] += int(minor)
    return held, scales


def _entry(
    row: Row[Any], places: BookChart, change: tuple[Amount, ...] | None, balance: tuple[Amount, ...] | None
) -> Entry:
    payee, memo, tags, links, import_id, corrects, instalment, postings = orjson.loads(row.body)
    return Entry(
        row.transaction,
        row.version,
        row.date,
        payee,
        memo,
        tuple(tags),
        tuple(links),
        tuple([unpacked(posting, places) for posting in postings]),
        import_id,
        corrects,
        None if instalment is None else Instalment(*instalment),
        change,
        balance,
    )


# Cursors


def _digest(filters: list[Any]) -> str:
    return hashlib.sha256(orjson.dumps(filters)).hexdigest()[:16]


def _sealed(filters: str, key: _Key) -> str:
    opened = orjson.dumps([NAME, VERSION, filters, key[0], key[1]])
    return base64.urlsafe_b64encode(opened).decode("ascii").rstrip("=")


def _opened(cursor: str, filters: str) -> _Key:
    """The key a cursor stands on; `cursor_not_valid` where this question did not make it."""
    if len(cursor) > MAX_CURSOR_CHARS:
        raise Rejected("cursor_not_valid")
    try:
        opened = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        name, version, made_with, day, at = opened
        key = date.fromisoformat(day), int(at)
    except (ValueError, TypeError, binascii.Error) as error:
        raise Rejected("cursor_not_valid") from error
    if (name, version, made_with) != (NAME, VERSION, filters) or not 0 <= key[1] <= NEVER:
        raise Rejected("cursor_not_valid")
    return key


def unpacked(packed: list[Any], places: BookChart) -> Posting:
    account = places.accounts[packed[0]]
    amount = Amount(packed[1], commodity(packed[2], packed[3]))
    if len(packed) == 4:
        return Posting(account, amount)
    lot, total = packed[4:]
    cost = price = None
    if lot is not None:
        day = None if lot[3] is None else date.fromisoformat(lot[3])
        cost = Cost(Amount(lot[0], commodity(lot[1], lot[2])), day, lot[4])
    if total is not None:
        price = Price(Amount(total[0], commodity(total[1], total[2])))
    return Posting(account, amount, cost, price)
