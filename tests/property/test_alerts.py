"""Alerts on random histories: what is raised is what a slow reading of every prefix says, in any split, and once."""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from domain.alerts import Alert, Watch, observe, payee_text, watch_of, watch_record
from domain.book import BookCommand
from domain.budgets import (
    BudgetChanged,
    BudgetEnded,
    BudgetId,
    BudgetSet,
    ChangeBudget,
    EndBudget,
    Every,
    Period,
    period_of,
)
from domain.budgets import SetBudget as SetBudget
from domain.errors import Rejected
from domain.ledger import (
    AccountId,
    AccountMerged,
    AccountOpened,
    AccountRenamed,
    AmendTransaction,
    CategorizeTransaction,
    MergeAccount,
    OpenAccount,
    RecordTransaction,
    RenameAccount,
    TransactionAmended,
    TransactionCategorized,
    TransactionId,
    TransactionRecorded,
    TransactionVoided,
    VoidTransaction,
)
from domain.money import Amount, commodity
from domain.recorded import Recorded
from projections import budgets, spending_watch
from tests.folding import Log, empty, fold
from tests.given import BOOK, CHECKING, FOOD, GROCERIES, SAVINGS, brl, household, moved

LEISURE = AccountId("a-leisure")
CATEGORIES = (FOOD, GROCERIES, LEISURE)
ZONE = ZoneInfo("America/Sao_Paulo")
MAX_ACTS = 60
FIRST = datetime(2026, 3, 2, 2, tzinfo=UTC)  # where the household lives, still the first of March


@st.composite
def histories(draw: st.DrawFn, max_acts: int = MAX_ACTS) -> Log:
    """A household's months: days pass, it spends about as much as usual or far more, and corrects itself."""
    log = Log()
    log.now = FIRST
    monthly = SetBudget(BudgetId("b-0"), FOOD, brl("150.00"), Period(Every.MONTH, 1, date(2026, 1, 1)))
    log.tell(household(), OpenAccount(LEISURE, "Expenses:Leisure"), monthly)
    numbers = itertools.count(1)
    for _ in range(draw(st.integers(5, max_acts))):
        log.now += timedelta(days=draw(st.sampled_from([0, 0, 1, 1, 2, 3, 7])), hours=draw(st.integers(0, 5)))
        command = _command(draw, log, numbers)
        try:
            log.tell(command)
        except Rejected:
            continue
    return log


def _command(draw: st.DrawFn, log: Log, numbers: itertools.count[int]) -> BookCommand:
    today = log.now.astimezone(ZONE).date()
    near = today + timedelta(days=draw(st.sampled_from([0, 0, 0, 0, -1, -3, -8, -20, -40, 2, 9, 25])))
    standing = list(log.books[BOOK].ledger.standing)
    code = "BRL" if draw(st.integers(0, 5)) else "USD"
    minor = draw(st.sampled_from([10_00] * 5 + [20_00, 30_00, 40_00, 50_00, 79_99, 200_00, 500_00, -30_00, -100_00]))
    amount = Amount(minor, commodity(code, 2))
    category = draw(st.sampled_from(CATEGORIES))
    payee = draw(st.sampled_from(["", "Market", "Padaria São João", "PADARIA SAO JOAO 12"]))
    budget = BudgetId(f"b-{draw(st.integers(0, 3))}")
    kind = draw(
        st.sampled_from(["spend"] * 12 + ["amend", "void", "categorize", "move", "set", "set", "change", "rare"])
    )
    if kind in ("amend", "void", "categorize") and standing:
        transaction = draw(st.sampled_from(standing))
        if kind == "amend":
            return AmendTransaction(transaction, near, moved(amount, CHECKING, category), payee)
        if kind == "void":
            return VoidTransaction(transaction)
        return CategorizeTransaction(transaction, category)
    if kind == "set":
        every = draw(st.sampled_from([(Every.MONTH, 1), (Every.WEEK, 1), (Every.DAY, 10), (Every.MONTH, 3)]))
        limit = Amount(draw(st.sampled_from([0, 100_00, 250_00, 600_00])), amount.commodity)
        return SetBudget(budget, category, limit, Period(*every, near))
    if kind == "change":
        return ChangeBudget(budget, Amount(draw(st.sampled_from([90_00, 150_00, 300_00])), amount.commodity), near)
    if kind == "rare":
        rare = draw(
            st.sampled_from(
                list[BookCommand](
                    [
                        RenameAccount(LEISURE, "Expenses:Food:Leisure"),
                        RenameAccount(LEISURE, "Expenses:Leisure"),
                        MergeAccount(LEISURE, GROCERIES),
                        MergeAccount(GROCERIES, LEISURE),
                        EndBudget(budget, near),
                        OpenAccount(AccountId(f"a-{next(numbers)}"), f"Expenses:Food:N{next(numbers)}"),
                    ]
                )
            )
        )
        return rare
    target = SAVINGS if kind == "move" else category
    return RecordTransaction(TransactionId(f"t-{next(numbers)}"), near, moved(amount, CHECKING, target), payee)


# The slow way: every prefix is read from its beginning


@dataclass
class Entry:
    day: date
    version: int
    payee: str
    spent: dict[tuple[str, str], int]


@dataclass
class Told:
    """A budget as its events told it: limits with the day they hold from and their version."""

    account: str
    code: str
    period: Period
    limits: list[tuple[date, int, int]]
    ended: date | None = None

    def period_on(self, day: date) -> tuple[date, date] | None:
        gone = self.ended is not None and day > period_of(self.period, self.ended)[1]
        return None if day < self.period.start or gone else period_of(self.period, day)

    def limit(self, first: date) -> tuple[int, int]:
        return [(minor, version) for since, minor, version in self.limits if since <= first][-1]


@dataclass
class Known:
    """A book as a prefix of its events tells it."""

    entries: dict[str, Entry] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    into: dict[str, str] = field(default_factory=dict)
    budgets: dict[str, Told] = field(default_factory=dict)

    def current(self, account: str) -> str:
        while account in self.into:
            account = self.into[account]
        return account

    def family(self, account: str) -> set[str]:
        name = self.names[self.current(account)]
        return {
            each
            for each in self.names
            if self.current(each) == self.current(account) or self.names[self.current(each)].startswith(f"{name}:")
        }


def known_by(events: Sequence[Recorded]) -> Known:
    known = Known()
    for recorded in events:
        match recorded.event:
            case AccountOpened(account, name=name) | AccountRenamed(account, name):
                known.names[account] = name
            case AccountMerged(account, into):
                known.into[account] = into
            case TransactionRecorded() | TransactionAmended() as told:
                known.entries[told.transaction] = _entry(told, recorded.version, payee_text(recorded))
            case TransactionCategorized() as told:
                was = known.entries[told.transaction]
                known.entries[told.transaction] = _entry(told, recorded.version, was.payee)
            case TransactionVoided(transaction):
                del known.entries[transaction]
            case BudgetSet(budget, account, limit, period):
                first = [(date.min, limit.minor, recorded.version)]
                known.budgets[budget] = Told(account, limit.commodity.code, period, first)
            case BudgetChanged(budget, limit, valid_from):
                known.budgets[budget].limits.append((valid_from, limit.minor, recorded.version))
            case BudgetEnded(budget, on):
                known.budgets[budget].ended = on
            case _:
                pass
    return known


def _entry(told: TransactionRecorded | TransactionAmended | TransactionCategorized, version: int, payee: str) -> Entry:
    spent: dict[tuple[str, str], int] = defaultdict(int)
    for posting in told.postings:
        spent[posting.account, posting.amount.commodity.code] += posting.amount.minor
    return Entry(told.date, version, payee, dict(spent))


Fact = tuple[object, ...]


def budget_alerts_of(log: Log) -> list[Fact]:
    raised: list[Fact] = []
    armed: dict[tuple[str, date], dict[int, int]] = {}
    forecast: dict[tuple[str, date], int] = {}
    before = Known()
    for count, recorded in enumerate(log.events, 1):
        after, version = known_by(log.events[:count]), recorded.version
        today = recorded.recorded_at.astimezone(ZONE).date()
        for budget_id, told in after.budgets.items():
            period, old = told.period_on(today), before.budgets.get(budget_id)
            if period is None:
                continue
            first, _ = place = period
            key = budget_id, first
            limit, _ = told.limit(first)
            spent = _in(after, told, place)
            if old is None:
                armed[key] = {each: version for each in (80, 100) if not _reached(each, spent, limit)}
                forecast[key] = version
                continue
            if key not in armed:
                old_limit, old_by = old.limit(first)
                armed[key] = {80: old_by, 100: old_by}
                forecast[key] = old_by
            else:
                old_limit, _ = old.limit(first)
            if old_limit != limit:
                armed[key].update({each: version for each in (80, 100) if not _reached(each, spent, limit)})
                forecast[key] = version
                continue
            spent_before = _in(before, old, place)
            crossed = [
                each for each in armed[key] if _reached(each, spent, limit) and not _reached(each, spent_before, limit)
            ]
            if crossed:
                raised.append((budget_id, "budget_threshold", first, max(crossed), version, armed[key][max(crossed)]))
                armed[key] = {each: by for each, by in armed[key].items() if each > max(crossed)}
            if forecast[key] and spent <= limit and _touches(before, after, told, place):
                day = _foreseen(after, told, place, today, limit)
                if day is not None:
                    raised.append((budget_id, "budget_forecast", first, day, version, forecast[key]))
                    forecast[key] = 0
        before = after
    return sorted(raised, key=repr)


def _reached(percent: int, spent: int, limit: int) -> bool:
    return spent > limit if percent == 100 else limit > 0 and Fraction(spent, limit) >= Fraction(percent, 100)


def _in(known: Known, told: Told, place: tuple[date, date]) -> int:
    return sum(minor for _, minor in _moves(known, told, place))


def _moves(known: Known, told: Told, place: tuple[date, date]) -> list[tuple[date, int]]:
    family = known.family(told.account)
    moves = []
    for entry in known.entries.values():
        parts = [m for (account, code), m in entry.spent.items() if account in family and code == told.code and m]
        if parts and place[0] <= entry.day <= place[1]:
            moves.append((entry.day, sum(parts)))
    return moves


def _touches(before: Known, after: Known, told: Told, place: tuple[date, date]) -> bool:
    """Whether an event changed a transaction that posts to the budget in this period, before or after."""
    family = after.family(told.account)
    for transaction in before.entries.keys() | after.entries.keys():
        was, becomes = before.entries.get(transaction), after.entries.get(transaction)
        if was == becomes:
            continue
        for entry in (was, becomes):
            if entry is None or not place[0] <= entry.day <= place[1]:
                continue
            if any(account in family and code == told.code and m for (account, code), m in entry.spent.items()):
                return True
    return False


def _foreseen(known: Known, told: Told, place: tuple[date, date], today: date, limit: int) -> date | None:
    first, last = place
    moves = _moves(known, told, place)
    so_far = sum(minor for day, minor in moves if day <= today)
    elapsed = (today - first).days + 1
    if elapsed < 7 or sum(day <= today for day, _ in moves) < 3:
        return None

    def by(day: date) -> Fraction:
        paced = so_far + Fraction(so_far, elapsed) * (day - today).days
        return paced + sum(minor for when, minor in moves if today < when <= day)

    whole = by(last)
    half_up = int(whole + Fraction(1, 2)) if whole >= 0 else -int(-whole + Fraction(1, 2))
    if half_up <= limit:
        return None
    day = today
    while day < last and by(day) <= limit:
        day += timedelta(days=1)
    return day


def spending_alerts_of(log: Log) -> list[Fact]:
    raised: list[Fact] = []
    weeks: set[tuple[str, date]] = set()
    told: set[str] = set()
    before = Known()
    for count, recorded in enumerate(log.events, 1):
        was, before, version = before, known_by(log.events[:count]), recorded.version
        today = recorded.recorded_at.astimezone(ZONE).date()
        monday = today - timedelta(days=today.weekday())
        for code in ("BRL", "USD"):
            spent = _spent_by_week(before, code, today)
            more = spent[0] > _spent_by_week(was, code, today)[0]
            earlier = [minor for minor in spent[1:] if minor > 0]
            high = sum(Fraction(minor, max(spent[0], 1)) >= Fraction(67, 100) for minor in earlier)
            if not more or (code, monday) in weeks or len(earlier) < 4:
                continue
            if spent[0] > 2 * statistics.median(map(Fraction, earlier)) and high <= len(earlier) // 10:
                raised.append((code, "spending_velocity", monday, 200, version))
                weeks.add((code, monday))
        changed = recorded.event
        if not isinstance(changed, TransactionRecorded | TransactionAmended) or changed.transaction in told:
            continue
        if _is_odd(before, changed.transaction, today):
            raised.append((changed.transaction, "unusual_amount", changed.date, 300, version))
            told.add(changed.transaction)
    return sorted(raised, key=repr)


def _expenses(known: Known, entry: Entry) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (account, code), minor in entry.spent.items():
        if known.names[account].startswith("Expenses:"):
            found[code][known.current(account)] += minor
    return found


def _spent_by_week(known: Known, code: str, today: date) -> list[int]:
    weeks = [0] * 27
    for entry in known.entries.values():
        ago = (today - entry.day).days
        if 0 <= ago < 27 * 7:
            weeks[ago // 7] += sum(_expenses(known, entry)[code].values())
    return weeks


def _is_odd(known: Known, transaction: str, today: date) -> bool:
    entry = known.entries[transaction]
    here = _expenses(known, entry)
    if len(here) != 1 or not 0 <= (today - entry.day).days < 7:
        return False
    ((code, parts),) = here.items()
    minor = sum(parts.values())
    if minor <= 0:
        return False
    same_payee, same_category = [], []
    for other in sorted(known.entries.values(), key=lambda other: (other.day, other.version)):
        there = _expenses(known, other)
        if other is entry or other.day > entry.day or list(there) != [code] or sum(there[code].values()) <= 0:
            continue
        if entry.payee and other.payee == entry.payee:
            same_payee.append(sum(there[code].values()))
        if list(there[code]) == list(parts):
            same_category.append(sum(there[code].values()))
    compared = [Fraction(m) for m in (same_payee if len(same_payee) >= 5 else same_category)[-12:]]
    if len(compared) < 5:
        return False
    median = statistics.median(compared)
    deviation = statistics.median([abs(m - median) for m in compared])
    return minor > 3 * median and minor - median > Fraction("4.4478") * deviation


def facts_of(alerts: Sequence[Alert]) -> list[Fact]:
    facts: list[Fact] = []
    for alert in alerts:
        part: object = alert.threshold
        if alert.rule == "budget_forecast":
            part = date.fromisoformat(str(alert.params["day"]))
        facts.append((alert.subject, alert.rule, alert.period, part, alert.version))
    return sorted(facts, key=repr)


def raised_in(log: Log, sizes: Sequence[int] = ()) -> tuple[list[Alert], list[Alert]]:
    with empty() as connection:
        fold(connection, log.events, sizes)
        found = [model.raised.newest(connection, BOOK, 10_000) for model in (budgets, spending_watch)]
        return found[0], found[1]


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(histories())
def test_what_is_raised_is_what_a_slow_reading_of_every_prefix_says(log: Log) -> None:
    of_budgets, of_spending = raised_in(log)
    for alert in (*of_budgets, *of_spending):
        event(alert.code)
    expected = budget_alerts_of(log)
    assert facts_of(of_budgets) == sorted([fact[:-1] for fact in expected], key=repr)
    armings = {(*fact[:4], fact[5]) for fact in expected}
    assert len({alert.alert_id for alert in of_budgets}) == len(of_budgets) == len(armings)
    assert facts_of(of_spending) == spending_alerts_of(log)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(histories(), st.lists(st.integers(1, 9), max_size=60))
def test_no_split_of_the_log_shows_in_what_is_raised(log: Log, sizes: list[int]) -> None:
    assert raised_in(log, sizes) == raised_in(log) == raised_in(log, [1] * len(log.events))


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(histories(), st.integers(0, 200))
def test_a_watch_that_is_kept_and_read_again_raises_what_the_read_model_does(log: Log, again: int) -> None:
    watch, alerts = Watch(), list[Alert]()
    for recorded in (*log.events[:again], *log.events):  # a replay from zero in the middle of it
        watch, raised = observe(watch_of(watch_record(watch)), recorded, payee_text(recorded)[::-1])
        alerts.extend(raised)
    assert sorted(alerts, key=lambda a: (a.version, a.alert_id), reverse=True) == raised_in(log)[1]
