"""Money: exact as written, exact as shared out."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Rejected
from domain.money import (
    ISO_4217,
    MAX_SCALE,
    Amount,
    allocate,
    at_scale_of,
    commodity,
    decimal_text,
    parse_amount,
    parse_decimal,
    round_half_up,
    split_in_parts,
)


@pytest.mark.parametrize(
    ("text", "minor", "scale"),
    [
        ("0", 0, 0),
        ("-0", 0, 0),
        ("-0.00", 0, 2),
        ("12.50", 1250, 2),
        ("-12.50", -1250, 2),
        ("+12.5", 125, 1),
        ("007", 7, 0),
        ("000.010", 10, 3),
        ("0.000000001", 1, 9),
        ("9" * 40, 10**40 - 1, 0),
        ("0." + "0" * 39, 0, 39),
    ],
)
def test_a_decimal_is_read_exactly_as_it_is_written(text: str, minor: int, scale: int) -> None:
    assert parse_decimal(text) == (minor, scale)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "-", "+", ".", "-.", "1.", ".5", "-.5", "--5", "+-5", "1-", "1.2.3", "1..2", "1.-2", "1.+2", "1e5",
        "1E5", "1_000", "1,000.00", "1 000", " 1", "1 ", "1\n", "0x10", "NaN", "Infinity", "-inf",
        "\u0663.\u0665", "\uff11\uff12", "²", "½", "1.\u0665", "\u22125", "R$ 5", "5 BRL", "\x00", "1\x00",
    ],
)  # fmt: skip
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="amount_not_decimal"):
        parse_decimal(text)


def test_a_refusal_quotes_no_more_than_the_beginning_of_what_was_written() -> None:
    with pytest.raises(Rejected) as refused:
        parse_decimal("x" * 1_000_000)
    assert refused.value.params == {"text": "x" * 40}


@pytest.mark.parametrize("text", ["9" * 41, "0" * 41, "0." + "0" * 40, "-" + "1" * 41, "1" * 1_000_000])
def test_more_digits_than_any_money_has_are_refused_before_they_are_counted(text: str) -> None:
    with pytest.raises(Rejected, match="amount_out_of_range"):
        parse_decimal(text)


@given(st.integers(-(10**18), 10**18), st.integers(0, MAX_SCALE))
def test_what_is_written_as_a_decimal_is_read_back_the_same(minor: int, scale: int) -> None:
    text = decimal_text(minor, scale)
    assert parse_decimal(text) == (minor, scale)
    assert Decimal(text) == Decimal(minor).scaleb(-scale)


def test_a_decimal_always_has_as_many_places_as_its_commodity() -> None:
    assert decimal_text(-5, 2) == "-0.05"
    assert decimal_text(5, 0) == "5"
    assert decimal_text(0, 3) == "0.000"
    assert decimal_text(-1_234_567_890, 9) == "-1.234567890"
    assert str(Amount(-5, commodity("BRL", 2))) == "-0.05 BRL"
    assert -parse_amount("3.20", "BRL") == parse_amount("-3.20", "BRL")


def test_a_code_longer_than_any_is_unknown_before_it_is_kept() -> None:
    with pytest.raises(Rejected) as refused:
        parse_amount("1.00", "X" * 1_000_000)
    assert (refused.value.code, refused.value.params) == ("commodity_unknown", {"commodity": "X" * 24})


def test_an_amount_takes_the_books_scale_where_no_digit_is_lost() -> None:
    euro, yen = commodity("EUR", 2), commodity("JPY", 0)
    assert at_scale_of(parse_amount("1.5", "EUR"), euro) == Amount(150, euro)
    assert at_scale_of(parse_amount("-1.5000", "EUR"), euro) == Amount(-150, euro)
    assert at_scale_of(parse_amount("7.000", "JPY"), yen) == Amount(7, yen)
    same = Amount(3, euro)
    assert at_scale_of(same, euro) is same


@pytest.mark.parametrize(("text", "scale"), [("1.005", 2), ("-0.001", 2), ("0.1", 0), ("1." + "0" * 38 + "1", 9)])
def test_a_digit_finer_than_the_commodity_is_refused_never_rounded(text: str, scale: int) -> None:
    with pytest.raises(Rejected) as refused:
        at_scale_of(parse_amount(text, "XYZ"), commodity("XYZ", scale))
    assert refused.value.code == "amount_scale_exceeded"
    assert refused.value.params["scale"] == scale


@pytest.mark.parametrize(
    ("value", "scale", "minor"),
    [
        ("2.345", 2, 235),
        ("-2.345", 2, -235),
        ("2.344999", 2, 234),
        ("0.5", 0, 1),
        ("-0.5", 0, -1),
        ("0.49", 0, 0),
        ("1E+3", 2, 100000),
        ("271.058790", 2, 27106),
        ("9.4871", 2, 949),
    ],
)
def test_halves_are_rounded_away_from_zero_as_bills_and_banks_do(value: str, scale: int, minor: int) -> None:
    assert round_half_up(Decimal(value), scale) == minor


def test_a_purchase_abroad_is_rounded_as_the_card_rounds_it() -> None:
    purchase = round_half_up(Decimal("49.90") * Decimal("5.4321"), 2)
    tax = round_half_up(Decimal(purchase).scaleb(-2) * Decimal("0.035"), 2)
    assert (purchase, tax, purchase + tax) == (27106, 949, 28055)


@pytest.mark.parametrize(
    ("minor", "parts", "shares"),
    [
        (100_00, 3, [33_34, 33_33, 33_33]),
        (1_234_57, 12, [102_89, *[102_88] * 11]),
        (10_00, 6, [1_70, *[1_66] * 5]),
        (-100_00, 3, [-33_34, -33_33, -33_33]),
        (2, 5, [2, 0, 0, 0, 0]),
        (0, 3, [0, 0, 0]),
        (7, 1, [7]),
    ],
)
def test_the_odd_cents_go_into_the_first_instalment(minor: int, parts: int, shares: list[int]) -> None:
    assert split_in_parts(minor, parts) == shares


@pytest.mark.parametrize("parts", [0, -1])
def test_money_is_split_in_one_part_at_least(parts: int) -> None:
    with pytest.raises(Rejected, match="parts_not_positive"):
        split_in_parts(100, parts)


@given(st.integers(-(10**15), 10**15), st.integers(1, 480))
def test_instalments_sum_to_the_purchase_and_differ_only_in_the_first(minor: int, parts: int) -> None:
    first, *others = split_in_parts(minor, parts)
    assert first + sum(others) == minor
    assert len(set(others)) <= 1
    assert all(abs(first) >= abs(other) > abs(first) - parts for other in others)


@pytest.mark.parametrize(
    ("minor", "weights", "shares"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (5, [3, 3, 1], [2, 2, 1]),
        (10, [0, 1], [0, 10]),
        (543_21, [33_33, 33_33, 33_34], [181_05, 181_05, 181_11]),
        (0, [5, 5], [0, 0]),
        (1, [1, 2, 2], [0, 1, 0]),
    ],
)
def test_money_is_shared_by_weight_and_the_rest_goes_to_the_largest_remainders(
    minor: int, weights: list[int], shares: list[int]
) -> None:
    assert allocate(minor, weights) == shares


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1, 1], [-1]])
def test_money_is_not_shared_by_weights_that_mean_nothing(weights: list[int]) -> None:
    with pytest.raises(Rejected, match="weights_not_positive"):
        allocate(100, weights)


@given(
    st.integers(-(10**15), 10**15),
    st.lists(st.integers(0, 10**9), min_size=1, max_size=30).filter(any),
)
def test_sharing_loses_no_cent_and_gives_no_one_a_cent_too_many(minor: int, weights: list[int]) -> None:
    shares = allocate(minor, weights)
    assert sum(shares) == minor
    total = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * total - minor * weight) < total
        assert weight or not share


@pytest.mark.parametrize(
    ("scale", "codes"),
    [
        (0, "JPY KRW CLP ISK VND XAF XOF XPF PYG UGX BIF DJF GNF KMF RWF VUV UYI"),
        (2, "BRL USD EUR GBP CHF CAD AUD MXN ARS COP INR CNY ZAR IDR HUF MGA MRU TWD CZK UYU XCG ZWG SLE VED"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
        (2, "DEM FRF NLG ATS IEP HRK EEK"),
        (0, "ITL ESP PTE BEF"),
    ],
)
def test_a_currency_has_the_decimal_places_of_iso_4217(scale: int, codes: str) -> None:
    for code in codes.split():
        assert ISO_4217[code] == commodity(code, scale)


def test_every_currency_code_is_three_capital_letters_told_once() -> None:
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in ISO_4217)
    assert 205 <= len(ISO_4217) <= 225
    assert not {"XAU", "XDR", "BTC", "XXX", "XTS"} & set(ISO_4217)
