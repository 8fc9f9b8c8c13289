"""Brokers' statements in OFX: what each row moves, and which rows are only listed, and why."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.imports.ofx import Ofx
from commands.imports.reading import AccountType, Action, StatementRow
from domain.errors import Rejected
from domain.ledger import DeclareCommodity
from domain.money import ISO_4217
from tests.given import given as given_book
from tests.given import household
from tests.unit.imports.investments import INTEL, brokerage, listed, only, plain, read, rows_of, trade


def why_left_out(row: StatementRow) -> str:
    assert row.left_out is not None, row
    return row.left_out.code


def traded(row: StatementRow) -> tuple[str, Action, str, str]:
    assert row.left_out is None, row.left_out
    assert row.trade is not None
    return str(row.amount), row.trade.action, str(row.trade.units), row.income


# The samples


def test_every_row_of_a_broker_is_told_with_what_it_moved() -> None:
    rows = rows_of("fidelity.ofx")
    assert [row.row for row in rows] == list(range(1, 18))
    assert [row.left_out for row in rows] == [None] * 17
    assert traded(rows[0]) == ("-2571.45 USD", Action.BUY, "100 INTC", "")
    assert traded(rows[7]) == ("-22.50 USD", Action.BUY, "0.911 INTC", "")
    assert traded(rows[13]) == ("4.80 USD", Action.SELL, "-0.035 SPY", "")
    assert (rows[8].income, str(rows[8].amount), rows[8].trade) == ("Dividends", "5.53 USD", None)
    assert (rows[15].payee, str(rows[15].amount), rows[15].income) == ("LATE SETTLEMENT FEE", "-0.97 USD", "")
    assert (rows[0].payee, rows[0].memo, rows[0].date) == ("INTEL CORP", "YOU BOUGHT", date(2012, 7, 20))
    assert (rows[0].kind, rows[0].bank_id) == ("BUYSTOCK", "0123456789020201120120720")


def test_a_plan_whose_funds_change_without_money_lists_the_changes() -> None:
    rows = rows_of("investment_401k.ofx")
    assert traded(rows[0]) == ("-197.2 USD", Action.BUY, "8.846699 FOO", "")
    assert [why_left_out(row) for row in rows[1:]] == ["security_transfer_not_booked"] * 2


def test_two_tickers_of_one_security_leave_it_its_number() -> None:
    assert traded(rows_of("vanguard.ofx")[0]) == ("4212.3 USD", Action.SELL, "-42.123 SEC-012345678", "")


def test_cash_of_a_broker_keeps_the_currency_that_its_row_names() -> None:
    rows = rows_of("investment_medium.ofx")
    assert [str(row.amount) for row in rows] == ["-3.65 USD", "3.35 USD", "-3.65 USD"]
    assert [row.left_out for row in rows] == [None] * 3


def test_an_unknown_currency_of_a_row_leaves_it_out() -> None:
    assert why_left_out(only(trade("BUYSTOCK", rest="<CURRENCY><CURSYM>XQZ</CURRENCY>"))) == "row_in_other_currency"
    assert traded(only(trade("BUYSTOCK", rest="<CURRENCY><CURSYM>EUR</CURRENCY>")))[0] == "-100.50 EUR"
    assert traded(only(trade("BUYSTOCK", rest="<ORIGCURRENCY><CURSYM>EUR</ORIGCURRENCY>")))[0] == "-100.50 USD"


def test_the_cash_that_a_broker_states_is_that_of_the_statements_day() -> None:
    cash = "<INVBAL><AVAILCASH>18073.98<MARGINBALANCE>0<SHORTBALANCE>0</INVBAL>"
    (statement,) = read("", rest=cash).statements
    assert (statement.type, str(statement.stated), statement.stated_on) == (
        AccountType.INVESTMENT,
        "18073.98 USD",
        date(2026, 1, 31),
    )
    assert read("").statements[0].stated is None


def test_one_sum_over_several_currencies_is_no_balance() -> None:
    cash = "<INVBAL><AVAILCASH>100.00</INVBAL>"
    found = read(trade("BUYSTOCK", rest="<CURRENCY><CURSYM>EUR</CURRENCY>"), rest=cash)
    assert found.statements[0].stated is None
    assert [(remark.code, remark.params) for remark in found.remarks] == [
        ("cash_in_several_currencies", {"currency": "USD"})
    ]


def test_holdings_that_a_broker_lists_are_told_and_not_booked() -> None:
    position = "<POSSTOCK><INVPOS><SECID>{}</SECID><UNITS>{}<UNITPRICE>1.00</INVPOS></POSSTOCK>"
    rest = f"<INVPOSLIST>{position.format(INTEL, '10.5000')}{position.format(INTEL, '0.000')}</INVPOSLIST>"
    found = read("", listed(INTEL, "INTC"), rest)
    assert found.statements[0].rows == ()
    (remark,) = found.remarks
    assert (remark.code, remark.params) == ("holdings_not_opened", {"count": 1, "holdings": ["10.5 INTC"]})


# Trades


@pytest.mark.parametrize("element", ["BUYSTOCK", "BUYMF", "BUYDEBT", "BUYOPT", "BUYOTHER"])
def test_every_kind_of_buy_takes_cash_and_brings_units(element: str) -> None:
    row = only(trade(element, "10.00000", "-00100.5000"), listed(INTEL, "INTC", "INTEL CORP"))
    assert traded(row) == ("-100.50 USD", Action.BUY, "10 INTC", "")
    assert (row.kind, row.payee, row.memo) == (element, "INTEL CORP", "YOU DID")


@pytest.mark.parametrize("element", ["SELLSTOCK", "SELLMF", "SELLDEBT", "SELLOPT", "SELLOTHER"])
def test_every_kind_of_sale_brings_cash_and_takes_units(element: str) -> None:
    row = only(trade(element, "-10", "99.50"), listed(INTEL, "INTC"))
    assert traded(row) == ("99.50 USD", Action.SELL, "-10 INTC", "")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("DIV", "Dividends"),
        ("INTEREST", "Interest"),
        ("CGLONG", "Capital-Gains"),
        ("CGSHORT", "Capital-Gains"),
        ("MISC", "Other-Investment-Income"),
        ("", "Other-Investment-Income"),
    ],
)
def test_income_is_told_by_its_kind(written: str, name: str) -> None:
    income = only(plain("INCOME", "5.53", f"<INCOMETYPE>{written}"))
    assert (income.income, str(income.amount), income.trade, income.left_out) == (name, "5.53 USD", None, None)
    assert only(plain("INCOME", "-5.53", f"<INCOMETYPE>{written}")).left_out is None  # what was taken back
    for total in ("5.53", "-5.53"):
        row = only(plain("REINVEST", total, f"<INCOMETYPE>{written}<UNITS>0.25"), listed(INTEL, "INTC"))
        assert traded(row) == ("5.53 USD", Action.REINVEST, "0.25 INTC", name)


def test_the_total_is_what_moved_whatever_units_times_price_give() -> None:
    assert traded(only(trade("BUYSTOCK", "10", "-100.50", price="11.00")))[0] == "-100.50 USD"


def test_expenses_of_a_broker_are_rows_of_cash() -> None:
    for element in ("INVEXPENSE", "MARGININTEREST"):
        row = only(plain(element, "-3.00"))
        assert (str(row.amount), row.income, row.trade, row.left_out) == ("-3.00 USD", "", None, None)
        assert why_left_out(only(plain(element, "3.00"))) == "expense_direction_unclear"


def test_a_bank_row_of_a_broker_is_a_row_like_any_other() -> None:
    bank_row = "<STMTTRN><TRNTYPE>DEP<DTPOSTED>20260107<TRNAMT>7.00<FITID>9<NAME>Deposit</STMTTRN>"
    row = only(f"<INVBANKTRAN>{bank_row}<SUBACCTFUND>CASH</INVBANKTRAN>")
    assert (str(row.amount), row.payee, row.bank_id, row.left_out) == ("7.00 USD", "Deposit", "9", None)
    assert why_left_out(only("<INVBANKTRAN><SUBACCTFUND>CASH</INVBANKTRAN>")) == "investment_row_unknown"


def test_a_broker_that_writes_no_signs_is_read_by_the_name_of_the_row() -> None:
    assert traded(only(trade("BUYSTOCK", "10", "100.50")))[:3] == (
        "-100.50 USD",
        Action.BUY,
        "10 SEC-458140100",
    )
    assert traded(only(trade("SELLSTOCK", "10", "99.50")))[:3] == ("99.50 USD", Action.SELL, "-10 SEC-458140100")


# What is only listed


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (trade("BUYSTOCK", total=""), "trade_without_total"),
        (trade("BUYSTOCK", total="0.00"), "trade_without_total"),
        (trade("BUYSTOCK", units=""), "trade_without_units"),
        (trade("BUYSTOCK", units="0.000"), "trade_without_units"),
        (trade("BUYSTOCK", security=""), "trade_without_security"),
        (trade("BUYSTOCK", units="-10"), "trade_direction_unclear"),
        (trade("BUYSTOCK", units="-10", total="100.00"), "trade_direction_unclear"),
        (trade("SELLSTOCK", units="-10", total="-7.94"), "trade_direction_unclear"),
        (trade("SELLSTOCK", units="10", total="-7.94"), "trade_direction_unclear"),
        (plain("REINVEST", "5.00", "<UNITS>-1"), "trade_direction_unclear"),
        (trade("BUYSTOCK", total="-1.000"), "amount_ambiguous"),
        (trade("BUYSTOCK", units="1.000"), "amount_ambiguous"),
        (trade("BUYDEBT", outer="<ACCRDINT>1.23"), "accrued_interest_not_booked"),
        (trade("BUYSTOCK", outer="<BUYTYPE>BUYTOCOVER"), "short_trade_not_booked"),
        (trade("SELLSTOCK", "-10", "99.50", outer="<SELLTYPE>SELLSHORT"), "short_trade_not_booked"),
        (trade("SELLOPT", "-1", "99.50", outer="<OPTSELLTYPE>SELLTOOPEN"), "short_trade_not_booked"),
        (trade("BUYOPT", outer="<OPTBUYTYPE>BUYTOCLOSE"), "short_trade_not_booked"),
        (trade("BUYSTOCK").replace("</INVTRAN>", "<REVERSALFITID>7</INVTRAN>"), "trade_reversed"),
        (trade("BUYSTOCK").replace("20260105120000", "20260231"), "row_date_not_valid"),
        (plain("INCOME", "5.00", "<INCOMETYPE>DIV<WITHHOLDING>0.75"), "income_with_withholding"),
        (plain("INCOME", "0.00", "<INCOMETYPE>DIV"), "row_moves_nothing"),
        (plain("INCOME", "", "<INCOMETYPE>DIV"), "trade_without_total"),
        (plain("RETOFCAP", "5.00"), "return_of_capital_not_booked"),
        (plain("SPLIT", "", "<OLDUNITS>1<NEWUNITS>2<NUMERATOR>2<DENOMINATOR>1"), "split_not_booked"),
        (plain("TRANSFER", "", "<UNITS>10<TFERACTION>IN"), "security_transfer_not_booked"),
        (plain("JRNLFUND", "5.00", "<SUBACCTFROM>CASH<SUBACCTTO>MARGIN"), "moved_within_account"),
        (plain("JRNLSEC", "", "<UNITS>1<SUBACCTFROM>CASH<SUBACCTTO>MARGIN"), "moved_within_account"),
        (plain("CLOSUREOPT", "", "<OPTACTION>EXPIRE<UNITS>1"), "option_closure_not_booked"),
        (plain("STAKE", "5.00"), "investment_row_unknown"),
    ],
)
def test_what_cannot_be_booked_exactly_is_listed_by_its_own_name(row: str, reason: str) -> None:
    found = only(row)
    assert why_left_out(found) == reason
    assert found.bank_id == "1"


def test_accrued_interest_and_withholding_of_nothing_leave_nothing_out() -> None:
    assert only(trade("BUYDEBT", outer="<ACCRDINT>0.00")).left_out is None
    assert only(plain("INCOME", "5.00", "<INCOMETYPE>DIV<WITHHOLDING>0.00")).left_out is None


def test_a_total_that_is_no_number_refuses_the_file() -> None:
    for row in (trade("BUYSTOCK", total="$5"), trade("BUYSTOCK", units="many")):
        with pytest.raises(Rejected) as refusal:
            Ofx().read(brokerage(row))
        assert refusal.value.code == "row_amount_not_valid"


def test_a_row_that_is_not_closed_refuses_the_file_for_others_would_vanish_in_it() -> None:
    rows = trade("BUYSTOCK").removesuffix("</BUYSTOCK>") + trade("SELLSTOCK", "-1", "1.00") + trade("BUYSTOCK")
    with pytest.raises(Rejected) as refusal:
        Ofx().read(brokerage(rows))
    assert refusal.value.code == "import_cut_in_half"


def test_units_that_could_be_a_thousand_are_what_price_and_total_make_of_them() -> None:
    def units(units: str, price: str, total: str) -> str:
        return traded(only(trade("BUYSTOCK", units, total, price=price)))[2].split()[0]

    assert units("42.123", "100.00", "-4212.30") == "42.123"
    assert units("42.123", "100.00", "-4212300.00") == "42123"
    assert units("1,500", "2.00", "-3000.00") == "1500"
    assert units("1,500", "2.00", "-3.00") == "1.5"
    assert units("1.500", "2.125", "-3.19") == "1.5"
    assert why_left_out(only(trade("BUYSTOCK", "1.500", "-3187.50", price="2.125"))) == "amount_ambiguous"
    assert why_left_out(only(trade("BUYSTOCK", "1.500", "-40.00", price="2.00"))) == "amount_ambiguous"


# Codes


def code(security: str, *securities: str, broker: str = "example.org") -> str:
    (row,) = read(trade("BUYSTOCK", security=security), "".join(securities), broker=broker).statements[0].rows
    assert row.trade is not None
    return row.trade.security


def secid(unique_id: str, type_of_id: str = "CUSIP") -> str:
    return f"<UNIQUEID>{unique_id}<UNIQUEIDTYPE>{type_of_id}"


def test_a_security_is_called_by_its_ticker_where_that_is_a_commoditys_code() -> None:
    assert code(INTEL, listed(INTEL, "INTC")) == "INTC"
    assert code(INTEL, listed(INTEL, "brk.b")) == "BRK.B"
    assert code(INTEL, listed(INTEL, "F")) == "F"
    assert code(INTEL, listed(INTEL, "AB/C")) == "SEC-458140100"
    assert code(INTEL, listed(INTEL, "1AB")) == "SEC-458140100"
    assert code(INTEL) == "SEC-458140100"


def test_a_security_is_never_called_like_money() -> None:
    assert code(INTEL, listed(INTEL, "ALL")) == "SEC-ALL"
    assert code(secid("USD", "ISIN")) == "SEC-USD"


def test_two_securities_of_one_ticker_keep_their_numbers() -> None:
    other = secid("G7945E105")
    assert code(INTEL, listed(INTEL, "ABX"), listed(other, "ABX")) == "SEC-458140100"


def test_a_number_of_the_brokers_own_is_told_from_the_same_of_another() -> None:
    own = secid("77", "PRIVATE")
    here, there = code(own), code(own, broker="another.org")
    assert here != there
    assert here == code(own)
    assert here.startswith("SEC-77-")
    assert code(secid("A/B")) != code(secid("A-B"))


@given(st.text(min_size=1), st.text(), st.sampled_from(["CUSIP", "ISIN", "PRIVATE", ""]))
def test_whatever_a_file_calls_a_security_the_book_can_declare_it(unique_id: str, ticker: str, type_of_id: str) -> None:
    def escaped(text: str) -> str:
        return "".join(c if c.isalnum() else f"&#{ord(c)};" for c in text if c.isprintable())

    security = secid(escaped(unique_id), type_of_id)
    found = only(trade("BUYSTOCK", security=security), listed(security, escaped(ticker)))
    if found.trade is None:
        assert why_left_out(found) == "trade_without_security"
        return
    assert found.trade.security not in ISO_4217
    given_book(household()).when(DeclareCommodity(found.trade.security, 6)).after()


def test_rows_of_a_broker_may_stand_before_and_after_the_list_of_securities() -> None:
    raw = brokerage(trade("BUYSTOCK"), listed(INTEL, "INTC")).decode()
    start, end = raw.index("<SECLISTMSGSRSV1>"), raw.index("</OFX>")
    swapped = raw[:start].replace("<OFX>", f"<OFX>{raw[start:end]}") + raw[end:]
    assert Ofx().read(swapped.encode()).statements == Ofx().read(raw.encode()).statements


def test_a_trade_in_a_banks_statement_is_no_statement() -> None:
    raw = brokerage(trade("BUYSTOCK")).replace(b"INVSTMTRS>", b"STMTRS>")
    with pytest.raises(Rejected) as refusal:
        Ofx().read(raw)
    assert refusal.value.code == "ofx_not_well_formed"
