"""Any rows in any dialect come back as they were, or something is asked; hostile bytes are refused by name."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from commands.imports.delimited import Delimited
from commands.imports.reading import Detected, Hints, StatementRow, Statements
from commands.imports.texts import clean
from domain.errors import Rejected
from domain.money import decimal_text

HEADERS = {
    "en": ("Date", "Payee", "Amount", "Debit", "Credit", "D/C", "DC"),
    "pt": ("Data", "Descrição", "Valor", "Débito", "Crédito", "D/C", "DC"),
    "de": ("Buchungstag", "Empfänger", "Betrag", "Soll", "Haben", "Soll/Haben", "SH"),
    "fr": ("Date opération", "Libellé", "Montant", "Débit", "Crédit", "Sens", "DC"),
    "es": ("Fecha", "Concepto", "Importe", "Cargo", "Abono", "Debe/Haber", "DC"),
    "it": ("Data contabile", "Causale", "Importo", "Dare", "Avere", "Dare/Avere", "DC"),
    "nl": ("Boekdatum", "Omschrijving", "Bedrag", "Af", "Bij", "Af Bij", "DC"),
}
DATES = {"ymd": "{0:%Y}{1}{0:%m}{1}{0:%d}", "dmy": "{0:%d}{1}{0:%m}{1}{0:%Y}", "mdy": "{0:%m}{1}{0:%d}{1}{0:%Y}"}


@dataclass(frozen=True)
class Dialect:
    """One way of writing a bank's rows; `style` is how a figure says which way it goes."""

    language: str
    delimiter: str
    order: str
    separator: str
    mark: str
    grouped: bool
    places: int
    style: str
    encoding: str
    newest_first: bool
    above: bool
    end: str


DIALECTS = st.builds(
    Dialect,
    st.sampled_from(sorted(HEADERS)),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(sorted(DATES)),
    st.sampled_from(["-", "/", "."]),
    st.sampled_from([".", ","]),
    st.booleans(),
    st.sampled_from([2, 2, 0, 1, 3]),
    st.sampled_from(["minus", "behind", "parentheses", "sign", "columns", "words", "reversed"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
Row = tuple[date, int, str]
ROWS = st.lists(
    st.tuples(
        st.dates(date(1990, 1, 1), date(2060, 12, 31)),
        st.integers(-(10**9), 10**9).filter(bool),
        st.text("abcdeéãçüñ XYZ-&'\",;|=+@\n019", min_size=1, max_size=20).map(lambda text: f"Shop {text}"),
    ),
    min_size=1,
    max_size=8,
)


def figure(minor: int, dialect: Dialect) -> str:
    """A figure without its sign."""
    whole, _, places = decimal_text(abs(minor), dialect.places).partition(".")
    if dialect.grouped:
        whole = f"{int(whole):,}".replace(",", "." if dialect.mark == "," else ",")
    return f"{whole}{dialect.mark}{places}" if places else whole


def cells(row: Row, dialect: Dialect) -> list[str]:
    day, minor, payee = row
    head = [DATES[dialect.order].format(day, dialect.separator), payee]
    text = figure(minor, dialect)
    is_out = minor < 0
    match dialect.style:
        case "minus":
            return [*head, f"-{text}" if is_out else text]
        case "behind":
            return [*head, f"{text}-" if is_out else text]
        case "parentheses":
            return [*head, f"({text})" if is_out else text]
        case "sign":
            return [*head, f"R$ -{text}" if is_out else f"R$ {text}"]
        case "columns":
            return [*head, text, ""] if is_out else [*head, "", text]
        case "words":
            into = HEADERS[dialect.language][6]
            return [*head, text, into[0] if is_out else into[1]]
        case _:
            return [*head, text if is_out else f"-{text}"]


def file_of(rows: list[Row], dialect: Dialect) -> bytes:
    day, payee, amount, debit, credit, direction, _ = HEADERS[dialect.language]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=dialect.delimiter, lineterminator=dialect.end)
    if dialect.above:
        writer.writerows([["My bank"], []])
    named = {"columns": [debit, credit], "words": [amount, direction]}.get(dialect.style, [amount])
    writer.writerow([day, payee, *named])
    writer.writerows([cells(row, dialect) for row in rows])
    return out.getvalue().encode(dialect.encoding)


def read_back(row: StatementRow) -> tuple[date | None, int, int]:
    assert row.amount is not None
    return row.date, row.amount.minor, row.amount.commodity.scale


def check(found: Statements, rows: list[Row], dialect: Dialect) -> bool:
    """Whether all rows were read; each that was is exactly what was written."""
    read = [row for statement in found.statements for row in statement.rows]
    assert [row.row for row in read] == list(range(1, len(rows) + 1))
    asked = {question.code for question in found.questions}
    for row, (day, minor, payee) in zip(read, rows, strict=True):
        if row.left_out is None:
            got_day, got, scale = read_back(row)
            assert (got_day, got * 10**dialect.places) == (day, minor * 10**scale)
            if dialect.encoding != "cp1252":
                assert row.payee == clean(payee)
        else:
            assert row.left_out.code in ("date_ambiguous", "amount_ambiguous", "sign_ambiguous")
            assert asked
    return all(row.left_out is None for row in read)


@given(ROWS, DIALECTS)
def test_rows_in_any_dialect_come_back_as_they_were_or_something_is_asked(rows: list[Row], dialect: Dialect) -> None:
    if dialect.newest_first:
        rows = sorted(rows, reverse=True)
    # Signs that are the other way round look like any others, so somebody says so; no sign at all is asked.
    is_reversed = dialect.style == "reversed"
    hints = Hints(sign="reversed") if is_reversed and any(minor > 0 for _, minor, _ in rows) else Hints()
    raw = file_of(rows, dialect)
    assert Delimited().fits(raw, "statement")
    found = Delimited().read(raw, hints)
    assert check(found, rows, dialect) == (not found.questions)
    sign = "reversed" if is_reversed else "as-written"
    answers = Hints(decimal_mark=dialect.mark, date_order=dialect.order, sign=sign)
    assert check(Delimited().read(raw, answers), rows, dialect)


@given(ROWS, DIALECTS, st.integers(0, 10**6), st.binary(max_size=3))
def test_a_file_that_was_bitten_is_read_or_refused_by_name(
    rows: list[Row], dialect: Dialect, at: int, bite: bytes
) -> None:
    raw = file_of(rows, dialect)
    at %= len(raw)
    survives(raw[:at] + bite + raw[at + 1 :])


PIECES = st.sampled_from(
    [b"Date", b"Amount", b"Payee", b"2026-09-01", b"-1.50", b"1,5", b",", b";", b"\n", b'"', b"\r", b"\0", b"\xff\xfe"]
)


@given(
    st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=40).map(b"".join)),
    st.sampled_from(["", "generic", "itau", "revolut"]),
)
def test_any_bytes_are_read_or_refused_by_name(raw: bytes, profile: str) -> None:
    survives(raw, Hints(profile=profile))


def survives(raw: bytes, hints: Hints | None = None) -> None:
    Delimited().fits(raw, "statement.csv")
    with suppress(Rejected):
        found = Delimited().read(raw, hints or Hints())
        rows = [row for statement in found.statements for row in statement.rows]
        assert all(row.left_out is not None or (row.date is not None and row.amount is not None) for row in rows)
        assert isinstance(found.detected, Detected)
