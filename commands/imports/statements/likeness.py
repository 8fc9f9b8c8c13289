"""Rows that tell what another file or a person already told: the other leg of a transfer, or the same movement again.

Likeness only proposes. A transfer is proposed where amounts are exactly opposite, days are near and each side has no
other; a match where account and amount are the same and the day is, or the words are alike. Rows of one and the same
source are never likened to each other: that source's own identity tells them apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice

from rapidfuzz import fuzz

from commands.imports.plan import BookFacts, Candidate, Desk
from commands.imports.reading import Reason, StatementRow
from commands.imports.statements.accounts import Target
from commands.imports.statements.categories import is_refund
from domain.ledger import Account, AccountId, How, Posting, TransactionId
from domain.money import Amount
from domain.words import words as words_of

TRANSFER_DAYS = 4
"""The most days that the two sides of a transfer lie apart."""

MATCH_DAYS = 4
"""The most days that two tellings of one movement lie apart: a weekend, and a day of booking."""

ALIKE = 60
"""From which likeness of their words, of 100, two rows of different days are taken for one."""

MAX_COMPARED = 50
"""Standing transactions of one account and amount that a row's words are compared with, the nearest days first."""

MAX_COMPARISONS = 500_000
"""Comparisons of words for one file: five a row of the largest, where a bank's own need one or two. What is the same on
the same day is matched beyond them too, in the order of the rows.
"""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A row that is no duplicate, with the amount at its account's scale. `covered` are the first and last day that its
    statement has rows of.
    """

    row: StatementRow
    day: date
    amount: Amount
    fingerprint: str
    target: Target
    covered: tuple[date, date]


Met = tuple[TransactionId, AccountId]
"""A standing transaction, and an account of it that a row of the file is known to tell of."""


@dataclass(frozen=True, slots=True)
class Join:
    """That a row joins a standing transaction, or with `row` the one that another row of the file records."""

    how: How
    reason: Reason
    day: date
    transaction: TransactionId | None = None
    row: int | None = None


def found_joins(
    fresh: Sequence[Fresh], facts: BookFacts, desk: Desk, source: str, met: frozenset[Met]
) -> tuple[dict[int, Join], dict[int, Reason]]:
    """For a row's number what it joins; and why it joins nothing where more than one transfer would fit.

    `met` are the transactions that other rows of the file are duplicates of, each with the account of those rows: of a
    transfer that stands, its other side may still be told.
    """
    if not fresh:
        return {}, {}
    wanted = frozenset((f.amount.commodity.code, f.amount.minor) for f in fresh)
    reach = timedelta(days=max(TRANSFER_DAYS, MATCH_DAYS))
    first, last = min(f.day for f in fresh), max(f.day for f in fresh)
    candidates = [
        candidate
        for candidate in desk.candidates(wanted, first - reach, last + reach)
        # What stands on accounts opened since the look at the book came since, too: the commit will plan again.
        if all(posting.account in facts.accounts for posting in candidate.postings)
    ]
    joins = _matches(fresh, candidates, desk, source, met)
    left = [f for f in fresh if f.row.row not in joins]
    transfers, unclear = _transfers(left, candidates, facts)
    return joins | transfers, unclear


# The same movement told again


@dataclass(frozen=True, slots=True)
class _Telling:
    """A standing posting that a row may tell again: its transaction, and the day and words its own bank told, if one
    did; words None: not known yet. `number` is its place among those of its account and amount.
    """

    number: int
    transaction: TransactionId
    day: date
    words: str | None


_Place = tuple[AccountId, str, int]
"""An account, a commodity's code, and minor units."""

_Tellings = Mapping[date, Sequence[_Telling]]
"""What stands at one place, by day."""


def _matches(
    fresh: Sequence[Fresh], candidates: Sequence[Candidate], desk: Desk, source: str, met: frozenset[Met]
) -> dict[int, Join]:
    rows: dict[_Place, list[Fresh]] = defaultdict(list)
    standing = _tellings(candidates, source, met)
    for one in fresh:
        place = (one.target.account.id, one.amount.commodity.code, one.amount.minor)
        if place in standing and one.row.trade is None:
            rows[place].append(one)
    asked = {
        telling.transaction
        for place, alike in rows.items()
        for day in {near for one in alike for near in _days_around(one.day, MATCH_DAYS)} & standing[place].keys()
        for telling in standing[place][day]
        if telling.words is None
    }
    matching = _Matching(desk.words(asked) if asked else {})
    for place, alike in rows.items():
        matching.match(alike, standing[place])
    return matching.joins


def _tellings(
    candidates: Sequence[Candidate], source: str, met: frozenset[Met]
) -> dict[_Place, dict[date, list[_Telling]]]:
    """What stands and another source than this told, by place and day."""
    standing: dict[_Place, dict[date, list[_Telling]]] = defaultdict(lambda: defaultdict(list))
    for number, candidate in enumerate(candidates):
        for posting in candidate.postings:
            is_met = (candidate.transaction, posting.account) in met
            if not is_met and (source, posting.account) not in candidate.told_by:
                amount = posting.amount
                day, words = candidate.legs.get(posting.account, (candidate.day, None))
                telling = _Telling(number, candidate.transaction, day, words)
                standing[posting.account, amount.commodity.code, amount.minor][day].append(telling)
    return standing


@dataclass(slots=True)
class _Matching:
    """The matches of a file, found place by place: what is on the same day first, of that what has words alike, then
    what has words alike on near days. Of equally good ones the row and the transaction that come first.
    """

    told: Mapping[TransactionId, tuple[str, str]]
    joins: dict[int, Join] = field(default_factory=dict)
    _taken: set[TransactionId] = field(default_factory=set)
    _words: dict[TransactionId, str] = field(default_factory=dict)
    _comparisons: int = 0

    def match(self, alike: Sequence[Fresh], standing: _Tellings) -> None:
        """Match rows of one account and amount with what stands there: a transfer that stands is told on both sides."""
        self._taken.clear()
        self._join_same_words(alike, standing)
        left, untaken = self._left(alike), self._untaken(standing)
        self._join_likest([(one, _covered(untaken, one.day, one)) for one in left], 0)
        left, untaken = self._left(left), self._untaken(untaken)
        self._join_in_order(left, untaken)
        left, untaken = self._left(left), self._untaken(untaken)
        self._join_likest([(one, _near(untaken, one)) for one in left], ALIKE)

    def _left(self, alike: Sequence[Fresh]) -> list[Fresh]:
        return [one for one in alike if one.row.row not in self.joins]

    def _untaken(self, standing: _Tellings) -> _Tellings:
        """What no row has taken yet: looked through once, not for each row."""
        left = {day: [t for t in tellings if t.transaction not in self._taken] for day, tellings in standing.items()}
        return {day: tellings for day, tellings in left.items() if tellings}

    def _join_same_words(self, alike: Sequence[Fresh], standing: _Tellings) -> None:
        """What is told in the same words on the same day needs no comparing."""
        by_words: dict[tuple[date, str], deque[_Telling]] = defaultdict(deque)
        for day in {one.day for one in alike} & standing.keys():
            for telling in standing[day]:
                by_words[day, self._words_of(telling)].append(telling)
        if by_words:
            for one in alike:
                self._join_first(one, by_words.get((one.day, _own_words(one))))

    def _join_in_order(self, left: Sequence[Fresh], standing: _Tellings) -> None:
        """Where more stands on a day than is compared, rows are matched as they come, or they would stand twice."""
        by_day = {day: deque(standing[day]) for day in {one.day for one in left} & standing.keys()}
        for one in left:
            self._join_first(one, by_day.get(one.day))

    def _join_first(self, one: Fresh, tellings: deque[_Telling] | None) -> None:
        while tellings and tellings[0].transaction in self._taken:
            tellings.popleft()
        if tellings and one.covered[0] <= tellings[0].day <= one.covered[1]:
            self._join(one, tellings.popleft())

    def _join_likest(self, pairs: Iterable[tuple[Fresh, Iterable[_Telling]]], at_least: float) -> None:
        """Join what is nearest, and of that what is likest, among pairs whose words are at least so much alike."""
        found: list[tuple[int, float, int, int, Fresh, _Telling]] = []
        for one, tellings in pairs:
            mine: str | None = None
            for telling in islice(tellings, min(MAX_COMPARED, MAX_COMPARISONS - self._comparisons)):
                self._comparisons += 1
                mine = _own_words(one) if mine is None else mine
                likeness = fuzz.token_set_ratio(mine, self._words_of(telling))
                if likeness >= at_least:
                    apart = abs((telling.day - one.day).days)
                    found.append((apart, -likeness, one.row.row, telling.number, one, telling))
        found.sort(key=lambda pair: pair[:4])
        for *_, one, telling in found:
            if one.row.row not in self.joins and telling.transaction not in self._taken:
                self._join(one, telling)

    def _words_of(self, telling: _Telling) -> str:
        if telling.words is not None:
            return " ".join(words_of(telling.words))
        known = self._words.get(telling.transaction)
        if known is None:
            known = " ".join(words_of(" ".join(self.told.get(telling.transaction, ()))))
            self._words[telling.transaction] = known
        return known

    def _join(self, one: Fresh, telling: _Telling) -> None:
        self._taken.add(telling.transaction)
        reason = Reason("row_matches", {"transaction": telling.transaction, "date": telling.day})
        self.joins[one.row.row] = Join(How.MATCH, reason, telling.day, telling.transaction)


def _near(standing: _Tellings, one: Fresh) -> Iterator[_Telling]:
    """What stands on days near to a row's, the nearest first."""
    for apart in range(1, MATCH_DAYS + 1):
        days = [near for near in _days_around(one.day, apart) if abs((near - one.day).days) == apart]
        # Of each day only what may be compared at all; of both in the order in which they stand.
        found = [telling for day in days for telling in _covered(standing, day, one)[:MAX_COMPARED]]
        yield from sorted(found, key=lambda telling: telling.number)


def _covered(standing: _Tellings, day: date, one: Fresh) -> Sequence[_Telling]:
    """What stands on a day that the row's statement covers, or the last coffee of one file would be the first of the
    next.
    """
    return standing.get(day, ()) if one.covered[0] <= day <= one.covered[1] else ()


def _own_words(one: Fresh) -> str:
    return " ".join(words_of(f"{one.row.payee} {one.row.memo}"))


def _days_around(day: date, days: int) -> list[date]:
    """The days near one, as far as the calendar goes."""
    ordinal = day.toordinal()
    last = date.max.toordinal()
    return [date.fromordinal(near) for near in range(max(1, ordinal - days), min(last, ordinal + days) + 1)]


# The other leg of a transfer


@dataclass(frozen=True, slots=True)
class _Side:
    """The standing side of a transfer: `account` gave or got the opposite; `row` is the file's own that records it.
    `number` is its place among all sides.
    """

    number: int
    account: AccountId
    name: str
    day: date
    transaction: TransactionId | None = None
    row: int | None = None


_Sum = tuple[str, int]
"""A commodity's code, and minor units as the row that looks for the other side has them."""


@dataclass(slots=True)
class _Cell:
    """The sides of one amount and day: only one that is alone is ever joined, so of others their number will do."""

    count: int = 0
    of_account: dict[AccountId, tuple[int, _Side]] = field(default_factory=dict)
    """How many are of an account, and the first of them."""

    def add(self, side: _Side) -> None:
        count, first = self.of_account.get(side.account, (0, side))
        self.of_account[side.account] = (count + 1, first)
        self.count += 1

    def beside(self, account: AccountId) -> tuple[int, _Side | None]:
        """How many are not of an account, and the first of them."""
        count = self.count - self.of_account.get(account, _NO_SIDES)[0]
        first = next((first for own, (_, first) in self.of_account.items() if own != account), None)
        return count, first


_NO_SIDES = (0, None)
_Cells = dict[_Sum, dict[date, _Cell]]


@dataclass(slots=True)
class _Sides:
    """Both sides of what may be a transfer: what stands, and what the file itself brings to several accounts."""

    facts: BookFacts
    rows: list[Fresh]
    _standing: _Cells
    _brought: _Cells = field(default_factory=dict)
    _rows: dict[_Sum, dict[date, Counter[AccountId]]] = field(default_factory=dict)
    _accounts: dict[AccountId, Account] = field(default_factory=dict)
    _confirmed: dict[tuple[AccountId, str], int] = field(default_factory=dict)
    _counted: dict[tuple[_Sum, AccountId, date, bool], int] = field(default_factory=dict)

    @classmethod
    def of(cls, fresh: Sequence[Fresh], candidates: Sequence[Candidate], facts: BookFacts) -> _Sides:
        standing: _Cells = {}
        count = 0
        for candidate in candidates:
            for category in _open_ends(candidate, facts):
                for posting in candidate.postings:
                    account = facts.accounts[posting.account]
                    if posting.amount == -category.amount and not account.kind.is_category:
                        side = _Side(count, account.id, account.name, candidate.day, candidate.transaction)
                        _cell(standing, _sum_of(category.amount), side.day).add(side)
                        count += 1
        sums = {_sum_of(one.amount) for one in fresh}
        is_several = len({one.target.account.id for one in fresh}) > 1
        opposite = {(code, -minor) for code, minor in sums} if is_several else set()
        meeting = sums & (standing.keys() | opposite)
        sides = cls(facts, [], standing)
        if not meeting:
            return sides
        sides.rows = [one for one in fresh if _sum_of(one.amount) in meeting and _may_transfer(one)]
        for number, one in enumerate(sides.rows, count):
            account = one.target.account
            side = _Side(number, account.id, account.name, one.day, row=one.row.row)
            _cell(sides._brought, _sum_of(-one.amount), one.day).add(side)
            by_day = sides._rows.setdefault(_sum_of(one.amount), {})
            by_day.setdefault(one.day, Counter())[account.id] += 1
            sides._accounts[account.id] = account
        return sides

    def meeting(self, one: Fresh) -> tuple[int, _Side | None]:
        """How many sides a row may be the other of, and the first of them."""
        wanted, account = _sum_of(one.amount), one.target.account
        standing, brought = self._standing.get(wanted, {}), self._brought.get(wanted, {})
        met, first = 0, None
        for day in _days_around(one.day, TRANSFER_DAYS):
            cells = [brought[day]] if day in brought else []
            if day in standing and self._may_post(account, wanted[0], day):
                cells.append(standing[day])
            for cell in cells:
                count, side = cell.beside(account.id)
                met += count
                if side is not None and (first is None or side.number < first.number):
                    first = side
        return met, first

    def rows_meeting(self, side: _Side, wanted: _Sum) -> int:
        """How many rows may be the other of a side."""
        is_standing = side.row is None
        place = (wanted, side.account, side.day, is_standing)
        known = self._counted.get(place)
        if known is None:
            by_day = self._rows.get(wanted, {})
            known = self._counted[place] = sum(
                count
                for day in _days_around(side.day, TRANSFER_DAYS)
                for account, count in by_day.get(day, {}).items()
                if account != side.account
                and not (is_standing and not self._may_post(self._accounts[account], wanted[0], side.day))
            )
        return known

    def _may_post(self, account: Account, code: str, day: date) -> bool:
        """Whether a row's account takes a leg on the other side's day: it is open, and not confirmed beyond it."""
        if account.opened_on is not None and day < account.opened_on:
            return False
        confirmed = self._confirmed.get((account.id, code))
        if confirmed is None:
            confirmed = max(self.facts.asserted.get((account.id, code), ()), default=0)
            self._confirmed[account.id, code] = confirmed
        return day.toordinal() > confirmed


def _sum_of(amount: Amount) -> _Sum:
    return amount.commodity.code, amount.minor


def _cell(cells: _Cells, wanted: _Sum, day: date) -> _Cell:
    return cells.setdefault(wanted, {}).setdefault(day, _Cell())


def _transfers(
    fresh: Sequence[Fresh], candidates: Sequence[Candidate], facts: BookFacts
) -> tuple[dict[int, Join], dict[int, Reason]]:
    sides = _Sides.of(fresh, candidates, facts)
    met: dict[int, tuple[int, _Side, _Sum]] = {}
    for one in sides.rows:
        count, side = sides.meeting(one)
        if side is not None:
            met[one.row.row] = count, side, _sum_of(one.amount)
    joins: dict[int, Join] = {}
    unclear: dict[int, Reason] = {}
    for row, (count, side, wanted) in met.items():
        rows = sides.rows_meeting(side, wanted)
        if count > 1 or rows > 1:
            unclear[row] = Reason("transfer_not_clear", {"count": max(count, rows)})
            continue
        params: dict[str, object] = {"account": side.name, "date": side.day}
        if side.row is None:
            params["transaction"] = side.transaction
            joins[row] = Join(How.TRANSFER, Reason("row_is_transfer", params), side.day, side.transaction)
        elif side.row in met and met[side.row][0] > 1:
            unclear[row] = Reason("transfer_not_clear", {"count": met[side.row][0]})
        elif side.row < row:
            params["other_row"] = side.row
            joins[row] = Join(How.TRANSFER, Reason("row_is_transfer_in_file", params), side.day, row=side.row)
    return joins, unclear


def _may_transfer(one: Fresh) -> bool:
    row = one.row
    plain = row.trade is None and not row.income and row.instalment is None and not row.splits and not row.category
    return plain and not is_refund(row)


def _open_ends(candidate: Candidate, facts: BookFacts) -> list[Posting]:
    """The one category posting that may stand for an account that no file has told of yet."""
    ends = [p for p in candidate.postings if facts.accounts[p.account].kind.is_category]
    return ends if len(ends) == 1 and ends[0].cost is None and ends[0].price is None else []
