"""Categorizing: a transaction's one category is another, and all else of it stays as it is."""

from __future__ import annotations

import pytest

from domain.ledger import (
    AccountId,
    AssertBalance,
    CategorizeTransaction,
    CloseAccount,
    ClosePeriod,
    ConcludeImport,
    Cost,
    ImportId,
    ImportUndone,
    MergeAccount,
    OpenAccount,
    Posting,
    RecordTransaction,
    RuleId,
    TransactionCategorized,
    TransactionId,
    TransactionVoided,
    UndoImport,
    VoidTransaction,
)
from tests.given import CARD, CHECKING, FOOD, GROCERIES, SALARY, SAVINGS, Told, brl, given, household, moved, on, usd

LUNCH, RULE, FILE = TransactionId("t-lunch"), RuleId("r-1"), ImportId("i-1")
DAY = on("2026-09-14")
ON_FOOD, ON_GROCERIES = moved(brl("30.00"), CHECKING, FOOD), moved(brl("30.00"), CHECKING, GROCERIES)


def lunch(import_id: ImportId | None = None) -> list[Told]:
    return [household(), RecordTransaction(LUNCH, DAY, ON_FOOD, "Corner Market", import_id=import_id)]


def test_a_transaction_goes_to_another_category_on_its_own_day() -> None:
    given(lunch()).when(CategorizeTransaction(LUNCH, GROCERIES)).then(
        TransactionCategorized(LUNCH, DAY, ON_FOOD, ON_GROCERIES)
    )
    book = given(lunch(), CategorizeTransaction(LUNCH, GROCERIES)).book
    assert book.ledger.transaction(LUNCH) == (DAY, ON_GROCERIES, None)
    assert {place: minor for place, minor in book.ledger.holdings.items() if minor} == {
        (GROCERIES, "BRL"): 3000,
        (CHECKING, "BRL"): -3000,
    }


def test_the_rule_that_says_so_is_named() -> None:
    given(lunch()).when(CategorizeTransaction(LUNCH, GROCERIES, RULE)).then(
        TransactionCategorized(LUNCH, DAY, ON_FOOD, ON_GROCERIES, RULE)
    )
    given(lunch()).when(CategorizeTransaction(LUNCH, GROCERIES, RuleId("the rule"))).then_refused(
        "id_not_valid", field="rule"
    )


def test_what_stands_there_already_needs_nothing() -> None:
    given(lunch()).when(CategorizeTransaction(LUNCH, FOOD)).then()


def test_income_may_become_a_refund_of_an_expense() -> None:
    back = moved(brl("5.00"), SALARY, CHECKING)
    given(household(), RecordTransaction(LUNCH, DAY, back)).when(CategorizeTransaction(LUNCH, FOOD)).then(
        TransactionCategorized(LUNCH, DAY, back, moved(brl("5.00"), FOOD, CHECKING))
    )


def test_only_a_category_of_the_book_can_be_said() -> None:
    given(lunch()).when(CategorizeTransaction(LUNCH, SAVINGS)).then_refused(
        "account_not_a_category", account="Assets:Savings"
    )
    given(lunch()).when(CategorizeTransaction(LUNCH, AccountId("nobody's"))).then_refused("account_unknown")
    given(lunch(), MergeAccount(GROCERIES, FOOD)).when(CategorizeTransaction(LUNCH, GROCERIES)).then_refused(
        "account_merged", into=FOOD
    )


def test_a_category_takes_its_days_and_its_commodities_only() -> None:
    narrow = AccountId("a-narrow")
    given(lunch(), CloseAccount(GROCERIES, on("2026-09-13"))).when(
        CategorizeTransaction(LUNCH, GROCERIES)
    ).then_refused("account_closed", account="Expenses:Food:Groceries")
    given(lunch(), OpenAccount(narrow, "Expenses:Late", (), on("2026-09-15"))).when(
        CategorizeTransaction(LUNCH, narrow)
    ).then_refused("account_not_open_yet", opened_on=on("2026-09-15"))
    given(lunch(), OpenAccount(narrow, "Expenses:Abroad", ("USD",))).when(
        CategorizeTransaction(LUNCH, narrow)
    ).then_refused("account_takes_other_commodity", commodity="BRL")


@pytest.mark.parametrize(
    ("postings", "count"),
    [
        (moved(brl("30.00"), CHECKING, SAVINGS), 0),
        ((Posting(FOOD, brl("10.00")), Posting(GROCERIES, brl("20.00")), Posting(CHECKING, brl("-30.00"))), 2),
    ],
)
def test_a_transaction_of_no_category_or_of_several_is_not_categorized_as_one(
    postings: tuple[Posting, ...], count: int
) -> None:
    given(household(), RecordTransaction(LUNCH, DAY, postings)).when(
        CategorizeTransaction(LUNCH, GROCERIES)
    ).then_refused("transaction_not_of_one_category", transaction=LUNCH, count=count)


def test_an_exchange_keeps_what_it_cost() -> None:
    abroad = (Posting(FOOD, usd("10.00"), Cost(brl("54.00"))), Posting(CARD, brl("-54.00")))
    given(household(), RecordTransaction(LUNCH, DAY, abroad)).when(CategorizeTransaction(LUNCH, GROCERIES)).then(
        TransactionCategorized(
            LUNCH,
            DAY,
            abroad,
            (Posting(GROCERIES, usd("10.00"), Cost(brl("54.00"))), Posting(CARD, brl("-54.00"))),
        )
    )


def test_what_is_voided_or_closed_is_not_categorized() -> None:
    given(lunch(), VoidTransaction(LUNCH)).when(CategorizeTransaction(LUNCH, GROCERIES)).then_refused(
        "transaction_not_standing"
    )
    given(lunch(), ClosePeriod(DAY, on("2026-10-01"))).when(CategorizeTransaction(LUNCH, GROCERIES)).then_refused(
        "transaction_not_standing", closed_through=DAY
    )


def test_a_confirmed_balance_does_not_keep_a_transaction_from_its_category() -> None:
    given(lunch(), AssertBalance(CHECKING, DAY, brl("-30.00"))).when(CategorizeTransaction(LUNCH, GROCERIES)).then(
        TransactionCategorized(LUNCH, DAY, ON_FOOD, ON_GROCERIES)
    )


def test_an_undone_import_takes_back_what_was_categorized_since_on_its_new_category() -> None:
    told: list[Told] = [
        lunch(FILE),
        ConcludeImport(FILE, "ofx", CHECKING, 1, 0),
        CategorizeTransaction(LUNCH, GROCERIES),
    ]
    undone = given(told).when(UndoImport(FILE))
    undone.then(TransactionVoided(LUNCH, DAY, ON_GROCERIES, FILE), ImportUndone(FILE, 1))
    assert not any(undone.after().ledger.holdings.values())


def test_putting_it_elsewhere_is_a_movement_within_what_a_book_may_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.ledger.transactions.MAX_TURNOVER_MINOR", 4 * 3000)
    told: list[Told] = [lunch(), CategorizeTransaction(LUNCH, GROCERIES)]
    given(told).when(CategorizeTransaction(LUNCH, FOOD)).then_refused("turnover_out_of_range", commodity="BRL")
