"""Another ledger's budgets, as fava reads them: each is valid from its day until the next of its account and commodity,
and every day of a calendar period has the same share of the period's amount.

Every limit here is what fava sums for the very days it is for, rounded half up. Days before the first whole period,
and those after the last, have a budget of their own; where an entry changes the amount within a period, that period's
limit is made of both. A budget that a person changed here is left as it is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from commands.imports.journals.amounts import Amounts
from commands.imports.plan import BookFacts
from commands.imports.reading import Interval, JournalBudget, Reason
from domain.budgets import (
    Budget,
    BudgetId,
    ChangeBudget,
    EndBudget,
    Every,
    Period,
    SetBudget,
    day_before,
    period_of,
)
from domain.ledger import AccountId, ImportId
from domain.money import MAX_AMOUNT_MINOR, Amount

A_MONDAY = date(1900, 1, 1)
"""A first of January and a Monday: the calendar's periods are counted from it."""

CALENDAR = {
    Interval.DAILY: Period(Every.DAY, 1, A_MONDAY),
    Interval.WEEKLY: Period(Every.WEEK, 1, A_MONDAY),
    Interval.MONTHLY: Period(Every.MONTH, 1, A_MONDAY),
    Interval.QUARTERLY: Period(Every.MONTH, 3, A_MONDAY),
    Interval.YEARLY: Period(Every.YEAR, 1, A_MONDAY),
}

Series = tuple[AccountId, str]
"""An account and a commodity: of each only one entry is valid at a time."""

BudgetCommand = SetBudget | ChangeBudget | EndBudget


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A budget that the file asks for: `limits` with the day each is valid from, `end` the last day or None."""

    period: Period
    limits: tuple[tuple[date, Amount], ...]
    end: date | None


@dataclass(slots=True)
class BudgetPlan:
    """`left_out` are entries with the reason why; `gone` budgets that the file tells no more, by their series, with
    the limit that was told last.
    """

    commands: list[BudgetCommand] = field(default_factory=list)
    accounts: set[str] = field(default_factory=set)
    left_out: list[tuple[JournalBudget, Reason]] = field(default_factory=list)
    gone: list[tuple[str, Amount, list[BudgetId]]] = field(default_factory=list)


def plan_budgets(
    facts: BookFacts,
    told: Sequence[JournalBudget],
    amounts: Amounts,
    import_id: ImportId,
    earlier: frozenset[ImportId],
    new_id: Callable[[], str],
) -> BudgetPlan:
    """What makes the book's budgets those of the file; `earlier` are the imports of older versions of it."""
    plan = BudgetPlan()
    by_series: dict[Series, list[JournalBudget]] = defaultdict(list)
    for entry in told:
        by_series[canonical(facts, amounts.ids[entry.account]), entry.commodity].append(entry)
    standing: dict[Series, dict[BudgetId, Budget]] = defaultdict(dict)
    for budget_id, budget in facts.budgets.items():
        if budget.import_id is not None and not _is_withdrawn(budget):
            standing[canonical(facts, budget.account), budget.commodity][budget_id] = budget
    met = set(earlier)
    for series, entries in by_series.items():
        known = standing.pop(series, {})
        met.update([budget.import_id for budget in known.values() if budget.import_id is not None])
        commands = _commands(series[0], _wanted(entries, amounts, plan), known, import_id, new_id)
        if commands and any(_is_changed_here(budget) for budget in known.values()):
            plan.left_out.append((entries[-1], Reason("budget_changed_here", {"account": entries[-1].account})))
        elif commands:
            plan.commands += commands
            plan.accounts.add(entries[0].account)
    for (account, code), known in standing.items():
        ids = [budget_id for budget_id, budget in known.items() if budget.import_id in met]
        if ids:
            last = known[ids[-1]].limits[-1][1]
            plan.gone.append((facts.accounts[account].name, Amount(last, facts.commodities[code]), ids))
    return plan


def withdrawals(facts: BookFacts, budgets: Iterable[BudgetId], import_id: ImportId) -> list[EndBudget]:
    """What takes budgets out whole: each ends on the day before it starts."""
    return [EndBudget(budget, day_before(facts.budgets[budget].period.start), import_id) for budget in budgets]


def canonical(facts: BookFacts, account: AccountId) -> AccountId:
    """The account itself, or the one it was merged into, at last; one that is to be opened is itself."""
    while (known := facts.accounts.get(account)) is not None and known.merged_into is not None:
        account = known.merged_into
    return account


# What the file asks for


def _wanted(entries: Sequence[JournalBudget], amounts: Amounts, plan: BudgetPlan) -> list[_Wanted]:
    """The budgets of a series. An entry that cannot be one of ours still ends the one before, as in fava."""
    valid: dict[date, JournalBudget] = {}
    for entry in sorted(entries, key=lambda entry: (entry.date, entry.line)):
        valid[entry.date] = entry
    runs: list[_Run] = []
    for entry in valid.values():
        reason = _unusable(entry, amounts)
        if runs and runs[-1].last is None and (reason is not None or runs[-1].interval is not entry.interval):
            runs[-1].last = day_before(entry.date)
        if reason is not None:
            plan.left_out.append((entry, reason))
        elif runs and runs[-1].last is None:
            runs[-1].days.append(entry.date)
            runs[-1].numbers.append(entry.number)
        else:
            runs.append(_Run(entry.interval, entry.commodity, [entry.date], [entry.number]))
    return [wanted for run in runs for wanted in run.budgets(amounts)]


def _unusable(entry: JournalBudget, amounts: Amounts) -> Reason | None:
    if entry.number < 0:
        return Reason("budget_below_zero", {"amount": str(entry.number)})
    if not amounts.is_exact(entry.number, entry.commodity):
        scale = amounts.units[entry.commodity].scale
        return Reason("amount_scale_exceeded", {"amount": str(entry.number), "scale": scale})
    if amounts.exactly(entry.number, entry.commodity).minor > MAX_AMOUNT_MINOR:
        return Reason("amount_out_of_range", {"limit_minor": MAX_AMOUNT_MINOR})
    return None


@dataclass(slots=True)
class _Run:
    """Entries of one interval that follow each other, by the days they are valid from; `last` is the last valid day."""

    interval: Interval
    commodity: str
    days: list[date]
    numbers: list[Decimal]
    last: date | None = None

    def budgets(self, amounts: Amounts) -> list[_Wanted]:
        first_day, first_last = self._period(self.days[0])
        start, end = self.days[0], self.last
        found: list[_Wanted] = []
        if start != first_day:
            found.append(self._part(start, first_last if end is None else min(first_last, end), amounts))
            start = first_last + timedelta(days=1)
        tail: _Wanted | None = None
        if end is not None and end >= start:
            first_day, last_day = self._period(end)
            if end != last_day:
                tail = self._part(first_day, end, amounts)
                end = day_before(first_day)
        if end is None or end >= start:
            found.append(self._whole(start, end, amounts))
        return [*found, tail] if tail is not None else found

    def _whole(self, start: date, end: date | None, amounts: Amounts) -> _Wanted:
        changes = {start}
        for day in self.days:
            first, last = self._period(day)
            changes |= {first, last + timedelta(days=1)}
        limits: list[tuple[date, Amount]] = []
        for day in sorted(changes):
            if day >= start and (end is None or day <= end):
                limit = self._sum(*self._period(day), amounts)
                if not limits or limits[-1][1] != limit:
                    limits.append((day, limit))
        calendar = CALENDAR[self.interval]
        return _Wanted(Period(calendar.every, calendar.count, start), tuple(limits), end)

    def _part(self, first: date, last: date, amounts: Amounts) -> _Wanted:
        """A budget for some days of a period: one period of so many days."""
        days = (last - first).days + 1
        return _Wanted(Period(Every.DAY, days, first), ((first, self._sum(first, last, amounts)),), last)

    def _sum(self, first: date, last: date, amounts: Amounts) -> Amount:
        """The shares of the days from `first` to `last`, which lie in one period."""
        begun, ended = self._period(first)
        shares = Decimal(0)
        beyond = last + timedelta(days=1)
        place = max(0, bisect_right(self.days, first) - 1)
        while place < len(self.days) and self.days[place] <= last:
            until = min(self.days[place + 1], beyond) if place + 1 < len(self.days) else beyond
            shares += self.numbers[place] * (until - max(self.days[place], first)).days
            place += 1
        return amounts.rounded(shares / ((ended - begun).days + 1), self.commodity)

    def _period(self, day: date) -> tuple[date, date]:
        return period_of(CALENDAR[self.interval], day)


# What stands, and what makes it the same


def _commands(
    account: AccountId,
    wanted: Sequence[_Wanted],
    known: Mapping[BudgetId, Budget],
    import_id: ImportId,
    new_id: Callable[[], str],
) -> list[BudgetCommand]:
    commands: list[BudgetCommand] = []
    left = dict(known)
    fresh: list[_Wanted] = []
    for one in wanted:
        same = [budget_id for budget_id, budget in left.items() if budget.period == one.period]
        found = next((budget_id for budget_id in same if _may_become(left[budget_id], one)), None)
        if found is None:
            fresh.append(one)
        else:
            commands += _changes(found, left.pop(found), one, import_id)
    for budget_id, budget in left.items():
        commands.append(EndBudget(budget_id, day_before(budget.period.start), import_id))
    for one in fresh:
        budget_id = BudgetId(new_id())
        (_, limit), *later = one.limits
        commands.append(SetBudget(budget_id, account, limit, one.period, import_id=import_id))
        commands += [ChangeBudget(budget_id, changed, day, import_id) for day, changed in later]
        if one.end is not None:
            commands.append(EndBudget(budget_id, one.end, import_id))
    return commands


def _may_become(budget: Budget, wanted: _Wanted) -> bool:
    """What a file ended goes on in a budget of its own."""
    return wanted.end is not None or _told_end(budget) is None


def _changes(budget_id: BudgetId, budget: Budget, wanted: _Wanted, import_id: ImportId) -> list[BudgetCommand]:
    """The limits from the first on that files told otherwise, and the end. A limit that is told later counts more, so
    that all which follow are told again.
    """
    told = _standing_limits(budget)
    days = sorted({*[day for day, _ in told], *[day for day, _ in wanted.limits]})
    told_days, wanted_days = [day for day, _ in told], [day for day, _ in wanted.limits]
    commands: list[BudgetCommand] = []
    for day in days:
        place = bisect_right(wanted_days, day) - 1
        limit = wanted.limits[place][1]
        if limit.minor != told[bisect_right(told_days, day) - 1][1]:
            commands.append(ChangeBudget(budget_id, limit, day, import_id))
            later = wanted.limits[place + 1 :]
            commands += [ChangeBudget(budget_id, changed, valid_from, import_id) for valid_from, changed in later]
            break
    if wanted.end is not None and wanted.end != _told_end(budget):
        commands.append(EndBudget(budget_id, wanted.end, import_id))
    return commands


def _standing_limits(budget: Budget) -> list[tuple[date, int]]:
    """The limits that files told, each from the day on which it is the last told of those valid by then."""
    told = [(day, place, minor) for place, (day, minor, said_by) in enumerate(budget.limits) if said_by is not None]
    latest = -1
    standing: list[tuple[date, int]] = []
    for day, place, minor in sorted(told):
        if place > latest:
            latest = place
            standing.append((day, minor))
    return standing


def _told_end(budget: Budget) -> date | None:
    told = [day for day, said_by in budget.ends if said_by is not None]
    return told[-1] if told else None


def _is_withdrawn(budget: Budget) -> bool:
    return budget.ended_on == day_before(budget.period.start)


def _is_changed_here(budget: Budget) -> bool:
    return any(said_by is None for *_, said_by in (*budget.limits, *budget.ends))
