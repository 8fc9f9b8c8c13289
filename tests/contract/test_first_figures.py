"""What joins, parts and is categorized in the read models, and the first figures of a household, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from domain.budgets import Every
from domain.ledger import (
    OPENING_BALANCES,
    AccountId,
    AmendTransaction,
    CategorizeTransaction,
    ConcludeImport,
    How,
    ImportId,
    Instalment,
    JoinTransaction,
    MergeAccount,
    OpenAccount,
    Posting,
    RecordTransaction,
    SetOpeningBalance,
    TransactionId,
    UndoImport,
    VoidTransaction,
)
from domain.words import words
from projections import accounts, balances, cash_flow, imports, net_worth, register
from projections.register import Payee, Promise
from projections.register.likeness import likeness
from tests.contract.conftest import House, spent
from tests.given import BOOK, CARD, CHECKING, FOOD, GROCERIES, OPENING, SALARY, SAVINGS, brl, moved, on, usd

BILL, OWN, OTHER = TransactionId("t-bill"), TransactionId("t-own"), TransactionId("t-other")
BANK, BANK_CARD = ImportId("i-bank"), ImportId("i-card")
NOW = on("2026-12-31")


def row(own: TransactionId, day: str, account: AccountId, amount: str, told_by: ImportId) -> RecordTransaction:
    """A file's row, against a category."""
    postings = (Posting(account, brl(amount)), Posting(FOOD, -brl(amount)))
    return RecordTransaction(own, on(day), postings, f"words of {told_by}", "memo", import_id=told_by, fingerprint=own)


def bill_paid(house: House) -> tuple[int, int]:
    """A bill's payment as the bank told it, and the card's row that joined it; the versions after each."""
    first = house.tell(row(BILL, "2026-09-08", CHECKING, "-1322.41", BANK), ConcludeImport(BANK, "ofx", None, 1, 0))
    joining = JoinTransaction(BILL, row(OWN, "2026-09-09", CARD, "1322.41", BANK_CARD), How.TRANSFER)
    return first, house.tell(joining, ConcludeImport(BANK_CARD, "ofx", None, 0, 0, joined=1))


def flows(house: House, known: int | None = None) -> dict[AccountId, str]:
    found = cash_flow.cash_flow(house.connection, BOOK, on("2026-01-01"), NOW, Every.YEAR, known)
    return {flow.account: str(flow.amount) for flow in found}


def worth(house: House, known: int | None = None) -> list[int]:
    found = net_worth.net_worth(house.connection, BOOK, NOW, NOW, Every.YEAR, "BRL", known)
    return [point.amount.minor for point in found]


# Joining


def test_a_transfer_that_both_banks_told_is_neither_income_nor_expense(house: House) -> None:
    first, joined = bill_paid(house)
    assert flows(house, first) == {FOOD: "1322.41 BRL"}
    assert flows(house) == flows(house, joined) == {}
    assert house.held("2026-12-31", first) == {CHECKING: "-1322.41 BRL", FOOD: "1322.41 BRL"}
    assert house.held("2026-12-31") == {CARD: "1322.41 BRL", CHECKING: "-1322.41 BRL"}
    assert (worth(house, first), worth(house)) == ([-132241], [0])


def test_a_joined_entry_keeps_its_words_its_day_and_its_import(house: House) -> None:
    bill_paid(house)
    (entry,) = house.page().items
    assert (entry.transaction, entry.date, entry.payee, entry.memo) == (
        BILL,
        on("2026-09-08"),
        "words of i-bank",
        "memo",
    )
    assert entry.import_id == BANK
    assert house.listed(account=CARD) == house.listed(account=CHECKING) == house.listed(text="words bank") == [BILL]
    assert house.listed(account=FOOD) == []


@pytest.mark.parametrize("undone", [BANK, BANK_CARD])
def test_undoing_either_file_leaves_the_other_leg_as_it_was(house: House, undone: ImportId) -> None:
    _, joined = bill_paid(house)
    house.tell(UndoImport(undone))
    (entry,) = house.page().items
    if undone is BANK_CARD:
        assert (entry.transaction, entry.payee, entry.import_id) == (BILL, "words of i-bank", BANK)
        assert house.held("2026-12-31") == {CHECKING: "-1322.41 BRL", FOOD: "1322.41 BRL"}
    else:
        assert (entry.transaction, entry.payee, entry.import_id) == (OWN, "words of i-card", BANK_CARD)
        assert (entry.date, house.held("2026-12-31")) == (on("2026-09-09"), {CARD: "1322.41 BRL", FOOD: "-1322.41 BRL"})
    assert house.listed(known=joined) == [BILL]


def test_the_same_told_again_changes_no_figure_and_no_entry(house: House) -> None:
    house.tell(row(BILL, "2026-09-08", CHECKING, "-10.00", BANK), ConcludeImport(BANK, "ofx", None, 1, 0))
    before = house.page().items
    again = row(OWN, "2026-09-08", CHECKING, "-10.00", BANK_CARD)
    house.tell(JoinTransaction(BILL, again, How.MATCH), ConcludeImport(BANK_CARD, "csv", None, 0, 0, joined=1))
    assert (house.page().items, flows(house)) == (before, {FOOD: "10.00 BRL"})
    house.tell(VoidTransaction(BILL))
    assert (house.page().items, flows(house)) == ([], {})


def test_what_a_newer_file_tells_no_more_is_gone_until_that_file_is_undone(house: House) -> None:
    house.tell(replace(row(BILL, "2026-09-08", CHECKING, "-10.00", BANK), tags=("trip",)))
    house.tell(ConcludeImport(BANK, "beancount", None, 1, 0))
    gone = RecordTransaction(OWN, on("2026-09-08"), (), import_id=BANK_CARD, fingerprint="f")
    removed = house.tell(JoinTransaction(BILL, gone, How.REMOVAL), ConcludeImport(BANK_CARD, "beancount", None, 0, 0))
    assert (house.page().items, flows(house), house.held("2026-12-31")) == ([], {}, {})
    house.tell(UndoImport(BANK_CARD))
    (entry,) = house.page().items
    assert (entry.payee, entry.tags, entry.import_id) == ("words of i-bank", ("trip",), BANK)
    assert flows(house) == {FOOD: "10.00 BRL"}
    assert house.listed(known=removed) == []


def test_a_booked_row_takes_the_place_of_its_pending_one_under_the_words_that_stood(house: House) -> None:
    pending = house.tell(row(BILL, "2026-09-08", CARD, "-10.00", BANK))
    booked = row(OWN, "2026-10-02", CARD, "-10.40", BANK_CARD)
    house.tell(JoinTransaction(BILL, booked, How.REPLACEMENT))
    (entry,) = house.page().items
    assert (entry.date, entry.payee) == (on("2026-10-02"), "words of i-bank")
    assert (flows(house, pending), flows(house)) == ({FOOD: "10.00 BRL"}, {FOOD: "10.40 BRL"})


# Categorizing


def test_a_category_said_later_moves_the_amount_and_nothing_else(house: House) -> None:
    first = house.tell(spent(BILL, "2026-09-08", "10.00", payee="Padaria", memo="pão", tags=("t",), links=("l",)))
    house.tell(CategorizeTransaction(BILL, GROCERIES))
    (entry,) = house.page().items
    assert (entry.payee, entry.memo, entry.tags, entry.links) == ("Padaria", "pão", ("t",), ("l",))
    assert (flows(house, first), flows(house)) == ({FOOD: "10.00 BRL"}, {GROCERIES: "10.00 BRL"})
    assert house.listed(account=GROCERIES) == house.listed(text="pao") == [BILL]
    assert (house.listed(account=FOOD), house.listed(account=FOOD, known=first)) == ([], [BILL])


# Promised


def card_row(
    transaction: str, day: str, k: int, n: int, amount: str, purchase: str = "p-1", payee: str = "Ótica"
) -> RecordTransaction:
    postings = (Posting(CARD, -brl(amount)), Posting(FOOD, brl(amount)))
    instalment = Instalment(k, n, purchase)
    return RecordTransaction(TransactionId(transaction), on(day), postings, payee, instalment=instalment)


def promised(house: House, day: date = NOW, known: int | None = None) -> list[Promise]:
    return register.promised(house.connection, BOOK, day, known)


def test_rows_not_seen_yet_are_taken_equal_to_the_last_one_seen(house: House) -> None:
    first = house.tell(card_row("t-1", "2026-09-10", 1, 3, "33.34"))
    assert promised(house) == [Promise("p-1", CARD, "Ótica", 1, 3, brl("33.34"), 2, brl("66.68"))]
    house.tell(card_row("t-2", "2026-10-10", 2, 3, "33.33", payee="OTICA"))
    assert promised(house) == [Promise("p-1", CARD, "OTICA", 2, 3, brl("33.33"), 1, brl("33.33"))]
    assert promised(house, on("2026-10-09")) == promised(house, known=first)
    assert promised(house, on("2026-10-09"))[0].amount == brl("66.68")
    house.tell(card_row("t-3", "2026-11-10", 3, 3, "33.33"))
    assert promised(house) == []
    assert promised(house, on("2026-09-09")) == []


def test_a_voided_instalment_is_not_seen_and_its_purchase_falls_back_to_the_one_before(house: House) -> None:
    house.tell(card_row("t-1", "2026-09-10", 1, 3, "33.34"), card_row("t-2", "2026-10-10", 2, 3, "33.33"))
    seen = house.tell(card_row("t-9", "2026-09-11", 4, 12, "102.88", "p-2", "Loja"))
    house.tell(VoidTransaction(TransactionId("t-2")), VoidTransaction(TransactionId("t-9")))
    assert [(p.purchase, p.k, p.amount) for p in promised(house)] == [("p-1", 1, brl("66.68"))]
    assert [(p.purchase, p.left, str(p.amount)) for p in promised(house, known=seen)] == [
        ("p-1", 1, "33.33 BRL"),
        ("p-2", 8, "823.04 BRL"),
    ]


def test_an_amended_or_categorized_instalment_stays_one(house: House) -> None:
    house.tell(card_row("t-1", "2026-09-10", 1, 3, "33.34"), CategorizeTransaction(TransactionId("t-1"), GROCERIES))
    # The category first: what is owed is still told by the card's side.
    postings = (Posting(FOOD, brl("40")), Posting(CARD, -brl("40")))
    house.tell(AmendTransaction(TransactionId("t-1"), on("2026-09-12"), postings, "Ótica São João"))
    assert promised(house) == [Promise("p-1", CARD, "Ótica São João", 1, 3, brl("40.00"), 2, brl("80.00"))]
    (entry,) = house.page().items
    assert entry.instalment == Instalment(1, 3, "p-1")


# Payees


def told(
    house: House, first: str = "2026-09-01", last: str = "2026-09-30", known: int | None = None
) -> register.Payees:
    return register.payees(house.connection, BOOK, on(first), on(last), {GROCERIES}, known)


def test_payees_are_told_with_what_they_took_the_largest_first(house: House) -> None:
    house.tell(
        spent(TransactionId("t-1"), "2026-09-01", "10.00", payee="Café Sol"),
        spent(TransactionId("t-2"), "2026-09-30", "12.50", GROCERIES, payee="CAFE  SOL"),
        spent(TransactionId("t-3"), "2026-09-30", "1.00", payee="Café Sol"),
        spent(TransactionId("t-4"), "2026-08-31", "99.00", payee="Café Sol"),
        spent(TransactionId("t-5"), "2026-09-15", "30.00", GROCERIES, payee="Feira"),
        RecordTransaction(TransactionId("t-6"), on("2026-09-05"), moved(brl("5000"), SALARY, CHECKING), "Empresa"),
        RecordTransaction(TransactionId("t-7"), on("2026-09-06"), moved(brl("700"), CHECKING, SAVINGS), "Eu"),
    )
    assert told(house) == register.Payees(
        [
            Payee("Feira", ("feira",), brl("30.00"), 1, 1),
            Payee("Café Sol", ("cafe", "sol"), brl("23.50"), 3, 1),
            Payee("Empresa", ("empresa",), -brl("5000.00"), 1, 0),
        ],
        transactions=5,
        categorized=3,
    )


def test_payees_follow_what_joined_was_categorized_voided_and_known(house: House) -> None:
    first, _ = bill_paid(house)
    assert told(house, known=first).items == [
        Payee("words of i-bank", ("words", "of", "i", "bank"), brl("1322.41"), 1, 0)
    ]
    assert told(house) == register.Payees([], 0, 0)
    house.tell(spent(OTHER, "2026-09-20", "5.00", GROCERIES, payee="Bar"))
    before = house.tell(spent(OWN, "2026-09-21", "7.00", payee="Bar"), CategorizeTransaction(OTHER, FOOD))
    assert told(house) == register.Payees([Payee("Bar", ("bar",), brl("12.00"), 2, 0)], 2, 2)
    house.tell(VoidTransaction(OWN))
    assert told(house).items == [Payee("Bar", ("bar",), brl("5.00"), 1, 0)]
    assert told(house, known=before).items == [Payee("Bar", ("bar",), brl("12.00"), 2, 0)]


def test_a_split_counts_once_and_several_commodities_are_told_apart(house: House) -> None:
    split = (Posting(FOOD, brl("6")), Posting(GROCERIES, brl("4")), Posting(CHECKING, -brl("10")))
    abroad = (Posting(FOOD, usd("3")), Posting(CHECKING, -usd("3")))
    house.tell(
        RecordTransaction(OWN, on("2026-09-02"), split, "Mercado"),
        RecordTransaction(OTHER, on("2026-09-03"), abroad, "Mercado"),
    )
    assert told(house) == register.Payees(
        [Payee("Mercado", ("mercado",), brl("10.00"), 1, 1), Payee("Mercado", ("mercado",), usd("3.00"), 1, 0)],
        transactions=2,
        categorized=1,
    )


def test_a_merged_category_counts_as_what_it_became(house: House) -> None:
    house.tell(spent(OWN, "2026-09-02", "5", GROCERIES, payee="Bar"))
    assert told(house).categorized == 0
    house.tell(MergeAccount(GROCERIES, FOOD))
    assert told(house).categorized == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("PIX TRANSF MARIA E01/09", "Pix Transf  Maria E15/10"),
        ("Loja Azul Parcela 2/6", "LOJA AZUL PARC 03/06"),
        ("Ótica (3/3)", "Otica"),
        ("Parcela 1 de 3 Ótica", "Ótica - Parcela 2 de 3"),
        ("MERCADO 2026-09-01", "mercado 01.10.2026"),
        ("UBER *TRIP", "Uber Trip"),
    ],
)
def test_a_payee_is_the_same_whatever_day_or_instalment_stands_behind_it(one: str, other: str) -> None:
    assert likeness(one) == likeness(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [("Posto 24", "Posto 25"), ("Rua 7", "Rua 8"), ("***", "---"), ("01/09", "02/09"), ("Ana", "Anna")],
)
def test_payees_that_differ_in_more_stay_apart(one: str, other: str) -> None:
    assert likeness(one) != likeness(other)


def test_the_words_of_a_payee_are_those_of_all_its_spellings_and_find_its_transactions(house: House) -> None:
    spellings = ["UBER *TRIP 15/09", "Uber Trip", "UBER* TRIP 01/09", "Uber Eats", "***", "15/09", ""]
    house.tell(
        *[
            spent(TransactionId(f"t-{number}"), f"2026-09-{number + 10}", "1.50", payee=payee)
            for number, payee in enumerate([*spellings, "UBER *TRIP 15/09"])
        ]
    )
    found = {line.words: line for line in told(house).items}
    assert found[("uber", "trip")].payee == "UBER *TRIP 15/09"
    assert found[("uber", "trip")].count == 4
    for line in told(house).items:
        for limit in (1, 50):
            page = register.transactions(house.connection, BOOK, payee=line.payee, limit=limit)
            entries = page.items
            while page.next is not None:
                page = register.transactions(house.connection, BOOK, payee=line.payee, limit=limit, cursor=page.next)
                entries += page.items
            assert len(entries) == line.count
            assert all(set(line.words) <= set(words(entry.payee)) for entry in entries)
        assert (line.words == ()) == (words(line.payee) == [])
    on_account = register.transactions(house.connection, BOOK, account=CHECKING, payee="uber trip", limit=2).items
    assert [entry.date for entry in on_account] == [on("2026-09-17"), on("2026-09-12")]
    assert [entry.balance for entry in on_account] == [(-brl("12.00"),), (-brl("4.50"),)]


# Openings


def unknown(house: House, known: int | None = None) -> list[AccountId]:
    """As the figures do: what a standing import does not know, less what has been told against equity."""
    found = imports.opening_unknown(house.connection, BOOK, known)
    opened = register.opened_against(house.connection, BOOK, OPENING, found, known)
    return [account for account in found if account not in opened]


def test_an_opening_is_unknown_until_it_is_told_or_its_import_undone(house: House) -> None:
    assert OPENING in {a.account for a in accounts.accounts(house.connection, BOOK) if a.name == OPENING_BALANCES}
    house.tell(row(OWN, "2026-09-02", CHECKING, "-5", BANK))
    first = house.tell(ConcludeImport(BANK, "csv", None, 1, 0, opening_unknown=(CHECKING, CARD)))
    opening = house.tell(SetOpeningBalance(BILL, CHECKING, on("2026-08-31"), brl("100")))
    assert (unknown(house, first - 1), unknown(house, first)) == ([], [CHECKING, CARD])
    assert unknown(house, opening) == [CARD]
    undone = house.tell(VoidTransaction(BILL))
    assert unknown(house) == [CHECKING, CARD]
    house.tell(UndoImport(BANK))
    assert (unknown(house), unknown(house, undone)) == ([], [CHECKING, CARD])


def test_an_account_that_the_book_does_not_have_has_no_opening(house: House) -> None:
    house.tell(OpenAccount(AccountId("a-new"), "Assets:New"))
    assert register.opened_against(house.connection, BOOK, OPENING, [AccountId("a-new"), AccountId("a-none")]) == set()
    assert balances.balances(house.connection, BOOK, NOW) == []
