"""Figures and texts as banks write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.imports.texts import (
    clean,
    currency_in,
    decimal_mark_of,
    decoded,
    read_figure,
    read_instalment,
    read_text,
)
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
        ("€ -3.50", -350, 2),
        ("-€3.50", -350, 2),
        ("R$ 1.234,56", 123456, 2),
        ("-US$ 12.00", -1200, 2),
        ("12,00 EUR", 1200, 2),
        ("BRL-7.10", -710, 2),
        ("$120", 120, 0),
        ("1.234,56-", -123456, 2),
        ("(12.00)", -1200, 2),
        ("($ 1,250.00)", -125000, 2),
        ("\u22125,00", -500, 2),
        ("1\u202f234,56", 123456, 2),
        ("1\u2019250.50", 125050, 2),
        ("12,34,567.80", 123456780, 2),
    ],
)
def test_a_figure_is_read_with_either_decimal_mark(text: str, minor: int, places: int) -> None:
    assert read_figure(text, 2) == (minor, places)


@pytest.mark.parametrize("text", ["1.000", "-1,250", "12.345"])
def test_three_digits_behind_a_single_mark_are_never_guessed(text: str) -> None:
    with pytest.raises(Rejected) as refusal:
        read_figure(text, 2)
    assert refusal.value.code == "amount_ambiguous"


@pytest.mark.parametrize(
    ("text", "mark", "minor", "places"),
    [
        ("1.000", ",", 1000, 0),
        ("-1.000", ".", -100, 2),
        ("1,234", ".", 1234, 0),
        ("1.234", ".", 1234, 3),
        ("1.234,5", ",", 12345, 1),
        ("12", ",", 12, 0),
        (",50", ",", 50, 2),
        ("1.234.567", ",", 1234567, 0),
    ],
)
def test_a_mark_that_is_known_settles_what_a_figure_leaves_open(text: str, mark: str, minor: int, places: int) -> None:
    assert read_figure(text, 2, mark) == (minor, places)


@pytest.mark.parametrize(("text", "mark"), [("12.50", ","), ("12,50", "."), ("1.234,56", "."), ("1,234.5", ",")])
def test_a_figure_against_the_mark_that_is_known_is_refused_not_bent(text: str, mark: str) -> None:
    with pytest.raises(Rejected) as refusal:
        read_figure(text, 2, mark)
    assert refusal.value.code == "amount_not_decimal"


@pytest.mark.parametrize(
    ("text", "mark"),
    [("1,50", ","), ("1.234,56", ","), ("1,234.56", "."), ("1.234.567", ","), ("1.000", ""), ("12", ""), ("x", "")],
)
def test_a_figure_tells_its_mark_only_where_it_is_certain(text: str, mark: str) -> None:
    assert decimal_mark_of(text) == mark


@pytest.mark.parametrize(
    ("text", "code"), [("R$ 5,00", "BRL"), ("€5", "EUR"), ("5.00 CHF", "CHF"), ("$5", ""), ("£5", ""), ("5", "")]
)
def test_a_sign_names_a_currency_only_where_one_country_writes_it(text: str, code: str) -> None:
    assert currency_in(text) == code


def test_three_digits_behind_a_mark_are_decimals_in_a_currency_of_three_places() -> None:
    assert read_figure("12.345", 3) == (12345, 3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12a",
        "12 XYZ",
        "R$ 12 EUR",
        "(-12)",
        "-12-",
        "(12",
        "12 $ 3",
        "1.2.3",
        "1,23,4",
        "--1",
        "1e5",
        "١٢",
        "NaN",
        "-",
        ".",
        "9" * 81,
    ],
)
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
        ("COMPRA 2 de 6", (2, 6)),
        ("LOJA (2/6)", (2, 6)),
        ("PAGO 10 de 12 de 2026", None),
        ("LOJA 02/06", None),
        ("PAY PADARIA MOD 03/09", None),
    ],
)
def test_an_instalment_is_told_by_its_words_never_by_a_date(text: str, expected: tuple[int, int] | None) -> None:
    assert read_instalment(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("LOJA 02/06", (2, 6)), ("POSTO 03/09", None), ("POSTO 09/03", None), ("POSTO 28/08", None)]
)
def test_a_bare_fraction_is_an_instalment_only_on_a_card_and_never_where_it_may_be_a_day(
    text: str, expected: tuple[int, int] | None
) -> None:
    assert read_instalment(text, date(2026, 9, 4)) == expected
    assert read_instalment(text) is None


TEXT = "Data;Descrição;Valor\n01/09/2026;Pão São João;-1,50\n"


@pytest.mark.parametrize(
    ("codec", "mark", "told"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8-sig", b"", "utf-8"),
        ("utf-16-le", b"\xff\xfe", "utf-16"),
        ("utf-16-be", b"\xfe\xff", "utf-16"),
        ("utf-16-le", b"", "utf-16"),
        ("utf-16-be", b"", "utf-16"),
        ("utf-32-le", b"\xff\xfe\0\0", "utf-32"),
        ("cp1252", b"", "cp1252"),
        ("latin-1", b"", "cp1252"),
    ],
)
def test_a_text_is_read_in_the_encoding_it_is_in(codec: str, mark: bytes, told: str) -> None:
    read = read_text(mark + TEXT.encode(codec))
    assert (read.text, read.encoding, read.nul_count) == (TEXT, told, 0)


def test_another_alphabet_is_told_by_its_letters_where_no_western_text_looks_so() -> None:
    text = "Дата;Описание;Сумма\n" + "01.09.2026;Продуктовый магазин на углу;-1,50\n" * 20
    read = read_text(text.encode("cp1251"))
    assert (read.text, read.encoding) == (text, "cp1251")
    text = "日付;摘要;金額\n" + "2026-09-01;日本食堂でのお支払い;-1000\n" * 20
    assert read_text(text.encode("cp932")).text == text


def test_stray_nul_bytes_are_dropped_and_counted() -> None:
    read = read_text("Date,Payee,Amount\n2026-09-01,Sh\0op Ünë,-1.00\n".encode())
    assert (read.nul_count, "Shop Ünë" in read.text) == (1, True)
    assert read_text("Date,Payee\n2026-09-01,Caf\xe9\0\n".encode("cp1252")).nul_count == 1


@pytest.mark.parametrize(
    "raw",
    [
        "São João, Ação, Crédito".encode()[:-3] + b"\xc3",
        "São João, ".encode() + b"S\xc3o, " + "Ação".encode(),
        b"\0\1\2\3" * 40,
        b"\xff\xfea",
        bytes(range(256)),
    ],
)
def test_broken_text_and_what_is_none_are_refused(raw: bytes) -> None:
    with pytest.raises(Rejected) as refusal:
        read_text(raw)
    assert refusal.value.code == "import_not_text"


@given(st.binary(max_size=300))
def test_any_bytes_are_a_text_or_refused(raw: bytes) -> None:
    with suppress(Rejected):
        assert "\0" not in read_text(raw).text


def test_the_encoding_is_found_out_whatever_the_header_says() -> None:
    assert decoded("São João".encode(), "cp1252") == ("São João", "utf-8")
    assert decoded("São João".encode("cp1252"), None) == ("São João", "cp1252")
    assert decoded("São João".encode("utf-16"), None)[0] == "São João"
    with pytest.raises(Rejected) as refusal:
        decoded(b"\x89PNG\r\n\x1a\n\0\0\0", None)
    assert refusal.value.code == "import_not_text"
