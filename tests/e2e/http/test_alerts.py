"""Alerts over HTTP: told once, newest first, in words and in facts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from api.http import shapes
from domain.sentences import sentence
from tests.e2e.http.conftest import Home, house, problem


def budget(home: Home, limit: str = "500") -> None:
    body = {"account": "Expenses:Food", "limit": limit, "commodity": "BRL", "start": "2026-01-01"}
    assert home.post("/budgets", body).status_code == 201


def test_a_budget_that_is_exceeded_is_told(home: Home) -> None:
    budget(home)
    assert home.get("/alerts").json() == {"items": [], "next": None}
    home.spend("400.00")
    version = home.spend("100.01").json()["version"]
    home.doors.follow()
    answer = home.doors.get(f"{home.path}/alerts", min_version=version)
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["finshift-version"]) == version
    exceeded, reached = answer.json()["items"]
    for item in (exceeded, reached):
        shapes.AlertOut.model_validate(item)
        assert item["text_en"] == sentence(item["code"], item["params"])
    assert (exceeded["code"], reached["code"]) == ("budget_exceeded", "budget_threshold_reached")
    assert exceeded["version"] == version
    assert exceeded["period"] == "2026-09-01"
    assert "500.01 BRL are spent of the budget of 500.00" in exceeded["text_en"]


def test_alerts_are_told_in_pages_that_fit_together(home: Home) -> None:
    for _ in range(5):
        budget(home, "20")
    home.spend("10.00")
    home.spend("90.00")
    whole = home.get("/alerts").json()["items"]
    assert len(whole) == 5
    told, cursor = [], None
    while True:
        more: dict[str, str] = {} if cursor is None else {"cursor": cursor}
        page = home.get("/alerts", limit=2, **more).json()
        told += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert told == whole
    first = home.get("/alerts", limit=2).json()["next"]
    problem(home.get("/alerts", limit=2, cursor=first + "x"), 422, "cursor_not_valid")
    problem(home.get("/alerts", limit=2, cursor=first, as_of="2026-01-01"), 422, "cursor_not_valid")
    problem(home.get("/budgets", limit=2, cursor=first), 422, "cursor_not_valid")


def test_alerts_can_be_asked_as_they_were_known(tmp_path: Path) -> None:
    with house(tmp_path, datetime(2026, 9, 14, 12, tzinfo=UTC)) as doors:
        home = Home(doors)
        budget(home)
    with house(tmp_path, datetime(2026, 9, 16, 12, tzinfo=UTC)) as doors:
        home.doors = doors
        home.spend("900.00")
        assert len(home.get("/alerts").json()["items"]) == 1
        assert home.get("/alerts", known_on="2026-09-15").json()["items"] == []


def test_a_book_that_is_not_there_has_no_alerts(home: Home) -> None:
    home.doors.follow()
    problem(home.doors.get("/v1/books/nobody/alerts"), 404, "book_unknown")
