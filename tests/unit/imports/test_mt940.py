"""MT940 as banks write it: every sample, the bank's own balances, a public parser beside ours, hostile bytes."""

from __future__ import annotations

import contextlib
import csv
import logging
from datetime import date
from decimal import Decimal
from pathlib import Path

import mt940 as public
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.imports.mt940 import MAX_MESSAGES, Mt940, entry_day, read_day
from commands.imports.reading import MAX_IMPORT_ROWS, Reason, StatementRow, Statements
from domain.errors import Rejected
from domain.money import Amount, commodity
from tests.unit.imports.hostile import mutated

SAMPLES = Path(__file__).parents[2] / "samples"
LISTED = csv.DictReader((SAMPLES / "expected.csv").read_text("utf-8").splitlines())
EXPECTED = [sample for sample in LISTED if sample["file"].startswith("mt940/")]
GOOD = [sample["file"] for sample in EXPECTED if sample["verdict"] == "good"]
WRITTEN_OUT = {
    "mt940/betterplace-sepa_mt9401.sta",
    "mt940/betterplace-with_binary_character.sta",
    "mt940/mBank-mt940.sta",
    "mt940/self-provided-february_30.sta",
    "mt940/self-provided-raphaelm.sta",
}
"""Samples that nobody shortened: their rows lie between their balances."""


def message(body: str, opening: str = "C260901EUR100,00", closing: str = "C260930EUR100,00", head: str = "") -> bytes:
    return f":20:REF{head}\n:25:10020030/1234567\n:28C:1/1\n:60F:{opening}\n{body}:62F:{closing}\n-\n".encode()


def read(raw: bytes) -> Statements:
    return Mt940().read(raw)


def only_row(line: str, details: str = "") -> StatementRow:
    return read(message(f":61:{line}\n{details}")).statements[0].rows[0]


def refused(raw: bytes) -> str:
    with pytest.raises(Rejected) as refusal:
        read(raw)
    return refusal.value.code


def value(amount: Amount) -> Decimal:
    return Decimal(amount.minor).scaleb(-amount.commodity.scale)


def codes(remarks: tuple[Reason, ...]) -> list[str]:
    return [remark.code for remark in remarks]


@pytest.mark.parametrize("sample", EXPECTED, ids=[sample["file"] for sample in EXPECTED])
def test_every_sample_reads_as_expected(sample: dict[str, str]) -> None:
    raw = (SAMPLES / sample["file"]).read_bytes()
    assert Mt940().fits(raw[:4096], sample["file"])
    if sample["verdict"] == "refused":
        assert refused(raw) == sample["code"]
        return
    rows = [row for statement in read(raw).statements for row in statement.rows]
    assert all(row.left_out is None and row.date is not None and row.amount is not None for row in rows)
    assert len(rows) == int(sample["rows"])
    assert [row.row for row in rows] == list(range(1, len(rows) + 1))
    assert sum(value(row.amount) for row in rows if row.amount is not None) == Decimal(sample["sum"])


@pytest.mark.parametrize("name", GOOD)
def test_a_public_parser_reads_the_same_amounts_kinds_and_references(name: str) -> None:
    raw = (SAMPLES / name).read_bytes()
    options = public.Options(reversal_sign=True, strip_bom=True)
    theirs = [found.data for found in public.parse(raw, options=options)]
    ours = [row for statement in read(raw).statements for row in statement.rows]
    assert [value(row.amount) for row in ours if row.amount is not None] == [told["amount"].amount for told in theirs]
    assert [row.kind for row in ours] == [told["id"].strip() for told in theirs]
    for row, told in zip(ours, theirs, strict=True):
        bank = told["bank_reference"]
        if bank is not None and bank != "NONREF":
            assert row.bank_id == " ".join(bank.split())


@pytest.mark.parametrize("name", sorted(WRITTEN_OUT))
def test_the_banks_own_balances_agree_with_its_rows(name: str) -> None:
    """A reversed credit takes money away again: the two in the first sample are what its balances leave."""
    remarks = read((SAMPLES / name).read_bytes()).remarks
    assert "statement_does_not_add_up" not in codes(remarks)


def test_rows_that_do_not_lie_between_the_balances_are_said_with_what_is_missing() -> None:
    remarks = read(message(":61:2609050905D5,50NTRFNONREF\n")).remarks
    assert remarks == (
        Reason(
            "statement_does_not_add_up",
            {"account": "1234567", "date": date(2026, 9, 30), "difference": Amount(550, commodity("EUR", 2))},
        ),
    )


def test_the_thirtieth_of_february_is_its_last_day_and_said() -> None:
    read_again = read((SAMPLES / "mt940/self-provided-february_30.sta").read_bytes())
    told = {"row": 1, "text": "160230", "date": date(2016, 2, 29)}
    assert read_again.remarks == (Reason("date_moved_to_month_end", told),)
    assert read_again.statements[0].rows[0].date == date(2016, 3, 1)  # the day it was entered
    assert only_row("260230D6,00NTRFNONREF").date == date(2026, 2, 28)


def test_a_day_that_is_none_leaves_its_row_out_by_name() -> None:
    row = only_row("260931D6,00NTRFNONREF")
    assert row.left_out == Reason("row_date_not_valid", {"text": "260931"})


def test_years_of_two_digits_are_those_of_swift() -> None:
    assert read_day("791231") == (date(2079, 12, 31), False)
    assert read_day("800101") == (date(1980, 1, 1), False)
    assert read_day("160230") == (date(2016, 2, 29), True)
    assert read_day("160231") == (None, False)


def test_an_entrys_day_gets_the_year_that_puts_it_beside_its_value() -> None:
    assert entry_day(date(2025, 12, 31), "0102") == date(2026, 1, 2)
    assert entry_day(date(2026, 1, 2), "1231") == date(2025, 12, 31)
    assert entry_day(date(2026, 3, 1), "0229") == date(2026, 3, 1)
    assert entry_day(None, "0102") is None


def test_a_row_is_booked_no_later_than_the_closing_balance_that_holds_it() -> None:
    read_again = read(message(":61:261003D5,00NTRFNONREF\n", closing="C260930EUR95,00"))
    assert read_again.statements[0].rows[0].date == date(2026, 9, 30)
    assert codes(read_again.remarks) == ["rows_dated_by_closing_balance"]


@pytest.mark.parametrize(
    ("mark", "minor"), [("C", 650), ("D", -650), ("RC", -650), ("RD", 650), ("CR", 650), ("RDR", 650), ("DR", -650)]
)
def test_a_reversal_undoes_what_it_reverses(mark: str, minor: int) -> None:
    assert only_row(f"2609050905{mark}6,50NTRFNONREF").amount == Amount(minor, commodity("EUR", 2))


def test_amounts_stay_as_exact_as_they_are_written() -> None:
    assert only_row("260905C000000001213,28NTRFNONREF").amount == Amount(121328, commodity("EUR", 2))
    assert only_row("260905C7,NTRFNONREF").amount == Amount(7, commodity("EUR", 0))
    assert only_row("260905C7,5000NTRFNONREF").amount == Amount(750, commodity("EUR", 2))
    assert only_row("260905C0,00NTRFNONREF").left_out == Reason("row_moves_nothing")
    assert refused(message(":61:260905C99999999999999999999,00NTRFNONREF\n")) == "row_amount_not_valid"


def test_the_banks_reference_is_the_id_then_the_customers_unless_there_is_none() -> None:
    assert only_row("260905C1,NTRFCUST//BANK").bank_id == "BANK"
    assert only_row("260905C1,NTRFCUST//NONREF").bank_id == "CUST"
    assert only_row("260905C1,NTRFNONREF").bank_id == ""
    assert only_row("260905C1,NTRFKREF+").bank_id == ""
    assert only_row("260905C1,NTRFbeyond-the-sixteen-of-the-standard//BANK").bank_id == "BANK"


def test_numbered_parts_tell_who_and_what_for() -> None:
    row = only_row(
        "260905D9,NTRFNONREF",
        ":86:116?00SEPA-UEBERW?100399?20EREF+E2E 12345678901234567890?21MREF+M1?22SVWZ+Miete Septem\nber?23 links"
        "?30DEUTDEFF?31DE02120300000000202051?32Vermieter mit einem langen ?33Namen\n",
    )
    assert (row.payee, row.memo) == ("Vermieter mit einem langen Namen", "Miete September links")
    row = only_row("260905D9,NTRFNONREF", ":86:805?00ENTGELTABSCHLUSS?106666?20Pauschalen?3012345678\n")
    assert (row.payee, row.memo) == ("ENTGELTABSCHLUSS", "Pauschalen")
    row = only_row("260905D9,NTRFNONREF", ":86:005<00Kaart<20What? is it<32Winkel\n")
    assert (row.payee, row.memo) == ("Winkel", "What? is it")


def test_words_between_strokes_tell_who_and_what_for() -> None:
    row = only_row(
        "260905C9,NTRFEREF", ":86:/TRTP/SEPA OVERBOEKING/IBAN/NL91ABNA0417164300/NAME/J. Jansen/REMI/huur /a/EREF/X\n"
    )
    assert (row.payee, row.memo) == ("J. Jansen", "huur /a")
    row = only_row(
        "260905C9,NTRFEREF",
        ":86:/EREF/E1//CNTP/NL32INGB0000012345/INGBNL2A/ING Testrekening/ADRES//REMI/USTD//Factuur 7/\n",
    )
    assert (row.payee, row.memo) == ("ING Testrekening", "Factuur 7")


def test_free_text_is_the_payee_where_nothing_else_names_one() -> None:
    row = only_row("260905C9,N426NONREF", ":86:BEA   NR:XXX1234 DIRCKIII\nKATWIJK\n")
    assert (row.payee, row.memo) == ("BEA NR:XXX1234 DIRCKIII KATWIJK", "")
    row = only_row("110527D9,N0440121470966      W.P. Jansen", ":86:Terugboeking\n:86:KOSTEN\n")
    assert (row.payee, row.memo, row.bank_id) == ("W.P. Jansen", "Terugboeking KOSTEN", "0121470966")


def test_a_text_of_the_whole_statement_is_no_rows() -> None:
    raw = message(":61:2609050905C1,NTRFNONREF\n", closing="C260930EUR101,00").replace(b"\n-\n", b"\n:86:ADVERT\n-\n")
    assert read(raw).statements[0].rows[0].payee == ""


def test_pages_become_one_statement_and_a_statement_that_stands_twice_does_not() -> None:
    page = ":20:A\n:25:1\n:28C:7/1\n:60F:C260901EUR0,\n:61:260902C3,50NTRFNONREF\n:62M:C260902EUR3,50\n"
    last = ":20:A\n:25:1\n:28C:7/2\n:60M:C260902EUR3,50\n:61:260902C3,50NTRFNONREF\n:62F:C260902EUR7,\n-\n"
    (one,) = read((page + last).encode()).statements
    assert (len(one.rows), one.stated) == (2, Amount(7, commodity("EUR", 0)))
    assert len(read((page + last + page + last).encode()).statements) == 2
    assert codes(read(page.encode()).remarks) == ["closing_not_of_a_day"]
    assert read(page.encode()).statements[0].stated is None


def test_the_statement_of_the_next_day_continues_the_one_before() -> None:
    monday = message(":61:2609070907C1,NTRFNONREF\n", "C260906EUR5,00", "C260907EUR6,00")
    tuesday = message(":61:2609080908C1,NTRFNONREF\n", "C260907EUR6,00", "C260908EUR7,00", head="2")
    (one,) = read(monday + tuesday).statements
    assert [row.date for row in one.rows] == [date(2026, 9, 7), date(2026, 9, 8)]
    assert (one.stated_on, one.first, one.last) == (date(2026, 9, 8), date(2026, 9, 7), date(2026, 9, 8))


def test_an_account_tells_its_bank_and_number_as_written() -> None:
    def account(written: str) -> tuple[str, str]:
        statement = read(message("").replace(b"10020030/1234567", written.encode())).statements[0]
        return statement.bank, statement.account_number

    assert account("50880050/0194774600888") == ("50880050", "0194774600888")
    assert account("DE02120300000000202051") == ("", "DE02120300000000202051")
    assert account("1291.99.348EUR") == ("", "1291.99.348")
    assert account('BILLLULLXXX/"NUMERO 2"') == ("BILLLULLXXX", "NUMERO 2")


def test_a_message_in_swifts_blocks_is_read() -> None:
    raw = b"{1:F01INGBNL2AXXXX0000000000}{2:O9400000N}{4:\n" + message("").replace(b"-\n", b"-}{5:{CHK:00}}\n")
    assert len(read(raw + raw).statements) == 2


def test_a_file_cut_anywhere_is_refused_and_nothing_of_it_read() -> None:
    raw = message(
        ":61:2609050905C1,25NTRFNONREF\n:86:051?00A?20B?32C\n", opening="C260901EUR1,00", closing="C260930EUR2,25"
    ).removesuffix(b"\n-\n")
    for end in range(len(raw)):
        assert refused(raw[:end]) in (
            "import_cut_in_half",
            "mt940_without_statement",
            "mt940_not_well_formed",
        ), raw[:end]


def test_balances_in_two_currencies_refuse_the_file() -> None:
    assert refused(message("", closing="C260930USD100,00")) == "mt940_not_well_formed"
    assert refused(message(":61:nothing\n")) == "mt940_not_well_formed"


def test_one_row_or_message_too_many_refuses_the_file_whole() -> None:
    body = ":61:260905C0,NTRFNONREF\n"
    assert len(read(message(body * MAX_IMPORT_ROWS)).statements[0].rows) == MAX_IMPORT_ROWS
    assert refused(message(body * (MAX_IMPORT_ROWS + 1))) == "import_too_many_rows"
    assert refused(message("") * (MAX_MESSAGES + 1)) == "too_many_statements"


SAMPLED = [(SAMPLES / name).read_bytes()[:3_000] for name in GOOD]
PIECES = [
    b":61:",
    b":86:",
    b":20:",
    b":60F:",
    b":62F:",
    b"\n",
    b"-\n",
    b"//",
    b"?20",
    b"?32",
    b"/NAME/",
    b"000230",
    b",",
]


@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_reading_or_a_refusal(raw: bytes) -> None:
    for attempt in (raw, b":20:A\n" + raw, message("") + raw, message(":61:260905C1,NTRFX\n:86:")[:-2] + raw):
        with contextlib.suppress(Rejected):
            read(attempt)


@given(mutated(SAMPLED, PIECES))
def test_any_mutation_of_a_good_file_is_a_reading_or_a_refusal(raw: bytes) -> None:
    with contextlib.suppress(Rejected):
        for statement in read(raw).statements:
            assert all(row.left_out is not None or (row.date and row.amount) for row in statement.rows)


marks = st.sampled_from(["C", "D", "RC", "RD"])
told_rows = st.tuples(st.dates(date(2000, 1, 1), date(2079, 12, 31)), marks, st.integers(1, 10**11), st.booleans())


@given(st.lists(told_rows, max_size=20))
def test_random_messages_are_read_back_as_the_public_parser_reads_them(
    told: list[tuple[date, str, int, bool]],
) -> None:
    body = "".join(
        [
            f":61:{day:%y%m%d}{f'{day:%m%d}' if has_entry else ''}{mark}{minor // 100},{minor % 100:02}NTRF{n}//B{n}\n"
            f":86:Text {n}\n"
            for n, (day, mark, minor, has_entry) in enumerate(told)
        ]
    )
    raw = message(body, opening="C000101EUR0,00", closing="C791231EUR0,00")
    logging.disable(logging.CRITICAL)
    try:
        theirs = [found.data for found in public.parse(raw, options=public.Options(reversal_sign=True))]
    finally:
        logging.disable(logging.NOTSET)
    (ours,) = read(raw).statements
    assert [(row.date, row.payee, row.bank_id) for row in ours.rows] == [
        (day, f"Text {n}", f"B{n}") for n, (day, *_) in enumerate(told)
    ]
    assert [value(row.amount) for row in ours.rows if row.amount is not None] == [
        row["amount"].amount for row in theirs
    ]
    assert [row.date for row in ours.rows] == [row["date"] for row in theirs]
