"""CSV as banks hand it out: what the file tells is read, what it leaves open is asked, and no row goes missing."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from commands.imports.delimited import Delimited
from commands.imports.delimited.table import MAX_ODD_ROWS
from commands.imports.reading import (
    MAX_IMPORT_ROWS,
    NO_HINTS,
    AccountType,
    Hints,
    Question,
    Statement,
    StatementRow,
    Statements,
)
from domain.errors import Rejected
from domain.money import Amount, decimal_text

SAMPLES = Path(__file__).parents[2] / "samples"
MADE_UP = SAMPLES / "made-up"
LINES = csv.DictReader((SAMPLES / "expected.csv").read_text("utf-8").splitlines())
EXPECTED = [line for line in LINES if line["file"].endswith((".csv", ".txt"))]


def read(text: str | bytes, hints: Hints = NO_HINTS) -> Statements:
    return Delimited().read(text.encode() if isinstance(text, str) else text, hints)


def sample(name: str, hints: Hints = NO_HINTS) -> Statements:
    return read((MADE_UP / name).read_bytes(), hints)


def rows_of(found: Statements) -> list[StatementRow]:
    return [row for statement in found.statements for row in statement.rows]


def only(text: str | bytes, hints: Hints = NO_HINTS) -> StatementRow:
    (row,) = rows_of(read(text, hints))
    return row


def written(amount: Amount | None) -> str:
    return decimal_text(amount.minor, amount.commodity.scale) if amount is not None else ""


def amounts(found: Statements) -> list[str]:
    return [written(row.amount) for row in rows_of(found)]


def why_left_out(found: Statements) -> list[str]:
    return [row.left_out.code if row.left_out is not None else "" for row in rows_of(found)]


def asked(found: Statements) -> dict[str, Question]:
    return {question.code: question for question in found.questions}


def refused(text: str | bytes, hints: Hints = NO_HINTS) -> Rejected:
    with pytest.raises(Rejected) as refusal:
        read(text, hints)
    return refusal.value


# Samples


@pytest.mark.parametrize("line", EXPECTED, ids=[line["file"] for line in EXPECTED])
def test_every_sample_reads_as_expected(line: dict[str, str]) -> None:
    raw = (SAMPLES / line["file"]).read_bytes()
    assert Delimited().fits(raw, "statement")
    found = read(raw)
    rows = rows_of(found)
    booked = [row.amount for row in rows if row.left_out is None and row.amount is not None]
    assert [row.row for row in rows] == list(range(1, len(rows) + 1))
    if line["verdict"] == "question":
        assert (len(rows), [question.needed for question in found.questions]) == (int(line["rows"]), [True])
        return
    assert len(booked) == int(line["rows"])
    assert sum(Decimal(amount.minor).scaleb(-amount.commodity.scale) for amount in booked) == Decimal(line["sum"])
    assert (len(rows) > len(booked)) == (line["verdict"] == "partly")
    assert found.questions == ()


@pytest.mark.parametrize(
    ("name", "profile", "bank", "currency", "stated"),
    [
        ("nubank-conta-2026-09.csv", "nubank-account", "Nubank", "BRL", None),
        ("nubank-cartao-2026-10.csv", "nubank-card", "Nubank", "BRL", None),
        ("itau-extrato-2026-09.txt", "itau", "Itaú", "BRL", None),
        ("bb-extrato-2026-09.csv", "banco-do-brasil", "Banco do Brasil", "BRL", ("5961.55", date(2026, 9, 30))),
        ("inter-extrato-2026-09.csv", "inter", "Inter", "BRL", ("1284.09", date(2026, 9, 30))),
        ("revolut-2026-09.csv", "revolut", "Revolut", "EUR", ("344.30", date(2026, 9, 12))),
        ("wise-usd-2026-09.csv", "wise", "Wise", "USD", ("487.51", date(2026, 9, 28))),
        ("chase-checking-2026-09.csv", "chase", "Chase", "USD", ("1874.11", date(2026, 9, 29))),
    ],
)
def test_a_banks_file_is_known_by_its_columns_and_its_balance_is_taken(
    name: str, profile: str, bank: str, currency: str, stated: tuple[str, date] | None
) -> None:
    found = sample(name)
    (statement,) = found.statements
    assert (found.detected.profile, statement.bank, statement.currency) == (profile, bank, currency)
    told = (written(statement.stated), statement.stated_on) if statement.stated is not None else None
    assert told == stated


def test_an_account_number_above_the_rows_is_taken() -> None:
    assert sample("inter-extrato-2026-09.csv").statements[0].account_number == "1234567"


def test_purchases_of_a_card_go_out_whatever_sign_its_file_writes() -> None:
    found = sample("nubank-cartao-2026-10.csv")
    assert (found.statements[0].type, found.detected.sign) == (AccountType.CARD, "reversed")
    assert amounts(found)[:3] == ["-104.17", "-57.80", "1322.41"]
    straight = sample("nubank-cartao-2026-10.csv", Hints(sign="as-written"))
    assert amounts(straight)[:3] == ["104.17", "57.80", "-1322.41"]


def test_instalments_keep_their_words_and_are_told_apart() -> None:
    told = {row.payee: row.instalment for row in rows_of(sample("nubank-cartao-2026-10.csv")) if row.instalment}
    assert told == {"Mercado Livre - Parcela 2/6": (2, 6), "Amazon Marketplace - Parcela 1/3": (1, 3)}
    assert [row.instalment for row in rows_of(sample("itau-extrato-2026-09.txt"))] == [None] * 5


def test_the_banks_ids_come_with_the_rows() -> None:
    assert rows_of(sample("wise-usd-2026-09.csv"))[0].bank_id == "CARD-900000004"
    assert rows_of(sample("nubank-conta-2026-09.csv"))[2].bank_id.endswith("0003")


def test_fees_beside_the_amount_are_taken_off_with_it_and_what_is_not_booked_is_named() -> None:
    found = sample("revolut-2026-09.csv")
    assert why_left_out(found) == ["", "", "row_pending", "row_reverted", "", ""]
    assert [row.pending for row in rows_of(found)] == [False, False, True, False, False, False]
    assert amounts(found)[4:] == ["-100.50", "-51.00"]


def test_nul_bytes_are_dropped_and_said() -> None:
    found = sample("generic-utf8-nuls.csv")
    assert [(remark.code, remark.params) for remark in found.remarks] == [("nul_bytes_dropped", {"count": 1})]
    assert rows_of(found)[0].payee == "ShopOne"


def test_a_currency_beside_the_amount_is_the_statements() -> None:
    found = sample("generic-cp1252-euro.csv")
    assert (found.statements[0].currency, found.detected.encoding) == ("EUR", "cp1252")
    assert rows_of(found)[0].payee == "Café € Bar"


# Marks


def test_one_or_a_thousand_is_asked_and_the_answer_is_read() -> None:
    found = sample("generic-utf16le-bom.csv")
    question = asked(found)["which_decimal_mark"]
    assert (question.answer, question.choices, question.needed) == ("decimal_mark", (".", ","), True)
    assert question.params == {"example": "-1.000"}
    assert why_left_out(found) == ["", "", "amount_ambiguous"]
    assert found.detected.decimal_mark == ","
    comma = sample("generic-utf16le-bom.csv", Hints(decimal_mark=","))
    assert (amounts(comma), comma.questions) == (["-12.50", "1234.56", "-1000"], ())
    point = sample("generic-utf16le-bom.csv", Hints(decimal_mark="."))
    assert why_left_out(point) == ["amount_not_decimal", "amount_not_decimal", ""]
    assert amounts(point)[2] == "-1.00"


def test_whole_amounts_need_no_decimal_mark() -> None:
    found = read("Date,Payee,Amount\n2026-09-01,Shop,-12\n")
    assert (amounts(found), found.detected.decimal_mark, found.questions) == (["-12"], "", ())


# Days


def test_one_day_beyond_twelve_decides_the_order_for_the_whole_file() -> None:
    found = read("Date,Payee,Amount\n03/04/2026,A,-1.00\n25/04/2026,B,-1.00\n")
    assert (found.detected.date_order, found.questions) == ("dmy", ())
    assert [row.date for row in rows_of(found)] == [date(2026, 4, 3), date(2026, 4, 25)]
    found = read("Date,Payee,Amount\n03/04/2026,A,-1.00\n04/25/2026,B,-1.00\n")
    assert [row.date for row in rows_of(found)] == [date(2026, 3, 4), date(2026, 4, 25)]


def test_a_day_and_a_month_that_could_be_swapped_are_asked() -> None:
    text = "Date,Payee,Amount\n03/04/2026,A,-1.00\n05/04/2026,B,-1.00\n"
    found = read(text)
    question = asked(found)["which_date_order"]
    assert (question.answer, question.choices, question.needed) == ("date_order", ("dmy", "mdy"), True)
    assert question.params == {"example": "03/04/2026"}
    assert why_left_out(found) == ["date_ambiguous"] * 2
    assert [row.date for row in rows_of(found)] == [None, None]
    answered = read(text, Hints(date_order="mdy"))
    assert [row.date for row in rows_of(answered)] == [date(2026, 3, 4), date(2026, 5, 4)]
    assert answered.questions == ()


def test_rows_in_order_of_days_do_not_decide_what_could_be_swapped() -> None:
    found = read("Date,Payee,Amount\n01/02/2026,A,-1.00\n02/02/2026,B,-1.00\n03/02/2026,C,-1.00\n")
    assert "which_date_order" in asked(found)


def test_days_that_contradict_each_other_are_asked() -> None:
    found = read("Date,Payee,Amount\n13/04/2026,A,-1.00\n04/13/2026,B,-1.00\n")
    assert asked(found)["which_date_order"].choices == ("dmy", "mdy")
    answered = read("Date,Payee,Amount\n13/04/2026,A,-1.00\n04/13/2026,B,-1.00\n", Hints(date_order="dmy"))
    assert why_left_out(answered) == ["", "row_date_not_valid"]


def test_a_period_above_the_rows_helps_to_decide() -> None:
    found = read("Period,01/04/2026 - 30/04/2026\n\nDate,Payee,Amount\n03/04/2026,A,-1.00\n")
    assert (found.detected.date_order, rows_of(found)[0].date) == ("dmy", date(2026, 4, 3))


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-13",
        "2026/09/13",
        "20260913",
        "2026-09-13T23:59:59.000-03:00",
        "2026-09-13 08:00:00",
        "13-09-2026 18:22:10.101",
        "13.09.2026",
        "13/9/2026",
        "09/13/2026",
        "13 Sep 2026",
        "13-set-2026",
        "13 de setembro de 2026",
        "13. September 2026",
        "Sep 13, 2026",
        "13 août 2026".replace("août", "sept."),
    ],
)
def test_a_day_is_read_however_it_is_written(text: str) -> None:
    assert only(f'Date;Payee;Amount\n"{text}";Shop;-1.00\n').date == date(2026, 9, 13)


@pytest.mark.parametrize(
    "text", ["31/02/2026", "2026-02-30", "00/00/0000", "32/01/2026", "13/13/2026", "", "soon", "0026-01-01"]
)
def test_a_day_that_is_none_costs_its_row_by_name(text: str) -> None:
    found = read(f"Date,Payee,Amount\n{text},Shop,-1.00\n13/09/2026,Shop,-2.00\n")
    assert why_left_out(found) == ["row_date_not_valid", ""]


def test_years_of_two_digits_are_read_where_only_one_order_fits_and_asked_otherwise() -> None:
    found = read("Date,Payee,Amount\n13/09/26,A,-1.00\n13/09/70,B,-1.00\n")
    assert [row.date for row in rows_of(found)] == [date(2026, 9, 13), date(1970, 9, 13)]
    found = read("Date,Payee,Amount\n13/09/26,A,-1.00\n14/09/26,B,-1.00\n")
    assert asked(found)["which_date_order"].choices == ("dmy", "ymd")
    found = read("Date,Payee,Amount\n1/9/26,A,-1.00\n", Hints(date_order="dmy"))
    assert rows_of(found)[0].date == date(2026, 9, 1)


# Columns


@pytest.mark.parametrize(
    "header",
    [
        "Date;Description;Amount",
        "Data;Descrição;Valor",
        "Buchungstag;Verwendungszweck;Betrag",
        "Date opération;Libellé;Montant",
        "Fecha;Concepto;Importe",
        "Data contabile;Causale;Importo",
        "Boekdatum;Omschrijving;Bedrag",
        "DATA ;  descricao;VALOR (R$)",
    ],
)
def test_columns_are_found_in_seven_languages(header: str) -> None:
    row = only(f"{header}\n2026-09-13;Loja;-1,50\n")
    assert (row.date, row.payee, written(row.amount)) == (date(2026, 9, 13), "Loja", "-1.50")


@pytest.mark.parametrize(
    "header",
    [
        "Date,Description,Debit,Credit",
        "Data,Histórico,Débito,Crédito",
        "Datum,Text,Soll,Haben",
        "Date,Libellé,Débit,Crédit",
        "Fecha,Concepto,Cargo,Abono",
        "Data,Causale,Dare,Avere",
        "Datum,Omschrijving,Af,Bij",
        "Date,Details,Paid out,Paid in",
    ],
)
def test_two_columns_for_out_and_in_are_one_amount(header: str) -> None:
    found = read(
        f"{header}\n2026-09-13,Shop,1.50,\n2026-09-14,Work,,20.00\n2026-09-15,Both,1.00,2.00\n2026-09-16,None,,0\n"
    )
    assert amounts(found) == ["-1.50", "20.00", "", ""]
    assert why_left_out(found) == ["", "", "sign_ambiguous", "row_moves_nothing"]


def test_a_column_of_debits_that_are_negative_already_is_not_turned_twice() -> None:
    assert amounts(read("Date,Text,Debit,Credit\n2026-09-13,A,-1.50,\n2026-09-14,B,-2.50,0.00\n")) == ["-1.50", "-2.50"]
    mixed = read("Date,Text,Debit,Credit\n2026-09-13,A,1.50,\n2026-09-14,B,-2.50,\n")
    assert why_left_out(mixed) == ["", "sign_ambiguous"]


@pytest.mark.parametrize(
    ("out", "into"), [("D", "C"), ("Saída", "Entrada"), ("Af", "Bij"), ("DEBIT", "CREDIT"), ("S", "H")]
)
def test_a_column_of_words_says_which_way_a_row_goes(out: str, into: str) -> None:
    found = read(f"Datum,Naam,Bedrag,Af Bij\n2026-09-13,A,1.50,{out}\n2026-09-14,B,2.50,{into}\n")
    assert (amounts(found), found.questions) == (["-1.50", "2.50"], ())


def test_a_word_against_the_sign_is_left_out_by_name() -> None:
    found = read("Date,Payee,Amount,D/C\n2026-09-13,A,-1.50,D\n2026-09-14,B,2.50,D\n")
    assert why_left_out(found) == ["", "sign_ambiguous"]


def test_amounts_without_any_sign_are_asked() -> None:
    text = "Date,Payee,Amount\n2026-09-13,Shop,1.50\n2026-09-14,Shop,2.50\n"
    found = read(text)
    question = asked(found)["which_sign"]
    assert (question.answer, question.choices, question.needed) == ("sign", ("as-written", "reversed"), True)
    assert why_left_out(found) == ["sign_ambiguous"] * 2
    assert amounts(read(text, Hints(sign="reversed"))) == ["-1.50", "-2.50"]
    assert amounts(read(text, Hints(sign="as-written"))) == ["1.50", "2.50"]


def test_a_running_balance_tells_which_way_the_signs_go() -> None:
    head = "Date,Payee,Amount,Balance\n"
    spent = read(head + "2026-09-13,A,1.50,98.50\n2026-09-14,B,2.50,96.00\n2026-09-15,C,1.00,95.00\n")
    assert (spent.detected.sign, spent.questions, amounts(spent)) == ("reversed", (), ["-1.50", "-2.50", "-1.00"])
    earned = read(head + "2026-09-13,A,1.50,98.50\n2026-09-14,B,2.50,101.00\n2026-09-15,C,1.00,102.00\n")
    assert (earned.detected.sign, earned.statements[0].stated_on) == ("as-written", date(2026, 9, 15))


def test_lines_above_the_names_trailing_delimiters_blank_lines_and_repeated_names_are_no_rows() -> None:
    text = (
        "sep=;\r\nMy bank;;\r\n\r\nDate;Payee;Amount;;\r\n2026-09-13;Shop;-1,50;;\r\n;;;;\r\n\r\n"
        "Date;Payee;Amount;;\r\n2026-09-14;Shop;-2,50\r\n"
    )
    assert amounts(read(text)) == ["-1.50", "-2.50"]


def test_a_row_of_another_width_is_left_out_by_name_and_the_others_stay() -> None:
    found = read("Date,Payee,Amount\n2026-09-13,Shop,-1,50\n2026-09-14,Shop,-2.50\nTotal -2.50\n")
    assert why_left_out(found) == ["row_columns_differ", "", "row_columns_differ"]
    assert [row.row for row in rows_of(found)] == [1, 2, 3]
    assert rows_of(found)[2].payee == "Total -2.50"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    text = "Date,Payee,Amount\n2026-09-13,Shop,-1.50\n".replace(",", delimiter)
    found = read(text)
    assert (found.detected.delimiter, amounts(found)) == (delimiter, ["-1.50"])


def test_quoted_cells_keep_delimiters_quotes_and_lines() -> None:
    row = only('Date,Payee,Amount\n2026-09-13,"Shop, ""the"" one\nwith a line",-1.50\n')
    assert row.payee == 'Shop, "the" one with a line'


def test_a_quote_that_is_never_closed_swallows_no_row() -> None:
    text = 'Date,Payee,Amount\n2026-09-13,"Shop,-1.00\n2026-09-14,Other,-2.00\n2026-09-15,"Third",-3.00\n'
    found = read(text)
    assert [remark.code for remark in found.remarks] == ["quotes_not_proper"]
    assert why_left_out(found) == ["row_columns_differ", "", ""]
    assert amounts(found) == ["", "-2.00", "-3.00"]


def test_a_file_that_ends_within_quotes_is_cut_in_half() -> None:
    assert (
        refused('Date,Amount,Payee\n2026-09-13,-1.00,A\n2026-09-14,-2.00,"Shop at the cor').code == "import_cut_in_half"
    )


def test_rows_without_names_are_read_by_what_stands_in_them() -> None:
    found = read("13.09.2026\tLidl Berlin\t-12,50\n14.09.2026\tGehalt\t1.250,00\n")
    assert [(row.date, row.payee) for row in rows_of(found)] == [
        (date(2026, 9, 13), "Lidl Berlin"),
        (date(2026, 9, 14), "Gehalt"),
    ]
    assert (amounts(found), found.detected.profile) == (["-12.50", "1250.00"], "generic")


def test_of_two_columns_of_figures_without_names_the_balance_is_the_one_that_adds_up() -> None:
    lines = [
        "2026-09-13,A,-1.50,98.50",
        "2026-09-14,B,-2.50,96.00",
        "2026-09-15,C,1.00,97.00",
        "2026-09-16,D,-7.00,90.00",
    ]
    found = read("\n".join(lines))
    assert amounts(found) == ["-1.50", "-2.50", "1.00", "-7.00"]
    assert written(found.statements[0].stated) == "90.00"
    assert refused("2026-09-13,A,-1.50,3.10\n2026-09-14,B,-2.50,7.00\n").code == "columns_not_found"


def test_two_figures_of_which_nothing_tells_the_amount_are_refused_not_guessed() -> None:
    assert refused("Foo,Bar\n1,2\n").code == "columns_not_found"
    assert refused("").code == "import_empty"
    assert refused("\ufeff \n").code == "import_empty"


# Currencies


def test_a_column_of_currencies_makes_a_statement_of_each() -> None:
    found = read("Date,Payee,Amount,Currency\n2026-09-13,A,-1.50,EUR\n2026-09-14,B,-150,JPY\n2026-09-15,C,-2.00,EUR\n")
    assert [(s.number, s.currency, [row.row for row in s.rows]) for s in found.statements] == [
        (1, "EUR", [1, 3]),
        (2, "JPY", [2]),
    ]


def test_a_currency_in_the_name_of_the_column_is_taken() -> None:
    assert read("Datum;Text;Betrag (EUR)\n2026-09-13;A;-1,50\n").statements[0].currency == "EUR"
    assert read("Data;Histórico;Valor (R$)\n2026-09-13;A;-1,50\n").statements[0].currency == "BRL"
    assert read("Date,Text,Amount\n2026-09-13,A,-1.50\n").statements[0].currency == ""


def test_amounts_with_their_own_currencies_go_apart_and_against_the_column_are_left_out() -> None:
    found = read("Date,Payee,Amount\n2026-09-13,A,€ -1.50\n2026-09-14,B,R$ -2.00\n")
    assert [statement.currency for statement in found.statements] == ["EUR", "BRL"]
    found = read("Date,Payee,Amount,Currency\n2026-09-13,A,€ -1.50,BRL\n")
    assert why_left_out(found) == ["row_in_other_currency"]


def test_parts_of_an_account_are_statements_of_their_own() -> None:
    text = (MADE_UP / "revolut-2026-09.csv").read_text("utf-8")
    text += "TRANSFER,Savings,2026-09-13 08:00:00,2026-09-13 08:00:00,To savings,10.00,0.00,EUR,COMPLETED,10.00\n"
    found = read(text)
    assert [statement.type for statement in found.statements] == [AccountType.CHECKING, AccountType.SAVINGS]
    assert [written(statement.stated) for statement in found.statements] == ["344.30", "10.00"]


# Balances


def balance_of(body: str, head: str = "Date,Payee,Amount,Balance") -> tuple[str, date | None, list[str]]:
    found = read(f"{head}\n{body}")
    statement: Statement = found.statements[0]
    return written(statement.stated), statement.stated_on, [remark.code for remark in found.remarks]


def test_the_latest_balance_is_taken_whichever_way_the_file_runs() -> None:
    rows = ["2026-09-13,A,-1.00,9.00", "2026-09-14,B,-2.00,7.00", "2026-09-14,C,3.00,10.00"]
    assert balance_of("\n".join(rows)) == ("10.00", date(2026, 9, 14), [])
    assert balance_of("\n".join(rows[::-1])) == ("10.00", date(2026, 9, 14), [])


def test_balances_that_do_not_add_up_are_said_and_not_taken() -> None:
    told = balance_of("2026-09-13,A,-1.00,9.00\n2026-09-14,B,-2.00,8.00\n")
    assert told == ("", None, ["running_balance_does_not_add_up"])


def test_a_balance_told_only_at_the_end_of_days_is_enough() -> None:
    assert balance_of("2026-09-13,A,-1.00,\n2026-09-13,B,-2.00,7.00\n2026-09-14,C,-1.00,6.00\n")[:2] == (
        "6.00",
        date(2026, 9, 14),
    )


def test_a_single_day_that_adds_up_both_ways_states_no_balance() -> None:
    assert balance_of("2026-09-13,A,10.00,10.00\n2026-09-13,B,-10.00,0.00\n") == ("", None, [])


def test_rows_that_tell_a_balance_move_nothing() -> None:
    found = read(
        "Data;Histórico;Valor\n01/09/2026;Saldo anterior;100,00\n13/09/2026;Pix;-30,00\n"
        "30/09/2026;S A L D O  FINAL;70,00\n"
    )
    (statement,) = found.statements
    assert (len(statement.rows), written(statement.stated), statement.stated_on) == (1, "70.00", date(2026, 9, 30))


def test_a_balance_above_the_rows_holds_at_the_end_of_its_period() -> None:
    head = "IBAN;DE00\nKontostand;1.284,09 EUR\nZeitraum;01.09.2026 - 30.09.2026\n\nBuchungstag;Empfänger;Betrag"
    assert balance_of("13.09.2026;A;-1,00\n", head) == ("1284.09", date(2026, 9, 30), [])
    without = "IBAN;DE00\nKontostand;1.284,09 EUR\n\nBuchungstag;Empfänger;Betrag"
    assert balance_of("13.09.2026;A;-1,00\n", without) == ("", None, [])


def test_a_zero_moves_nothing() -> None:
    assert why_left_out(read("Date,Payee,Amount\n2026-09-13,A,0.00\n2026-09-13,B,-1.00\n")) == ["row_moves_nothing", ""]


# Limits


def test_one_row_too_many_refuses_the_file_whole() -> None:
    head = "Date,Payee,Amount\n"
    row = "2026-09-13,A,-1.00\n"
    assert len(rows_of(read(head + row * MAX_IMPORT_ROWS))) == MAX_IMPORT_ROWS
    assert refused(head + row * (MAX_IMPORT_ROWS + 1)).code == "import_too_many_rows"


def test_a_field_of_megabytes_is_refused_in_no_time() -> None:
    head = "Date,Payee,Amount\n2026-09-13,"
    assert refused(head + "x" * 10_000_000 + ",-1.00\n").code == "line_too_long"
    assert refused("," * 10_000_000).code == "line_too_long"
    swallowed = read(head + '"' + "x\n" * 50_000 + '",-1.00\n2026-09-14,B,-1.00\n')
    assert rows_of(swallowed)[-1].payee == "B"


def test_amounts_beyond_all_money_cost_their_row() -> None:
    found = read(f"Date,Payee,Amount\n2026-09-13,A,-{'9' * 30}\n2026-09-13,B,-1.00\n")
    assert why_left_out(found) == ["amount_out_of_range", ""]


def test_letters_pages_and_programs_look_like_no_table() -> None:
    for text in ("hello", "Dear Sir,\non 2026-09-13 we paid 12.50.\nYours\n", '{"date": "2026-09-13"}', "<xml/>"):
        assert not Delimited().fits(text.encode(), "letter.txt")
    assert Delimited().fits(b"whatever", "statement.csv")


def test_dashes_and_noughts_in_empty_cells_are_no_signs_and_no_amounts() -> None:
    found = read("Date,Payee,Amount\n2026-09-13,A,1.50\n2026-09-14,B,-\n2026-09-15,C,-0.00\n")
    assert "which_sign" in asked(found)
    found = read("Date,Text,Debit,Credit\n2026-09-13,A,R$ 1.50,R$ 0.00\n2026-09-14,B,-,R$ 2.00\n")
    assert amounts(found) == ["-1.50", "2.00"]


def test_the_sign_of_an_opening_balance_says_nothing_of_the_rows() -> None:
    found = read("Data;Histórico;Valor\n2026-09-01;Saldo anterior;-100,00\n2026-09-13;Pix;30,00\n")
    assert "which_sign" in asked(found)


def test_a_signed_row_whose_word_is_not_known_keeps_its_sign() -> None:
    head = '"Data","Lançamento","Detalhes","N° documento","Valor","Tipo Lançamento"\n'
    found = read(head + '"01/09/2026","Pix","Loja","1","-1,50",""\n"02/09/2026","Pix","Loja","2","2,50","Saída"\n')
    assert (amounts(found), why_left_out(found)) == (["-1.50", ""], ["", "sign_ambiguous"])


@pytest.mark.parametrize("hints", [Hints(decimal_mark="x"), Hints(date_order="ydm"), Hints(sign="odd")])
def test_an_answer_that_is_none_is_refused(hints: Hints) -> None:
    assert refused("Date,Payee,Amount\n2026-09-13,A,-1.00\n", hints).code == "answer_not_valid"


def test_fees_beside_amounts_are_told_by_the_balance_or_said_to_be_uncertain() -> None:
    head = "Date,Payee,Amount,Fee,Balance\n"
    apart = read(head + "2026-09-13,A,-1.00,0.00,99.00\n2026-09-14,B,-1.00,0.50,97.50\n2026-09-15,C,-1.00,,96.50\n")
    assert (amounts(apart), apart.remarks, written(apart.statements[0].stated)) == (
        ["-1.00", "-1.50", "-1.00"],
        (),
        "96.50",
    )
    inside = read(head + "2026-09-13,A,-1.00,0.00,99.00\n2026-09-14,B,-1.50,0.50,97.50\n2026-09-15,C,-1.00,,96.50\n")
    assert (amounts(inside), inside.remarks) == (["-1.00", "-1.50", "-1.00"], ())
    unsure = read("Date,Payee,Amount,Fee\n2026-09-13,A,-1.00,0.50\n")
    assert [(remark.code, remark.params) for remark in unsure.remarks] == [("fees_taken_as_inside", {"column": "Fee"})]
    assert read("Date,Payee,Amount,Fee\n2026-09-13,A,-1.00,0.00\n").remarks == ()


def test_rows_that_mostly_fit_no_column_are_no_table() -> None:
    raw = b"Date,Payee,Amount\n2026-09-01,x,-1.00\n" + b"a\n" * (MAX_ODD_ROWS + 1)
    with pytest.raises(Rejected) as refusal:
        Delimited().read(raw)
    assert (refusal.value.code, refusal.value.params["expected"]) == ("rows_do_not_fit_columns", 3)
