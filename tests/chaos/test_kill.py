"""`kill -9` of the program under load, again and again: what was acknowledged stands, once, and the chain holds."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.checker import faults_of_chain, first_amounts, read_log, unbalanced, wrongly_taken_back

KILLS = 20
CLIENTS = 6
START_LIMIT_S = 30
ANSWER_LIMIT_S = 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class History:
    """What the client knows: attempts by amount, and which of them were acknowledged, with the answer."""

    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    open: list[int] = field(default_factory=list)
    acknowledged: dict[int, dict[str, object]] = field(default_factory=dict)
    refused: list[tuple[int, int, str]] = field(default_factory=list)


def start(data_dir: Path, port: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {"FINSHIFT_DATA_DIR": str(data_dir)}
    log = data_dir.parent / "serve.log"
    with log.open("ab") as standard_error:
        program = subprocess.Popen(
            [sys.executable, "-m", "infra.bootstrap", "serve", "--port", str(port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=standard_error,
        )
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until:
        try:
            if ask(port, "GET", "/readyz")[0] == 200:
                return program
        except OSError:
            assert program.poll() is None, log.read_text()[-2000:]
        threading.Event().wait(0.02)
    program.kill()
    pytest.fail("the program was not ready in time: " + log.read_text()[-2000:])


def ask(port: int, method: str, path: str, body: object = None, key: str | None = None) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_LIMIT_S)
    try:
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def send(port: int, book: str, history: History, number: int) -> None:
    """One transaction whose amount is its number; without an answer it stays open and is sent again later."""
    amount = f"{number // 100}.{number % 100:02d}"
    body = {
        "date": "2026-03-01",
        "payee": f"Payee {number}",
        "postings": [
            {"account": "Expenses:Food", "amount": amount, "commodity": "BRL"},
            {"account": "Assets:Checking", "amount": f"-{amount}", "commodity": "BRL"},
        ],
    }
    try:
        status, answer = ask(port, "POST", f"/v1/books/{book}/transactions", body, key=f"key-{number}")
    except (OSError, http.client.HTTPException, ValueError):
        history.open.append(number)
        return
    if status == 201:
        history.acknowledged[number] = answer
    elif status in (429, 503):
        history.open.append(number)
    else:
        history.refused.append((number, status, json.dumps(answer)))


def test_kill_9_under_load_loses_nothing_and_applies_nothing_twice(tmp_path: Path) -> None:
    dice = random.Random(20260901)
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    port = free_port()
    history = History()
    program = start(data_dir, port)
    try:
        status, opened = ask(port, "POST", "/v1/books", {"name": "home", "commodity": "BRL"}, key="open-book")
        assert status == 201, opened
        book = str(opened["book"])
        for account in ("Assets:Checking", "Expenses:Food"):
            assert ask(port, "POST", f"/v1/books/{book}/accounts", {"account": account}, key=account)[0] == 201

        for _ in range(KILLS):
            again, history.open = history.open, []
            stop = threading.Event()
            pending = iter(again)

            def client(stop: threading.Event = stop, pending: Iterator[int] = pending) -> None:
                while not stop.is_set():
                    send(port, book, history, next(pending, None) or next(history.numbers))
                history.open.extend(pending)

            clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
            for thread in clients:
                thread.start()
            stop.wait(dice.uniform(0.2, 1.0))
            os.kill(program.pid, signal.SIGKILL)
            program.wait()
            stop.set()
            for thread in clients:
                thread.join()
            program = start(data_dir, port)

        for number in list(history.open):
            history.open.remove(number)
            send(port, book, history, number)
        assert not history.open
        assert not history.refused
        assert len(history.acknowledged) > KILLS * CLIENTS, "there was hardly any load"

        version = max(int(str(answer["version"])) for answer in history.acknowledged.values())
        status, balances = ask(port, "GET", f"/v1/books/{book}/balances?min_version={version}&as_of=2026-12-31")
        assert status == 200, balances
    finally:
        program.terminate()
        program.wait(timeout=ANSWER_LIMIT_S)

    log = read_log(data_dir / "events.db")
    assert faults_of_chain(log) == []
    assert unbalanced(log) == []
    assert wrongly_taken_back(log) == []
    recorded = first_amounts(log, book)
    sent = {f"{number // 100}.{number % 100:02d}" for number in history.acknowledged}
    assert {amount for amount, times in recorded.items() if times != 1} == set(), "applied more than once"
    assert sent == set(recorded), "lost, or recorded without having been acknowledged in the end"

    total = sum(history.acknowledged)
    held = {item["account"]: item["amount"] for item in balances["items"]}
    assert held["Expenses:Food"] == f"{total // 100}.{total % 100:02d}"
    by_version = {int(str(answer["version"])): answer["transaction_id"] for answer in history.acknowledged.values()}
    stored = {
        event["version"]: json.loads(event["data"])["transaction"]
        for event in log
        if event["stream"] == book and event["version"] in by_version
    }
    assert stored == by_version, "an answer named another transaction than the log holds"
