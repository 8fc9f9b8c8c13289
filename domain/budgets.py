"""Budgets: how much a category and its children may take in a month, a year or a period of one's own.

A budget never stops a spending; what was spent, and what is left, is the projection's answer. A refund is a negative
expense on its own date and nets the category.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import NewType, assert_never

from domain.errors import Rejected
from domain.ledger import FIRST_DAY, LAST_DAY, AccountId, CommodityDeclared, Ledger
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


@dataclass(frozen=True, slots=True)
class ChangeBudget:
    """A new limit, for the periods that begin on `valid_from` or later."""

    budget: BudgetId
    limit: Amount
    valid_from: date


@dataclass(frozen=True, slots=True)
class EndBudget:
    """The last period is the one that `on` lies in."""

    budget: BudgetId
    on: date


# Events


@dataclass(frozen=True, slots=True)
class BudgetSet:
    budget: BudgetId
    account: AccountId
    limit: Amount
    period: Period
    name: str = private()


@dataclass(frozen=True, slots=True)
class BudgetChanged:
    budget: BudgetId
    limit: Amount
    valid_from: date


@dataclass(frozen=True, slots=True)
class BudgetEnded:
    budget: BudgetId
    on: date


BudgetCommand = SetBudget | ChangeBudget | EndBudget
BudgetEvent = BudgetSet | BudgetChanged | BudgetEnded


# State


@dataclass(frozen=True, slots=True)
class Budget:
    account: AccountId
    commodity: str
    period: Period
    ended_on: date | None = None


@dataclass(slots=True)
class Budgets:
    standing: MutableMapping[BudgetId, Budget] = field(default_factory=dict)


# Decisions


def decide(budgets: Budgets, ledger: Ledger, command: BudgetCommand) -> list[BudgetEvent | CommodityDeclared]:
    match command:
        case SetBudget():
            return _set(budgets, ledger, command)
        case ChangeBudget(budget, limit, valid_from):
            standing = _standing(budgets, budget)
            _check_day(valid_from)
            if limit.commodity.code != standing.commodity:
                raise Rejected("budget_in_another_commodity", expected=standing.commodity)
            return [BudgetChanged(budget, _limit(ledger, limit), valid_from)]
        case EndBudget(budget, on):
            standing = _standing(budgets, budget)
            _check_day(on)
            if on < standing.period.start:
                raise Rejected("budget_ends_before_start", start=standing.period.start)
            return [BudgetEnded(budget, on)]
        case _:
            assert_never(command)


def evolve(budgets: Budgets, event: BudgetEvent) -> None:
    match event:
        case BudgetSet(budget, account, limit, period):
            budgets.standing[budget] = Budget(account, limit.commodity.code, period)
        case BudgetChanged():
            pass  # the limit's history is the reader's; no decision rests on it
        case BudgetEnded(budget, on):
            old = budgets.standing[budget]
            budgets.standing[budget] = Budget(old.account, old.commodity, old.period, on)
        case _:
            assert_never(event)


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
    return [*declared, BudgetSet(command.budget, command.account, limit, command.period, command.name)]


def _limit(ledger: Ledger, limit: Amount) -> Amount:
    exact = at_scale_of(limit, unit_of(ledger, limit.commodity.code))
    if not 0 <= exact.minor <= MAX_AMOUNT_MINOR:
        raise Rejected("limit_out_of_range", limit=exact, limit_minor=MAX_AMOUNT_MINOR)
    return exact


def _standing(budgets: Budgets, budget: BudgetId) -> Budget:
    standing = budgets.standing.get(budget)
    if standing is None:
        raise Rejected("budget_unknown", budget=budget)
    if standing.ended_on is not None:
        raise Rejected("budget_ended", budget=budget, on=standing.ended_on)
    return standing


def _check_day(day: date) -> None:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Rejected("date_out_of_range", date=day, first=FIRST_DAY, last=LAST_DAY)
