"""Joining: what two files tell of one movement stands once, and each file can be undone alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from domain.book import Book, BookCommand
from domain.ledger import (
    AccountId,
    AmendTransaction,
    AssertBalance,
    CategorizeTransaction,
    CloseAccount,
    ClosePeriod,
    ConcludeImport,
    How,
    ImportId,
    Instalment,
    JoinTransaction,
    OpenAccount,
    Posting,
    RecognizeAccount,
    RecordTransaction,
    TransactionId,
    TransactionJoined,
    TransactionParted,
    TransactionRecorded,
    TransactionVoided,
    UndoImport,
    VoidTransaction,
)
from tests.given import CARD, CHECKING, FOOD, GROCERIES, SALARY, brl, given, household, moved, on, tell, usd

BILL, OWN, THIRD = TransactionId("t-bill"), TransactionId("t-own"), TransactionId("t-third")
BANK_FILE, CARD_FILE, OTHER_FILE = ImportId("i-bank"), ImportId("i-card"), ImportId("i-other")
DAY, NEXT_DAY = on("2026-09-08"), on("2026-09-09")
PAID = brl("1322.41")


def row(
    own: TransactionId, day: date, account: AccountId, text: str, told_by: ImportId, against: AccountId = FOOD
) -> RecordTransaction:
    """What a file's row would record on its own."""
    amount = brl(text)
    postings = (Posting(account, amount), Posting(against, -amount))
    return RecordTransaction(own, day, postings, f"words of {told_by}", import_id=told_by, fingerprint=f"f-{own}")


def concluded(import_id: ImportId) -> ConcludeImport:
    return ConcludeImport(import_id, "ofx", None, 1, 0)


def bank_and_card(how: How = How.TRANSFER) -> list[BookCommand]:
    """The bill's payment as the bank told it, and the card's file that joined it."""
    joining = row(OWN, NEXT_DAY, CARD if how is How.TRANSFER else CHECKING, "1322.41", CARD_FILE)
    if how is not How.TRANSFER:
        joining = row(OWN, NEXT_DAY, CHECKING, "-1322.41", CARD_FILE)
    return [
        row(BILL, DAY, CHECKING, "-1322.41", BANK_FILE),
        concluded(BANK_FILE),
        JoinTransaction(BILL, joining, how),
        concluded(CARD_FILE),
    ]


def held(book: Book) -> dict[AccountId, int]:
    return {account: minor for (account, _), minor in book.ledger.holdings.items() if minor}


def test_a_transfer_s_other_leg_takes_the_place_of_its_category() -> None:
    command = JoinTransaction(BILL, row(OWN, NEXT_DAY, CARD, "1322.41", CARD_FILE), How.TRANSFER)
    was = (Posting(CHECKING, -PAID), Posting(FOOD, PAID))
    becomes = (Posting(CHECKING, -PAID), Posting(CARD, PAID))
    own = (Posting(CARD, PAID), Posting(FOOD, -PAID))
    joined = TransactionJoined(
        BILL, How.TRANSFER, OWN, NEXT_DAY, own, DAY, was, DAY, becomes, CARD_FILE, "f-t-own", "words of i-card"
    )
    book = given(household(), bank_and_card()[:2]).when(command).then(joined).after()
    assert held(book) == {CHECKING: -132241, CARD: 132241}


def test_the_same_movement_told_again_moves_nothing() -> None:
    book = given(household(), bank_and_card(How.MATCH)).book
    assert held(book) == {CHECKING: -132241, FOOD: 132241}


def test_undoing_the_second_file_leaves_the_first_as_it_was() -> None:
    for how in (How.TRANSFER, How.MATCH):
        book = given(household(), bank_and_card(how)).when(UndoImport(CARD_FILE)).after()
        assert held(book) == {CHECKING: -132241, FOOD: 132241}
        assert book.ledger.transaction(BILL) is not None
        assert not book.ledger.joined


def test_undoing_the_first_file_leaves_what_the_second_told_on_its_own_day() -> None:
    book = given(household(), bank_and_card()).when(UndoImport(BANK_FILE)).after()
    assert held(book) == {CARD: 132241, FOOD: -132241}
    standing = book.ledger.transaction(OWN)
    assert standing is not None
    assert (standing[0], standing[2]) == (NEXT_DAY, CARD_FILE)
    tell(book, UndoImport(CARD_FILE))
    assert held(book) == {}


def test_undoing_one_of_three_files_leaves_the_other_two_joined() -> None:
    third = JoinTransaction(BILL, row(THIRD, DAY, CARD, "1322.41", OTHER_FILE), How.MATCH)
    base = given(household(), bank_and_card(), third, concluded(OTHER_FILE)).book
    assert held(base) == {CHECKING: -132241, CARD: 132241}
    for undone, left in (
        (BANK_FILE, {CARD: 132241, FOOD: -132241}),
        (CARD_FILE, {CHECKING: -132241, CARD: 132241}),
        (OTHER_FILE, {CHECKING: -132241, CARD: 132241}),
    ):
        book = given(household(), bank_and_card(), third, concluded(OTHER_FILE)).when(UndoImport(undone)).after()
        assert held(book) == left
        for rest in {BANK_FILE, CARD_FILE, OTHER_FILE} - {undone}:
            tell(book, UndoImport(rest))
        assert held(book) == {}
        assert not book.ledger.joined


def test_a_transfer_keeps_its_leg_while_another_file_tells_it_and_gives_its_category_back_at_the_last() -> None:
    third = JoinTransaction(BILL, row(THIRD, DAY, CARD, "1322.41", OTHER_FILE), How.MATCH)
    book = given(household(), bank_and_card(), third, concluded(OTHER_FILE)).book
    tell(book, UndoImport(CARD_FILE))
    tell(book, UndoImport(OTHER_FILE))
    assert held(book) == {CHECKING: -132241, FOOD: 132241}


def test_a_replacement_stands_on_its_own_day_and_undo_brings_back_what_stood() -> None:
    edited = row(OWN, NEXT_DAY, CHECKING, "-1300.00", CARD_FILE, GROCERIES)
    told: list[BookCommand] = [
        *bank_and_card()[:2],
        JoinTransaction(BILL, edited, How.REPLACEMENT),
        concluded(CARD_FILE),
    ]
    book = given(household(), told).book
    assert held(book) == {CHECKING: -130000, GROCERIES: 130000}
    standing = book.ledger.transaction(BILL)
    assert standing is not None
    assert (standing[0], standing[2]) == (NEXT_DAY, BANK_FILE)
    tell(book, UndoImport(CARD_FILE))
    assert held(book) == {CHECKING: -132241, FOOD: 132241}
    assert held(given(household(), told, UndoImport(BANK_FILE)).book) == {CHECKING: -130000, GROCERIES: 130000}


def test_what_a_person_made_of_the_leg_since_stays_when_its_file_is_undone() -> None:
    half = brl("661.20")
    split = (Posting(CHECKING, -PAID), Posting(CARD, half), Posting(GROCERIES, brl("661.21")))
    amended = AmendTransaction(BILL, DAY, split)
    book = given(household(), bank_and_card(), amended).when(UndoImport(CARD_FILE)).after()
    assert held(book) == {CHECKING: -132241, CARD: 66120, GROCERIES: 66121}


def test_a_person_s_deletion_takes_all_that_joined_and_none_of_it_comes_back() -> None:
    postings = (Posting(CHECKING, -PAID), Posting(CARD, PAID))
    given(household(), bank_and_card()).when(VoidTransaction(BILL)).then(
        TransactionParted(BILL, DAY, postings, DAY, postings, OWN),
        TransactionVoided(BILL, DAY, postings),
    )
    book = given(household(), bank_and_card(), VoidTransaction(BILL)).book
    assert held(book) == {}
    assert not book.ledger.joined
    tell(book, UndoImport(CARD_FILE))
    tell(book, UndoImport(BANK_FILE))
    assert held(book) == {}


@pytest.mark.parametrize(
    ("own", "how"),
    [
        (row(OWN, DAY, CARD, "1322.40", CARD_FILE), How.TRANSFER),
        (row(OWN, DAY, CARD, "-1322.41", CARD_FILE), How.TRANSFER),
        (row(OWN, DAY, CHECKING, "-1322.41", CARD_FILE), How.TRANSFER),
        (row(OWN, DAY, CARD, "1322.41", CARD_FILE), How.MATCH),
    ],
)
def test_a_row_that_does_not_fit_joins_nothing(own: RecordTransaction, how: How) -> None:
    told = (household(), bank_and_card()[:2])
    given(*told).when(JoinTransaction(BILL, own, how)).then_refused("transaction_not_joinable", transaction=BILL)


def test_a_leg_joins_neither_a_confirmed_balance_nor_an_account_that_was_not_open_yet() -> None:
    leg = JoinTransaction(BILL, row(OWN, NEXT_DAY, CARD, "1322.41", CARD_FILE), How.TRANSFER)
    confirmed = AssertBalance(CARD, DAY, brl("0.00"))
    given(household(), bank_and_card()[:2], confirmed).when(leg).then_refused("transaction_reconciled")
    late = AccountId("a-late")
    opened = OpenAccount(late, "Liabilities:Late", opened_on=NEXT_DAY)
    own = row(OWN, NEXT_DAY, late, "1322.41", CARD_FILE)
    joining = JoinTransaction(BILL, own, How.TRANSFER)
    given(household(), bank_and_card()[:2], opened).when(joining).then_refused("account_not_open_yet")


def test_an_undo_that_would_change_a_confirmed_balance_is_refused_whole() -> None:
    confirmed = AssertBalance(CARD, NEXT_DAY, PAID)
    given(household(), bank_and_card(), confirmed).when(UndoImport(CARD_FILE)).then_refused("import_reconciled")
    # The first file's undo leaves the card's leg, a day later: within what was confirmed.
    book = given(household(), bank_and_card(), confirmed).when(UndoImport(BANK_FILE)).after()
    assert held(book) == {CARD: 132241, FOOD: -132241}


def test_a_closed_period_closes_all_files_that_told_of_it() -> None:
    book = given(household(), bank_and_card(), ClosePeriod(DAY, on("2026-10-01"))).book
    assert not book.ledger.joined
    for import_id in (BANK_FILE, CARD_FILE):
        given_again = given(household(), bank_and_card(), ClosePeriod(DAY, on("2026-10-01")))
        given_again.when(UndoImport(import_id)).then_refused("import_in_closed_period")


def test_what_would_stand_alone_in_a_closed_period_is_not_undone() -> None:
    told: list[BookCommand] = [
        row(BILL, NEXT_DAY, CHECKING, "-1322.41", BANK_FILE),
        concluded(BANK_FILE),
        JoinTransaction(BILL, row(OWN, DAY, CARD, "1322.41", CARD_FILE), How.TRANSFER),
        concluded(CARD_FILE),
        ClosePeriod(DAY, on("2026-10-01")),
    ]
    given(household(), told).when(UndoImport(BANK_FILE)).then_refused("import_in_closed_period")
    assert held(given(household(), told, UndoImport(CARD_FILE)).book) == {CHECKING: -132241, FOOD: 132241}


def test_one_transaction_is_joined_by_a_limited_number_of_rows() -> None:
    rows = [row(TransactionId(f"t-{n}"), DAY, CHECKING, "-1322.41", CARD_FILE) for n in range(21)]
    joins = [JoinTransaction(BILL, own, How.MATCH) for own in rows]
    given(household(), bank_and_card()[:2], joins[:20]).when(joins[20]).then_refused("transaction_not_joinable")


def test_a_categorized_transfer_has_no_category_any_more() -> None:
    given(household(), bank_and_card()).when(CategorizeTransaction(BILL, GROCERIES)).then_refused(
        "transaction_not_of_one_category", transaction=BILL, count=0
    )


def test_a_statement_s_account_is_recognized_once() -> None:
    told = RecognizeAccount(CHECKING, "f-bank", "bank|checking|1234|BRL")
    book = given(household(), told).when(told).then().after()
    assert book.ledger.recognized == {"f-bank": CHECKING}
    assert given(household(), told, RecognizeAccount(CARD, "f-bank", "")).book.ledger.recognized == {"f-bank": CARD}


def test_an_instalment_is_one_of_its_purchase() -> None:
    postings = moved(brl("104.17"), CARD, FOOD)
    for k, n in ((0, 6), (7, 6), (1, 1_000)):
        bad = RecordTransaction(BILL, DAY, postings, instalment=Instalment(k, n, "p-1"))
        given(household()).when(bad).then_refused("instalment_not_valid", k=k, n=n)


def test_a_row_in_another_currency_joins_only_its_own() -> None:
    own = RecordTransaction(OWN, DAY, (Posting(CARD, usd("1322.41")), Posting(SALARY, usd("-1322.41"))))
    told = (household(), bank_and_card()[:2])
    given(*told).when(JoinTransaction(BILL, own, How.TRANSFER)).then_refused("transaction_not_joinable")


def test_an_undo_brings_nothing_back_on_a_category_that_was_closed_since() -> None:
    own = row(OWN, NEXT_DAY, CARD, "1322.41", CARD_FILE, GROCERIES)
    told: list[BookCommand] = [
        *bank_and_card()[:2],
        JoinTransaction(BILL, own, How.TRANSFER),
        concluded(CARD_FILE),
        CloseAccount(GROCERIES, DAY),
    ]
    given(household(), told).when(UndoImport(BANK_FILE)).then_refused("account_closed", on=DAY)
    assert held(given(household(), told, UndoImport(CARD_FILE)).book) == {CHECKING: -132241, FOOD: 132241}


def test_an_instalment_that_joined_stays_one_on_its_own() -> None:
    own = replace(row(OWN, NEXT_DAY, CHECKING, "-1322.41", CARD_FILE), instalment=Instalment(2, 6, "p-1"))
    told: list[BookCommand] = [*bank_and_card()[:2], JoinTransaction(BILL, own, How.MATCH), concluded(CARD_FILE)]
    events = given(household(), told).when(UndoImport(BANK_FILE)).events
    alone = [event for event in events if isinstance(event, TransactionRecorded)]
    assert [event.instalment for event in alone] == [Instalment(2, 6, "p-1")]
