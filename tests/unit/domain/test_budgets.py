"""Budgets: a limit for a category, in periods of one's own."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.budgets import (
    MAX_PERIOD_COUNT,
    BudgetChanged,
    BudgetEnded,
    BudgetId,
    BudgetSet,
    ChangeBudget,
    EndBudget,
    Every,
    Period,
    SetBudget,
    month_later,
    period_of,
)
from domain.ledger import FIRST_DAY, LAST_DAY, AccountId, CommodityDeclared, MergeAccount
from domain.money import MAX_AMOUNT_MINOR, Amount, commodity
from tests.given import CHECKING, FOOD, GROCERIES, SALARY, Given, Told, brl, given, household, on, usd

EATING = BudgetId("b-eating")
MONTHLY = Period(Every.MONTH, 1, on("2026-01-01"))


def standing() -> Given:
    return given(household(), SetBudget(EATING, FOOD, brl("500"), MONTHLY, "Eating"))


def test_a_budget_is_a_limit_for_a_category_and_a_period() -> None:
    given(household()).when(SetBudget(EATING, FOOD, brl("500"), MONTHLY, "Eating")).then(
        BudgetSet(EATING, FOOD, brl("500.00"), MONTHLY, "Eating")
    )
    given(household()).when(SetBudget(EATING, SALARY, usd("0"), MONTHLY)).then(
        CommodityDeclared("USD", 2), BudgetSet(EATING, SALARY, usd("0.00"), MONTHLY)
    )


def test_a_budget_needs_a_category_that_is_there() -> None:
    given(household()).when(SetBudget(EATING, CHECKING, brl("1"), MONTHLY)).then_refused(
        "budget_needs_category", account="Assets:Checking"
    )
    given(household()).when(SetBudget(EATING, AccountId("nobody's"), brl("1"), MONTHLY)).then_refused("account_unknown")
    given(household(), MergeAccount(GROCERIES, FOOD)).when(
        SetBudget(EATING, GROCERIES, brl("1"), MONTHLY)
    ).then_refused("account_merged")


def test_an_id_stands_for_one_budget() -> None:
    standing().when(SetBudget(EATING, FOOD, brl("1"), MONTHLY)).then_refused("budget_id_used", budget=EATING)


@pytest.mark.parametrize("count", [0, -1, MAX_PERIOD_COUNT + 1])
def test_a_period_has_one_to_so_many_units(count: int) -> None:
    given(household()).when(SetBudget(EATING, FOOD, brl("1"), Period(Every.DAY, count, MONTHLY.start))).then_refused(
        "period_out_of_range", count=count, limit=MAX_PERIOD_COUNT
    )


@pytest.mark.parametrize("day", [FIRST_DAY - timedelta(days=1), LAST_DAY + timedelta(days=1)])
def test_a_budget_lives_in_the_days_of_finance(day: date) -> None:
    given(household()).when(SetBudget(EATING, FOOD, brl("1"), Period(Every.MONTH, 1, day))).then_refused(
        "date_out_of_range", date=day
    )
    standing().when(ChangeBudget(EATING, brl("1"), day)).then_refused("date_out_of_range", date=day)
    standing().when(EndBudget(EATING, day)).then_refused("date_out_of_range", date=day)


def test_a_limit_is_never_negative_nor_larger_than_an_amount_can_be() -> None:
    for minor in (-1, MAX_AMOUNT_MINOR + 1):
        limit = Amount(minor, commodity("BRL", 2))
        given(household()).when(SetBudget(EATING, FOOD, limit, MONTHLY)).then_refused("limit_out_of_range", limit=limit)
        standing().when(ChangeBudget(EATING, limit, on("2026-02-01"))).then_refused("limit_out_of_range", limit=limit)
    given(household()).when(SetBudget(EATING, FOOD, brl("0.001"), MONTHLY)).then_refused("amount_scale_exceeded")
    given(household()).when(SetBudget(EATING, FOOD, Amount(1, commodity("NOPE", 2)), MONTHLY)).then_refused(
        "commodity_unknown"
    )


def test_a_name_is_a_text_like_others() -> None:
    given(household()).when(SetBudget(EATING, FOOD, brl("1"), MONTHLY, "\x00")).then_refused(
        "text_not_printable", field="name"
    )


def test_a_new_limit_is_valid_from_a_day_in_the_same_commodity() -> None:
    standing().when(ChangeBudget(EATING, brl("600"), on("2026-02-01"))).then(
        BudgetChanged(EATING, brl("600.00"), on("2026-02-01"))
    )
    standing().when(ChangeBudget(EATING, usd("600"), on("2026-02-01"))).then_refused(
        "budget_in_another_commodity", expected="BRL"
    )
    standing().when(ChangeBudget(BudgetId("none"), brl("600"), on("2026-02-01"))).then_refused("budget_unknown")


def test_an_ended_budget_stays_ended() -> None:
    standing().when(EndBudget(EATING, on("2026-05-01"))).then(BudgetEnded(EATING, on("2026-05-01")))
    standing().when(EndBudget(EATING, on("2025-12-31"))).then_refused("budget_ends_before_start", start=MONTHLY.start)
    standing().when(EndBudget(BudgetId("none"), on("2026-05-01"))).then_refused("budget_unknown")
    ended = given(standing_events(), EndBudget(EATING, on("2026-05-01")))
    ended.when(EndBudget(EATING, on("2026-06-01"))).then_refused("budget_ended", on=on("2026-05-01"))
    ended.when(ChangeBudget(EATING, brl("1"), on("2026-02-01"))).then_refused("budget_ended", budget=EATING)


def standing_events() -> list[Told]:
    return [*household(), SetBudget(EATING, FOOD, brl("500"), MONTHLY, "Eating")]


# Periods


@pytest.mark.parametrize(
    ("every", "count", "start", "day", "first", "last"),
    [
        # Calendar months, and the month a bill runs by.
        ("month", 1, "2026-01-01", "2026-02-15", "2026-02-01", "2026-02-28"),
        ("month", 1, "2026-01-01", "2028-02-29", "2028-02-01", "2028-02-29"),
        ("month", 1, "2026-01-25", "2026-03-24", "2026-02-25", "2026-03-24"),
        ("month", 1, "2026-01-25", "2026-03-25", "2026-03-25", "2026-04-24"),
        # Starts on the 29th, 30th and 31st: the last day of a shorter month.
        ("month", 1, "2026-01-31", "2026-01-31", "2026-01-31", "2026-02-27"),
        ("month", 1, "2026-01-31", "2026-02-27", "2026-01-31", "2026-02-27"),
        ("month", 1, "2026-01-31", "2026-02-28", "2026-02-28", "2026-03-30"),
        ("month", 1, "2026-01-31", "2026-03-30", "2026-02-28", "2026-03-30"),
        ("month", 1, "2026-01-31", "2026-03-31", "2026-03-31", "2026-04-29"),
        ("month", 1, "2026-01-31", "2026-04-30", "2026-04-30", "2026-05-30"),
        ("month", 1, "2026-01-31", "2028-02-29", "2028-02-29", "2028-03-30"),
        ("month", 1, "2026-01-30", "2026-02-28", "2026-02-28", "2026-03-29"),
        ("month", 1, "2026-01-29", "2028-02-29", "2028-02-29", "2028-03-28"),
        ("month", 1, "2026-01-29", "2026-03-28", "2026-02-28", "2026-03-28"),
        # Quarters, years, and a leap day's year.
        ("month", 3, "2026-01-31", "2026-05-01", "2026-04-30", "2026-07-30"),
        ("month", 3, "2026-01-31", "2026-04-29", "2026-01-31", "2026-04-29"),
        ("year", 1, "2026-04-06", "2027-04-05", "2026-04-06", "2027-04-05"),
        ("year", 1, "2026-04-06", "2027-04-06", "2027-04-06", "2028-04-05"),
        ("year", 1, "2024-02-29", "2027-02-28", "2027-02-28", "2028-02-28"),
        ("year", 1, "2024-02-29", "2028-02-29", "2028-02-29", "2029-02-27"),
        ("year", 2, "2026-01-01", "2027-12-31", "2026-01-01", "2027-12-31"),
        # Weeks and days: a pay period of two weeks.
        ("week", 2, "2026-01-02", "2026-01-15", "2026-01-02", "2026-01-15"),
        ("week", 2, "2026-01-02", "2026-01-16", "2026-01-16", "2026-01-29"),
        ("day", 10, "2026-01-01", "2026-01-10", "2026-01-01", "2026-01-10"),
        ("day", 1, "2026-01-01", "2026-07-09", "2026-07-09", "2026-07-09"),
        # Before the start: counted back from it.
        ("week", 2, "2026-01-02", "2026-01-01", "2025-12-19", "2026-01-01"),
        ("day", 10, "2026-01-01", "2025-12-22", "2025-12-22", "2025-12-31"),
        ("month", 1, "2026-01-31", "2025-12-30", "2025-11-30", "2025-12-30"),
        ("month", 1, "2026-01-31", "2025-12-31", "2025-12-31", "2026-01-30"),
        ("year", 1, "2026-04-06", "2026-04-05", "2025-04-06", "2026-04-05"),
        ("month", 1, "2200-12-31", "1900-01-01", "1899-12-31", "1900-01-30"),
        ("year", 366, "2200-12-31", "1900-01-01", "1834-12-31", "2200-12-30"),
    ],
)
def test_a_day_lies_in_the_period_that_a_person_would_say(
    every: str, count: int, start: str, day: str, first: str, last: str
) -> None:
    assert period_of(Period(Every(every), count, on(start)), on(day)) == (on(first), on(last))


DAYS = st.dates(FIRST_DAY, LAST_DAY)
PERIODS = st.builds(Period, st.sampled_from(Every), st.integers(1, MAX_PERIOD_COUNT), DAYS)


@for_all(PERIODS, DAYS)
def test_periods_cover_every_day_once(period: Period, day: date) -> None:
    first, last = period_of(period, day)
    assert first <= day <= last
    assert period_of(period, first) == period_of(period, last) == (first, last)
    assert period_of(period, last + timedelta(days=1))[0] == last + timedelta(days=1)
    assert period_of(period, first - timedelta(days=1))[1] == first - timedelta(days=1)


@for_all(PERIODS)
def test_the_start_is_the_first_day_of_its_period(period: Period) -> None:
    assert period_of(period, period.start)[0] == period.start


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-01-31", 13, "2027-02-28"),
        ("2026-01-31", 25, "2028-02-29"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-11-30", 1, "2026-12-30"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-01-15", -1, "2025-12-15"),
        ("2026-05-31", 0, "2026-05-31"),
    ],
)
def test_months_are_counted_as_calendars_do(day: str, months: int, later: str) -> None:
    assert month_later(on(day), months) == on(later)
