"""`finshift serve`, and the command line beside it: one truth, whichever door is asked."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.parts import Parts
from tests.e2e.cli.program import PATIENCE_S, SAMPLES, Program, serving, started

pytestmark = pytest.mark.xdist_group("serving")  # one server for all that only look


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
    refused = finshift.process("serve", "--host", "0.0.0.0", "--port", "0")
    assert (refused.code, refused.out) == (2, "")
    assert "bind_refused" in refused.err


def test_a_port_that_another_program_has_is_told_as_such(finshift: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        failed = finshift.process("serve", "--port", str(other.getsockname()[1]))
    assert failed.code == 1
    assert failed.err.splitlines()[-1].endswith("[address_not_free]")


def test_a_server_whose_projections_cannot_go_on_ends_with_1_and_loses_nothing(
    finshift: Program, tmp_path: Path
) -> None:
    """Another release that takes a projection over leaves no checkpoint of this one's behind."""
    log = tmp_path / "serve.log"
    with started(finshift, log) as (server, client):
        assert client.get("/readyz").status_code == 200
        answer = client.post("/v1/books", json={"name": "home", "commodity": "BRL"})
        assert answer.status_code == 201, answer.text
        with closing(sqlite3.connect(finshift.data_dir / "read-models.db", timeout=PATIENCE_S)) as read_models:
            gone = read_models.execute("DELETE FROM projection_lanes WHERE projection = 'balances_v1'")
            read_models.commit()
        assert gone.rowcount == 1
        assert server.wait(PATIENCE_S) == 1
    *logged, told = log.read_text().splitlines()
    assert told.endswith("[projections_stopped]")
    assert "balances_v1" in told
    (critical,) = [line for line in map(json.loads, logged) if line["level"] == "critical"]
    assert "balances_v1" in critical["message"]
    kept = finshift.process("verify", "--book", answer.json()["book"], "--json").json
    assert kept["version"] == answer.json()["version"]


class Overtaken(Program):
    """The program while another release, which starts between its opening and its reading, takes a projection over."""

    @contextmanager
    def _parts(self, log_level: str) -> Iterator[Parts]:
        with super()._parts(log_level) as parts:
            with closing(sqlite3.connect(self.data_dir / "read-models.db", timeout=PATIENCE_S)) as read_models:
                read_models.execute("DELETE FROM projection_lanes WHERE projection = 'balances_v1'")
                read_models.commit()
            yield parts


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("balances", "--book", "home")])
def test_a_program_overtaken_while_it_starts_says_so_and_ends_with_1(
    finshift: Program, command: tuple[str, ...]
) -> None:
    assert finshift("book", "create", "home", "--commodity", "BRL").code == 0
    failed = Overtaken(finshift.data_dir)(*command)
    assert (failed.code, failed.out) == (1, "")
    assert failed.err.splitlines()[-1].endswith("[projections_stopped]")
    assert "balances_v1" in failed.err


def test_a_level_of_logging_that_there_is_not_is_refused(finshift: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINSHIFT_LOG_LEVEL", "chatty")
    refused = finshift.process("book", "list")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.splitlines()[-1].endswith("[log_level_unknown]")


def test_a_command_says_its_answer_and_nothing_besides_unless_more_is_asked_for(
    finshift: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = finshift.process("book", "create", "home", "--commodity", "BRL")
    assert (made.code, made.err) == (0, "")
    monkeypatch.setenv("FINSHIFT_LOG_LEVEL", "debug")
    listed = finshift.process("balances", "--book", "home", "--json")
    assert listed.json == []
    assert all(json.loads(line)["level"] for line in listed.err.splitlines())
    refused = finshift.process("balances", "--book", "nowhere", "--json")
    assert (refused.code, refused.out, refused.problem["code"]) == (2, "", "book_unknown")
