"""QIF as programs write it: dates that must be asked about, splits, sections, a public parser beside ours."""

from __future__ import annotations

import contextlib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quiffen import Qif as Public

from commands.imports.qif import MAX_ACCOUNTS, DateOrder, Qif, date_order, readings_of
from commands.imports.reading import (
    MAX_IMPORT_ROWS,
    NO_HINTS,
    AccountType,
    Hints,
    Question,
    Reason,
    Split,
    StatementRow,
    Statements,
)
from domain.errors import Rejected
from domain.money import Amount, commodity, decimal_text
from tests.unit.imports.hostile import mutated

SAMPLE = Path(__file__).parents[2] / "samples" / "made-up" / "carteira.qif"


def read(text: str, hints: Hints = NO_HINTS) -> Statements:
    return Qif().read(text.encode(), hints)


def only_row(record: str, hints: Hints = NO_HINTS) -> StatementRow:
    return read(f"!Type:Bank\n{record}^\n", hints).statements[0].rows[0]


def refused(text: str) -> str:
    with pytest.raises(Rejected) as refusal:
        read(text)
    return refusal.value.code


def amount(text: str) -> Amount:
    whole, _, places = text.partition(".")
    return Amount(int(whole + places), commodity("", len(places)))


def test_the_sample_reads_as_expected_and_its_order_is_shown() -> None:
    raw = SAMPLE.read_bytes()
    assert Qif().fits(raw[:4096], "statement")
    told = Qif().read(raw)
    (statement,) = told.statements
    assert (statement.account_number, statement.currency, statement.stated) == ("", "", None)
    assert [row.date for row in statement.rows] == [date(2026, 9, 1), date(2026, 9, 2), date(2026, 9, 5)]
    assert sum(Decimal(row.amount.minor) for row in statement.rows if row.amount is not None) / 100 == Decimal("46.60")
    assert [row.category for row in statement.rows] == ["Alimentação:Feira", "Receitas:Outras", ""]
    assert statement.rows[2].splits == (
        Split(amount("-60.00"), "Alimentação:Mercado"),
        Split(amount("-20.00"), "Casa:Limpeza"),
    )
    assert (told.detected.encoding, told.detected.date_order, told.detected.decimal_mark) == ("utf-8", "dmy", ".")
    facts = {"example": "01/09'2026"}
    assert told.questions == (Question("which_date_order", "date_order", facts, ("dmy", "mdy"), needed=False),)


def test_a_person_may_say_that_the_sample_has_its_months_first() -> None:
    told = Qif().read(SAMPLE.read_bytes(), Hints(date_order="mdy"))
    assert [row.date for row in told.statements[0].rows] == [date(2026, 1, 9), date(2026, 2, 9), date(2026, 5, 9)]
    assert told.questions == ()


# Days


@pytest.mark.parametrize(
    ("text", "day_first", "month_first"),
    [
        ("01/09'2026", date(2026, 9, 1), date(2026, 1, 9)),
        ("1/ 9'26", date(2026, 9, 1), date(2026, 1, 9)),
        ("1/ 9' 6", date(2006, 9, 1), date(2006, 1, 9)),
        ("1/ 9/'26", date(2026, 9, 1), date(2026, 1, 9)),
        ("01/09/26", date(2026, 9, 1), date(2026, 1, 9)),
        ("1/9/98", date(1998, 9, 1), date(1998, 1, 9)),
        ("1/9'98", date(2098, 9, 1), date(2098, 1, 9)),
        ("01.09.2026", date(2026, 9, 1), date(2026, 1, 9)),
        ("01-09-2026", date(2026, 9, 1), date(2026, 1, 9)),
        ("31/09/2026", None, None),
        ("13/01/2026", date(2026, 1, 13), None),
        ("01/13/2026", None, date(2026, 1, 13)),
        ("1/9/202", None, None),
        ("01/09/1850", None, None),
        ("yesterday", None, None),
        ("", None, None),
    ],
)
def test_a_date_is_read_with_its_day_first_and_with_its_month_first(
    text: str, day_first: date | None, month_first: date | None
) -> None:
    assert readings_of(text) == (day_first, month_first, False)


@pytest.mark.parametrize("text", ["2026-09-01", "2026/9/1", "20260901"])
def test_a_date_that_begins_with_its_year_leaves_nothing_open(text: str) -> None:
    assert readings_of(text) == (date(2026, 9, 1), date(2026, 9, 1), True)


def test_one_day_beyond_the_twelfth_decides_for_the_whole_file() -> None:
    assert date_order(["01/02/2026", "13/02/2026"], "").order == "dmy"
    assert date_order(["01/02/2026", "02/13/2026"], "").order == "mdy"
    assert date_order(["2026-01-02"], "").order == "ymd"
    assert date_order(["01/01/2026", "02/02/2026"], "").order == "dmy"  # the same either way
    assert date_order(["13/13/2026", "13/01/2026"], "").order == "dmy"  # what is no date decides nothing


def test_dates_of_one_month_with_gaps_otherwise_are_shown_and_not_waited_for() -> None:
    assert date_order(["01/09/26", "02/09/26", "05/09/26"], "") == DateOrder("dmy", "01/09/26")
    assert date_order(["09/01/26", "09/02/26", "09/05/26"], "").order == "mdy"


def test_what_could_be_a_standing_payment_is_asked() -> None:
    assert date_order(["01/09/26", "02/09/26", "03/09/26"], "").order == ""
    assert date_order(["01/09/26", "05/09/26"], "").order == ""
    assert date_order(["01/09/26", "02/09/26", "05/10/26"], "").order == ""
    assert date_order(["13/01/2026", "01/13/2026"], "").order == ""  # no order fits both


def test_rows_wait_by_name_until_the_order_is_told() -> None:
    text = "!Type:Bank\nD03/04/2026\nT-1.50\nPShop\n^\nD2026-04-05\nT2.00\n^\n"
    told = read(text)
    first, second = told.statements[0].rows
    assert (first.date, first.left_out) == (None, Reason("date_ambiguous", {"text": "03/04/2026"}))
    assert (second.date, second.left_out) == (date(2026, 4, 5), None)
    facts = {"example": "03/04/2026"}
    assert told.questions == (Question("which_date_order", "date_order", facts, ("dmy", "mdy"), needed=True),)
    for order, day in (("dmy", date(2026, 4, 3)), ("mdy", date(2026, 3, 4))):
        answered = read(text, Hints(date_order=order))
        assert (answered.statements[0].rows[0].date, answered.questions) == (day, ())
        assert answered.detected.date_order == order


def test_a_day_that_is_none_leaves_its_row_out_by_name() -> None:
    assert only_row("D31/02/2026\nT1.00\n").left_out == Reason("row_date_not_valid", {"text": "31/02/2026"})
    assert only_row("T1.00\n").left_out == Reason("row_date_not_valid", {"text": ""})


# Amounts


def test_a_figure_that_could_be_a_thousand_is_asked_and_the_answer_decides() -> None:
    text = "!Type:Bank\nD13/04/2026\nT-1.000\n^\nD13/04/2026\nT-23.40\n^\n"
    told = read(text)
    first, second = told.statements[0].rows
    assert first.left_out is not None
    assert (first.left_out.code, first.amount) == ("amount_ambiguous", None)
    assert (second.left_out, second.amount) == (None, amount("-23.40"))
    facts = {"example": "-1.000"}
    assert told.questions == (Question("which_decimal_mark", "decimal_mark", facts, (".", ","), needed=True),)
    for mark, value in ((".", Decimal(-1)), (",", Decimal(-1000))):
        answered = read(text, Hints(decimal_mark=mark))
        rows = answered.statements[0].rows
        assert [Decimal(row.amount.minor).scaleb(-row.amount.commodity.scale) for row in rows if row.amount] == [
            value,
            Decimal("-23.4"),
        ]
        assert answered.questions == ()


def test_figures_are_read_with_either_mark_and_their_thousands() -> None:
    for text, value in (("1,234.56", "1234.56"), ("1.234,56", "1234.56"), ("-80", "-80"), ("+5.5", "5.5")):
        assert only_row(f"D2026-01-01\nT{text}\n").amount == amount(value)
    assert only_row("D2026-01-01\nU7.00\n").amount == amount("7.00")
    assert only_row("D2026-01-01\nT0.00\n").left_out == Reason("row_moves_nothing")
    for record in ("D2026-01-01\nTmuch\n", "D2026-01-01\n", "D2026-01-01\nT" + "9" * 30 + "\n"):
        assert refused(f"!Type:Bank\n{record}^\n") == "row_amount_not_valid"


# Words, categories and parts


def test_each_letter_says_what_it_says() -> None:
    row = only_row("D2026-01-02\nT-1.00\nCX\nN319\nPShop\nMWeekly\nAStreet 1\nATown\nLFood:Market/Holiday\n")
    assert (row.payee, row.memo, row.category, row.kind) == ("Shop", "Weekly Holiday #319", "Food:Market", "")
    row = only_row("D2026-01-02\nT-1.00\nNATM\nMCash\n")
    assert (row.payee, row.memo, row.kind) == ("Cash", "", "ATM")
    row = only_row("D2026-01-02\nT-1.00\nPMe\nL[Savings]\n")
    assert (row.payee, row.memo, row.category) == ("Me", "[Savings]", "")


def test_parts_carry_their_category_and_memo_and_must_sum_to_their_row() -> None:
    parts = "SFood\nEbread\n$-6.00\nS[Savings]/Trip\n$-4\n"
    row = only_row(f"D2026-01-02\nT-10.00\nPShop\nLFood\n{parts}")
    assert (row.category, row.left_out) == ("", None)
    assert row.splits == (Split(amount("-6.00"), "Food", "bread"), Split(amount("-4"), "", "[Savings] Trip"))
    for wrong in (f"T-10.01\n{parts}", f"T-10.00\n{parts}SHome\n", f"T-10.00\n{parts}SHome\n%50\n"):
        row = only_row(f"D2026-01-02\n{wrong}")
        assert (row.left_out, row.splits) == (Reason("row_splits_do_not_add_up"), ())
    waiting = only_row("D2026-01-02\nT-1000.00\nSFood\n$-1.000\n")
    assert waiting.left_out is not None
    assert waiting.left_out.code == "amount_ambiguous"


def test_an_opening_balance_is_no_movement() -> None:
    for text in (
        "!Type:Bank\nD2026-01-01\nT100.00\nPOpening Balance\nL[Checking]\n^\n",
        "!Account\nNGiro\nTBank\n^\n!Type:Bank\nD2026-01-01\nT100.00\nPAnfang\nL[Giro]\n^\n",
    ):
        assert read(text).statements[0].rows[0].left_out == Reason("row_is_opening_balance")
    other = "!Account\nNGiro\nTBank\n^\n!Type:Bank\nD2026-01-01\nT100.00\nPMove\nL[Savings]\n^\n"
    assert read(other).statements[0].rows[0].left_out is None


# Sections


def test_accounts_have_their_names_and_kinds_and_join_where_they_go_on() -> None:
    record = "D2026-01-01\nT1.00\n^\n"
    told = read(
        "!Option:AutoSwitch\n!Account\nNGiro\nTBank\n^\nNVisa\nTCCard\n^\n!Clear:AutoSwitch\n"
        f"!Account\nNGiro\nTBank\n^\n!Type:Bank\n{record}!Account\nNVisa\nTCCard\n^\n!Type:CCard\n{record}"
        f"!Account\nNGiro\n^\n!type:bank\n{record}!Account\nNLoan\n^\n!Type:Oth L\n{record}"
    )
    assert [(s.account_number, s.type, [row.row for row in s.rows]) for s in told.statements] == [
        ("Giro", AccountType.CHECKING, [1, 3]),
        ("Visa", AccountType.CARD, [2]),
        ("Loan", AccountType.CREDIT_LINE, [4]),
    ]
    assert told.remarks == ()


def test_investments_are_listed_by_name_and_lists_are_counted() -> None:
    told = read(
        "!Type:Cat\nNFood\nE\n^\nNHome\nE\n^\n!Account\nNDepot\nTInvst\n^\n!Type:Invst\n"
        "D13/01/2026\nNBuy\nYExample Fund\nI10.00\nQ5\nT50.00\n^\nD13/01/2026\nNShrsIn\nYOther\n^\n"
    )
    (statement,) = told.statements
    assert (statement.type, statement.account_number) == (AccountType.INVESTMENT, "Depot")
    assert [(row.payee, row.amount, row.left_out) for row in statement.rows] == [
        ("Buy Example Fund", amount("50.00"), Reason("row_of_investment")),
        ("ShrsIn Other", None, Reason("row_of_investment")),
    ]
    assert told.remarks == (Reason("section_left_out", {"section": "Type:Cat", "count": 2}),)


def test_a_file_of_lists_only_or_out_of_order_is_refused() -> None:
    assert refused("!Type:Cat\nNFood\n^\n") == "qif_without_transactions"
    assert refused("nothing") == "qif_without_transactions"
    assert refused("D2026-01-01\nT1.00\n^\n") == "qif_not_well_formed"
    assert refused("!Type:Bank\nD2026-01-01\nT1.00\n!Type:Cash\n") == "qif_not_well_formed"


def test_a_file_cut_inside_a_record_is_refused_and_nothing_of_it_read() -> None:
    whole = SAMPLE.read_text("utf-8").rstrip("\n^") + "\n"
    start = whole.rindex("^\n") + 3
    for end in range(start, len(whole)):
        assert refused(whole[:end]) == "import_cut_in_half"


def test_one_row_part_or_account_too_many_refuses_the_file_whole() -> None:
    record = "D2026-01-01\nT1\n^\n"
    assert len(read("!Type:Bank\n" + record * MAX_IMPORT_ROWS).statements[0].rows) == MAX_IMPORT_ROWS
    assert refused("!Type:Bank\n" + record * (MAX_IMPORT_ROWS + 1)) == "import_too_many_rows"
    assert refused("!Type:Bank\nT1\n" + "S\n$1\n" * (MAX_IMPORT_ROWS + 1) + "^\n") == "import_too_many_rows"
    accounts = [f"!Account\nN{number}\n^\n!Type:Bank\n" for number in range(MAX_ACCOUNTS + 1)]
    assert refused("".join(accounts)) == "too_many_statements"


def test_any_line_end_and_encoding_is_read() -> None:
    text = SAMPLE.read_text("utf-8")
    expected = read(text).statements
    for other in (text.replace("\n", "\r\n"), text.replace("\n", "\r"), text + "\x1a"):
        assert read(other).statements == expected
    for codec in ("utf-8-sig", "utf-16", "cp1252"):
        assert Qif().read(text.encode(codec)).statements == expected


PIECES = [b"^\n", b"!Type:Bank\n", b"!Account\n", b"\nS", b"\n$1", b"\nD13/01/26\n", b"\nT1.000\n", b"\nL[x]\n", b"\n"]


@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_reading_or_a_refusal(raw: bytes) -> None:
    for attempt in (raw, b"!Type:Bank\n" + raw, b"!Type:Bank\nD13/01/2026\nT1\n" + raw + b"\n^\n"):
        with contextlib.suppress(Rejected):
            Qif().read(attempt)


@given(mutated([SAMPLE.read_bytes()], PIECES))
def test_any_mutation_of_a_good_file_is_a_reading_or_a_refusal(raw: bytes) -> None:
    with contextlib.suppress(Rejected):
        for statement in Qif().read(raw).statements:
            assert all(row.left_out is not None or (row.date and row.amount) for row in statement.rows)


# Beside a public parser

words = st.from_regex(r"[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ0-9]{0,12}( [A-Za-z0-9]{1,8})?", fullmatch=True)
# The public parser takes one name at two depths (`A:AA` beside `AA:A`) for one category, so each depth has its own.
categories = st.lists(st.from_regex(r"[A-Za-z]{1,8}", fullmatch=True), min_size=1, max_size=3).map(
    lambda names: ":".join([f"{depth}{name}" for depth, name in zip("XYZ", names, strict=False)])
)
parts = st.lists(st.tuples(categories, words, st.integers(1, 10**7)), max_size=4)
told_records = st.tuples(
    st.dates(date(1970, 1, 1), date(2069, 12, 31)),
    words,
    words,
    categories,
    parts,
    st.integers(1, 10**7),
    st.booleans(),
)
Record = tuple[date, str, str, str, list[tuple[str, str, int]], int, bool]


def record_text(record: Record, day_first: bool) -> str:
    day, payee, memo, category, parts, minor, is_out = record
    sign = "-" if is_out else ""
    minor = sum(part for *_, part in parts) if parts else minor
    written = f"{day:%d/%m/%Y}" if day_first else f"{day:%m/%d/%Y}"
    lines = [f"D{written}", f"T{sign}{decimal_text(minor, 2)}", f"P{payee}", f"M{memo}"]
    lines += [] if parts else [f"L{category}"]
    for name, words, part in parts:
        lines += [f"S{name}", f"E{words}", f"${sign}{decimal_text(part, 2)}"]
    return "\n".join([*lines, "^\n"])


@given(st.lists(told_records, min_size=1, max_size=10), st.booleans())
def test_random_files_are_read_as_the_public_parser_reads_them(records: list[Record], day_first: bool) -> None:
    text = "!Type:Bank\n" + "".join([record_text(record, day_first) for record in records])
    hints = Hints(date_order="dmy" if day_first else "mdy")
    ours = read(text, hints).statements[0].rows
    (account,) = Public.parse_string(text, day_first=day_first).accounts.values()
    (theirs,) = account.transactions.values()
    assert [
        (row.date, row.payee, row.memo, row.category, [(s.category, s.memo, decimal(s.amount)) for s in row.splits])
        for row in ours
    ] == [
        (
            told.date.date(),
            told.payee,
            told.memo,
            told.category.hierarchy if told.category is not None else "",
            [(s.category.hierarchy, s.memo, s.amount) for s in told.splits],
        )
        for told in theirs
    ]
    assert [decimal(row.amount) for row in ours] == [told.amount for told in theirs]


def decimal(amount: Amount | None) -> Decimal | None:
    return Decimal(amount.minor).scaleb(-amount.commodity.scale) if amount is not None else None


@given(st.lists(st.dates(date(1970, 1, 1), date(2069, 12, 31)), min_size=1, max_size=30), st.booleans())
def test_no_date_is_ever_read_as_another_day(days: list[date], day_first: bool) -> None:
    """Read without a hint: right, or waiting for an answer, unless the right order would have put all on one day of
    months with gaps between them."""
    text = "!Type:Bank\n" + "".join(
        [f"D{day:%d/%m/%Y}\nT1\n^\n" if day_first else f"D{day:%m/%d/%Y}\nT1\n^\n" for day in days]
    )
    told = read(text)
    for row, day in zip(told.statements[0].rows, days, strict=True):
        assert row.date in (day, None) or len({day.day for day in days}) == 1
        assert row.date is not None or (row.left_out is not None and row.left_out.code == "date_ambiguous")
    assert all(row.date is not None for row in told.statements[0].rows) or told.questions[0].needed
