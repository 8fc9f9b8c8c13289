"""The server as a program: it tells where it is, and ends without losing what it accepted."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from api.http.server import serve
from domain.errors import Rejected
from tests.e2e.http.conftest import spending

START_S = 60
END_S = 60


@contextmanager
def serving(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    environment = os.environ | {"FINSHIFT_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "infra.bootstrap", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as program:
        watch = threading.Timer(START_S, program.kill)
        watch.start()
        try:
            assert program.stdout is not None
            told = re.search(r"http://\S+:\d+", program.stdout.readline())
            assert told is not None
            yield program, told.group()
        finally:
            watch.cancel()
            program.kill()


def opened(client: httpx.Client) -> str:
    book = client.post("/v1/books", json={"name": "Home", "commodity": "BRL"}).json()["book"]
    for account in ("Assets:Checking", "Expenses:Food"):
        client.post(f"/v1/books/{book}/accounts", json={"account": account}).raise_for_status()
    return str(book)


def test_a_server_told_to_end_answers_what_it_took_and_keeps_it(tmp_path: Path) -> None:
    recorded: list[int] = []
    broken: list[Exception] = []
    with serving(tmp_path) as (program, address):
        with httpx.Client(base_url=address) as client:
            book = opened(client)
        begun = threading.Event()

        def send() -> None:
            with httpx.Client(base_url=address) as sender:
                while True:
                    try:
                        answer = sender.post(f"/v1/books/{book}/transactions", json=spending("1.00"))
                    except httpx.TransportError as gone:
                        broken.append(gone)
                        return
                    if answer.status_code != 201:
                        assert answer.json()["code"] == "busy"
                        return
                    recorded.append(answer.json()["version"])
                    begun.set()

        senders = [threading.Thread(target=send) for _ in range(4)]
        for sender in senders:
            sender.start()
        assert begun.wait(START_S)
        program.send_signal(signal.SIGTERM)
        for sender in senders:
            sender.join(END_S)
        assert program.wait(END_S) in (0, -signal.SIGTERM)
    with serving(tmp_path) as (_, address), httpx.Client(base_url=address) as client:
        last = max(recorded)
        answer = client.get(f"/v1/books/{book}/balances", params={"min_version": last})
        amounts = {item["account"]: item["amount"] for item in answer.json()["items"]}
        assert amounts["Expenses:Food"] == f"{len(recorded)}.00"
    # A line that was cut was cut between requests, never within one that was taken.
    assert not any(isinstance(gone, httpx.RemoteProtocolError) and "without" not in str(gone) for gone in broken)


def test_a_refused_body_is_answered_on_a_real_line(tmp_path: Path) -> None:
    """Over a socket the sender is still writing when the refusal is decided; it hears it all the same."""
    with serving(tmp_path) as (_, address), httpx.Client(base_url=address) as client:
        book = opened(client)
        huge = client.post(f"/v1/books/{book}/transactions", content=b"x" * (20 * 1024 * 1024))
        assert (huge.status_code, huge.json()["code"]) == (413, "body_too_large")
        pieces = (b"x" * 65_536 for _ in range(400))
        huge = client.post(f"/v1/books/{book}/transactions", content=pieces)
        assert (huge.status_code, huge.json()["code"]) == (413, "body_too_large")
        assert client.get("/healthz").status_code == 200


def test_an_address_that_others_can_reach_is_refused() -> None:
    settings = SimpleNamespace(local_bind=None)
    app = SimpleNamespace(state=SimpleNamespace(parts=SimpleNamespace(settings=settings)))
    with pytest.raises(Rejected) as refusal:
        serve(app, "0.0.0.0", 0, lambda host, port: None)  # type: ignore[arg-type]
    assert refusal.value.code == "bind_refused"


@pytest.mark.parametrize("sent", [b"", b'{"reason": '])
def test_a_request_whose_body_never_came_whole_does_nothing(tmp_path: Path, sent: bytes) -> None:
    with serving(tmp_path) as (_, address), httpx.Client(base_url=address) as client:
        book = opened(client)
        where = httpx.URL(address)
        with socket.create_connection((where.host, where.port or 0)) as line:
            line.sendall(
                f"POST /v1/books/{book}/erase HTTP/1.1\r\nHost: {where.host}:{where.port}\r\n"
                "Content-Type: application/json\r\nContent-Length: 30\r\n\r\n".encode()
                + sent
            )
        # Requests begin in the order in which they come, so what the torn one did would stand before this.
        assert client.post(f"/v1/books/{book}/transactions", json=spending("1.00")).status_code == 201
        kinds = [event["type"] for event in client.get(f"/v1/books/{book}/events").json()["items"]]
        assert "book.erased.v1" not in kinds
