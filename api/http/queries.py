"""Query doors: what each question is called, takes and answers.

Each is one read model's answer told as items; how a question waits, pages and finds its book is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.http import shapes
from api.http.answering import json_response
from api.http.asking import Asks
from api.http.bodies import Day
from api.http.describing import Operation, add_operation
from api.http.questions import (
    PAGE_SIZE,
    Asking,
    Cursor,
    Frame,
    Limit,
    Page,
    Reader,
    names_of,
    page_of,
    place_of,
    question_of,
    span,
)
from api.items import (
    Item,
    account_item,
    balance_item,
    book_item,
    budget_item,
    entry_item,
    flow_item,
    worth_item,
)
from domain.budgets import Every, month_later
from domain.errors import Rejected
from projections import accounts, balances, budgets, cash_flow, net_worth, register

MAX_PERIODS = 4_000
"""The most periods of one answer: every day of almost eleven years."""

MONTHS_TOLD = 12
"""Net worth and cash flow tell the last twelve months where no span is asked for."""

From = Annotated[Day | None, Query(alias="from", description="The first day.")]
To = Annotated[Day | None, Query(description="The last day; `as_of` where it is left out.")]


async def _reader(request: Request) -> Reader:
    reader: Reader = request.app.state.reader
    return reader


Reads = Annotated[Reader, Depends(_reader)]
Tell = Callable[[Connection, Frame], Sequence[Item]]


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
    question = question_of(request)
    place = place_of(cursor, question)

    def ask(connection: Connection, frame: Frame) -> Page:
        known = place.known if place is not None else frame.known if frame.known is not None else frame.version
        told = frame if place is None else replace(frame, known=known)
        return page_of(tell(connection, told), limit, place, known, question)

    return await reader.answer(names, asking, ask)


async def list_books(who: Asks, reader: Reads) -> Response:
    def ask() -> list[Item]:
        with reader.parts.read() as connection:
            return [book_item(row) for row in accounts.books(connection)]

    return json_response({"items": await reader.lane.turn(ask), "next": None}, [])


async def tell_book(request: Request, asking: Asking, reader: Reads) -> Response:
    return await reader.answer_one((accounts.NAME,), asking, lambda _, frame: book_item(frame.row))


async def list_accounts(
    request: Request, asking: Asking, reader: Reads, limit: Limit = None, cursor: Cursor = None
) -> Response:
    def tell(connection: Connection, frame: Frame) -> list[Item]:
        rows = accounts.accounts(connection, frame.book, frame.known)
        return [account_item(row) for row in sorted(rows, key=lambda row: row.name)]

    return await _figures(request, reader, (accounts.NAME,), asking, limit, cursor, tell)


async def list_balances(
    request: Request, asking: Asking, reader: Reads, limit: Limit = None, cursor: Cursor = None
) -> Response:
    def tell(connection: Connection, frame: Frame) -> list[Item]:
        names = names_of(connection, frame)
        rows = balances.balances(connection, frame.book, frame.as_of, frame.known)
        return sorted([balance_item(row, names) for row in rows], key=lambda item: (item["account"], item["commodity"]))

    return await _figures(request, reader, (balances.NAME,), asking, limit, cursor, tell)


async def list_transactions(
    asking: Asking,
    reader: Reads,
    account: Annotated[str | None, Query(max_length=300, description="An account's id or full name.")] = None,
    first: From = None,
    to: To = None,
    text: Annotated[
        str | None, Query(max_length=200, description="Words of payee, memo and tags, or their beginnings.")
    ] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    def ask(connection: Connection, frame: Frame) -> Page:
        names = names_of(connection, frame)
        page = register.transactions(
            connection,
            frame.book,
            account=None if account is None else _account_id(names, account),
            first=first,
            # A question about days to come says so: by `to`, or by `as_of`.
            last=to if to is not None else frame.as_of,
            text=text or None,
            known=frame.known,
            limit=limit or PAGE_SIZE,
            cursor=cursor,
            as_of=asking.as_of,
        )
        return Page([entry_item(entry, names) for entry in page.items], page.next)

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
        since, until = span(first, to, _last_months(frame.as_of))
        rows = net_worth.net_worth(connection, frame.book, since, until, every, frame.row.base, frame.known)
        return [worth_item(row) for row in rows]

    return await _figures(request, reader, (net_worth.NAME,), asking, limit, cursor, tell)


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
        since, until = span(first, to, _last_months(frame.as_of))
        _check_periods(since, until, every)
        names = names_of(connection, frame)
        rows = cash_flow.cash_flow(connection, frame.book, since, until, every, frame.known)
        items = [flow_item(row, names) for row in rows]
        return sorted(items, key=lambda item: (item["period"], item["account"], item["commodity"]))

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
        names = names_of(connection, frame)
        rows = budgets.budgets(connection, frame.book, _day_of(period, frame.as_of), frame.known)
        return sorted([budget_item(row, names) for row in rows], key=lambda item: (item["account"], item["budget_id"]))

    return await _figures(request, reader, (budgets.NAME,), asking, limit, cursor, tell)


def _account_id(names: dict[Any, str], text: str) -> Any:
    """The account that an id or a full name means, as known at the question's version."""
    if text in names:
        return text
    for account, name in names.items():
        if name == text:
            return account
    raise Rejected("account_unknown", account=text[:250])


def _last_months(until: date) -> tuple[date, date]:
    return month_later(until.replace(day=1), 1 - MONTHS_TOLD), until


def _check_periods(first: date, last: date, every: Every) -> None:
    days = {Every.DAY: 1, Every.WEEK: 7, Every.MONTH: 28, Every.YEAR: 365}[every]
    if (last - first).days // days > MAX_PERIODS:
        raise Rejected("too_many_periods", first=first, last=last, limit=MAX_PERIODS)


def _day_of(period: str | None, otherwise: date) -> date:
    """A day of the period that is meant. A month means the period that begins in it, which holds its last day."""
    if period is None:
        return otherwise
    try:
        if len(period) == 7:
            return month_later(date.fromisoformat(f"{period}-01"), 1) - timedelta(days=1)
        return date.fromisoformat(period)
    except ValueError:
        reason = "a day as YYYY-MM-DD or a month as YYYY-MM is expected"
        raise Rejected("query_not_valid", fields=["period"], reasons={"period": reason}) from None


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
        ("/v1/books", list_books, "list_books", "All books", shapes.BookOut),
    ):
        page = {"items": [shape.EXAMPLE], "next": None}
        add_operation(router, "GET", path, endpoint, Operation(name, summary, 200, page, shapes.Page[shape]))  # type: ignore[valid-type]
    one = Operation("tell_book", "A book", 200, shapes.BookOut.EXAMPLE, shapes.BookOut)
    add_operation(router, "GET", book, tell_book, one)
