"""The doors on a real embedded house, in this process: store, bus, read models and runner as they ship."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.http.app import Api, close_app, create_app
from api.parts import Parts
from infra.bootstrap import open_parts
from infra.settings import Settings

ADDRESS = "http://127.0.0.1:8000"
NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
TODAY = "2026-09-15"


_numbers = itertools.count(1)


class Doors:
    """A client of the API. The read models follow when they are told to, so that a test can look at them behind."""

    def __init__(self, parts: Parts, app: Api) -> None:
        self.parts = parts
        self.app = app
        self._loop = asyncio.Runner()

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
                return await client.request(method, path, **more)

        return self._loop.run(send())

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.ask("GET", path, params=params or None)

    def post(self, path: str, body: Any = None, key: str | None = None, **more: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key is not None else {}
        content = {"json": body} if body is not None else {}
        return self.ask("POST", path, headers=headers, **content, **more)

    def follow(self) -> None:
        self.parts.runner.catch_up()

    def close(self) -> None:
        close_app(self.app)
        self._loop.close()


class Home:
    """A book with a checking account and a category, and the doors to it."""

    def __init__(self, doors: Doors) -> None:
        self.doors = doors
        self.name = f"Home {next(_numbers)}"
        opened = doors.post("/v1/books", {"name": self.name, "commodity": "BRL", "time_zone": "America/Sao_Paulo"})
        assert opened.status_code == 201, opened.text
        self.id: str = opened.json()["book"]
        self.path = f"/v1/books/{self.id}"
        for account in ("Assets:Checking", "Expenses:Food", "Income:Salary"):
            made = self.post("/accounts", {"account": account})
            assert made.status_code == 201, made.text

    def post(self, door: str, body: Any = None, key: str | None = None, **more: Any) -> httpx.Response:
        return self.doors.post(self.path + door, body, key, **more)

    def get(self, door: str, **params: Any) -> httpx.Response:
        """What the read models say once they have followed."""
        self.doors.follow()
        return self.doors.get(self.path + door, **params)

    def version(self) -> int:
        head = self.doors.parts.store.head(self.id)  # type: ignore[arg-type]
        assert head is not None
        return head.version

    def spend(self, amount: str = "10.50", **more: Any) -> httpx.Response:
        return self.post("/transactions", spending(amount, **more))

    def balances(self, **params: Any) -> dict[str, str]:
        answer = self.get("/balances", **params)
        assert answer.status_code == 200, answer.text
        return {item["account"]: item["amount"] for item in answer.json()["items"]}


def spending(amount: str = "10.50", date: str = "2026-09-14", **more: Any) -> dict[str, Any]:
    return {
        "date": date,
        "postings": [
            {"account": "Expenses:Food", "amount": amount, "commodity": "BRL"},
            {"account": "Assets:Checking", "amount": f"-{amount}", "commodity": "BRL"},
        ],
        **more,
    }


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem of an answer that is one, by status and code."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code), answer.text
    assert told["type"] == f"urn:finshift:problem:{code}"
    assert told["title"]
    assert told["detail"] != code
    assert "(" not in told["detail"] or "(" in str(told["params"])
    return told


@contextmanager
def house(folder: Path, now: datetime = NOW) -> Iterator[Doors]:
    """The doors of the house whose books are in a folder, at a moment."""
    with open_parts(Settings(data_dir=folder, now=now)) as parts:
        doors = Doors(parts, create_app(parts))
        try:
            yield doors
        finally:
            doors.close()


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """One house for a file of tests; each has a book of its own in it."""
    with house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture
def home(doors: Doors) -> Home:
    return Home(doors)
