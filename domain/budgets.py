"""Budgets: how much a category and its children may take in a month, a year or a period of one's own.

A budget never stops a spending; what was spent, and what is left, is the projection's answer. A refund is a negative
expense on its own date and nets the category. What an import said of budgets goes when it is undone.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import NewType, assert_never

from domain.errors import Rejected
from domain.ledger import FIRST_DAY, LAST_DAY, AccountId, CommodityDeclared, ImportId, ImportUndone, Ledger
from domain.ledger.accounts import known_account, undeclared, unit_of
from domain.money import MAX_AMOUNT_MINOR, Amount, at_scale_of
from domain.private import check_id, check_text, private

BudgetId = NewType("BudgetId", str)

MAX_PERIOD_COUNT = 366
"""The most days, weeks, months or years of one period."""


class Every(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Period:
    """Every `count` days, weeks, months or years, counted from `start`: its day is the day each period begins.

    A start on the 29th to 31st begins on the last day of a shorter month.
    """

    every: Every
    count: int
    start: date


# Commands


@dataclass(frozen=True, slots=True)
class SetBudget:
    budget: BudgetId
    account: AccountId
    limit: Amount
    period: Period
    name: str = ""
    import_id: ImportId | None = None


@dataclass(frozen=True, slots=True)
class ChangeBudget:
    """A new limit, for the periods that begin on `valid_from` or later."""

    budget: BudgetId
    limit: Amount
    valid_from: date
    import_id: ImportId | None = None


@dataclass(frozen=True, slots=True)
class EndBudget:
    """The last period is the one that `on` lies in.

    A file that tells a budget otherwise than before may also change one that has ended, or end it on the day before it
    starts: then it has no period.
    """

    budget: BudgetId
    on: date
    import_id: ImportId | None = None


# Events


@dataclass(frozen=True, slots=True)
class BudgetSet:
    budget: BudgetId
    account: AccountId
    limit: Amount
    period: Period
    name: str = private()
    import_id: ImportId | None = None


@dataclass(frozen=True, slots=True)
class BudgetChanged:
    budget: BudgetId
    limit: Amount
    valid_from: date
    import_id: ImportId | None = None


@dataclass(frozen=True, slots=True)
class BudgetEnded:
    budget: BudgetId
    on: date
    import_id: ImportId | None = None


BudgetCommand = SetBudget | ChangeBudget | EndBudget
BudgetEvent = BudgetSet | BudgetChanged | BudgetEnded


# State


@dataclass(frozen=True, slots=True)
class Budget:
    """`limits` and `ends` are all that was said of them, in that order, each with the import that said it: a limit, in
    minor units, with the day from which it is valid.
    """

    account: AccountId
    commodity: str
    period: Period
    limits: tuple[tuple[date, int, ImportId | None], ...]
    ends: tuple[tuple[date, ImportId | None], ...] = ()

    @property
    def ended_on(self) -> date | None:
        return self.ends[-1][0] if self.ends else None

    @property
    def import_id(self) -> ImportId | None:
        """The import that set it."""
        return self.limits[0][2]


@dataclass(slots=True)
class Budgets:
    standing: MutableMapping[BudgetId, Budget] = field(default_factory=dict)


# Decisions


def decide(budgets: Budgets, ledger: Ledger, command: BudgetCommand) -> list[BudgetEvent | CommodityDeclared]:
    match command:
        case SetBudget():
            return _set(budgets, ledger, command)
        case ChangeBudget(budget, limit, valid_from, import_id):
            standing = _standing(budgets, budget, import_id)
            _check_day(valid_from)
            if limit.commodity.code != standing.commodity:
                raise Rejected("budget_in_another_commodity", expected=standing.commodity)
            return [BudgetChanged(budget, _limit(ledger, limit), valid_from, import_id)]
        case EndBudget(budget, on, import_id):
            standing = _standing(budgets, budget, import_id)
            if import_id is None or on != day_before(standing.period.start):
                _check_day(on)
                if on < standing.period.start:
                    raise Rejected("budget_ends_before_start", start=standing.period.start)
            return [BudgetEnded(budget, on, import_id)]
        case _:
            assert_never(command)


def evolve(budgets: Budgets, event: BudgetEvent) -> None:
    match event:
        case BudgetSet(budget, account, limit, period, import_id=import_id):
            first = (period.start, limit.minor, import_id)
            budgets.standing[budget] = Budget(account, limit.commodity.code, period, (first,))
        case BudgetChanged(budget, limit, valid_from, import_id):
            old = budgets.standing[budget]
            limits = (*old.limits, (valid_from, limit.minor, import_id))
            budgets.standing[budget] = replace(old, limits=limits)
        case BudgetEnded(budget, on, import_id):
            old = budgets.standing[budget]
            budgets.standing[budget] = replace(old, ends=(*old.ends, (on, import_id)))
        case _:
            assert_never(event)


def evolve_undone(budgets: Budgets, event: ImportUndone) -> None:
    """Forget what an import said: its budgets, and its limits and ends of others'."""
    for budget, old in list(budgets.standing.items()):
        if old.import_id == event.import_id:
            del budgets.standing[budget]
            continue
        limits = tuple([said for said in old.limits if said[2] != event.import_id])
        ends = tuple([said for said in old.ends if said[1] != event.import_id])
        if (limits, ends) != (old.limits, old.ends):
            budgets.standing[budget] = replace(old, limits=limits, ends=ends)


def day_before(day: date) -> date:
    return day - timedelta(days=1)


def period_of(period: Period, day: date) -> tuple[date, date]:
    """First and last day of the period that `day` lies in; periods before `start` are counted back from it."""
    match period.every:
        case Every.DAY | Every.WEEK:
            length = period.count * (7 if period.every is Every.WEEK else 1)
            first = day - timedelta(days=(day - period.start).days % length)
            return first, first + timedelta(days=length - 1)
        case Every.MONTH | Every.YEAR:
            months = period.count * (12 if period.every is Every.YEAR else 1)
            apart = (day.year - period.start.year) * 12 + day.month - period.start.month
            step = apart // months * months
            if month_later(period.start, step) > day:
                step -= months
            first, following = month_later(period.start, step), month_later(period.start, step + months)
            return first, following - timedelta(days=1)
        case _:
            assert_never(period.every)


def month_later(day: date, months: int) -> date:
    """The same day so many months later (or earlier), or the last of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


def _set(budgets: Budgets, ledger: Ledger, command: SetBudget) -> list[BudgetEvent | CommodityDeclared]:
    check_id("budget", command.budget)
    check_id("import_id", command.import_id)
    if command.budget in budgets.standing:
        raise Rejected("budget_id_used", budget=command.budget)
    account = known_account(ledger, command.account)
    if not account.kind.is_category:
        raise Rejected("budget_needs_category", account=account.name)
    if not 1 <= command.period.count <= MAX_PERIOD_COUNT:
        raise Rejected("period_out_of_range", count=command.period.count, limit=MAX_PERIOD_COUNT)
    _check_day(command.period.start)
    check_text("name", command.name)
    declared = undeclared(ledger, [command.limit.commodity.code])
    limit = _limit(ledger, command.limit)
    return [
        *declared,
        BudgetSet(command.budget, command.account, limit, command.period, command.name, command.import_id),
    ]


def _limit(ledger: Ledger, limit: Amount) -> Amount:
    exact = at_scale_of(limit, unit_of(ledger, limit.commodity.code))
    if not 0 <= exact.minor <= MAX_AMOUNT_MINOR:
        raise Rejected("limit_out_of_range", limit=exact, limit_minor=MAX_AMOUNT_MINOR)
    return exact


def _standing(budgets: Budgets, budget: BudgetId, import_id: ImportId | None) -> Budget:
    check_id("import_id", import_id)
    standing = budgets.standing.get(budget)
    if standing is None:
        raise Rejected("budget_unknown", budget=budget)
    if standing.ended_on is not None and import_id is None:
        raise Rejected("budget_ended", budget=budget, on=standing.ended_on)
    return standing


def _check_day(day: date) -> None:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Rejected("date_out_of_range", date=day, first=FIRST_DAY, last=LAST_DAY)
