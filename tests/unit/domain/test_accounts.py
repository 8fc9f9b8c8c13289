"""Accounts and commodities: what can be posted to, and in which units."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from domain.ledger import (
    FIRST_DAY,
    LAST_DAY,
    AccountClosed,
    AccountId,
    AccountMerged,
    AccountOpened,
    AccountRenamed,
    AmendTransaction,
    AssertBalance,
    AssertionWithdrawn,
    CloseAccount,
    ClosePeriod,
    CommodityDeclared,
    DeclareCommodity,
    Kind,
    MergeAccount,
    OpenAccount,
    Posting,
    RecordTransaction,
    RenameAccount,
    SetOpeningBalance,
    TransactionAmended,
    TransactionId,
    TransactionRecorded,
    TransactionVoided,
    VoidTransaction,
    WithdrawAssertion,
    kind_of,
)
from domain.ledger.vocabulary import MAX_COMMODITIES
from domain.money import MAX_CODE_CHARS
from tests.given import (
    CARD,
    CHECKING,
    FOOD,
    GROCERIES,
    OPENING,
    SALARY,
    SAVINGS,
    brl,
    given,
    household,
    moved,
    on,
    usd,
)

NEW = AccountId("a-new")
T1, T2 = TransactionId("t-1"), TransactionId("t-2")
MARCH = on("2026-03-10")


def test_an_account_is_opened_under_its_name_with_its_kind() -> None:
    given(household()).when(OpenAccount(NEW, "Assets:Brokerage", ("BRL", "USD"), MARCH, False)).then(
        CommodityDeclared("USD", 2),
        AccountOpened(NEW, Kind.ASSETS, ("BRL", "USD"), MARCH, False, "Assets:Brokerage"),
    )


@pytest.mark.parametrize(
    "name",
    [
        "Assets:Conta Corrente", "Expenses:Café:Pão de Queijo", "Income:給料", "Liabilities:Cartão (Nu)", "Equity:a",
        "Expenses:🛒", "Assets:" + "x" * 243, ":".join(["Assets", *"abcdefghijk"]),
    ],
)  # fmt: skip
def test_an_account_can_be_named_in_any_writing(name: str) -> None:
    assert kind_of(name).value == name.split(":")[0]


@pytest.mark.parametrize(
    "name",
    [
        "", "Assets", "Assets:", ":Assets", "Assets::Bank", "assets:Bank", "Food:Bread", "Assets: Bank", "Assets:Bank ",
        "Assets:Ba\nnk", "Assets:\x00", "Assets:\ud800", "Assets:Cafe\u0301", "Assets:" + "x" * 244,
        ":".join(["Assets", *"abcdefghijkl"]), "Kind.ASSETS:Bank", "ASSETS:Bank",
    ],
)  # fmt: skip
def test_what_is_no_account_name_is_refused(name: str) -> None:
    given(household()).when(OpenAccount(NEW, name)).then_refused("account_name_not_valid", name=name[:250])


def test_two_accounts_never_share_an_id_or_a_name() -> None:
    book = given(household())
    book.when(OpenAccount(CHECKING, "Assets:Another")).then_refused("account_id_used", account=CHECKING)
    book.when(OpenAccount(NEW, "Assets:Checking")).then_refused(
        "account_name_used", name="Assets:Checking", account=CHECKING
    )
    book.when(RenameAccount(SAVINGS, "Assets:Checking")).then_refused("account_name_used", account=CHECKING)


def test_a_name_that_was_given_up_is_free_again() -> None:
    book = given(household(), RenameAccount(CHECKING, "Assets:Old bank"), MergeAccount(GROCERIES, FOOD))
    book.when(OpenAccount(NEW, "Assets:Checking")).then(
        AccountOpened(NEW, Kind.ASSETS, (), None, True, "Assets:Checking")
    )
    book.when(OpenAccount(NEW, "Expenses:Food:Groceries")).then(
        AccountOpened(NEW, Kind.EXPENSES, (), None, True, "Expenses:Food:Groceries")
    )


@pytest.mark.parametrize("day", [FIRST_DAY - timedelta(days=1), LAST_DAY + timedelta(days=1), date.max, date.min])
def test_an_account_opens_and_closes_within_the_days_of_finance(day: date) -> None:
    book = given(household())
    refusal = {"date": day, "first": FIRST_DAY, "last": LAST_DAY}
    book.when(OpenAccount(NEW, "Assets:New", opened_on=day)).then_refused("date_out_of_range", **refusal)
    book.when(CloseAccount(CHECKING, day)).then_refused("date_out_of_range", **refusal)


def test_an_account_takes_only_units_that_are_known() -> None:
    given(household()).when(OpenAccount(NEW, "Assets:New", ("BRL", "PETR4"))).then_refused(
        "commodity_unknown", commodity="PETR4"
    )


def test_a_rename_keeps_the_kind_and_the_past() -> None:
    book = given(household())
    book.when(RenameAccount(FOOD, "Expenses:Meals")).then(AccountRenamed(FOOD, "Expenses:Meals"))
    book.when(RenameAccount(FOOD, "Expenses:Food")).then()
    book.when(RenameAccount(FOOD, "Income:Food")).then_refused("account_kind_fixed", kind=Kind.EXPENSES)
    book.when(RenameAccount(FOOD, "Food")).then_refused("account_name_not_valid")
    book.when(RenameAccount(NEW, "Expenses:Meals")).then_refused("account_unknown", account=NEW)


def test_an_empty_account_is_closed_from_the_day_after() -> None:
    lunch = RecordTransaction(T1, MARCH, moved(brl("10.00"), CHECKING, FOOD))
    back = RecordTransaction(T2, MARCH, moved(brl("10.00"), FOOD, CHECKING))
    book = given(household(), lunch, back)
    book.when(CloseAccount(CHECKING, MARCH)).then(AccountClosed(CHECKING, MARCH))
    closed = given(household(), lunch, back, CloseAccount(CHECKING, MARCH))
    closed.when(CloseAccount(CHECKING, MARCH)).then_refused("account_closed", on=MARCH)
    late = RecordTransaction(TransactionId("t-3"), MARCH + timedelta(days=1), moved(brl("1.00"), CHECKING, FOOD))
    closed.when(late).then_refused("account_closed", account="Assets:Checking", on=MARCH)


def test_a_closed_account_stays_empty_whatever_the_day() -> None:
    lunch = RecordTransaction(T1, MARCH, moved(brl("10.00"), CHECKING, FOOD))
    back = RecordTransaction(T2, MARCH, moved(brl("10.00"), FOOD, CHECKING))
    closed = given(household(), lunch, back, CloseAccount(CHECKING, MARCH))
    day_before = MARCH - timedelta(days=1)
    refusal = {"account": "Assets:Checking", "on": MARCH}
    third = TransactionId("t-3")
    for postings in (lunch.postings, moved(brl("0.00"), CHECKING, FOOD)):
        closed.when(RecordTransaction(third, day_before, postings)).then_refused("account_closed", **refusal)
    closed.when(SetOpeningBalance(third, CHECKING, day_before, brl("1.00"))).then_refused("account_closed", **refusal)
    closed.when(VoidTransaction(T1)).then_refused("account_closed", **refusal)
    dearer = AmendTransaction(T1, MARCH, moved(brl("11.00"), CHECKING, FOOD))
    closed.when(dearer).then_refused("account_closed", **refusal)


def test_an_amendment_may_change_all_but_what_stands_on_a_closed_account() -> None:
    half = moved(brl("5.00"), CHECKING, FOOD)
    lunch = RecordTransaction(T1, MARCH, half * 2)
    back = RecordTransaction(T2, MARCH, moved(brl("10.00"), FOOD, CHECKING))
    closed = given(household(), lunch, back, CloseAccount(CHECKING, MARCH))
    closed.when(AmendTransaction(T1, MARCH, half)).then_refused("account_closed", account="Assets:Checking")
    other = tuple([Posting(GROCERIES, p.amount) if p.account == FOOD else p for p in lunch.postings])
    closed.when(AmendTransaction(T1, MARCH, other, "Padaria")).then(
        TransactionAmended(T1, MARCH, lunch.postings, MARCH, other, "Padaria")
    )


def test_a_closed_category_takes_what_is_dated_before() -> None:
    closed = given(household(), CloseAccount(FOOD, MARCH))
    postings = moved(brl("1.00"), CHECKING, FOOD)
    closed.when(RecordTransaction(T1, MARCH, postings)).then(TransactionRecorded(T1, MARCH, postings))
    closed.when(RecordTransaction(T1, MARCH + timedelta(days=1), postings)).then_refused("account_closed")


def test_an_account_that_holds_something_is_not_closed_but_a_category_is() -> None:
    book = given(household(), RecordTransaction(T1, MARCH, moved(brl("10.00"), CHECKING, FOOD)))
    book.when(CloseAccount(CHECKING, MARCH)).then_refused(
        "account_not_empty", account="Assets:Checking", minor=-1000, commodity="BRL"
    )
    book.when(CloseAccount(FOOD, MARCH)).then(AccountClosed(FOOD, MARCH))


def test_an_account_is_not_closed_before_its_last_transaction_or_its_opening() -> None:
    book = given(
        household(),
        RecordTransaction(T1, MARCH, moved(brl("10.00"), CHECKING, FOOD)),
        OpenAccount(NEW, "Assets:New", opened_on=MARCH),
    )
    day_before = MARCH - timedelta(days=1)
    book.when(CloseAccount(FOOD, day_before)).then_refused("account_used_later", account="Expenses:Food", on=day_before)
    book.when(CloseAccount(NEW, day_before)).then_refused("account_not_open_yet", opened_on=MARCH, date=day_before)
    book.when(CloseAccount(NEW, MARCH)).then(AccountClosed(NEW, MARCH))


def test_a_voided_transaction_does_not_keep_an_account_open() -> None:
    book = given(household(), RecordTransaction(T1, MARCH, moved(brl("10.00"), CHECKING, FOOD)), VoidTransaction(T1))
    book.when(CloseAccount(CHECKING, on("2026-01-01"))).then(AccountClosed(CHECKING, on("2026-01-01")))


def test_an_account_is_not_closed_before_a_transaction_of_a_closed_period() -> None:
    book = given(
        household(),
        RecordTransaction(T1, MARCH, moved(brl("10.00"), CHECKING, FOOD)),
        ClosePeriod(on("2026-03-31"), LAST_DAY),
    )
    book.when(CloseAccount(FOOD, on("2026-02-01"))).then_refused("account_used_later", account="Expenses:Food")
    book.when(CloseAccount(FOOD, MARCH)).then(AccountClosed(FOOD, MARCH))
    book.when(CloseAccount(SALARY, on("2026-02-01"))).then(AccountClosed(SALARY, on("2026-02-01")))


def test_a_category_is_merged_into_another_of_its_kind_with_all_its_past() -> None:
    book = given(
        household(),
        RecordTransaction(T1, MARCH, moved(brl("10.00"), CHECKING, GROCERIES)),
        RecordTransaction(T2, MARCH, moved(brl("5.00"), CHECKING, FOOD)),
    )
    after = book.when(MergeAccount(GROCERIES, FOOD)).then(AccountMerged(GROCERIES, FOOD)).after()
    assert after.ledger.holdings[FOOD, "BRL"] == 1500
    assert (GROCERIES, "BRL") not in after.ledger.holdings
    assert after.ledger.held_on(FOOD, "BRL", MARCH) == 1500


@pytest.mark.parametrize(("account", "into"), [(FOOD, FOOD), (FOOD, SALARY), (CHECKING, SAVINGS), (CARD, OPENING)])
def test_only_two_categories_of_one_kind_are_merged(account: AccountId, into: AccountId) -> None:
    given(household()).when(MergeAccount(account, into)).then_refused("accounts_not_mergeable")


def test_nothing_is_merged_into_a_closed_category() -> None:
    given(household(), CloseAccount(FOOD, MARCH)).when(MergeAccount(GROCERIES, FOOD)).then_refused(
        "account_closed", account="Expenses:Food", on=MARCH
    )


def test_a_merged_category_takes_nothing_any_more() -> None:
    book = given(household(), MergeAccount(GROCERIES, FOOD))
    refusal = {"account": GROCERIES, "into": FOOD}
    book.when(RecordTransaction(T1, MARCH, moved(brl("1.00"), CHECKING, GROCERIES))).then_refused(
        "account_merged", **refusal
    )
    book.when(RenameAccount(GROCERIES, "Expenses:Groceries")).then_refused("account_merged", **refusal)
    book.when(CloseAccount(GROCERIES, MARCH)).then_refused("account_merged", **refusal)
    book.when(MergeAccount(FOOD, GROCERIES)).then_refused("account_merged", **refusal)


def test_voiding_what_was_posted_before_a_merge_takes_it_from_the_merged_category() -> None:
    spent = RecordTransaction(T1, MARCH, moved(brl("10.00"), CHECKING, GROCERIES))
    book = given(household(), spent, MergeAccount(GROCERIES, FOOD))
    after = book.when(VoidTransaction(T1)).then(TransactionVoided(T1, MARCH, spent.postings)).after()
    assert after.ledger.holdings[FOOD, "BRL"] == 0


def test_what_was_confirmed_of_a_category_stays_confirmed_when_it_is_merged() -> None:
    spent = RecordTransaction(T1, MARCH, moved(brl("10.00"), CHECKING, GROCERIES))
    confirmed = AssertBalance(GROCERIES, MARCH, brl("10.00"))
    book = given(household(), spent, confirmed, MergeAccount(GROCERIES, FOOD))
    book.when(VoidTransaction(T1)).then_refused("transaction_reconciled", account="Expenses:Food")
    book.when(WithdrawAssertion(FOOD, "BRL")).then(AssertionWithdrawn(FOOD, "BRL", MARCH))
    withdrawn = given(household(), spent, confirmed, MergeAccount(GROCERIES, FOOD), WithdrawAssertion(FOOD, "BRL"))
    withdrawn.when(VoidTransaction(T1)).then(TransactionVoided(T1, MARCH, spent.postings))


def test_what_is_confirmed_of_a_merged_category_covers_what_the_other_brought() -> None:
    spent = RecordTransaction(T1, MARCH, moved(brl("10.00"), CHECKING, GROCERIES))
    book = given(household(), spent, MergeAccount(GROCERIES, FOOD), AssertBalance(FOOD, MARCH, brl("10.00")))
    book.when(VoidTransaction(T1)).then_refused("transaction_reconciled", transaction=T1, account="Expenses:Food")


# Commodities


@pytest.mark.parametrize(
    ("code", "scale"), [("IVVB11", 0), ("BTC", 8), ("X", 9), ("A" * 24, 3), ("VT.US-1", 2), ("O'X", 1)]
)
def test_a_unit_is_declared_with_its_decimal_places(code: str, scale: int) -> None:
    given(household()).when(DeclareCommodity(code, scale)).then(CommodityDeclared(code, scale))


def test_a_unit_is_declared_once_and_for_all() -> None:
    book = given(household(), DeclareCommodity("BTC", 8))
    book.when(DeclareCommodity("BTC", 8)).then()
    book.when(DeclareCommodity("BTC", 9)).then_refused("commodity_declared_otherwise", commodity="BTC", scale=8)
    book.when(DeclareCommodity("BRL", 0)).then_refused("commodity_declared_otherwise", commodity="BRL", scale=2)


@pytest.mark.parametrize("scale", [-1, 10, 10**9])
def test_a_unit_has_none_to_nine_decimal_places(scale: int) -> None:
    given(household()).when(DeclareCommodity("BTC", scale)).then_refused("scale_out_of_range", scale=scale, limit=9)


@pytest.mark.parametrize(
    "code", ["", "btc", "1BTC", "B TC", "BTÇ", "BTC.", "-BTC", "B:C", "A" * 25, "BTC\n", "\uff22\uff34\uff23"]
)
def test_a_code_is_one_that_other_ledgers_can_read(code: str) -> None:
    given(household()).when(DeclareCommodity(code, 2)).then_refused(
        "commodity_code_not_valid", commodity=code[:MAX_CODE_CHARS]
    )


def test_a_currency_of_the_world_declares_itself_when_it_is_first_used() -> None:
    lunch = RecordTransaction(T1, MARCH, moved(usd("10.00"), CHECKING, FOOD))
    outcome = given(household()).when(lunch)
    assert outcome.events[0] == CommodityDeclared("USD", 2)
    assert len(outcome.events) == 2
    again = RecordTransaction(T2, MARCH, moved(usd("10.00"), CHECKING, FOOD))
    assert len(given(household(), lunch).when(again).events) == 1


def test_a_book_has_room_for_so_many_units() -> None:
    book = given(household(), [CommodityDeclared(f"U{n}", 0) for n in range(MAX_COMMODITIES - 1)])
    book.when(DeclareCommodity("ONEMORE", 0)).then_refused("too_many_commodities", limit=MAX_COMMODITIES)
    lunch = RecordTransaction(T1, MARCH, moved(usd("10.00"), CHECKING, FOOD))
    after = book.when(lunch).after()
    assert after.ledger.transaction(T1) is not None


def test_a_category_is_not_merged_into_one_that_takes_less() -> None:
    narrow, late = AccountId("a-narrow"), AccountId("a-late")
    book = given(
        household(),
        OpenAccount(narrow, "Expenses:Narrow", ("BRL",)),
        OpenAccount(late, "Expenses:Late", opened_on=on("2026-02-01")),
    )
    book.when(MergeAccount(FOOD, narrow)).then_refused("merge_target_narrower")
    book.when(MergeAccount(FOOD, late)).then_refused("merge_target_narrower")
    book.when(MergeAccount(narrow, FOOD)).then(AccountMerged(narrow, FOOD))


def test_a_currency_keeps_at_least_its_own_decimal_places() -> None:
    given(household()).when(DeclareCommodity("USD", 1)).then_refused("scale_below_currency", scale=2)
    given(household()).when(DeclareCommodity("USD", 4)).then(CommodityDeclared("USD", 4))
