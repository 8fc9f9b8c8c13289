"""Query doors: what each question is called, takes and answers.

Each is one read model's answer told as items; how a question waits, pages and finds its book is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.alerts import alert_page
from api.figures import (
    Frame,
    Wanted,
    account_items,
    balance_items,
    budget_items,
    flow_items,
    import_items,
    payee_items,
    promise_items,
    rule_items,
    transaction_page,
    worth_items,
)
from api.http import shapes
from api.http.answering import json_response
from api.http.asking import Asks
from api.http.bodies import Day
from api.http.describing import Operation, add_operation
from api.http.questions import (
    PAGE_SIZE,
    Asked,
    Asking,
    Cursor,
    Limit,
    MinVersion,
    Page,
    Reader,
    page_of,
    place_of,
    question_of,
)
from api.items import Item, book_item
from domain.budgets import Every
from domain.private import MAX_TEXT_CHARS
from projections import accounts, balances, budgets, cash_flow, imports, net_worth, register, rules

From = Annotated[Day | None, Query(alias="from", description="The first day.")]
To = Annotated[Day | None, Query(description="The last day; `as_of` where it is left out.")]


async def _reader(request: Request) -> Reader:
    reader: Reader = request.app.state.reader
    return reader


Reads = Annotated[Reader, Depends(_reader)]
Tell = Callable[[Connection, Frame], Sequence[Item]]
TellMore = Callable[[Connection, Frame], tuple[Sequence[Item], Item]]


async def _figures(
    request: Request,
    reader: Reader,
    names: Sequence[str],
    asking: Asking,
    limit: int | None,
    cursor: str | None,
    tell: Tell,
) -> Response:
    """A list that is read whole, and told in pages where a limit is given."""
    return await _figures_and_more(
        request, reader, names, asking, limit, cursor, lambda connection, frame: (tell(connection, frame), {})
    )


async def _figures_and_more(
    request: Request,
    reader: Reader,
    names: Sequence[str],
    asking: Asking,
    limit: int | None,
    cursor: str | None,
    tell: TellMore,
) -> Response:
    """As `_figures`, of a list with something beside it that every page tells."""
    question = question_of(request)
    place = place_of(cursor, question)

    def ask(connection: Connection, frame: Frame) -> Item:
        known = place.known if place is not None else frame.known if frame.known is not None else frame.version
        items, more = tell(connection, frame if place is None else replace(frame, known=known))
        page = page_of(items, limit, place, known, question)
        return {"items": page.items, "next": page.next, **more}

    return await reader.answer_one(names, asking, ask)


async def list_books(who: Asks, reader: Reads) -> Response:
    def ask() -> list[Item]:
        with reader.parts.read() as connection:
            return [book_item(row) for row in accounts.books(connection)]

    return json_response({"items": await reader.lane.turn(ask), "next": None}, [])


async def tell_book(book: str, who: Asks, reader: Reads, min_version: MinVersion = None) -> Response:
    asking = Asked(book, None, None, min_version)  # a book is told as it stands, and of no other day
    return await reader.answer_one((accounts.NAME,), asking, lambda _, frame: book_item(frame.row))


async def list_accounts(
    request: Request, asking: Asking, reader: Reads, limit: Limit = None, cursor: Cursor = None
) -> Response:
    return await _figures(request, reader, (accounts.NAME,), asking, limit, cursor, account_items)


async def list_balances(
    request: Request, asking: Asking, reader: Reads, limit: Limit = None, cursor: Cursor = None
) -> Response:
    return await _figures(request, reader, (balances.NAME,), asking, limit, cursor, balance_items)


async def list_transactions(
    asking: Asking,
    reader: Reads,
    account: Annotated[str | None, Query(max_length=300, description="An account's id or full name.")] = None,
    first: From = None,
    to: To = None,
    text: Annotated[
        str | None, Query(max_length=200, description="Words of payee, memo and tags, or their beginnings.")
    ] = None,
    payee: Annotated[
        str | None,
        Query(
            max_length=MAX_TEXT_CHARS,
            description="A payee in any spelling that `/payees` tells as one; the empty one is what has no payee.",
        ),
    ] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    wanted = Wanted(account, first, to, text, asking.as_of, payee)

    def ask(connection: Connection, frame: Frame) -> Page:
        return Page(*transaction_page(connection, frame, wanted, limit or PAGE_SIZE, cursor))

    return await reader.answer((register.NAME,), asking, ask)


async def tell_net_worth(
    request: Request,
    asking: Asking,
    reader: Reads,
    first: From = None,
    to: To = None,
    every: Annotated[Every, Query(description="Tell it at the end of every day, week, month or year.")] = Every.MONTH,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    def tell(connection: Connection, frame: Frame) -> list[Item]:
        return worth_items(connection, frame, first, to, every)

    names = (net_worth.NAME, imports.NAME, register.NAME)
    return await _figures(request, reader, names, asking, limit, cursor, tell)


async def tell_cash_flow(
    request: Request,
    asking: Asking,
    reader: Reads,
    first: From = None,
    to: To = None,
    every: Annotated[Every, Query(description="Sum by day, week (from Monday), month or year.")] = Every.MONTH,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    def tell(connection: Connection, frame: Frame) -> list[Item]:
        return flow_items(connection, frame, first, to, every)

    return await _figures(request, reader, (cash_flow.NAME,), asking, limit, cursor, tell)


async def list_budgets(
    request: Request,
    asking: Asking,
    reader: Reads,
    period: Annotated[
        str | None,
        Query(max_length=10, description="A day, or a month as YYYY-MM; `as_of` where it is left out."),
    ] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    def tell(connection: Connection, frame: Frame) -> list[Item]:
        return budget_items(connection, frame, period)

    return await _figures(request, reader, (budgets.NAME,), asking, limit, cursor, tell)


async def list_imports(
    request: Request, asking: Asking, reader: Reads, limit: Limit = None, cursor: Cursor = None
) -> Response:
    return await _figures(request, reader, (imports.NAME,), asking, limit, cursor, import_items)


async def list_promised(
    request: Request, asking: Asking, reader: Reads, limit: Limit = None, cursor: Cursor = None
) -> Response:
    def tell(connection: Connection, frame: Frame) -> tuple[list[Item], Item]:
        items, total = promise_items(connection, frame)
        return items, {"total": total}

    return await _figures_and_more(request, reader, (register.NAME,), asking, limit, cursor, tell)


async def list_payees(
    request: Request,
    asking: Asking,
    reader: Reads,
    first: From = None,
    to: To = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    def tell(connection: Connection, frame: Frame) -> tuple[list[Item], Item]:
        items, categorized = payee_items(connection, frame, first, to)
        return items, {"categorized": categorized}

    return await _figures_and_more(request, reader, (register.NAME,), asking, limit, cursor, tell)


async def list_rules(
    request: Request, asking: Asking, reader: Reads, limit: Limit = None, cursor: Cursor = None
) -> Response:
    return await _figures(request, reader, (rules.NAME,), asking, limit, cursor, rule_items)


async def list_alerts(
    request: Request, asking: Asking, reader: Reads, limit: Limit = None, cursor: Cursor = None
) -> Response:
    question, alerts = question_of(request), reader.alerts

    def ask(connection: Connection, frame: Frame) -> Page:
        size = limit or PAGE_SIZE
        return Page(*alert_page(alerts, connection, frame.book, frame.known, size, cursor, question))

    return await reader.answer(alerts.names, asking, ask)


def add_query_doors(router: APIRouter) -> None:
    book = "/v1/books/{book}"
    for path, endpoint, name, summary, shape in (
        (f"{book}/accounts", list_accounts, "list_accounts", "The chart of accounts", shapes.AccountOut),
        (
            f"{book}/balances",
            list_balances,
            "list_balances",
            "What every account holds; zero left out",
            shapes.BalanceOut,
        ),
        (
            f"{book}/transactions",
            list_transactions,
            "list_transactions",
            "Transactions, newest first",
            shapes.TransactionOut,
        ),
        (f"{book}/net-worth", tell_net_worth, "tell_net_worth", "Net worth over time", shapes.WorthOut),
        (f"{book}/cash-flow", tell_cash_flow, "tell_cash_flow", "What categories took in and gave out", shapes.FlowOut),
        (
            f"{book}/budgets",
            list_budgets,
            "list_budgets",
            "Budgets in their periods: limit, spent, left",
            shapes.BudgetOut,
        ),
        (f"{book}/imports", list_imports, "list_imports", "The book's imports, oldest first", shapes.ImportedOut),
        (f"{book}/alerts", list_alerts, "list_alerts", "What the book is to be told of, newest first", shapes.AlertOut),
        (f"{book}/rules", list_rules, "list_rules", "Rules, in the order in which they are tried", shapes.RuleOut),
        ("/v1/books", list_books, "list_books", "All books", shapes.BookOut),
    ):
        page = {"items": [shape.EXAMPLE], "next": None}
        operation = Operation(name, summary, 200, page, shapes.Page[shape])  # type: ignore[valid-type]
        add_operation(router, "GET", path, endpoint, operation)
    promised = Operation(
        "list_promised",
        "What purchases in instalments still have to come",
        200,
        shapes.PromisedPage.EXAMPLE,
        shapes.PromisedPage,
    )
    add_operation(router, "GET", f"{book}/promised", list_promised, promised)
    payees = Operation(
        "list_payees",
        "With whom money moved, the largest spending first",
        200,
        shapes.PayeesPage.EXAMPLE,
        shapes.PayeesPage,
    )
    add_operation(router, "GET", f"{book}/payees", list_payees, payees)
    one = Operation("tell_book", "A book", 200, shapes.BookOut.EXAMPLE, shapes.BookOut)
    add_operation(router, "GET", book, tell_book, one)
