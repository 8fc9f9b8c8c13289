"""The register: the list of transactions, newest first, with the running balance of an account, and found by words.

Each row is one state of a transaction with the versions from and until which it stood, so that the list can be read as
it was known at any version. A page costs what it shows, not what the book holds.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import heapq
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Row,
    Select,
    SmallInteger,
    Table,
    and_,
    bindparam,
    func,
    literal,
    select,
    tuple_,
    update,
)

from domain.book import BookId
from domain.errors import Rejected
from domain.ledger import (
    FIRST_DAY,
    LAST_DAY,
    AccountId,
    Cost,
    ImportId,
    Posting,
    Price,
    TransactionAmended,
    TransactionId,
    TransactionRecorded,
    TransactionVoided,
)
from domain.money import Amount, commodity
from domain.recorded import Recorded
from projections.chart import BookChart, Chart, Numbers
from projections.readmodel import NEVER, CText, Value, add_in_bulk, copy_in_bulk, in_chunks

NAME, VERSION = "register", 1

MAX_PAGE = 500
"""The most transactions of one page."""

MAX_SEARCH_WORDS = 16
"""The most words of one search: each is looked for by itself."""

MAX_CURSOR_CHARS = 400
"""No cursor made here is longer; what is longer is not read."""

REMEMBERED_TEXTS = 4_096
"""How many texts' words are kept while folding: households write the same payees again and again."""

metadata = MetaData()
chart = Chart(NAME, VERSION, metadata)
entries = Table(
    f"{NAME}_v{VERSION}_entries",
    metadata,
    Column("book_number", BigInteger),
    Column("date", Date),
    Column("version", Integer),
    Column("until", Integer, nullable=False),
    Column("transaction", CText, nullable=False),
    Column("words", CText, nullable=False),
    Column("body", CText, nullable=False),
    PrimaryKeyConstraint("book_number", "date", "version"),
    sqlite_with_rowid=False,
)
"""The states of transactions: each stands from `version` until the version before `until`.

`words` are the normalised words of payee, memo and tags, each after a space; `body` is JSON: payee, memo, tags, links,
import, corrected transaction, postings.
"""
lines = Table(
    f"{NAME}_v{VERSION}_lines",
    metadata,
    Column("book_number", BigInteger),
    Column("minor", BigInteger, nullable=False),
    Column("account", Integer),
    Column("date", Date),
    Column("version", Integer),
    Column("until", Integer, nullable=False),
    Column("scale", SmallInteger, nullable=False),
    Column("commodity", CText),
    PrimaryKeyConstraint("book_number", "account", "date", "version", "commodity"),
    sqlite_with_rowid=False,
)
"""What each state of a transaction changes on each account: what an account's pages are found and summed by."""
months = Table(
    f"{NAME}_v{VERSION}_months",
    metadata,
    Column("book_number", BigInteger),
    Column("account", Integer),
    Column("month", Date),
    Column("commodity", CText),
    Column("scale", SmallInteger, nullable=False),
    Column("minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_number", "account", "month", "commodity"),
    sqlite_with_rowid=False,
)
"""What stands on each account, by month: a running balance begins from a few rows."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction as it stands, or stood at the version asked for; `version` is that of the event that said it so.

    Postings name the account that a merged one became part of. `change` and `balance` tell of the account asked for
    (None without one), by commodity: what the entry changed, and what the account holds after it in every commodity
    that is not zero or was just changed.
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
    change: tuple[Amount, ...] | None
    balance: tuple[Amount, ...] | None


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, newest first, and the cursor of the next page; None where this is the last one."""

    items: list[Entry]
    next: str | None


# Folding


@dataclass(slots=True)
class _State:
    """A state of a transaction on its way into the tables."""

    number: int
    date: date
    version: int
    transaction: TransactionId
    words: str
    texts: list[Any]
    postings: list[list[Any]]
    lines: dict[tuple[int, str], tuple[int, int]]
    until: int = NEVER


@dataclass(slots=True)
class _Batch:
    """What a batch makes: new states, states that stood before it and end in it, and changes of the months' sums."""

    states: dict[tuple[int, TransactionId], _State] = field(default_factory=dict)
    ended: list[_State] = field(default_factory=list)
    closed: list[dict[str, Any]] = field(default_factory=list)
    closed_lines: list[dict[str, Any]] = field(default_factory=list)
    months: dict[tuple[int, int, str, str], list[int]] = field(default_factory=dict)


def apply(connection: Connection, batch: Sequence[Recorded]) -> None:
    """Add the states that the batch's transactions take, and end those that they leave."""
    numbers = chart.extend(connection, batch)
    standing = _standing_before(connection, batch, numbers)
    made = _Batch()
    for recorded in batch:
        match recorded.event:
            case TransactionRecorded() as event:
                head = [event.import_id, event.corrects]
                _begin(made, recorded, numbers, event, head)
            case TransactionAmended() as event:
                head = _end(made, recorded, numbers, event, standing)
                _begin(made, recorded, numbers, event, head)
            case TransactionVoided() as event:
                _end(made, recorded, numbers, event, standing)
            case _:
                pass
    _write(connection, made)


def _standing_before(
    connection: Connection, batch: Sequence[Recorded], numbers: Numbers
) -> dict[tuple[int, TransactionId], tuple[int, str]]:
    """Version and body of the states, of before the batch, that its amendments and voids end."""
    new: set[tuple[int, TransactionId]] = set()
    needed: dict[int, dict[TransactionId, date]] = defaultdict(dict)
    for recorded in batch:
        match recorded.event:
            case TransactionRecorded(transaction=transaction):
                new.add((numbers.books[recorded.book], transaction))
            case TransactionAmended() | TransactionVoided() as event:
                number = numbers.books[recorded.book]
                if (number, event.transaction) not in new:
                    needed[number].setdefault(event.transaction, event.was_date)
            case _:
                pass
    found: dict[tuple[int, TransactionId], tuple[int, str]] = {}
    columns = entries.c
    for number, days in needed.items():
        # By day, so that the few days of a chunk are read and not the book.
        for chunk in in_chunks(sorted(days, key=lambda transaction: (days[transaction], transaction))):
            rows = connection.execute(
                select(columns.transaction, columns.version, columns.body).where(
                    columns.book_number == number,
                    columns.date.in_(sorted({days[transaction] for transaction in chunk})),
                    columns.transaction.in_(chunk),
                    columns.until == NEVER,
                )
            )
            for transaction, version, body in rows:
                found[number, transaction] = (version, body)
    return found


def _begin(
    made: _Batch,
    recorded: Recorded,
    numbers: Numbers,
    event: TransactionRecorded | TransactionAmended,
    head: list[Any],
) -> None:
    number = numbers.books[recorded.book]
    places = numbers.accounts[recorded.book]
    changed: dict[tuple[int, str], tuple[int, int]] = {}
    packed: list[list[Any]] = []
    for posting in event.postings:
        account = places[posting.account][0]
        amount = posting.amount
        unit = amount.commodity
        place = (account, unit.code)
        minor, _ = changed.get(place, (0, 0))
        changed[place] = (minor + amount.minor, unit.scale)
        if posting.cost is None and posting.price is None:
            packed.append([account, amount.minor, unit.code, unit.scale])
        else:
            packed.append([account, amount.minor, unit.code, unit.scale, *_packed_totals(posting)])
    made.states[number, event.transaction] = _State(
        number,
        event.date,
        recorded.version,
        event.transaction,
        _words_column(event.payee, event.memo, event.tags),
        [event.payee, event.memo, event.tags, event.links, *head],
        packed,
        changed,
    )
    _add_to_months(made, number, event.date, changed, 1)


def _end(
    made: _Batch,
    recorded: Recorded,
    numbers: Numbers,
    event: TransactionAmended | TransactionVoided,
    standing: Mapping[tuple[int, TransactionId], tuple[int, str]],
) -> list[Any]:
    """End the state that stands; the import and the corrected transaction that it names."""
    number = numbers.books[recorded.book]
    state = made.states.pop((number, event.transaction), None)
    if state is not None:
        state.until = recorded.version
        made.ended.append(state)
        _add_to_months(made, number, state.date, state.lines, -1)
        return [state.texts[4], state.texts[5]]
    version, body = standing[number, event.transaction]
    places = numbers.accounts[recorded.book]
    taken: dict[tuple[int, str], tuple[int, int]] = {}
    for posting in event.was_postings:
        place = (places[posting.account][0], posting.amount.commodity.code)
        minor, _ = taken.get(place, (0, 0))
        taken[place] = (minor + posting.amount.minor, posting.amount.commodity.scale)
    key = {"of_book": number, "of_date": event.was_date, "of_version": version, "ended": recorded.version}
    made.closed.append(key)
    made.closed_lines.extend([key | {"of_account": account} for account in sorted({place[0] for place in taken})])
    _add_to_months(made, number, event.was_date, taken, -1)
    texts = orjson.loads(body)
    return [texts[4], texts[5]]


def _add_to_months(
    made: _Batch, number: int, day: date, changed: Mapping[tuple[int, str], tuple[int, int]], sign: int
) -> None:
    month = day.replace(day=1).isoformat()
    for (account, code), (minor, scale) in changed.items():
        sums = made.months.setdefault((number, account, month, code), [scale, 0])
        sums[1] += sign * minor


def _write(connection: Connection, made: _Batch) -> None:
    new_entries: list[tuple[Value, ...]] = []
    new_lines: list[tuple[Value, ...]] = []
    for state in sorted([*made.ended, *made.states.values()], key=lambda state: (state.number, state.version)):
        day = state.date.isoformat()
        body = orjson.dumps([*state.texts, state.postings]).decode()
        new_entries.append((state.number, day, state.version, state.until, state.transaction, state.words, body))
        for (account, code), (minor, scale) in state.lines.items():
            new_lines.append((state.number, minor, account, day, state.version, state.until, scale, code))
    copy_in_bulk(connection, entries, new_entries)
    copy_in_bulk(connection, lines, new_lines)
    if made.closed:
        connection.execute(
            update(entries).where(*_key_of(entries)).values(until=bindparam("ended", type_=Integer)), made.closed
        )
        connection.execute(
            update(lines)
            .where(*_key_of(lines), lines.c.account == bindparam("of_account", type_=Integer))
            .values(until=bindparam("ended", type_=Integer)),
            made.closed_lines,
        )
    add_in_bulk(connection, months, [(*key, *made.months[key]) for key in sorted(made.months)], added=("minor",))


def _key_of(table: Table) -> list[ColumnElement[bool]]:
    return [
        table.c.book_number == bindparam("of_book", type_=BigInteger),
        table.c.date == bindparam("of_date", type_=Date),
        table.c.version == bindparam("of_version", type_=Integer),
    ]


def _packed_totals(posting: Posting) -> list[Any]:
    cost, price = posting.cost, posting.price
    lot = None
    if cost is not None:
        unit = cost.total.commodity
        day = None if cost.date is None else cost.date.isoformat()
        lot = [cost.total.minor, unit.code, unit.scale, day, cost.label]
    total = None if price is None else price.total
    return [lot, None if total is None else [total.minor, total.commodity.code, total.commodity.scale]]


def _unpacked(packed: list[Any], places: BookChart) -> Posting:
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


def purge(connection: Connection, book: BookId) -> None:
    """Remove every transaction of a book, and the words it could be found by."""
    chart.purge(connection, book, (entries, lines, months))
    # Texts of any book may be among the remembered ones; forgetting all of them costs a few milliseconds.
    _words_of.cache_clear()


# Words

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """The words of a text as they are compared: case folded, accents stripped, each once, in order."""
    return list(_words_of(text))


@lru_cache(maxsize=REMEMBERED_TEXTS)
def _words_of(text: str) -> tuple[str, ...]:
    folded = text.lower() if text.isascii() else _folded(text)
    return tuple(dict.fromkeys(_WORD.findall(folded)))


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join([character for character in apart if not unicodedata.combining(character)]).casefold()


def _words_column(payee: str, memo: str, tags: tuple[str, ...]) -> str:
    found = [*_words_of(payee), *(_words_of(memo) if memo else ())]
    for tag in tags:
        found.extend(_words_of(tag))
    return "".join([f" {word}" for word in dict.fromkeys(found)])


# Asking


def transactions(
    connection: Connection,
    book: BookId,
    *,
    account: AccountId | None = None,
    first: date | None = None,
    last: date | None = None,
    text: str | None = None,
    known: int | None = None,
    limit: int = 50,
    cursor: str | None = None,
    as_of: date | None = None,
) -> Page:
    """A page of the transactions that stand, newest first: by date, then by version, both falling.

    `account`: only those that post to it, or to what was merged into it, with the change and the running balance after
    each (in minor units; the balance counts what the other filters leave out). `first`, `last` and `as_of` (another
    end, of that day) bound the date. `text`: every word of it must begin a word of payee, memo or tags; case and
    accents are alike, and a text without words asks for nothing. `known`: the list as known at that book version, None
    for now. `cursor`: the `next` of the page before, with the same filters. Empty for a book without events.

    Raises `page_limit_out_of_range`, `too_many_search_words`, and `cursor_not_valid` for a cursor that was not made
    here, by another version of the register, or with other filters.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise Rejected("page_limit_out_of_range", limit=MAX_PAGE)
    wanted = words(text or "")
    if len(wanted) > MAX_SEARCH_WORDS:
        raise Rejected("too_many_search_words", limit=MAX_SEARCH_WORDS)
    filters = _digest([book, account, first, last, wanted, known, as_of])
    after = None if cursor is None else _opened(cursor, filters)
    places = chart.of(connection, book, known)
    if places is None:
        return Page([], None)
    bounds = (first or FIRST_DAY, min(last or LAST_DAY, as_of or LAST_DAY))
    matching = [entries.c.words.contains(f" {word}", autoescape=True) for word in wanted]
    if account is None:
        states = select(entries).where(*_standing(entries, places.number, bounds, known), *matching)
        found = [*connection.execute(_newest(states, entries, after, limit + 1))]
    else:
        found = _of_account(connection, places, account, bounds, known, matching, after, limit + 1)
    shown = found[:limit]
    if account is None or not shown:
        items = [_entry(row, places, None, None) for row in shown]
    else:
        items = _with_balance(connection, places, account, shown, known)
    more = len(found) > limit
    return Page(items, _sealed(filters, (shown[-1].date, shown[-1].version)) if more else None)


def span(connection: Connection, book: BookId, known: int | None = None) -> tuple[date, date] | None:
    """The days of the first and the last transaction that stand, as known at a book version; None without any."""
    number = chart.books.of(connection, book)
    if number is None:
        return None
    days = [
        connection.scalar(select(end(entries.c.date)).where(*_standing(entries, number, (FIRST_DAY, LAST_DAY), known)))
        for end in (func.min, func.max)
    ]
    return None if days[0] is None or days[1] is None else (days[0], days[1])


_Key = tuple[date, int]


def _standing(table: Table, number: int, bounds: tuple[date, date], known: int | None) -> list[ColumnElement[bool]]:
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
        keys = keys.where(*_standing(lines, places.number, bounds, known), lines.c.account == number)
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
            *_standing(lines, places.number, (bottom[0], top[0]), known),
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
    before = _standing(lines, number, (since, key[0]), known)
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
    payee, memo, tags, links, import_id, corrects, postings = orjson.loads(row.body)
    return Entry(
        row.transaction,
        row.version,
        row.date,
        payee,
        memo,
        tuple(tags),
        tuple(links),
        tuple([_unpacked(posting, places) for posting in postings]),
        import_id,
        corrects,
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
