"""OFX as it is found: every sample of banks and cards, odd writing, hostile bytes."""

from __future__ import annotations

import contextlib
import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.imports.ofx import Ofx, read_day
from commands.imports.reading import MAX_IMPORT_ROWS, AccountType, Statement, StatementRow
from domain.errors import Rejected
from domain.money import Amount, commodity, decimal_text

SAMPLES = Path(__file__).parents[2] / "samples"
LINES = csv.DictReader((SAMPLES / "expected.csv").read_text("utf-8").splitlines())
EXPECTED = [line for line in LINES if line["file"].endswith(".ofx")]
GOOD = SAMPLES / "ofx" / "bank_medium.ofx"


def statement(body: str, head: str = "<CURDEF>USD<BANKACCTFROM><BANKID>B<ACCTID>1</BANKACCTFROM>") -> bytes:
    return (
        f"OFXHEADER:100\nDATA:OFXSGML\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS>{head}"
        f"<BANKTRANLIST><DTSTART>20260101<DTEND>20260131{body}</BANKTRANLIST>"
        "</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
    ).encode()


def row(rest: str = "<NAME>Shop") -> str:
    return f"<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20260105<TRNAMT>-1.50<FITID>1{rest}</STMTTRN>"


def only_row(raw: bytes) -> StatementRow:
    return Ofx().read(raw).statements[0].rows[0]


def refused(raw: bytes) -> str:
    with pytest.raises(Rejected) as refusal:
        Ofx().read(raw)
    return refusal.value.code


@pytest.mark.parametrize("sample", EXPECTED, ids=[sample["file"] for sample in EXPECTED])
def test_every_sample_reads_as_expected(sample: dict[str, str]) -> None:
    raw = (SAMPLES / sample["file"]).read_bytes()
    assert Ofx().fits(raw[:4096], "statement")
    if sample["verdict"] == "refused":
        assert refused(raw) == sample["code"]
        return
    rows = [row for statement in Ofx().read(raw).statements for row in statement.rows]
    if not sample["sum"]:  # a broker's: `test_ofx_investments` tells what each row comes to
        assert len(rows) == int(sample["rows"])
        return
    booked = [row.amount for row in rows if row.left_out is None and row.amount is not None]
    assert len(booked) == int(sample["rows"])
    assert sum(Decimal(a.minor).scaleb(-a.commodity.scale) for a in booked) == Decimal(sample["sum"])


def test_a_file_cut_anywhere_is_refused() -> None:
    raw = GOOD.read_bytes().rstrip()
    for end in range(len(raw) - 1):
        assert refused(raw[:end]) in ("import_cut_in_half", "ofx_without_statement", "import_empty")


def test_the_banks_own_error_is_handed_on() -> None:
    with pytest.raises(Rejected) as refusal:
        Ofx().read((SAMPLES / "ofx" / "error_message.ofx").read_bytes())
    assert refusal.value.params == {"bank_code": "2000", "bank_message": "General Server Error"}


def test_a_day_is_the_one_the_bank_wrote_whatever_the_zone() -> None:
    assert read_day("20260901233000.000[-3:BRT]") == date(2026, 9, 1)
    assert read_day("2026-09-01") == date(2026, 9, 1)
    assert read_day("20260231") is None
    assert read_day("18991231") is None


def test_texts_are_unescaped_once_and_keep_a_lone_bracket() -> None:
    read = only_row(statement(row("<NAME>A &amp;amp; B &#38; C <3 D<MEMO>x")))
    assert (read.payee, read.memo) == ("A &amp; B & C <3 D", "x")


def test_a_memo_stands_for_a_missing_name_and_a_check_keeps_its_number() -> None:
    read = only_row(statement(row("<CHECKNUM>319<MEMO>Rent")))
    assert (read.payee, read.memo) == ("Rent", "#319")


def test_lower_case_tags_and_empty_unclosed_ones_are_read() -> None:
    lower = statement(row()).decode().replace("<OFX>", "<ofx>").replace("</OFX>", "</ofx>")
    assert only_row(lower.encode()).payee == "Shop"
    assert only_row(statement(row("<NAME>\n<MEMO>Word"))).payee == "Word"


def test_a_statement_within_a_statement_is_refused_for_its_rows_would_vanish() -> None:
    assert refused(statement(row() + "<STMTRS><CURDEF>USD</STMTRS>")) == "ofx_not_well_formed"


def test_a_row_that_is_not_booked_yet_is_shown_as_pending() -> None:
    pending = row().replace("STMTTRN>", "STMTTRNP>").replace("DTPOSTED", "DTTRAN")
    (read,) = (
        Ofx()
        .read(statement("").replace(b"</STMTRS>", f"<BANKTRANLISTP>{pending}</BANKTRANLISTP></STMTRS>".encode()))
        .statements[0]
        .rows
    )
    assert read.pending
    assert read.left_out is not None
    assert (read.left_out.code, read.date, str(read.amount)) == ("row_pending", date(2026, 1, 5), "-1.50 USD")


@pytest.mark.parametrize("written", ["$1.50", "USD 1.50", "(1.50)", "1.50-", "1e3", "--1", "1.5.0", "", "١"])
def test_an_amount_that_the_standard_does_not_know_refuses_the_file(written: str) -> None:
    assert refused(statement(row().replace("-1.50", written))) == "row_amount_not_valid"


def test_a_document_type_is_refused_before_anything_is_expanded() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + statement(row())
    assert refused(b"<OFX>" + bomb) == "import_has_dtd"


def test_an_unfinished_section_is_refused_in_linear_time() -> None:
    assert refused(b"<OFX>" + b"<![CDATA[" * 200_000) == "import_cut_in_half"
    assert refused(b"<OFX>" + b"<A" * 500_000) == "import_cut_in_half"
    assert refused(b"<OFX>" + b"<STMTRS>" * 200_000) == "ofx_not_well_formed"


def test_one_row_too_many_refuses_the_file_whole() -> None:
    assert len(Ofx().read(statement(row() * MAX_IMPORT_ROWS)).statements[0].rows) == MAX_IMPORT_ROWS
    assert refused(statement(row() * (MAX_IMPORT_ROWS + 1))) == "import_too_many_rows"


def test_an_amount_that_could_mean_two_things_is_left_out_by_name() -> None:
    read = only_row(statement(row().replace("-1.50", "-1.000")))
    assert read.left_out is not None
    assert read.left_out.code == "amount_ambiguous"


def test_a_row_in_another_currency_is_left_out_by_name() -> None:
    read = only_row(statement(row("<CURRENCY><CURRATE>5.4<CURSYM>EUR</CURRENCY>")))
    assert read.left_out is not None
    assert read.left_out.code == "row_in_other_currency"
    assert only_row(statement(row("<ORIGCURRENCY><CURRATE>5.4<CURSYM>EUR</ORIGCURRENCY>"))).left_out is None


@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_reading_or_a_refusal(raw: bytes) -> None:
    for attempt in (raw, b"<OFX>" + raw, statement("") + raw):
        with contextlib.suppress(Rejected):
            Ofx().read(attempt)


TAGS = [
    "OFX",
    "STMTRS",
    "STMTTRN",
    "CURDEF",
    "TRNAMT",
    "DTPOSTED",
    "BANKACCTFROM",
    "STATUS",
    "LEDGERBAL",
    "INVTRANLIST",
]


@given(st.lists(st.tuples(st.sampled_from(["<{}>", "</{}>", "<{}/>", "<{}>7", "<{}>USD"]), st.sampled_from(TAGS))))
def test_any_soup_of_tags_is_a_reading_or_a_refusal(soup: list[tuple[str, str]]) -> None:
    body = "".join([shape.format(tag) for shape, tag in soup])
    for raw in (body, f"<OFX>{body}</OFX>", statement(body).decode()):
        with contextlib.suppress(Rejected):
            Ofx().read(raw.encode())


words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=30)
days = st.dates(date(1990, 1, 1), date(2060, 12, 31))
rows = st.tuples(days, st.integers(-(10**9), 10**9).filter(bool), words, words, words)


def written(rows: list[tuple[date, int, str, str, str]], is_xml: bool) -> bytes:
    def leaf(name: str, text: str) -> str:
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return f"<{name}>{text}</{name}>" if is_xml else f"<{name}>{text}\n"

    body = "".join(
        [
            "<STMTTRN>"
            + leaf("TRNTYPE", "OTHER")
            + leaf("DTPOSTED", f"{day:%Y%m%d}120000")
            + leaf("TRNAMT", decimal_text(minor, 2))
            + leaf("FITID", bank_id)
            + leaf("NAME", payee)
            + leaf("MEMO", memo)
            + "</STMTTRN>"
            for day, minor, payee, memo, bank_id in rows
        ]
    )
    head = leaf("CURDEF", "EUR") + "<CCACCTFROM>" + leaf("ACCTID", "42") + "</CCACCTFROM>"
    return statement(body, head).replace(b"STMTRS>", b"CCSTMTRS>").replace(b"STMTTRNRS>", b"CCSTMTTRNRS>")


@given(st.lists(rows, max_size=20), st.booleans())
def test_random_statements_written_as_ofx_are_read_back(
    told: list[tuple[date, int, str, str, str]], is_xml: bool
) -> None:
    (read,) = Ofx().read(written(told, is_xml)).statements
    assert isinstance(read, Statement)
    assert (read.type, read.account_number, read.currency) == (AccountType.CARD, "42", "EUR")
    assert [(r.date, r.amount, r.payee, r.bank_id) for r in read.rows] == [
        (day, Amount(minor, commodity("EUR", 2)), payee, bank_id) for day, minor, payee, _, bank_id in told_clean(told)
    ]


def told_clean(told: list[tuple[date, int, str, str, str]]) -> list[tuple[date, int, str, str, str]]:
    from commands.imports.texts import clean

    return [(day, minor, clean(payee), clean(memo), clean(bank_id)) for day, minor, payee, memo, bank_id in told]
