"""Read models on random books: no split of the log shows, the past can be asked, and every figure is the plain sum."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands.overlay import laid_over
from domain.book import BookId
from domain.budgets import Every
from domain.ledger import (
    FIRST_DAY,
    LAST_DAY,
    AccountId,
    AccountMerged,
    ImportCommitted,
    ImportId,
    ImportUndone,
    Instalment,
    Kind,
    Posting,
    TransactionAmended,
    TransactionCategorized,
    TransactionId,
    TransactionJoined,
    TransactionParted,
    TransactionRecorded,
    TransactionVoided,
)
from domain.recorded import Recorded
from domain.words import words
from projections import accounts, balances, budgets, cash_flow, imports, net_worth, register, timeline
from tests.folding import Log, empty, fold, rows
from tests.strategies import FIRST_USUAL_DAY, USUAL_DAYS, Ids, happened, opened, units

MAX_UNITS = 15
MAX_PAGES = 100

some_days = st.integers(-20, USUAL_DAYS + 20).map(
    lambda days: FIRST_USUAL_DAY + timedelta(days=days)
) | st.sampled_from([FIRST_DAY, LAST_DAY])


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Two books' random histories, mixed."""
    log, ids = Log(), Ids()
    names = []
    for name in ("Home", "Other"):
        commands = opened(ids, name)
        names.append(BookId(name))
        log.tell(commands, book=names[-1])
    for _ in range(draw(st.integers(0, MAX_UNITS))):
        book = draw(st.sampled_from(names))
        # Drawn for the book as it is, and told with what can happen of it.
        unit = draw(units(log.books[book], ids))
        copy = laid_over(log.books[book])
        log.tell([event for command in unit for event in happened(copy, command)], book=book)
    return log


@dataclass
class Standing:
    """What stands at a version, folded in the plainest way."""

    entries: dict[TransactionId, tuple[date, int, tuple[Posting, ...]]]
    into: dict[AccountId, AccountId]
    payees: dict[TransactionId, str]
    instalments: dict[TransactionId, Instalment]
    unknown: dict[ImportId, tuple[AccountId, ...]]

    def current(self, account: AccountId) -> AccountId:
        while account in self.into:
            account = self.into[account]
        return account

    def held(self, as_of: date) -> Counter[tuple[AccountId, str]]:
        held: Counter[tuple[AccountId, str]] = Counter()
        for day, _, postings in self.entries.values():
            if day <= as_of:
                for posting in postings:
                    held[self.current(posting.account), posting.amount.commodity.code] += posting.amount.minor
        return Counter({place: minor for place, minor in held.items() if minor})

    def listed(self) -> dict[TransactionId, tuple[date, int, tuple[Posting, ...]]]:
        """What a newer file has not left without any posting."""
        return {transaction: entry for transaction, entry in self.entries.items() if entry[2]}


def standing(events: list[Recorded], book: BookId, known: int) -> Standing:
    found = Standing({}, {}, {}, {}, {})
    for recorded in events:
        if recorded.book != book or recorded.version > known:
            continue
        match recorded.event:
            case TransactionRecorded() | TransactionAmended() as event:
                found.entries[event.transaction] = (event.date, recorded.version, event.postings)
                found.payees[event.transaction] = event.payee
                if isinstance(event, TransactionRecorded) and event.instalment is not None:
                    found.instalments[event.transaction] = event.instalment
            case TransactionJoined() | TransactionParted() | TransactionCategorized() as event:
                day, version, postings = found.entries[event.transaction]
                if (event.date, event.postings) != (day, postings):
                    version = recorded.version
                found.entries[event.transaction] = (event.date, version, event.postings)
            case TransactionVoided(transaction=transaction):
                del found.entries[transaction]
                found.instalments.pop(transaction, None)
            case ImportCommitted(import_id, opening_unknown=tuple(unknown)):
                found.unknown[import_id] = (*found.unknown.get(import_id, ()), *unknown)
            case ImportUndone(import_id):
                found.unknown.pop(import_id, None)
            case AccountMerged(account, into):
                found.into[account] = into
            case _:
                pass
    return found


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(log=logs(), sizes=st.lists(st.integers(1, 12), max_size=30))
def test_no_split_of_the_log_into_batches_shows_in_a_row(log: Log, sizes: list[int]) -> None:
    with empty() as whole, empty() as split:
        fold(whole, log.events)
        fold(split, log.events, sizes)
        assert rows(split) == rows(whole)


def answers(connection: sa.Connection, book: BookId, day: date, known: int | None) -> list[object]:
    """What every query that knows of versions says of a book."""
    chart = accounts.accounts(connection, book, known)
    month = timedelta(days=31)
    first, last = max(FIRST_DAY, date.fromordinal(max(1, day.toordinal() - 62))), day
    return [
        chart,
        balances.balances(connection, book, day, known),
        *[pages(connection, book, account.account, known) for account in chart],
        pages(connection, book, None, known),
        *[net_worth.net_worth(connection, book, first, last, every, "BRL", known) for every in Every],
        net_worth.prices(connection, book, known),
        register.promised(connection, book, day, known),
        register.payees(connection, book, first, last, {chart[-1].account} if chart else set(), known),
        imports.opening_unknown(connection, book, known),
        *[cash_flow.cash_flow(connection, book, first, last, every, known) for every in Every],
        budgets.budgets(connection, book, day, known),
        budgets.budgets(connection, book, max(FIRST_DAY + month, day) - month, known),
    ]


def pages(
    connection: sa.Connection, book: BookId, account: AccountId | None, known: int | None, limit: int = 4
) -> list[register.Entry]:
    found: list[register.Entry] = []
    cursor = None
    for _ in range(MAX_PAGES):
        page = register.transactions(connection, book, account=account, known=known, limit=limit, cursor=cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found
    raise AssertionError("the pages do not end")


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(log=logs(), share=st.floats(0, 1), day=some_days)
def test_what_was_known_at_a_version_is_what_a_fold_of_the_log_up_to_it_says(log: Log, share: float, day: date) -> None:
    book = BookId("Home")
    known = round(log.versions[book] * share)
    with empty() as now, empty() as then:
        fold(now, log.events)
        fold(then, log.until(book, known))
        assert answers(now, book, day, known) == answers(then, book, day, None)
        moment = next((event.recorded_at for event in log.events if event.book == book and event.version > known), None)
        if moment is not None:
            seen = timeline.version_known_on(now, book, moment - timedelta(microseconds=1))
            assert seen == timeline.version_known_on(then, book, moment - timedelta(microseconds=1)) <= known


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(log=logs(), day=some_days, share=st.none() | st.floats(0, 1))
def test_every_figure_is_the_plain_sum_of_the_postings_that_stand(log: Log, day: date, share: float | None) -> None:
    book = BookId("Home")
    known = None if share is None else round(log.versions[book] * share)
    plain = standing(log.events, book, log.versions[book] if known is None else known)
    with empty() as connection:
        fold(connection, log.events)
        held = balances.balances(connection, book, day, known)
        assert {(b.account, b.amount.commodity.code): b.amount.minor for b in held} == dict(plain.held(day))

        listed = pages(connection, book, None, known)
        assert [(e.date, e.version, e.transaction) for e in listed] == sorted(
            [(on, version, transaction) for transaction, (on, version, _) in plain.listed().items()], reverse=True
        )
        for account in accounts.accounts(connection, book, known):
            running: Counter[str] = Counter()
            for entry in reversed(pages(connection, book, account.account, known)):
                assert entry.change is not None
                assert entry.balance is not None
                change: Counter[str] = Counter()
                for posting in plain.entries[entry.transaction][2]:
                    if plain.current(posting.account) == plain.current(account.account):
                        change[posting.amount.commodity.code] += posting.amount.minor
                running.update(change)
                assert {a.commodity.code: a.minor for a in entry.change} == dict(change)
                told = {a.commodity.code: a.minor for a in entry.balance}
                assert told == {code: running[code] for code in running if running[code] or code in change}
            total = {code: minor for code, minor in running.items() if minor}
            mine = plain.current(account.account)
            assert total == {code: minor for (of, code), minor in plain.held(LAST_DAY).items() if of == mine}

        categories = {row.account for row in accounts.accounts(connection, book, known) if row.kind.is_category}
        first = max(FIRST_DAY, date.fromordinal(max(1, day.toordinal() - 45)))
        before = plain.held(first - timedelta(days=1))
        moved = {place: minor for place, minor in plain.held(day).items() if place[0] in categories}
        for place, minor in before.items():
            if place[0] in categories:
                moved[place] = moved.get(place, 0) - minor
        for every in Every:
            flows: Counter[tuple[AccountId, str]] = Counter()
            for flow in cash_flow.cash_flow(connection, book, first, day, every, known):
                flows[flow.account, flow.amount.commodity.code] += flow.amount.minor
            assert {k: v for k, v in flows.items() if v} == {k: v for k, v in moved.items() if v}

        owned = {
            row.account for row in accounts.accounts(connection, book) if row.kind in (Kind.ASSETS, Kind.LIABILITIES)
        }
        brl = sum(minor for (account, code), minor in plain.held(day).items() if account in owned and code == "BRL")
        foreign = {code for (account, code), _ in plain.held(day).items() if account in owned and code != "BRL"}
        for worth in net_worth.net_worth(connection, book, day, day, Every.DAY, "BRL", known):
            assert set(worth.unpriced) | set(worth.stale) <= foreign
            assert worth.amount.minor == brl or foreign - set(worth.unpriced)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(log=logs(), day=some_days, share=st.none() | st.floats(0, 1))
def test_what_is_promised_follows_the_last_instalment_that_stands(log: Log, day: date, share: float | None) -> None:
    book = BookId("Home")
    known = None if share is None else round(log.versions[book] * share)
    plain = standing(log.events, book, log.versions[book] if known is None else known)
    with empty() as connection:
        fold(connection, log.events)
        kinds = {row.account: row.kind for row in accounts.accounts(connection, book)}
        promises = {promise.purchase: promise for promise in register.promised(connection, book, day, known)}
    last: dict[str, tuple[int, int, TransactionId]] = {}
    for transaction, part in plain.instalments.items():
        on, version, postings = plain.entries[transaction]
        if postings and on <= day:
            last[part.purchase] = max(last.get(part.purchase, (0, 0, transaction)), (part.k, version, transaction))
    told = {}
    for purchase, (k, _, transaction) in last.items():
        postings, n = plain.entries[transaction][2], plain.instalments[transaction].n
        own = [p for p in postings if kinds[p.account] in (Kind.ASSETS, Kind.LIABILITIES)]
        card = (own or postings)[0]
        if k < n:
            account, left_minor = plain.current(card.account), -(n - k) * card.amount.minor
            told[purchase] = (account, plain.payees[transaction], k, n, -card.amount, left_minor)
    assert {
        purchase: (p.account, p.payee, p.k, p.n, p.each, p.amount.minor) for purchase, p in promises.items()
    } == told


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(log=logs(), day=some_days, share=st.none() | st.floats(0, 1), data=st.data())
def test_payees_are_all_that_categories_moved_and_every_transaction_is_told_once(
    log: Log, day: date, share: float | None, data: st.DataObject
) -> None:
    book = BookId("Home")
    known = None if share is None else round(log.versions[book] * share)
    plain = standing(log.events, book, log.versions[book] if known is None else known)
    first = max(FIRST_DAY, date.fromordinal(max(1, day.toordinal() - 45)))
    with empty() as connection:
        fold(connection, log.events)
        categories = [row.account for row in accounts.accounts(connection, book) if row.kind.is_category]
        untold = data.draw(st.sets(st.sampled_from(categories)))
        found = register.payees(connection, book, first, day, untold, known)
        flows = cash_flow.cash_flow(connection, book, first, day, Every.YEAR, known)
        listed = {
            line: register.transactions(
                connection, book, payee=line.payee, first=first, last=day, known=known, limit=register.MAX_PAGE
            ).items
            for line in found.items
        }
    for line, entries in listed.items():
        unit = line.amount.commodity
        moves = [
            [p.amount.minor for p in entry.postings if p.account in categories and p.amount.commodity == unit]
            for entry in entries
        ]
        assert (sum(map(sum, moves)), sum(map(bool, moves))) == (line.amount.minor, line.count)
        assert all(set(line.words) <= set(words(entry.payee)) for entry in entries)
        assert bool(line.words) == bool(words(line.payee))
    sums: Counter[str] = Counter()
    for line in found.items:
        sums[line.amount.commodity.code] += line.amount.minor
    moved: Counter[str] = Counter()
    for flow in flows:
        moved[flow.amount.commodity.code] += flow.amount.minor
    assert {code: minor for code, minor in sums.items() if minor} == {code: m for code, m in moved.items() if m}
    posted = [
        {plain.current(p.account) for p in postings if p.account in categories}
        for on, _, postings in plain.entries.values()
        if first <= on <= day
    ]
    assert found.transactions == sum(bool(on) for on in posted)
    assert found.categorized == sum(bool(on) and not on & untold for on in posted)
    assert {line.payee for line in found.items} <= set(plain.payees.values())


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(log=logs(), share=st.none() | st.floats(0, 1))
def test_an_opening_is_unknown_as_long_as_an_import_that_says_so_stands(log: Log, share: float | None) -> None:
    book = BookId("Home")
    known = None if share is None else round(log.versions[book] * share)
    plain = standing(log.events, book, log.versions[book] if known is None else known)
    with empty() as connection:
        fold(connection, log.events)
        told = imports.opening_unknown(connection, book, known)
        everyone = [row.account for row in accounts.accounts(connection, book, known)]
        opened = {equity: register.opened_against(connection, book, equity, everyone, known) for equity in everyone[:3]}
    assert sorted(told) == sorted({account for unknown in plain.unknown.values() for account in unknown})
    for equity, others in opened.items():
        assert others == {
            account
            for account in everyone
            for _, _, postings in plain.entries.values()
            if {plain.current(account), plain.current(equity)} <= {plain.current(p.account) for p in postings}
        }
