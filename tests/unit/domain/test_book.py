"""The book: opened once, renamed, erased for ever; and every refusal has been seen."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import domain
from domain.book import (
    MAX_BOOK_NAME_CHARS,
    BookErased,
    BookId,
    BookOpened,
    BookRenamed,
    EraseBook,
    OpenBook,
    RenameBook,
)
from domain.errors import Rejected
from domain.ledger import AccountOpened, CommodityDeclared, Kind, RecordTransaction, TransactionId
from tests.given import BOOK, CHECKING, FOOD, OPENING, brl, given, household, moved, on


def test_a_book_is_born_with_its_currency_and_its_opening_account() -> None:
    given().when(OpenBook(BOOK, "JPY", "Asia/Tokyo", OPENING, "家")).then(
        BookOpened(BOOK, "JPY", "Asia/Tokyo", "家"),
        CommodityDeclared("JPY", 0),
        AccountOpened(OPENING, Kind.EQUITY, (), None, False, "Equity:Opening-Balances"),
    )


def test_a_book_is_opened_once() -> None:
    given(household()).when(OpenBook(BookId("b-2"), "BRL", "UTC", OPENING, "Two")).then_refused(
        "book_exists", book=BOOK
    )


def test_a_book_tells_its_figures_in_a_currency_of_the_world() -> None:
    given().when(OpenBook(BOOK, "BTC", "UTC", OPENING, "Home")).then_refused("commodity_unknown", commodity="BTC")


@pytest.mark.parametrize("name", ["", " ", " Home", "Home ", "x" * (MAX_BOOK_NAME_CHARS + 1), "a\nb", "\x00", "\ud800"])
def test_a_book_has_a_name_of_one_printable_line(name: str) -> None:
    given().when(OpenBook(BOOK, "BRL", "UTC", OPENING, name)).then_refused(
        "book_name_not_valid", limit=MAX_BOOK_NAME_CHARS
    )
    given(household()).when(RenameBook(name)).then_refused("book_name_not_valid")


def test_a_book_can_be_renamed() -> None:
    given(household()).when(RenameBook("Casa")).then(BookRenamed("Casa"))
    given(household()).when(RenameBook("Home")).then()
    assert given(household(), RenameBook("Casa")).book.facts["name"] == "Casa"


def test_nothing_is_asked_of_a_book_that_is_not_there() -> None:
    given().when(RenameBook("Casa")).then_refused("book_unknown")
    given().when(EraseBook()).then_refused("book_unknown")


def test_an_erased_book_takes_no_more_commands() -> None:
    given(household()).when(EraseBook("moving out")).then(BookErased("moving out"))
    given(household()).when(EraseBook("\x00")).then_refused("text_not_printable", field="reason")
    erased = given(household(), EraseBook())
    erased.when(RenameBook("Casa")).then_refused("book_erased")
    erased.when(OpenBook(BOOK, "BRL", "UTC", OPENING, "Home")).then_refused("book_erased")
    erased.when(
        RecordTransaction(TransactionId("t"), on("2026-01-01"), moved(brl("1.00"), CHECKING, FOOD))
    ).then_refused("book_erased")


def test_a_refusal_tells_its_code_and_the_facts_behind_it() -> None:
    assert str(Rejected("balance_differs", stated=brl("1.00"), count=2)) == "balance_differs(stated=1.00 BRL, count=2)"


def test_every_refusal_of_the_domain_has_been_seen_by_a_test() -> None:
    """The codes that the domain's source raises, and the codes that the tests beside this one name."""
    raised = {
        str(node.args[0].value)
        for path in Path(domain.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Rejected"
        and isinstance(node.args[0], ast.Constant)
    }
    told = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert len(raised) > 50
    assert not {code for code in raised if f'"{code}"' not in told}
