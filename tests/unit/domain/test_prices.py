"""Prices: what one unit was worth in another, as it was told."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from domain.ledger import FIRST_DAY, LAST_DAY, CommodityDeclared, DeclareCommodity
from domain.prices import MAX_PRICE_DIGITS, MAX_PRICE_PLACES, PriceRecorded, RecordPrice
from tests.given import given, household, on

DAY = on("2026-03-10")


def test_a_price_is_kept_as_it_was_told() -> None:
    given(household()).when(RecordPrice("USD", DAY, Decimal("5.4300"), "BRL", "row-1")).then(
        CommodityDeclared("USD", 2), PriceRecorded("USD", DAY, Decimal("5.4300"), "BRL", "row-1")
    )


@pytest.mark.parametrize(
    "rate", ["1", "0.000000000000000001", "9" * 28, "1234567890.123456789012345678", "1E+9", "5.430"]
)
def test_any_rate_of_the_world_can_be_told(rate: str) -> None:
    given(household(), DeclareCommodity("BTC", 8)).when(RecordPrice("BTC", DAY, Decimal(rate), "BRL")).then(
        PriceRecorded("BTC", DAY, Decimal(rate), "BRL")
    )


@pytest.mark.parametrize("rate", ["0", "-0", "-1", "NaN", "sNaN", "Infinity", "-Infinity", "0E-40"])
def test_a_price_is_above_zero(rate: str) -> None:
    given(household()).when(RecordPrice("USD", DAY, Decimal(rate), "BRL")).then_refused("price_not_positive")


@pytest.mark.parametrize("rate", ["1E-19", "1E+10", "1E+1000000", "9" * 29, "1." + "0" * 28])
def test_a_price_has_so_many_digits(rate: str) -> None:
    given(household()).when(RecordPrice("USD", DAY, Decimal(rate), "BRL")).then_refused(
        "price_out_of_range", digits=MAX_PRICE_DIGITS, places=MAX_PRICE_PLACES
    )


def test_nothing_has_a_price_in_itself() -> None:
    given(household()).when(RecordPrice("BRL", DAY, Decimal(1), "BRL")).then_refused("price_in_itself")


def test_both_units_are_known() -> None:
    given(household()).when(RecordPrice("NOPE", DAY, Decimal(1), "BRL")).then_refused("commodity_unknown")
    given(household()).when(RecordPrice("BRL", DAY, Decimal(1), "NOPE")).then_refused("commodity_unknown")


@pytest.mark.parametrize("day", [FIRST_DAY - timedelta(days=1), LAST_DAY + timedelta(days=1)])
def test_a_price_has_a_day_of_finance(day: date) -> None:
    given(household()).when(RecordPrice("USD", day, Decimal(5), "BRL")).then_refused("date_out_of_range", date=day)
