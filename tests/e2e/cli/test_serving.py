"""`finshift serve`, and the command line beside it: one truth, whichever door is asked."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.e2e.cli.program import PATIENCE_S, ROOT, SAMPLES, Program


@contextmanager
def serving(program: Program, *more: str, end: signal.Signals = signal.SIGINT) -> Iterator[httpx.Client]:
    """A client of the served API. The server is told to end, and must end well."""
    command = program.command("serve", "--port", "0", *more)
    with subprocess.Popen(
        command, env=program.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            told = re.search(r"http://[0-9.]+:\d+", server.stdout.readline())
            assert told is not None, "the server did not say where it is"
            with httpx.Client(base_url=told.group(), timeout=PATIENCE_S) as client:
                yield client
        finally:
            server.send_signal(end)
            code = server.wait(PATIENCE_S)
        assert code == 0


def items_of(client: httpx.Client, path: str, **asked: str) -> Any:
    answer = client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, httpx.Client]]:
    program = Program(tmp_path_factory.mktemp("served") / "data")
    with serving(program, "--demo") as client:
        yield program, client


def test_serve_with_the_sample_household_shows_its_net_worth_by_http(served: tuple[Program, httpx.Client]) -> None:
    _, client = served
    assert client.get("/healthz").status_code == 200
    assert items_of(client, "/v1/books/demo/net-worth")[-1]["date"] == "2026-09-17"


@pytest.mark.parametrize(
    ("arguments", "path", "asked"),
    [
        (("book", "list"), "/v1/books", {}),
        (("accounts", "--book", "demo"), "/v1/books/demo/accounts", {}),
        (("balances", "--book", "demo", "--as-of", "2025-12-31"), "/v1/books/demo/balances", {"as_of": "2025-12-31"}),
        (("register", "--book", "demo"), "/v1/books/demo/transactions", {}),
        (
            ("register", "--book", "demo", "--account", "Assets:Carteira", "--text", "feira", "--limit", "7"),
            "/v1/books/demo/transactions",
            {"account": "Assets:Carteira", "text": "feira", "limit": "7"},
        ),
        (
            ("net-worth", "--book", "demo", "--every", "week", "--from", "2026-05-01"),
            "/v1/books/demo/net-worth",
            {"every": "week", "from": "2026-05-01"},
        ),
        (("cash-flow", "--book", "demo-usd"), "/v1/books/demo-usd/cash-flow", {}),
        (("budgets", "--book", "demo", "--period", "2026-03"), "/v1/books/demo/budgets", {"period": "2026-03"}),
        (("imports", "list", "--book", "demo"), "/v1/books/demo/imports", {}),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else None,
)
def test_the_command_line_prints_the_same_items_as_the_doors(
    served: tuple[Program, httpx.Client], arguments: tuple[str, ...], path: str, asked: dict[str, str]
) -> None:
    program, client = served
    assert program(*arguments, "--json").json == items_of(client, path, **asked)


def test_what_the_command_line_does_beside_a_server_is_seen_there_and_the_other_way_round(finshift: Program) -> None:
    with serving(finshift, end=signal.SIGTERM) as client:
        made = finshift("book", "create", "home", "--commodity", "USD", "--json").json
        imported = finshift("import", SAMPLES / "ofx" / "checking.ofx", "--book", "home", "--yes", "--json").json
        seen = items_of(client, "/v1/books/home/balances", min_version=str(imported["version"]))
        assert {(item["account"], item["amount"]) for item in seen} >= {("Assets:FAKE-6877", "100.99")}
        lunch = {
            "date": "2026-09-16",
            "payee": "Corner Deli",
            "postings": [
                {"account": "Expenses:Uncategorized", "amount": "12.50", "commodity": "USD"},
                {"account": "Assets:FAKE-6877", "amount": "-12.50", "commodity": "USD"},
            ],
        }
        answer = client.post("/v1/books/home/transactions", json=lunch)
        assert answer.status_code == 201, answer.text
        assert answer.json()["version"] == imported["version"] + 1
        entries = finshift("register", "--book", "home", "--text", "deli", "--json").json
        assert [entry["transaction_id"] for entry in entries] == [answer.json()["transaction_id"]]
        assert made["book"] == answer.json()["book"]


def test_an_address_beyond_this_machine_is_refused(finshift: Program) -> None:
    refused = finshift("serve", "--host", "0.0.0.0", "--port", "0")
    assert (refused.code, refused.out) == (2, "")
    assert "bind_refused" in refused.err


def test_a_port_that_another_program_has_is_told_as_such(finshift: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        failed = finshift("serve", "--port", str(other.getsockname()[1]))
    assert failed.code == 1
    assert failed.err.splitlines()[-1].endswith("[address_not_free]")
