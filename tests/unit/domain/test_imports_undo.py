"""Imports: one atomic decision, undone as a whole or not at all."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from domain.ledger import (
    LAST_DAY,
    AccountId,
    AmendTransaction,
    AssertBalance,
    CloseAccount,
    ClosePeriod,
    ConcludeImport,
    ImportCommitted,
    ImportId,
    ImportUndone,
    RecordTransaction,
    SetOpeningBalance,
    TransactionId,
    TransactionVoided,
    UndoImport,
    VoidTransaction,
)
from domain.ledger.importing import MAX_NAMED_BLOCKERS
from tests.given import CARD, CHECKING, FOOD, GROCERIES, Given, Told, brl, given, household, moved, on

FIRST, SECOND = ImportId("i-1"), ImportId("i-2")
DAY = on("2026-03-10")
BY_HAND, BACK = TransactionId("t-by-hand"), TransactionId("t-back")


def row(number: int, import_id: ImportId = FIRST, days_later: int = 0) -> RecordTransaction:
    return RecordTransaction(
        TransactionId(f"{import_id}-{number}"),
        DAY + timedelta(days=days_later),
        moved(brl(f"{number}.00"), CHECKING, FOOD),
        import_id=import_id,
        fingerprint=f"{import_id}-row-{number}",
    )


def conclusion(import_id: ImportId = FIRST, recorded: int = 2) -> ConcludeImport:
    return ConcludeImport(import_id, "ofx", CHECKING, recorded, 0, "extrato.ofx")


def imported(*more: Told) -> Given:
    """Something by hand, an import of two rows, and more."""
    by_hand = RecordTransaction(BY_HAND, DAY, moved(brl("100.00"), CARD, GROCERIES))
    return given(household(), by_hand, row(1), row(2, days_later=1), conclusion(), more)


def test_an_import_is_concluded_by_what_it_did() -> None:
    given(household()).when(ConcludeImport(FIRST, "ofx", CHECKING, 2, 3, "extrato.ofx")).then(
        ImportCommitted(FIRST, "ofx", CHECKING, 2, 3, "extrato.ofx")
    )
    given(household()).when(ConcludeImport(FIRST, "beancount", None, 0, 0)).then(
        ImportCommitted(FIRST, "beancount", None, 0, 0)
    )


def test_a_conclusion_names_an_account_that_is_there_and_a_printable_file() -> None:
    nobody = AccountId("nobody's")
    given(household()).when(ConcludeImport(FIRST, "ofx", nobody, 0, 0)).then_refused("account_unknown", account=nobody)
    given(household()).when(ConcludeImport(FIRST, "ofx", None, 0, 0, "\x00")).then_refused(
        "text_not_printable", field="file_name"
    )


def test_an_undo_voids_all_that_the_import_recorded_and_nothing_else() -> None:
    after = (
        imported()
        .when(UndoImport(FIRST))
        .then(
            TransactionVoided(row(1).transaction, DAY, row(1).postings, FIRST),
            TransactionVoided(row(2).transaction, DAY + timedelta(days=1), row(2).postings, FIRST),
            ImportUndone(FIRST, 2),
        )
        .after()
    )
    held = {place: minor for place, minor in after.ledger.holdings.items() if minor}
    assert held == {(CARD, "BRL"): -10000, (GROCERIES, "BRL"): 10000}
    assert set(after.ledger.standing) == {BY_HAND}
    Given(after).when(UndoImport(FIRST)).then_refused("import_unknown", import_id=FIRST)


def test_an_undo_takes_edited_rows_too_as_they_stand() -> None:
    edited = moved(brl("2.00"), CHECKING, GROCERIES)
    book = imported(AmendTransaction(row(2).transaction, DAY, edited, "Mercado"), VoidTransaction(row(1).transaction))
    book.when(UndoImport(FIRST)).then(
        TransactionVoided(row(2).transaction, DAY, edited, FIRST),
        ImportUndone(FIRST, 1),
    )


def test_an_undo_takes_the_opening_balance_that_came_with_the_file() -> None:
    book = given(
        household(), SetOpeningBalance(TransactionId("t-open"), CHECKING, DAY, brl("50"), FIRST), row(1), conclusion()
    )
    after = book.when(UndoImport(FIRST)).after()
    assert not any(after.ledger.holdings.values())


def test_an_import_that_never_was_is_not_undone() -> None:
    imported().when(UndoImport(SECOND)).then_refused("import_unknown", import_id=SECOND)


def test_two_imports_are_undone_each_for_itself() -> None:
    book = imported(row(3, SECOND), row(4, SECOND), conclusion(SECOND))
    after = book.when(UndoImport(FIRST)).after()
    assert after.ledger.holdings[CHECKING, "BRL"] == -700
    assert after.ledger.transaction(row(3, SECOND).transaction) == (DAY, row(3, SECOND).postings, SECOND)
    final = Given(after).when(UndoImport(SECOND)).after()
    assert final.ledger.holdings[CHECKING, "BRL"] == 0


def test_an_undone_file_can_be_imported_again_and_undone_again() -> None:
    again = [row(number).transaction for number in (1, 2)]
    book = imported(UndoImport(FIRST), row(1), row(2, days_later=1), conclusion())
    assert [type(event) for event in book.when(UndoImport(FIRST)).events] == [
        TransactionVoided,
        TransactionVoided,
        ImportUndone,
    ]
    assert set(again) <= set(book.book.ledger.standing)


def test_an_import_of_which_something_is_confirmed_refuses_whole_and_lists_it() -> None:
    book = imported(AssertBalance(CHECKING, DAY, brl("-1.00")))
    book.when(UndoImport(FIRST)).then_refused(
        "import_reconciled", import_id=FIRST, count=1, transactions=[row(1).transaction]
    )


def test_a_refused_undo_lists_so_many_and_counts_all() -> None:
    rows = [row(number) for number in range(1, MAX_NAMED_BLOCKERS + 6)]
    total = sum(range(1, MAX_NAMED_BLOCKERS + 6))
    book = given(household(), rows, conclusion(), AssertBalance(CHECKING, DAY, brl(f"-{total}")))
    outcome = book.when(UndoImport(FIRST)).then_refused("import_reconciled", count=MAX_NAMED_BLOCKERS + 5)
    assert outcome.refusal is not None
    assert outcome.refusal.params["transactions"] == [told.transaction for told in rows[:MAX_NAMED_BLOCKERS]]


def test_what_the_import_itself_confirmed_goes_with_it() -> None:
    book = given(household(), row(1), AssertBalance(CHECKING, DAY, brl("-1.00"), FIRST), conclusion())
    after = book.when(UndoImport(FIRST)).after()
    assert not any(after.ledger.asserted.values())
    assert after.ledger.holdings[CHECKING, "BRL"] == 0


def test_what_another_import_confirmed_keeps_this_one() -> None:
    book = imported(row(3, SECOND), AssertBalance(CHECKING, DAY, brl("-4.00"), SECOND), conclusion(SECOND))
    book.when(UndoImport(FIRST)).then_refused("import_reconciled", count=1)
    after = book.when(UndoImport(SECOND)).after()
    Given(after).when(UndoImport(FIRST)).then(
        TransactionVoided(row(1).transaction, DAY, row(1).postings, FIRST),
        TransactionVoided(row(2).transaction, DAY + timedelta(days=1), row(2).postings, FIRST),
        ImportUndone(FIRST, 2),
    )


def test_an_undo_that_would_fill_a_closed_account_undoes_nothing() -> None:
    last = DAY + timedelta(days=1)
    book = imported(RecordTransaction(BACK, last, moved(brl("3.00"), FOOD, CHECKING)), CloseAccount(CHECKING, last))
    book.when(UndoImport(FIRST)).then_refused("account_closed", account="Assets:Checking", on=last)


def test_an_import_that_emptied_an_account_by_itself_is_undone_though_the_account_is_closed() -> None:
    back = RecordTransaction(BACK, DAY, moved(brl("1.00"), FOOD, CHECKING), import_id=FIRST)
    book = given(household(), row(1), back, CloseAccount(CHECKING, DAY), conclusion())
    after = book.when(UndoImport(FIRST)).after()
    assert not any(after.ledger.holdings.values())


@pytest.mark.parametrize("through", [DAY, DAY + timedelta(days=40)])
def test_an_import_with_a_row_in_a_closed_period_refuses_whole(through: date) -> None:
    imported(ClosePeriod(through, LAST_DAY)).when(UndoImport(FIRST)).then_refused(
        "import_in_closed_period", import_id=FIRST, closed_through=through
    )


def test_a_period_closed_before_the_first_row_keeps_no_import() -> None:
    book = imported(ClosePeriod(DAY - timedelta(days=1), LAST_DAY))
    assert len(book.when(UndoImport(FIRST)).events) == 3
