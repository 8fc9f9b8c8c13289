"""What can be asked of budgets: what each may take, what was spent of it, and where it is heading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection, select

from domain.alerts import PACE_AFTER_DAYS, PACE_AFTER_TRANSACTIONS
from domain.book import BookId
from domain.budgets import BudgetId, Every, Period, period_of
from domain.ledger import FIRST_DAY, LAST_DAY, AccountId
from domain.money import Amount, commodity, round_half_up
from projections.budgets.tables import chart, names_said, said, sums, undone
from projections.chart import BookChart
from projections.readmodel import NEVER
from projections.sums import Step


@dataclass(frozen=True, slots=True)
class Pace:
    """How the period goes: `elapsed_days` of `period_days` are over, that of the day asked for included.

    `projected`: what will be spent at its end if spending goes on as it did; what is dated later already counts once.
    """

    elapsed_days: int
    period_days: int
    projected: Amount


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """A budget in one period, amounts in minor units of the limit's commodity; `left` is limit less spent.

    `account` is the category (or what it was merged into); `name` is the budget's own, empty where it has none.
    """

    budget: BudgetId
    account: AccountId
    period_first: date
    period_last: date
    limit: Amount
    spent: Amount
    left: Amount
    pace: Pace | None
    name: str


@dataclass(slots=True)
class Standing:
    """A budget as known: its limits in the order they were told, each with the day from which it is valid and the
    version that told it.
    """

    account: AccountId
    code: str
    scale: int
    period: Period
    name: str
    limits: list[tuple[date, int, int]]
    ended_on: date | None = None

    def period_on(self, day: date) -> tuple[date, date] | None:
        """The period that `day` lies in; None before the first period and after the last one."""
        if day < self.period.start:
            return None
        if self.ended_on is not None and day > period_of(self.period, self.ended_on)[1]:
            return None
        return period_of(self.period, day)

    def limit_from(self, first: date) -> int:
        """The limit of a period that begins on `first`: the last one told among those valid by then."""
        return self.told_from(first)[0]

    def told_from(self, first: date) -> tuple[int, int]:
        """The same limit, and the version that told it."""
        return [(minor, version) for valid_from, minor, version in self.limits if valid_from <= first][-1]


def budgets(connection: Connection, book: BookId, day: date, known: int | None = None) -> list[BudgetLine]:
    """A line for each budget that has a period around `day`, in minor units of its limit's commodity.

    Spent is what was posted, from the period's first day to its last, to the category and to every account below it
    (by their names as known), in the limit's commodity; refunds net it. The first period begins on the budget's start.
    The limit is the last one told among those valid from the period's first day or earlier. `pace` is None before 7
    days and 3 transactions of the period, both up to `day`. `known`: the last book version to take into account, None
    for all. In the order the budgets were set; empty for a book without events.
    """
    places = chart.of(connection, book, known)
    if places is None or not FIRST_DAY <= day <= LAST_DAY:
        return []
    standing = standing_budgets(connection, places.number, known)
    if not standing:
        return []
    families = families_of(connection, places, known)
    answers = []
    spending: dict[tuple[date, date], list[Step]] = {}
    for budget_id, budget in standing.items():
        period = budget.period_on(day)
        if period is None:
            continue
        account = places.stands_in.get(budget.account, budget.account)
        family = families.of(account)
        first, last = period
        parts = []
        for range_first, range_last in ((first, day), (day + timedelta(days=1), min(last, LAST_DAY))):
            bounds = (range_first, range_last)
            if bounds not in spending:
                spending[bounds] = (
                    list(sums.totals(connection, places.number, range_first, range_last, known))
                    if range_first <= range_last
                    else []
                )
            parts.append([s for s in spending[bounds] if s.account in family and s.unit.code == budget.code])
        answers.append(_line(connection, places.number, budget_id, budget, account, period, day, parts, known))
    return answers


def _line(
    connection: Connection,
    number: int,
    budget_id: BudgetId,
    budget: Standing,
    account: AccountId,
    period: tuple[date, date],
    day: date,
    parts: Sequence[Sequence[Step]],
    known: int | None,
) -> BudgetLine:
    first, last = period
    unit = commodity(budget.code, budget.scale)
    so_far, later = (sum(step.minor for step in part) for part in parts)
    limit_minor = budget.limit_from(first)
    elapsed_days, period_days = (day - first).days + 1, (last - first).days + 1
    pace = None
    if elapsed_days >= PACE_AFTER_DAYS and _are_enough(connection, number, parts[0], (first, day), known):
        projected = round_half_up(Decimal(so_far) * period_days / elapsed_days, 0) + later
        pace = Pace(elapsed_days, period_days, Amount(projected, unit))
    spent = so_far + later
    return BudgetLine(
        budget_id,
        account,
        first,
        last,
        Amount(limit_minor, unit),
        Amount(spent, unit),
        Amount(limit_minor - spent, unit),
        pace,
        budget.name,
    )


def _are_enough(
    connection: Connection, number: int, spent: Sequence[Step], between: tuple[date, date], known: int | None
) -> bool:
    """Whether there are as many transactions as a forecast needs.

    One account's entries are that many transactions; only few entries on several accounts have to be looked at, since
    one transaction can post to more than one of them.
    """
    if any(step.entries >= PACE_AFTER_TRANSACTIONS for step in spent):
        return True
    if sum(step.entries for step in spent) < PACE_AFTER_TRANSACTIONS:
        return False
    columns = sums.changes.c
    touched = connection.execute(
        select(columns.version, columns.sign)
        .where(
            columns.book_number == number,
            columns.day.between(*between),
            columns.account.in_(sorted({step.account for step in spent})),
            columns.commodity == spent[0].unit.code,
            columns.version <= (NEVER if known is None else known),
        )
        .distinct()
    )
    count: int = sum(sign for _, sign in touched)
    return count >= PACE_AFTER_TRANSACTIONS


def standing_budgets(connection: Connection, number: int, known: int | None) -> dict[BudgetId, Standing]:
    """Every budget as known, by id, in the order they were set."""
    until = NEVER if known is None else known
    told = select(said).where(said.c.book_number == number, said.c.version <= until)
    gone = select(undone.c.import_id).where(undone.c.book_number == number, undone.c.version <= until)
    undone_imports = set(connection.scalars(gone))
    found: dict[BudgetId, Standing] = {}
    for row in connection.execute(told.order_by(said.c.version)):
        if row.import_id in undone_imports or (row.account is None and row.budget not in found):
            continue
        if row.account is not None:
            period = Period(Every(row.every), row.each, row.start)
            found[row.budget] = Standing(row.account, row.commodity, row.scale, period, row.name, [])
        if row.limit_minor is not None:
            found[row.budget].limits.append((row.valid_from, row.limit_minor, row.version))
        else:
            found[row.budget].ended_on = row.ended_on
    return found


@dataclass(slots=True)
class Families:
    """Which account numbers belong to a category: its own and those of every account below it by name."""

    places: BookChart
    names: Mapping[AccountId, str]

    def of(self, account: AccountId) -> set[int]:
        name = self.names.get(account, "")
        below = f"{name}:"
        return {
            number
            for number, member in self.places.accounts.items()
            # Without its key a book's names are all empty, and nothing is below anything.
            if member == account or (name and self.names.get(member, "").startswith(below))
        }


def families_of(connection: Connection, places: BookChart, known: int | None) -> Families:
    columns = names_said.c
    told = (
        select(columns.account, columns.name)
        .where(columns.book_number == places.number, columns.version <= (NEVER if known is None else known))
        .order_by(columns.version)
    )
    return Families(places, {row.account: row.name for row in connection.execute(told)})
