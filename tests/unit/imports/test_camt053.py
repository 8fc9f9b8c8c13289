"""CAMT.053 in every version: entries, batches and balances, and XML that means ill."""

from __future__ import annotations

import contextlib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.imports.camt053 import MAX_DEPTH, MAX_ELEMENTS, Camt053
from commands.imports.reading import MAX_IMPORT_ROWS, AccountType, Reason, Split, Statement, StatementRow, Statements
from commands.imports.texts import clean
from domain.errors import Rejected
from domain.money import Amount, commodity, decimal_text
from tests.unit.imports.hostile import mutated

SAMPLE = Path(__file__).parents[2] / "samples" / "made-up" / "camt053-2026-09.xml"
EUR = commodity("EUR", 2)
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001."
ACCOUNT = "<Acct><Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>"


def document(inside: str, version: str = "02", account: str = ACCOUNT) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}{version}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>1</MsgId></GrpHdr><Stmt><Id>S</Id>{account}{inside}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def balance(kind: str, amount: str, on: str, direction: str = "CRDT", more: str = "") -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry>{more}</Tp>"
        f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Dt><Dt>{on}</Dt></Dt></Bal>'
    )


def entry(
    amount: str = "30.49",
    direction: str = "DBIT",
    status: str = "<Sts>BOOK</Sts>",
    day: str = "<BookgDt><Dt>2026-09-08</Dt></BookgDt>",
    rest: str = "",
) -> str:
    return f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{status}{day}{rest}</Ntry>'


def details(inside: str) -> str:
    return f"<NtryDtls><TxDtls>{inside}</TxDtls></NtryDtls>"


def read(raw: bytes) -> Statements:
    return Camt053().read(raw)


def only_row(inside: str) -> StatementRow:
    return read(document(inside)).statements[0].rows[0]


def refused(raw: bytes) -> str:
    with pytest.raises(Rejected) as refusal:
        read(raw)
    return refusal.value.code


def test_the_sample_reads_as_expected() -> None:
    raw = SAMPLE.read_bytes()
    assert Camt053().fits(raw[:4096], "statement")
    (statement,) = read(raw).statements
    booked = [row for row in statement.rows if row.left_out is None]
    assert len(booked) == 3
    assert sum(Decimal(row.amount.minor) for row in booked if row.amount is not None) / 100 == Decimal("929.51")
    assert (statement.stated, statement.stated_on) == (Amount(102951, EUR), date(2026, 9, 30))
    assert (statement.account_number, statement.currency) == ("DE02120300000000202051", "EUR")
    (pending,) = [row for row in statement.rows if row.left_out is not None]
    assert (pending.left_out, pending.pending, pending.payee) == (Reason("row_pending"), True, "Vormerkung Hotel")
    assert read(raw).remarks == ()


def test_one_entry_of_two_payments_is_one_row_with_a_part_each() -> None:
    row = read(SAMPLE.read_bytes()).statements[0].rows[2]
    assert (row.amount, row.payee) == (Amount(-54000, EUR), "2 × Vermieter Beispiel, Verein Beispiel")
    assert row.splits == (
        Split(Amount(-50000, EUR), "", "Vermieter Beispiel"),
        Split(Amount(-4000, EUR), "", "Verein Beispiel"),
    )


def test_payments_that_do_not_sum_to_their_entry_are_no_parts_of_it() -> None:
    def batch(first: str, second: str, currency: str = "EUR") -> StatementRow:
        inside = "".join([f'<TxDtls><Amt Ccy="{currency}">{amount}</Amt></TxDtls>' for amount in (first, second)])
        return only_row(entry("10.00", rest=f"<NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>{inside}</NtryDtls>"))

    assert len(batch("4.00", "6.00").splits) == 2
    assert batch("4.00", "5.99").splits == ()
    assert batch("4.00", "6.00", "USD").splits == ()
    assert batch("4.00", "x").splits == ()


def test_a_batch_without_its_payments_tells_how_many_they_are() -> None:
    rest = "<NtryDtls><Btch><NbOfTxs>25</NbOfTxs></Btch></NtryDtls><AddtlNtryInf>Sammler</AddtlNtryInf>"
    assert only_row(entry(rest=rest)).payee == "25 × Sammler"


@pytest.mark.parametrize("version", [f"{version:02}" for version in range(1, 14)])
def test_every_version_is_read_by_its_local_names(version: str) -> None:
    party = "<Nm>Shop</Nm>" if int(version) < 8 else "<Pty><Nm>Shop</Nm></Pty>"
    status = "<Sts>BOOK</Sts>" if int(version) < 8 else "<Sts><Cd>BOOK</Cd></Sts>"
    inside = entry(status=status, rest=details(f"<RltdPties><Cdtr>{party}</Cdtr></RltdPties>"))
    raw = document(inside, version)
    assert read(raw).statements[0].rows[0].payee == "Shop"
    prefixed = raw.replace(b"</", b"\0").replace(b"<", b"<c:").replace(b"\0", b"</c:").replace(b"<c:?", b"<?")
    prefixed = prefixed.replace(b"xmlns=", b"xmlns:c=")
    assert Camt053().fits(prefixed, "")
    assert read(prefixed).statements[0].rows == read(raw).statements[0].rows


def test_the_other_side_is_the_creditor_of_what_goes_out_and_the_debtor_of_what_comes_in() -> None:
    parties = details("<RltdPties><Dbtr><Nm>Payer</Nm></Dbtr><Cdtr><Nm>Payee</Nm></Cdtr></RltdPties>")
    assert only_row(entry(rest=parties)).payee == "Payee"
    assert only_row(entry(direction="CRDT", rest=parties)).payee == "Payer"


def test_a_reversal_has_its_own_direction_and_the_parties_of_what_it_reverses() -> None:
    parties = details("<RltdPties><Dbtr><Nm>Payer</Nm></Dbtr><Cdtr><Nm>Payee</Nm></Cdtr></RltdPties>")
    row = only_row(entry(direction="CRDT", status="<RvslInd>true</RvslInd><Sts>BOOK</Sts>", rest=parties))
    assert (row.amount, row.payee) == (Amount(3049, EUR), "Payee")
    bounced = only_row(entry(status="<RvslInd>true</RvslInd><Sts>BOOK</Sts>", rest=parties))
    assert (bounced.amount, bounced.payee) == (Amount(-3049, EUR), "Payer")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("<Sts>PDNG</Sts>", "row_pending"),
        ("<Sts><Cd>PDNG</Cd></Sts>", "row_pending"),
        ("<Sts><Cd>FUTR</Cd></Sts>", "row_pending"),
        ("<Sts>INFO</Sts>", "row_informational"),
        ("<Sts><Prtry>OWN</Prtry></Sts>", "row_status_unknown"),
    ],
)
def test_what_is_not_booked_is_left_out_by_name_and_no_part_of_the_balance(status: str, code: str) -> None:
    told = read(
        document(balance("OPBD", "1.00", "2026-09-01") + balance("CLBD", "1.00", "2026-09-30") + entry(status=status))
    )
    (row,) = told.statements[0].rows
    assert row.left_out is not None
    assert (row.left_out.code, row.pending) == (code, code == "row_pending")
    assert told.remarks == ()


def test_a_day_is_the_banks_own_whatever_the_zone_else_that_of_the_value() -> None:
    assert only_row(entry(day="<BookgDt><DtTm>2026-09-08T23:30:00-03:00</DtTm></BookgDt>")).date == date(2026, 9, 8)
    assert only_row(entry(day="<ValDt><Dt>2026-09-09+02:00</Dt></ValDt>")).date == date(2026, 9, 9)
    nothing = only_row(entry(day=""))
    assert (nothing.date, nothing.left_out) == (None, Reason("row_date_not_valid", {"text": ""}))
    wrong = only_row(entry(day="<BookgDt><Dt>2026-09-31</Dt></BookgDt>"))
    assert wrong.left_out == Reason("row_date_not_valid", {"text": "2026-09-31"})


def test_a_figure_is_that_of_xml_and_nothing_else() -> None:
    assert only_row(entry("1.000")).amount == Amount(-100, EUR)
    assert only_row(entry("+7")).amount == Amount(-7, commodity("EUR", 0))
    for text in ("1,00", "-1.00", "1e3", "", "NaN", "٣", "9" * 20):
        assert refused(document(entry(text))) == "row_amount_not_valid"
    assert refused(document(entry(direction="BOTH"))) == "row_amount_not_valid"
    assert only_row(entry("0.00")).left_out == Reason("row_moves_nothing")


def test_an_entry_in_another_currency_than_its_account_is_left_out_by_name() -> None:
    row = only_row(entry().replace('Ccy="EUR"', 'Ccy="USD"'))
    assert row.left_out == Reason("row_in_other_currency", {"currency": "USD", "expected": "EUR"})


def test_the_banks_reference_is_the_id_and_a_place_in_the_statement_is_not() -> None:
    own = "<AcctSvcrRef>BANK-1</AcctSvcrRef>"
    ends = details("<Refs><EndToEndId>E2E</EndToEndId></Refs>")
    assert only_row(entry(rest=own + ends)).bank_id == "BANK-1"
    assert only_row(entry(rest=ends)).bank_id == "E2E"
    assert only_row(entry(rest=details("<Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>"))).bank_id == ""
    assert only_row(entry(rest="<NtryRef>17</NtryRef>")).bank_id == ""
    assert only_row(entry(rest="<NtryRef>2026-000017</NtryRef>")).bank_id == "2026-000017"


def test_words_are_the_remittance_then_what_the_bank_adds() -> None:
    row = only_row(
        entry(
            rest=details(
                "<RltdPties><Cdtr><Nm>Shop</Nm></Cdtr></RltdPties><RmtInf><Ustrd>one </Ustrd><Ustrd>two</Ustrd><Strd>"
                "<CdtrRefInf><Ref>RF18</Ref></CdtrRefInf></Strd></RmtInf>"
            )
        )
    )
    assert (row.payee, row.memo) == ("Shop", "one two RF18")
    row = only_row(entry(rest="<AddtlNtryInf>Fee &amp; tax</AddtlNtryInf>"))
    assert (row.payee, row.memo) == ("Fee & tax", "")
    code = "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>"
    assert only_row(entry(rest=code)).kind == "PMNT-RCDT-ESCT"


def test_only_a_booked_closing_balance_is_stated() -> None:
    for kind in ("CLAV", "ITBD", "FWAV", "XPCD"):
        assert read(document(balance(kind, "9.00", "2026-09-30"))).statements[0].stated is None
    owed = read(document(balance("CLBD", "9.00", "2026-09-30", "DBIT"))).statements[0]
    assert (owed.stated, owed.stated_on) == (Amount(-900, EUR), date(2026, 9, 30))


def test_rows_that_do_not_lie_between_the_balances_are_said_with_what_is_missing() -> None:
    raw = document(balance("PRCD", "50.00", "2026-08-31") + balance("CLBD", "20.00", "2026-09-30") + entry())
    facts = {"account": "DE02120300000000202051", "date": date(2026, 9, 30), "difference": Amount(49, EUR)}
    assert read(raw).remarks == (Reason("statement_does_not_add_up", facts),)


def test_several_accounts_of_a_file_are_statements_of_their_own() -> None:
    card = "<Acct><Id><Othr><Id>4000</Id></Othr></Id><Tp><Cd>CARD</Cd></Tp><Svcr><FinInstnId><BICFI>DEUTDEFF</BICFI>"
    second = document(entry(), account=card + "</FinInstnId></Svcr></Acct>").partition(b"<Stmt>")[2]
    raw = document(entry()).replace(b"</Stmt></BkToCstmrStmt></Document>", b"</Stmt><Stmt>" + second)
    first, other = read(raw).statements
    assert [row.row for row in first.rows + other.rows] == [1, 2]
    assert (other.type, other.bank, other.account_number) == (AccountType.CARD, "DEUTDEFF", "4000")
    assert other.currency == "EUR"  # of its entries, where the account names none


def test_pages_of_one_day_become_one_statement() -> None:
    page = "<SubTp><Cd>INTM</Cd></SubTp>"
    one = balance("OPBD", "90.00", "2026-09-08") + balance("CLBD", "59.51", "2026-09-08", more=page) + entry()
    two = balance("OPBD", "59.51", "2026-09-08", more=page) + balance("CLBD", "29.02", "2026-09-08") + entry()
    raw = document(one).replace(b"</Stmt>", f"</Stmt><Stmt><Id>S</Id>{ACCOUNT}{two}</Stmt>".encode())
    told = read(raw)
    assert (len(told.statements), len(told.statements[0].rows), told.remarks) == (1, 2, ())
    assert told.statements[0].stated == Amount(2902, EUR)


def test_other_messages_are_refused_by_their_names() -> None:
    for name, other in (("BkToCstmrAcctRpt", "camt.052"), ("BkToCstmrDbtCdtNtfctn", "camt.054")):
        with pytest.raises(Rejected) as refusal:
            read(document(entry()).replace(b"BkToCstmrStmt", name.encode()))
        assert (refusal.value.code, refusal.value.params) == ("camt_other_document", {"document": other})
    assert refused(b"<Document><Stmt></Stmt></Document>") == "camt_without_statement"
    assert refused(b"not XML") == "camt_not_well_formed"


def test_a_document_type_is_refused_before_anything_is_expanded() -> None:
    inside = document(entry("&d;")).partition(b"\n")[2]
    entities = "".join([f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abc", "bcd", strict=True)])
    for declared in (f'<!ENTITY a "9">{entities}', '<!ENTITY d SYSTEM "file:///etc/hostname">', ""):
        assert refused(f"<!DOCTYPE Document [{declared}]>".encode() + inside) == "import_has_dtd"
    assert refused(b'<!DOCTYPE Document SYSTEM "http://example.com/x.dtd">' + inside) == "import_has_dtd"
    assert refused(document(entry("&d;"))) == "camt_not_well_formed"


def test_deep_wide_and_long_xml_is_bounded() -> None:
    assert refused(document(entry(rest="<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH))) == "camt_not_well_formed"
    assert refused(document(entry(rest="<a/>" * MAX_ELEMENTS))) == "camt_not_well_formed"
    assert len(only_row(entry(rest=f"<AddtlNtryInf>{'x' * 1_000_000}</AddtlNtryInf>")).payee) == 2_000
    payments = "<TxDtls/>" * (MAX_IMPORT_ROWS + 1)
    assert refused(document(entry(rest=f"<NtryDtls>{payments}</NtryDtls>"))) == "import_too_many_rows"


def test_one_row_too_many_refuses_the_file_whole() -> None:
    assert refused(document(f"<Ntry/>{entry()}")) == "row_amount_not_valid"
    assert len(read(document(entry() * 1_000)).statements[0].rows) == 1_000
    assert refused(document(entry("0", day="") * (MAX_IMPORT_ROWS + 1))) == "import_too_many_rows"


def test_a_file_cut_anywhere_is_refused_and_nothing_of_it_read() -> None:
    raw = SAMPLE.read_bytes().rstrip()
    for end in range(1, len(raw), 7):
        assert refused(raw[:end]) in ("import_cut_in_half", "camt_not_well_formed"), raw[:end]


@pytest.mark.parametrize(
    ("codec", "declared"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("cp1252", "ISO-8859-1"),
        ("iso8859-2", "ISO-8859-2"),
    ],
)
def test_letters_survive_the_encodings_banks_use(codec: str, declared: str) -> None:
    text = document(entry(rest="<AddtlNtryInf>Bücker 2</AddtlNtryInf>")).decode().replace("UTF-8", declared)
    assert read(text.encode(codec)).statements[0].rows[0].payee == "Bücker 2"


PIECES = [
    b"<Ntry>",
    b"</Ntry>",
    b"<TxDtls>",
    b"</TxDtls>",
    b"<Stmt>",
    b"</Stmt>",
    b"<Bal>",
    b"<![CDATA[",
    b"]]>",
    b"&amp;",
]
PIECES += [b"<!DOCTYPE x>", b"&#0;", b"<Amt>", b"PDNG", b"<a:b>", b"-1.5"]


@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_reading_or_a_refusal(raw: bytes) -> None:
    good = document("")
    for attempt in (raw, b"<Document><BkToCstmrStmt><Stmt>" + raw, good.replace(b"</Stmt>", raw + b"</Stmt>")):
        with contextlib.suppress(Rejected):
            read(attempt)


@given(mutated([SAMPLE.read_bytes(), document(entry())], PIECES))
def test_any_mutation_of_a_good_file_is_a_reading_or_a_refusal(raw: bytes) -> None:
    with contextlib.suppress(Rejected):
        for statement in read(raw).statements:
            assert all(row.left_out is not None or (row.date and row.amount) for row in statement.rows)


names = st.sampled_from(["Ntry", "Amt", "CdtDbtInd", "NtryDtls", "TxDtls", "Bal", "Acct", "Stmt", "Nm", "Dt"])


@given(
    st.recursive(
        st.sampled_from(["", "CRDT", "1.00", "2026-09-01"]),
        lambda inner: st.builds(
            lambda name, inside: f'<{name} Ccy="EUR">{"".join(inside)}</{name}>', names, st.lists(inner, max_size=4)
        ),
        max_leaves=30,
    )
)
def test_any_tree_of_elements_is_a_reading_or_a_refusal(tree: str) -> None:
    for raw in (document(tree), document(f"<Ntry>{tree}</Ntry>"), document(f"<Bal>{tree}</Bal>")):
        with contextlib.suppress(Rejected):
            read(raw)


words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=30)
told_rows = st.tuples(
    st.dates(date(1990, 1, 1), date(2060, 12, 31)), st.integers(-(10**9), 10**9).filter(bool), words, words
)


@given(st.lists(told_rows, max_size=20))
def test_random_statements_are_read_back(told: list[tuple[date, int, str, str]]) -> None:
    def escaped(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    body = "".join(
        [
            entry(
                decimal_text(abs(minor), 2),
                "CRDT" if minor > 0 else "DBIT",
                day=f"<BookgDt><Dt>{day}</Dt></BookgDt>",
                rest=details(
                    f"<RltdPties><{side}><Nm>{escaped(payee)}</Nm></{side}></RltdPties>"
                    f"<RmtInf><Ustrd>{escaped(memo)}</Ustrd></RmtInf>"
                ),
            )
            for day, minor, payee, memo in told
            for side in ("Dbtr" if minor > 0 else "Cdtr",)
        ]
    )
    ends = balance("OPBD", "0.00", "1990-01-01")
    total = sum(minor for _, minor, *_ in told)
    ends += balance("CLBD", decimal_text(abs(total), 2), "2060-12-31", "CRDT" if total >= 0 else "DBIT")
    found = read(document(ends + body))
    (statement,) = found.statements
    assert isinstance(statement, Statement)
    assert found.remarks == ()
    assert [(row.date, row.amount, row.payee) for row in statement.rows] == [
        (day, Amount(minor, EUR), clean(payee)) for day, minor, payee, _ in told
    ]
