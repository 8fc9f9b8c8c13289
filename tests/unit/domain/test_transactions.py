"""Transactions: balanced, within limits, corrected by new events, confirmed by assertions, closed by period."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from domain.book import BookId, OpenBook
from domain.budgets import BudgetId, Every, Period, SetBudget
from domain.ledger import (
    FIRST_DAY,
    LAST_DAY,
    MAX_POSTINGS,
    AccountId,
    AmendTransaction,
    AssertBalance,
    AssertionWithdrawn,
    BalanceAsserted,
    ClosePeriod,
    CommodityDeclared,
    ConcludeImport,
    Cost,
    DeclareCommodity,
    ImportId,
    OpenAccount,
    PeriodClosed,
    Posting,
    Price,
    RecordTransaction,
    RenameAccount,
    SetOpeningBalance,
    TransactionAmended,
    TransactionId,
    TransactionRecorded,
    TransactionVoided,
    VoidTransaction,
    WithdrawAssertion,
)
from domain.money import MAX_AMOUNT_MINOR, MAX_TURNOVER_MINOR, Amount, commodity, parse_amount
from domain.prices import RecordPrice
from tests.given import (
    CARD,
    CHECKING,
    FOOD,
    GROCERIES,
    OPENING,
    SALARY,
    SAVINGS,
    Given,
    Told,
    brl,
    given,
    household,
    moved,
    on,
    usd,
)

LUNCH, DINNER, OTHER = TransactionId("t-lunch"), TransactionId("t-dinner"), TransactionId("t-other")
MARCH = on("2026-03-10")
NEXT_DAY = MARCH + timedelta(days=1)
TEN = moved(brl("10.00"), CHECKING, FOOD)
BROKERAGE = AccountId("a-brokerage")


def btc(text: str) -> Amount:
    return parse_amount(text, "BTC")


def with_bitcoin() -> Given:
    return given(household(), DeclareCommodity("BTC", 8), OpenAccount(BROKERAGE, "Assets:Brokerage"))


# Recording


def test_a_transaction_is_recorded_as_it_was_told() -> None:
    told = RecordTransaction(LUNCH, MARCH, TEN, "Padaria", "Pão de queijo", ("trip",), ("receipt-1",))
    given(household()).when(told).then(
        TransactionRecorded(
            LUNCH, MARCH, TEN, payee="Padaria", memo="Pão de queijo", tags=("trip",), links=("receipt-1",)
        )
    )


def test_amounts_are_recorded_at_the_books_scale() -> None:
    told = RecordTransaction(LUNCH, MARCH, (Posting(FOOD, brl("10")), Posting(CHECKING, brl("-10.000"))))
    given(household()).when(told).then(TransactionRecorded(LUNCH, MARCH, TEN))


def test_any_number_of_postings_and_commodities_balances_each_for_itself() -> None:
    postings = (
        *moved(brl("10.00"), CHECKING, FOOD),
        *moved(usd("3.00"), SAVINGS, GROCERIES),
        Posting(CARD, brl("-1.00")),
        Posting(FOOD, brl("0.40")),
        Posting(GROCERIES, brl("0.60")),
    )
    given(household()).when(RecordTransaction(LUNCH, MARCH, postings)).then(
        CommodityDeclared("USD", 2), TransactionRecorded(LUNCH, MARCH, postings)
    )


def test_what_does_not_balance_is_refused_with_what_is_missing() -> None:
    real, dollar = commodity("BRL", 2), commodity("USD", 2)
    postings = (Posting(FOOD, brl("10.00")), Posting(CHECKING, brl("-9.99")), Posting(SAVINGS, usd("-5.00")))
    given(household()).when(RecordTransaction(LUNCH, MARCH, postings)).then_refused(
        "transaction_unbalanced", residue=[Amount(1, real), Amount(-500, dollar)]
    )


def test_one_commodity_never_balances_another() -> None:
    postings = (Posting(FOOD, brl("10.00")), Posting(CHECKING, usd("-10.00")))
    given(household()).when(RecordTransaction(LUNCH, MARCH, postings)).then_refused("transaction_unbalanced")


@pytest.mark.parametrize("count", [0, 1])
def test_a_transaction_has_two_postings_at_least(count: int) -> None:
    told = RecordTransaction(LUNCH, MARCH, (Posting(FOOD, brl("0.00")),) * count)
    given(household()).when(told).then_refused("postings_missing", count=count)


def test_a_transaction_has_so_many_postings_at_most() -> None:
    most = TEN * (MAX_POSTINGS // 2)
    given(household()).when(RecordTransaction(LUNCH, MARCH, most)).then(TransactionRecorded(LUNCH, MARCH, most))
    given(household()).when(RecordTransaction(LUNCH, MARCH, most + TEN)).then_refused(
        "too_many_postings", count=MAX_POSTINGS + 2, limit=MAX_POSTINGS
    )


def test_an_unknown_account_or_commodity_is_refused() -> None:
    nobody = AccountId("nobody's")
    given(household()).when(RecordTransaction(LUNCH, MARCH, moved(brl("1.00"), CHECKING, nobody))).then_refused(
        "account_unknown", account=nobody
    )
    given(household()).when(RecordTransaction(LUNCH, MARCH, moved(btc("1.00"), CHECKING, FOOD))).then_refused(
        "commodity_unknown", commodity="BTC"
    )


def test_an_account_takes_its_own_commodities_from_its_first_day_on() -> None:
    book = given(household(), OpenAccount(BROKERAGE, "Assets:Brokerage", ("USD",), MARCH))
    book.when(RecordTransaction(LUNCH, MARCH, moved(brl("1.00"), CHECKING, BROKERAGE))).then_refused(
        "account_takes_other_commodity", account="Assets:Brokerage", commodity="BRL"
    )
    day_before = MARCH - timedelta(days=1)
    book.when(RecordTransaction(LUNCH, day_before, moved(usd("1.00"), CHECKING, BROKERAGE))).then_refused(
        "account_not_open_yet", account="Assets:Brokerage", opened_on=MARCH, date=day_before
    )
    postings = moved(usd("1.00"), CHECKING, BROKERAGE)
    book.when(RecordTransaction(LUNCH, MARCH, postings)).then(TransactionRecorded(LUNCH, MARCH, postings))


def test_a_finer_amount_than_the_commodity_has_is_refused() -> None:
    told = RecordTransaction(LUNCH, MARCH, moved(brl("10.001"), CHECKING, FOOD))
    given(household()).when(told).then_refused("amount_scale_exceeded", scale=2, amount=brl("10.001"))


def test_an_amount_has_a_largest_size() -> None:
    largest = Amount(MAX_AMOUNT_MINOR, commodity("BRL", 2))
    postings = moved(largest, CHECKING, FOOD)
    given(household()).when(RecordTransaction(LUNCH, MARCH, postings)).then(TransactionRecorded(LUNCH, MARCH, postings))
    for amount in (Amount(MAX_AMOUNT_MINOR + 1, largest.commodity), brl("1" + "0" * 30)):
        given(household()).when(RecordTransaction(LUNCH, MARCH, moved(amount, CHECKING, FOOD))).then_refused(
            "amount_out_of_range", limit_minor=MAX_AMOUNT_MINOR
        )


@pytest.mark.parametrize("day", [FIRST_DAY - timedelta(days=1), LAST_DAY + timedelta(days=1)])
def test_days_out_of_finance_are_refused(day: date) -> None:
    given(household()).when(RecordTransaction(LUNCH, day, TEN)).then_refused("date_out_of_range", date=day)
    given(household()).when(AssertBalance(CHECKING, day, brl("0"))).then_refused("date_out_of_range", date=day)
    given(household()).when(ClosePeriod(day, LAST_DAY)).then_refused("date_out_of_range", date=day)


@pytest.mark.parametrize("day", [FIRST_DAY, LAST_DAY])
def test_the_first_and_the_last_day_of_finance_can_be_used(day: date) -> None:
    given(household()).when(RecordTransaction(LUNCH, day, TEN)).then(TransactionRecorded(LUNCH, day, TEN))


def test_texts_and_labels_are_checked() -> None:
    book = given(household())
    book.when(RecordTransaction(LUNCH, MARCH, TEN, payee="\x00")).then_refused("text_not_printable", field="payee")
    book.when(RecordTransaction(LUNCH, MARCH, TEN, memo="x" * 2001)).then_refused("text_too_long", field="memo")
    book.when(RecordTransaction(LUNCH, MARCH, TEN, tags=("",))).then_refused("label_not_valid", field="tags")
    book.when(RecordTransaction(LUNCH, MARCH, TEN, links=("x",) * 51)).then_refused("too_many_labels", field="links")


def test_an_id_stands_for_one_transaction() -> None:
    given(household(), RecordTransaction(LUNCH, MARCH, TEN)).when(RecordTransaction(LUNCH, NEXT_DAY, TEN)).then_refused(
        "transaction_id_used", transaction=LUNCH
    )


def test_all_that_a_book_moves_in_a_commodity_fits_into_64_bits() -> None:
    largest = Amount(MAX_AMOUNT_MINOR, commodity("BRL", 2))
    full = moved(largest, CHECKING, FOOD) * (MAX_POSTINGS // 2)
    fit = MAX_TURNOVER_MINOR // (MAX_POSTINGS * MAX_AMOUNT_MINOR)
    book = given(household(), [RecordTransaction(TransactionId(f"t-{n}"), MARCH, full) for n in range(fit)])
    assert book.book.ledger.turnover["BRL"] == MAX_TURNOVER_MINOR
    book.when(RecordTransaction(LUNCH, MARCH, moved(brl("0.01"), CHECKING, FOOD))).then_refused(
        "turnover_out_of_range", commodity="BRL", limit_minor=MAX_TURNOVER_MINOR
    )
    book.when(AmendTransaction(TransactionId("t-0"), MARCH, moved(brl("0.01"), CHECKING, FOOD))).then_refused(
        "turnover_out_of_range"
    )
    after = book.when(VoidTransaction(TransactionId("t-0"))).after()
    assert after.ledger.turnover["BRL"] == MAX_TURNOVER_MINOR
    assert MAX_TURNOVER_MINOR < 2**63


def test_costs_count_into_what_a_book_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.ledger.transactions.MAX_TURNOVER_MINOR", 5)
    bought = (Posting(BROKERAGE, btc("0.00000001"), Cost(brl("0.03"))), Posting(CHECKING, brl("-0.03")))
    with_bitcoin().when(RecordTransaction(LUNCH, MARCH, bought)).then_refused("turnover_out_of_range", commodity="BRL")


# Ids

WORDS = ("Maria told me", "", "x" * 65, "é", "a\n")
"""What somebody could write into a field of an id, which is kept as it is."""


@pytest.mark.parametrize("words", WORDS)
def test_nothing_is_written_into_the_field_of_an_id(words: str) -> None:
    book = given(household())
    told = RecordTransaction(LUNCH, MARCH, TEN)
    for command, name in (
        (replace(told, transaction=TransactionId(words)), "transaction"),
        (replace(told, corrects=TransactionId(words)), "corrects"),
        (replace(told, import_id=ImportId(words)), "import_id"),
        (replace(told, fingerprint=words), "fingerprint"),
        (SetOpeningBalance(TransactionId(words), CHECKING, MARCH, brl("1")), "transaction"),
        (AssertBalance(CHECKING, MARCH, brl("0"), ImportId(words)), "import_id"),
        (ConcludeImport(ImportId(words), "ofx", None, 0, 0), "import_id"),
        (ConcludeImport(ImportId("i-1"), words, None, 0, 0), "format"),
        (OpenAccount(AccountId(words), "Assets:New"), "account"),
        (RecordPrice("USD", MARCH, Decimal("5.43"), "BRL", words), "fingerprint"),
        (SetBudget(BudgetId(words), FOOD, brl("1"), Period(Every.MONTH, 1, MARCH)), "budget"),
    ):
        book.when(command).then_refused("id_not_valid", field=name, limit=64)
    for opened, name in (
        (OpenBook(BookId(words), "BRL", "UTC", OPENING, "Home"), "book"),
        (OpenBook(BookId("b-1"), "BRL", "UTC", AccountId(words), "Home"), "opening_account"),
    ):
        given().when(opened).then_refused("id_not_valid", field=name)


def test_an_id_has_so_many_characters_at_most() -> None:
    longest = TransactionId("Az09-" * 12 + "-end")
    given(household()).when(RecordTransaction(LUNCH, MARCH, TEN, corrects=longest)).then(
        TransactionRecorded(LUNCH, MARCH, TEN, corrects=longest)
    )


# Cost and price


def test_a_purchase_at_cost_balances_by_its_cost() -> None:
    postings = (
        Posting(BROKERAGE, btc("0.50000000"), Cost(brl("150000.00"), MARCH, "first lot")),
        Posting(CHECKING, brl("-150000.00")),
    )
    with_bitcoin().when(RecordTransaction(LUNCH, MARCH, postings)).then(TransactionRecorded(LUNCH, MARCH, postings))


def test_a_sale_at_cost_and_price_balances_by_its_cost() -> None:
    postings = (
        Posting(BROKERAGE, btc("-0.50000000"), Cost(brl("-150000.00")), Price(brl("-180000.00"))),
        Posting(CHECKING, brl("180000.00")),
        Posting(SALARY, brl("-30000.00")),
    )
    with_bitcoin().when(RecordTransaction(LUNCH, MARCH, postings)).then(TransactionRecorded(LUNCH, MARCH, postings))


def test_an_exchange_balances_by_its_price() -> None:
    postings = (Posting(SAVINGS, usd("100.00"), None, Price(brl("543.21"))), Posting(CHECKING, brl("-543.21")))
    given(household()).when(RecordTransaction(LUNCH, MARCH, postings)).then(
        CommodityDeclared("USD", 2), TransactionRecorded(LUNCH, MARCH, postings)
    )
    wrong = (postings[0], Posting(CHECKING, brl("-543.20")))
    given(household()).when(RecordTransaction(LUNCH, MARCH, wrong)).then_refused("transaction_unbalanced")


def test_totals_take_the_books_scale_and_keep_its_limits() -> None:
    told = (Posting(SAVINGS, usd("1"), Cost(brl("5.4"))), Posting(CHECKING, brl("-5.4")))
    recorded = (Posting(SAVINGS, usd("1.00"), Cost(brl("5.40"))), Posting(CHECKING, brl("-5.40")))
    given(household()).when(RecordTransaction(LUNCH, MARCH, told)).then(
        CommodityDeclared("USD", 2), TransactionRecorded(LUNCH, MARCH, recorded)
    )
    fine = (Posting(SAVINGS, usd("1"), Cost(brl("5.401"))), Posting(CHECKING, brl("-5.401")))
    given(household()).when(RecordTransaction(LUNCH, MARCH, fine)).then_refused("amount_scale_exceeded")
    huge = Posting(SAVINGS, usd("1"), None, Price(Amount(MAX_AMOUNT_MINOR + 1, commodity("BRL", 2))))
    given(household()).when(RecordTransaction(LUNCH, MARCH, (huge, huge))).then_refused("amount_out_of_range")


@pytest.mark.parametrize(
    ("amount", "total"), [("1.00", "-5.00"), ("-1.00", "5.00"), ("0.00", "5.00"), ("0.00", "-5.00")]
)
def test_a_total_is_signed_as_its_amount(amount: str, total: str) -> None:
    for posting in (
        Posting(SAVINGS, usd(amount), Cost(brl(total))),
        Posting(SAVINGS, usd(amount), None, Price(brl(total))),
    ):
        told = RecordTransaction(LUNCH, MARCH, (posting, Posting(CHECKING, -brl(total))))
        given(household()).when(told).then_refused("total_signed_otherwise", amount=usd(amount), total=brl(total))


def test_a_gift_has_a_total_of_zero() -> None:
    postings = (Posting(BROKERAGE, btc("0.10000000"), Cost(brl("0.00"))), Posting(CHECKING, brl("0.00")))
    with_bitcoin().when(RecordTransaction(LUNCH, MARCH, postings)).then(TransactionRecorded(LUNCH, MARCH, postings))


def test_nothing_is_bought_with_itself() -> None:
    posting = Posting(SAVINGS, brl("1.00"), None, Price(brl("1.00")))
    told = RecordTransaction(LUNCH, MARCH, (posting, Posting(CHECKING, brl("-1.00"))))
    given(household()).when(told).then_refused("total_in_same_commodity", commodity="BRL")


def test_a_lot_has_a_day_of_finance_and_a_printable_label() -> None:
    early = Posting(SAVINGS, usd("1.00"), Cost(brl("5.00"), FIRST_DAY - timedelta(days=1)))
    given(household()).when(RecordTransaction(LUNCH, MARCH, (early, Posting(CHECKING, brl("-5.00"))))).then_refused(
        "date_out_of_range"
    )
    spoilt = Posting(SAVINGS, usd("1.00"), Cost(brl("5.00"), None, "\x00"))
    given(household()).when(RecordTransaction(LUNCH, MARCH, (spoilt, Posting(CHECKING, brl("-5.00"))))).then_refused(
        "label_not_valid", field="label"
    )


def test_a_lots_postings_come_back_whole_when_they_are_voided() -> None:
    postings = (
        Posting(BROKERAGE, btc("0.50000000"), Cost(brl("150000.00"), MARCH, "first lot")),
        Posting(CHECKING, brl("-150000.00")),
    )
    book = given(
        household(),
        DeclareCommodity("BTC", 8),
        OpenAccount(BROKERAGE, "Assets:Brokerage"),
        RecordTransaction(LUNCH, MARCH, postings),
    )
    after = (
        book.when(VoidTransaction(LUNCH, "wrong"))
        .then(TransactionVoided(LUNCH, MARCH, postings, None, "wrong"))
        .after()
    )
    assert not any(after.ledger.holdings.values())


# Opening balances


def test_an_opening_balance_stands_against_the_opening_account() -> None:
    given(household()).when(SetOpeningBalance(OTHER, CHECKING, MARCH, brl("1000"))).then(
        TransactionRecorded(OTHER, MARCH, (Posting(CHECKING, brl("1000.00")), Posting(OPENING, brl("-1000.00"))))
    )


def test_only_what_is_owned_or_owed_has_an_opening_balance() -> None:
    for account in (FOOD, SALARY, OPENING):
        given(household()).when(SetOpeningBalance(OTHER, account, MARCH, brl("1"))).then_refused(
            "opening_needs_asset_or_liability"
        )


def test_without_its_opening_account_a_book_takes_no_opening_balance() -> None:
    book = given(household(), RenameAccount(OPENING, "Equity:Elsewhere"))
    book.when(SetOpeningBalance(OTHER, CHECKING, MARCH, brl("1"))).then_refused(
        "opening_account_missing", name="Equity:Opening-Balances"
    )


# Amending and voiding


def test_an_amendment_carries_what_it_reverses_on_its_own_day() -> None:
    new = moved(brl("12.00"), CARD, GROCERIES)
    book = given(household(), RecordTransaction(LUNCH, MARCH, TEN, "Padaria"))
    after = (
        book.when(AmendTransaction(LUNCH, NEXT_DAY, new, "Mercado", "memo", ("t",), ("l",), "typo"))
        .then(TransactionAmended(LUNCH, MARCH, TEN, NEXT_DAY, new, "Mercado", "memo", ("t",), ("l",), "typo"))
        .after()
    )
    held = {place: minor for place, minor in after.ledger.holdings.items() if minor}
    assert held == {(CARD, "BRL"): -1200, (GROCERIES, "BRL"): 1200}
    assert after.ledger.transaction(LUNCH) == (NEXT_DAY, new, None)


def test_an_amendment_reverses_what_stands_not_what_stood_first() -> None:
    new = moved(brl("12.00"), CARD, GROCERIES)
    book = given(household(), RecordTransaction(LUNCH, MARCH, TEN), AmendTransaction(LUNCH, NEXT_DAY, new))
    book.when(VoidTransaction(LUNCH)).then(TransactionVoided(LUNCH, NEXT_DAY, new))


def test_an_amendment_is_judged_as_a_recording_is() -> None:
    book = given(household(), RecordTransaction(LUNCH, MARCH, TEN))
    book.when(AmendTransaction(LUNCH, MARCH, TEN[:1])).then_refused("postings_missing")
    book.when(AmendTransaction(LUNCH, MARCH, (TEN[0], TEN[0]))).then_refused("transaction_unbalanced")
    book.when(AmendTransaction(LUNCH, MARCH, TEN, reason="\x00")).then_refused("text_not_printable", field="reason")
    book.when(VoidTransaction(LUNCH, "x" * 2001)).then_refused("text_too_long", field="reason")


def test_a_void_takes_back_and_can_not_be_repeated() -> None:
    book = given(household(), RecordTransaction(LUNCH, MARCH, TEN))
    after = book.when(VoidTransaction(LUNCH, "twice")).then(TransactionVoided(LUNCH, MARCH, TEN, None, "twice")).after()
    assert not any(after.ledger.holdings.values())
    Given(after).when(VoidTransaction(LUNCH)).then_refused("transaction_not_standing", transaction=LUNCH)
    Given(after).when(AmendTransaction(LUNCH, MARCH, TEN)).then_refused("transaction_not_standing")


def test_a_transaction_that_never_was_is_neither_amended_nor_voided() -> None:
    given(household()).when(VoidTransaction(OTHER)).then_refused("transaction_not_standing", transaction=OTHER)


# Reconciliation


def reconciled() -> Given:
    """10.00 of lunch in March, and the bank's word for it."""
    return given(household(), RecordTransaction(LUNCH, MARCH, TEN), AssertBalance(CHECKING, MARCH, brl("-10.00")))


def test_a_balance_is_confirmed_where_it_is_so() -> None:
    book = given(household(), RecordTransaction(LUNCH, MARCH, TEN))
    book.when(AssertBalance(CHECKING, MARCH, brl("-10"))).then(BalanceAsserted(CHECKING, MARCH, brl("-10.00")))
    book.when(AssertBalance(CHECKING, MARCH - timedelta(days=1), brl("0"))).then(
        BalanceAsserted(CHECKING, MARCH - timedelta(days=1), brl("0.00"))
    )


def test_a_balance_that_differs_is_refused_with_the_difference() -> None:
    book = given(household(), RecordTransaction(LUNCH, MARCH, TEN))
    book.when(AssertBalance(CHECKING, MARCH, brl("-9.00"))).then_refused(
        "balance_differs", stated=brl("-9.00"), held=brl("-10.00"), difference=brl("1.00"), account="Assets:Checking"
    )
    book.when(AssertBalance(CHECKING, MARCH, parse_amount("0", "NOPE"))).then_refused("commodity_unknown")
    book.when(AssertBalance(AccountId("nobody's"), MARCH, brl("0"))).then_refused("account_unknown")


def test_the_same_day_is_confirmed_once() -> None:
    reconciled().when(AssertBalance(CHECKING, MARCH, brl("-10.00"))).then()


def test_a_balance_of_a_unit_never_used_is_zero_and_declares_it() -> None:
    given(household()).when(AssertBalance(CHECKING, MARCH, parse_amount("0", "JPY"))).then(
        CommodityDeclared("JPY", 0), BalanceAsserted(CHECKING, MARCH, parse_amount("0", "JPY"))
    )


def test_what_a_confirmed_balance_rests_on_is_not_changed() -> None:
    book = reconciled()
    refusal = {"transaction": LUNCH, "account": "Assets:Checking"}
    book.when(VoidTransaction(LUNCH)).then_refused("transaction_reconciled", **refusal)
    more = moved(brl("10.01"), CHECKING, FOOD)
    book.when(AmendTransaction(LUNCH, MARCH, more)).then_refused("transaction_reconciled", **refusal)
    book.when(AmendTransaction(LUNCH, NEXT_DAY, TEN)).then_refused("transaction_reconciled", **refusal)
    elsewhere = moved(brl("10.00"), CARD, FOOD)
    book.when(AmendTransaction(LUNCH, MARCH, elsewhere)).then_refused("transaction_reconciled", **refusal)


def test_a_new_category_leaves_a_confirmed_balance_as_it_is() -> None:
    other = moved(brl("10.00"), CHECKING, GROCERIES)
    reconciled().when(AmendTransaction(LUNCH, MARCH, other, "Mercado")).then(
        TransactionAmended(LUNCH, MARCH, TEN, MARCH, other, "Mercado")
    )
    earlier = MARCH - timedelta(days=30)
    split = (*moved(brl("4.00"), CHECKING, FOOD), *moved(brl("6.00"), CHECKING, GROCERIES))
    reconciled().when(AmendTransaction(LUNCH, earlier, split)).then(
        TransactionAmended(LUNCH, MARCH, TEN, earlier, split)
    )


def test_an_amendment_never_moves_money_under_a_confirmed_balance() -> None:
    book = given(
        household(),
        AssertBalance(CARD, MARCH, brl("0")),
        RecordTransaction(LUNCH, NEXT_DAY, moved(brl("10.00"), CARD, FOOD)),
    )
    book.when(AmendTransaction(LUNCH, MARCH, moved(brl("10.00"), CARD, FOOD))).then_refused(
        "transaction_reconciled", account="Liabilities:Card"
    )
    book.when(VoidTransaction(LUNCH)).then(TransactionVoided(LUNCH, NEXT_DAY, moved(brl("10.00"), CARD, FOOD)))


def test_only_the_commodity_that_was_confirmed_is_held_fast() -> None:
    dollars = RecordTransaction(DINNER, MARCH, moved(usd("5.00"), CHECKING, FOOD))
    book = given(
        household(), RecordTransaction(LUNCH, MARCH, TEN), dollars, AssertBalance(CHECKING, MARCH, brl("-10.00"))
    )
    book.when(VoidTransaction(DINNER)).then(TransactionVoided(DINNER, MARCH, dollars.postings))
    book.when(VoidTransaction(LUNCH)).then_refused("transaction_reconciled")


def test_a_confirmation_taken_back_frees_what_it_held() -> None:
    book = given(reconciled_events(), AssertBalance(CHECKING, NEXT_DAY, brl("-10.00")))
    book.when(WithdrawAssertion(CHECKING, "BRL")).then(AssertionWithdrawn(CHECKING, "BRL", NEXT_DAY))
    once = given(
        reconciled_events(), AssertBalance(CHECKING, NEXT_DAY, brl("-10.00")), WithdrawAssertion(CHECKING, "BRL")
    )
    once.when(VoidTransaction(LUNCH)).then_refused("transaction_reconciled")
    twice = given(reconciled_events(), WithdrawAssertion(CHECKING, "BRL"))
    twice.when(VoidTransaction(LUNCH)).then(TransactionVoided(LUNCH, MARCH, TEN))
    twice.when(WithdrawAssertion(CHECKING, "BRL")).then_refused("assertion_unknown", commodity="BRL")


def reconciled_events() -> list[Told]:
    return [*household(), RecordTransaction(LUNCH, MARCH, TEN), AssertBalance(CHECKING, MARCH, brl("-10.00"))]


# Closed periods


def closed() -> Given:
    """Lunch in a closed March, dinner on the first open day."""
    return given(
        household(),
        RecordTransaction(LUNCH, MARCH, TEN),
        RecordTransaction(DINNER, NEXT_DAY, TEN),
        AssertBalance(CHECKING, MARCH, brl("-10.00")),
        ClosePeriod(MARCH, LAST_DAY),
    )


def test_a_closed_period_opens_no_more() -> None:
    closed().when(ClosePeriod(NEXT_DAY, LAST_DAY)).then(PeriodClosed(NEXT_DAY))
    for day in (MARCH, MARCH - timedelta(days=1)):
        closed().when(ClosePeriod(day, LAST_DAY)).then_refused("period_closed", date=day, closed_through=MARCH)


def test_in_a_closed_period_nothing_is_recorded_amended_voided_or_confirmed() -> None:
    book = closed()
    book.when(RecordTransaction(OTHER, MARCH, TEN)).then_refused("period_closed", date=MARCH, closed_through=MARCH)
    book.when(VoidTransaction(LUNCH)).then_refused("transaction_not_standing", closed_through=MARCH)
    book.when(AmendTransaction(LUNCH, NEXT_DAY, TEN)).then_refused("transaction_not_standing")
    book.when(AmendTransaction(DINNER, MARCH, TEN)).then_refused("period_closed")
    book.when(AssertBalance(CHECKING, MARCH, brl("-10.00"))).then_refused("period_closed")
    book.when(SetOpeningBalance(OTHER, CHECKING, MARCH, brl("1"))).then_refused("period_closed")
    book.when(WithdrawAssertion(CHECKING, "BRL")).then_refused("period_closed")


def test_what_a_closed_period_held_leaves_the_state_and_stays_in_the_balance() -> None:
    ledger = closed().book.ledger
    assert set(ledger.standing) == {DINNER}
    assert ledger.holdings[CHECKING, "BRL"] == -2000
    assert ledger.held_on(CHECKING, "BRL", MARCH) == -1000


def test_a_dated_correction_names_the_original_of_a_closed_period() -> None:
    back = moved(brl("10.00"), FOOD, CHECKING)
    closed().when(RecordTransaction(OTHER, NEXT_DAY, back, corrects=LUNCH)).then(
        TransactionRecorded(OTHER, NEXT_DAY, back, corrects=LUNCH)
    )
    closed().when(RecordTransaction(OTHER, NEXT_DAY, back, corrects=DINNER)).then_refused(
        "original_still_open", transaction=DINNER
    )


def test_a_period_is_closed_only_when_it_is_over() -> None:
    given(household()).when(ClosePeriod(MARCH, MARCH)).then_refused("period_not_over", date=MARCH, today=MARCH)
    given(household()).when(ClosePeriod(MARCH, NEXT_DAY)).then(PeriodClosed(MARCH))
