"""Figures and texts as banks write them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.imports.texts import clean, decoded, read_figure, read_instalment
from domain.errors import Rejected
from domain.money import decimal_text
from domain.private import MAX_TEXT_CHARS, check_text


@pytest.mark.parametrize(
    ("text", "minor", "places"),
    [
        ("12", 12, 0),
        ("-35,90", -3590, 2),
        ("-1.250,00", -125000, 2),
        ("1,250.00", 125000, 2),
        ("+00000000000115.8331", 1158331, 4),
        ("-00000000001500.0000", -150000, 2),
        ("1.250.000", 1250000, 0),
        ("1 250,50", 125050, 2),
        ("1'250.50", 125050, 2),
        ("1500.125", 1500125, 3),
        ("0.125", 125, 3),
        (".50", 50, 2),
        ("12.", 12, 0),
        (" 12.5 ", 125, 1),
    ],
)
def test_a_figure_is_read_with_either_decimal_mark(text: str, minor: int, places: int) -> None:
    assert read_figure(text, 2) == (minor, places)


@pytest.mark.parametrize("text", ["1.000", "-1,250", "12.345"])
def test_three_digits_behind_a_single_mark_are_never_guessed(text: str) -> None:
    with pytest.raises(Rejected) as refusal:
        read_figure(text, 2)
    assert refusal.value.code == "amount_ambiguous"


def test_three_digits_behind_a_mark_are_decimals_in_a_currency_of_three_places() -> None:
    assert read_figure("12.345", 3) == (12345, 3)


@pytest.mark.parametrize("text", ["", "$120", "12a", "1.2.3", "1,23,4", "--1", "1e5", "١٢", "NaN", "-", ".", "9" * 81])
def test_what_is_no_figure_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        read_figure(text, 2)


@given(st.integers(-(10**15), 10**15), st.integers(0, 2), st.booleans())
def test_every_amount_written_as_a_bank_would_is_read_back(minor: int, scale: int, comma: bool) -> None:
    text = decimal_text(minor, scale)
    got, places = read_figure(text.replace(".", ",") if comma else text, 2)
    assert got * 10**scale == minor * 10**places


@given(st.text(max_size=200))
def test_any_text_is_a_figure_or_a_refusal(text: str) -> None:
    with suppress(Rejected):
        minor, places = read_figure(text, 2)
        assert isinstance(minor, int)
        assert places >= 0


@given(st.text(max_size=3 * MAX_TEXT_CHARS))
def test_a_cleaned_text_is_one_that_events_keep(text: str) -> None:
    cleaned = clean(text)
    check_text("memo", cleaned)
    assert "  " not in cleaned
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LOJA Parcela 2/6", (2, 6)),
        ("PARC 02/06 LOJA", (2, 6)),
        ("parc. 3 de 10", (3, 10)),
        ("ON 04/07/11", None),
        ("Parcela 7/6", None),
        ("Parcela 1/1", None),
    ],
)
def test_an_instalment_is_told_by_its_words_never_by_a_date(text: str, expected: tuple[int, int] | None) -> None:
    assert read_instalment(text) == expected


def test_the_encoding_is_found_out_whatever_the_header_says() -> None:
    assert decoded("São João".encode(), "cp1252") == ("São João", "utf-8")
    assert decoded("São João".encode("cp1252"), None) == ("São João", "cp1252")
    assert decoded("São João".encode("utf-16"), None)[0] == "São João"
    with pytest.raises(Rejected) as refusal:
        decoded(b"\x89PNG\r\n\x1a\n\0\0\0", None)
    assert refusal.value.code == "import_not_text"
