"""Replay, rebuild, queries, memory, start, disk: all on a book of 100,000 transactions."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from sqlalchemy import Connection, text

from api.parts import Parts
from domain.book import Book, BookId, evolve
from domain.budgets import BudgetId, Every, Period, SetBudget
from domain.ledger import AccountId
from domain.money import Amount
from domain.recorded import Recorded
from infra.sql import reading_engine
from projections import accounts, balances, budgets, cash_flow, net_worth, register
from tests.bench.made import BRL, ids, opening, small_chart, transactions
from tests.bench.places import Place, asked, call, opened, percentiles_ms, program, rate

GROUP = 1_000
TODAY = date(2025, 12, 15)


def measure(place: Place, quick: bool) -> Iterator[tuple[str, str]]:
    count = 10_000 if quick else 100_000
    of = f"{count:,} transactions"
    with place.settings() as environment:
        with opened(environment) as parts:
            book, checking = _fill(parts, count)
            started = time.perf_counter()
            parts.runner.catch_up()
            seconds = time.perf_counter() - started
            yield f"all read models folded from zero, {of}", rate(parts.store.end(), seconds, " events/s")
            for name in ("balances", "register"):
                started = time.perf_counter()
                parts.runner.rebuild(name)
                seconds = time.perf_counter() - started
                yield f"`{name}` rebuilt, {of}", rate(parts.store.end(), seconds, " events/s")
            yield f"replay from the store to balances, {of}", _replay(parts, book)
            yield "state in memory, a transaction in open periods", _state_bytes(parts, book, count)
            yield from _queries(parts, book, checking, of, 20 if quick else 200)
        yield "on disk, store and read models, a transaction", f"{_disk_bytes(environment) / count:,.0f} bytes"
        started = time.perf_counter()
        with program(environment) as (port, process):
            yield f"start to ready, {of}", f"{time.perf_counter() - started:.2f} s"
            started = time.perf_counter()
            body = _one_more(checking)
            status, answer = call(port, "POST", f"/v1/books/{book}/transactions", body)
            assert status == 201, answer
            yield f"the first command of a started program, {of}", f"{time.perf_counter() - started:.2f} s"
            yield "visible after the answer, p50 / p99", _visible(port, book, checking, 20 if quick else 200)
            yield f"memory of the program, {of}", f"{_resident_mib(process.pid):,.0f} MiB"


def _fill(parts: Parts, count: int) -> tuple[BookId, AccountId]:
    book = BookId(ids.new())
    parts.keys.create(book)
    checking, categories, opened_accounts = small_chart()
    parts.bus.submit(book, [opening(book, "bench"), *opened_accounts], asked()).result()
    limit = Amount(500_00, BRL)
    monthly = Period(Every.MONTH, 1, date(2016, 1, 1))
    parts.bus.submit(
        book, [SetBudget(BudgetId(ids.new()), account, limit, monthly) for account in categories], asked()
    ).result()
    commands = list(transactions(count, checking, categories))
    for answer in [parts.bus.submit(book, commands[i : i + GROUP], asked()) for i in range(0, count, GROUP)]:
        answer.result()
    return book, checking


def _replay(parts: Parts, book: BookId) -> str:
    started = time.perf_counter()
    state, version = Book(), 0
    while recorded := parts.store.read_book(book, version, 5_000):
        for event in recorded:
            evolve(state, event.event)
        version = recorded[-1].version
    seconds = time.perf_counter() - started
    return f"{seconds:.2f} s, {rate(version, seconds, ' events/s')}"


def _state_bytes(parts: Parts, book: BookId, count: int) -> str:
    gc.collect()
    tracemalloc.start()
    state = Book()
    for recorded in _all(parts, book):
        evolve(state, recorded.event)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return f"{used / count:,.0f} bytes"


def _all(parts: Parts, book: BookId) -> Iterator[Recorded]:
    version = 0
    while recorded := parts.store.read_book(book, version, 5_000):
        yield from recorded
        version = recorded[-1].version


def _queries(parts: Parts, book: BookId, checking: AccountId, of: str, times: int) -> Iterator[tuple[str, str]]:
    known = parts.store.head(book)
    assert known is not None
    half = known.version // 2
    asks: dict[str, Callable[[Connection], object]] = {
        "balances today": lambda c: balances.balances(c, book, TODAY),
        "balances of a past day": lambda c: balances.balances(c, book, date(2020, 6, 15)),
        "balances as known at half the history": lambda c: balances.balances(c, book, TODAY, half),
        "register, first page": lambda c: register.transactions(c, book, limit=50),
        "register of an account, first page": lambda c: register.transactions(c, book, account=checking, limit=50),
        "register, a rare text": lambda c: register.transactions(c, book, text="payee 499", limit=50),
        "net worth by month, ten years": lambda c: net_worth.net_worth(
            c, book, date(2016, 1, 1), TODAY, Every.MONTH, "BRL"
        ),
        "cash flow of a month": lambda c: cash_flow.cash_flow(
            c, book, date(2025, 11, 1), date(2025, 11, 30), Every.MONTH
        ),
        "budgets of a month": lambda c: budgets.budgets(c, book, TODAY),
        "accounts": lambda c: accounts.accounts(c, book),
    }
    for what, ask in asks.items():
        taken_s = []
        for _ in range(times):
            started = time.perf_counter()
            with parts.read() as connection:
                ask(connection)
            taken_s.append(time.perf_counter() - started)
        yield f"query: {what}, {of}, p50 / p99", percentiles_ms(taken_s)


def _disk_bytes(environment: dict[str, str]) -> int:
    url = environment.get("FINSHIFT_STORE_URL")
    if url is None:
        return sum(file.stat().st_size for file in Path(environment["FINSHIFT_DATA_DIR"]).iterdir())
    engine = reading_engine(url)
    with engine.connect() as connection:
        size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    engine.dispose()
    return int(size)


def _one_more(checking: AccountId) -> dict[str, object]:
    return {
        "date": "2025-12-15",
        "payee": "Corner bakery",
        "postings": [
            {"account": "Expenses:Food", "amount": "1.00", "commodity": "BRL"},
            {"account": checking, "amount": "-1.00", "commodity": "BRL"},
        ],
    }


def _visible(port: int, book: str, checking: AccountId, times: int) -> str:
    """From a command's answer to the answer of a query that must show it."""
    taken_s = []
    for _ in range(times):
        answer = call(port, "POST", f"/v1/books/{book}/transactions", _one_more(checking))[1]
        started = time.perf_counter()
        status, _told = call(port, "GET", f"/v1/books/{book}/balances?min_version={answer['version']}")
        assert status == 200
        taken_s.append(time.perf_counter() - started)
    return percentiles_ms(taken_s)


def _resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
