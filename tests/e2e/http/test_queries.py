"""Questions over HTTP: figures at a version that the client can rely on, on any day, as known at any time."""

from __future__ import annotations

import base64
import itertools
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import BaseModel
from sqlalchemy import text

from api.http import questions, shapes
from tests.e2e.http.conftest import TODAY, Doors, Home, house, problem, spending


@pytest.mark.parametrize(
    ("door", "shape"),
    [
        ("/accounts", shapes.AccountOut),
        ("/balances", shapes.BalanceOut),
        ("/transactions", shapes.TransactionOut),
        ("/net-worth", shapes.WorthOut),
        ("/cash-flow", shapes.FlowOut),
        ("/budgets", shapes.BudgetOut),
        ("/events", shapes.EventOut),
    ],
)
def test_every_list_has_the_shape_that_the_documentation_tells(home: Home, door: str, shape: type[BaseModel]) -> None:
    home.spend(payee="Corner Market", tags=["food"])
    home.post("/budgets", {"account": "Expenses:Food", "limit": "500", "commodity": "BRL", "start": "2026-01-01"})
    answer = home.get(door)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert set(page) == {"items", "next"}
    assert page["items"]
    for item in page["items"]:
        shape.model_validate(item)
    assert int(answer.headers["finshift-version"]) == home.version()


def test_a_book_is_told_by_id_and_by_name(home: Home) -> None:
    by_id = home.get("")
    shapes.BookOut.model_validate(by_id.json())
    assert by_id.json() == home.doors.get(f"/v1/books/{home.name}").json()


def test_balances_are_those_of_the_end_of_a_day(home: Home) -> None:
    home.spend("10.00", date="2026-09-10")
    home.spend("20.00", date="2026-09-12")
    home.spend("40.00", date="2026-09-16")
    assert home.balances()["Expenses:Food"] == "30.00"
    assert home.balances(as_of="2026-09-11")["Expenses:Food"] == "10.00"
    assert home.balances(as_of="2026-09-16")["Expenses:Food"] == "70.00"


def test_figures_can_be_asked_as_they_were_known(tmp_path: Path) -> None:
    """Recorded on Monday evening in Sao Paulo, which is Tuesday in UTC; taken back on Wednesday."""
    evening, later = datetime(2026, 9, 15, 1, tzinfo=UTC), datetime(2026, 9, 16, 12, tzinfo=UTC)
    with house(tmp_path, evening) as doors:
        home = Home(doors)
        transaction = home.spend("10.00").json()["transaction_id"]
    with house(tmp_path, later) as doors:
        home.doors = doors
        home.post(f"/transactions/{transaction}/void")
        assert home.balances() == {}
        assert home.balances(known_on="2026-09-14")["Expenses:Food"] == "10.00"
        assert home.balances(known_on="2026-09-15T01:00:00Z")["Expenses:Food"] == "10.00"
        assert home.balances(known_on="2026-09-16") == {}
        assert home.balances(known_on="2026-09-13") == {}
        just_before = (evening - timedelta(microseconds=1)).isoformat()
        assert home.get("/transactions", known_on=just_before).json()["items"] == []
        assert home.get("/accounts", known_on=just_before).json()["items"] == []


@pytest.mark.parametrize("known_on", ["yesterday", "2026-09-15T12:00:00", "2026-02-30", "20260915"])
def test_a_moment_without_its_zone_is_no_moment(home: Home, known_on: str) -> None:
    told = problem(home.get("/balances", known_on=known_on), 422, "query_not_valid")
    assert told["params"]["fields"] == ["known_on"]


def test_a_plus_sign_that_was_not_escaped_is_understood(home: Home) -> None:
    home.doors.follow()
    answer = home.doors.ask("GET", f"{home.path}/balances?known_on=2026-09-15T12:00:00+00:00")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("door", "params", "field"),
    [
        ("/balances", {"as_of": "1"}, "as_of"),
        ("/balances", {"as_of": "2026-9-1"}, "as_of"),
        ("/balances", {"min_version": "-1"}, "min_version"),
        ("/transactions", {"limit": "501"}, "limit"),
        ("/transactions", {"limit": "0"}, "limit"),
        ("/net-worth", {"every": "fortnight"}, "every"),
        ("/net-worth", {"from": "2026-09-02", "to": "2026-09-01"}, "from"),
        ("/budgets", {"period": "2026-13"}, "period"),
        ("/events", {"after": "-1"}, "after"),
        ("/events", {"after": str(2**63)}, "after"),
    ],
)
def test_a_question_that_is_not_clear_names_the_field(
    home: Home, door: str, params: dict[str, str], field: str
) -> None:
    assert field in problem(home.get(door, **params), 422, "query_not_valid")["params"]["fields"]


def test_spans_have_limits(home: Home) -> None:
    for door in ("/net-worth", "/cash-flow"):
        problem(home.get(door, **{"from": "1950-01-01", "every": "day"}), 422, "too_many_periods")
        problem(home.get(door, **{"from": "1850-01-01"}), 422, "date_out_of_range")


# Read your own writes


def test_a_question_waits_for_the_version_it_names(home: Home) -> None:
    """The read models follow in a thread of their own, as they do beside the server."""
    version = home.spend("10.00").json()["version"]
    stop = threading.Event()
    following = threading.Thread(target=home.doors.parts.runner.run, args=(stop,))
    following.start()
    try:
        for number in range(1, 21):
            answer = home.doors.get(f"{home.path}/balances", min_version=version)
            assert int(answer.headers["finshift-version"]) >= version
            amounts = {item["account"]: item["amount"] for item in answer.json()["items"]}
            assert amounts["Expenses:Food"] == f"{10 * number}.00"
            version = home.spend("10.00").json()["version"]
    finally:
        stop.set()
        following.join()


def test_a_version_not_reached_in_time_tells_what_was(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MAX_WAIT_S", 0.1)
    home.doors.follow()
    reached = home.version()
    version = home.spend().json()["version"]
    told = problem(home.doors.get(f"{home.path}/balances", min_version=version), 504, "min_version_not_reached")
    assert told["params"] == {"min_version": version, "reached": reached}


def test_a_version_beyond_the_end_is_refused_at_once(home: Home) -> None:
    told = problem(home.get("/balances", min_version=10_000), 422, "min_version_beyond_end")
    assert told["params"]["end"] == home.version()


def test_a_book_just_opened_can_be_asked_about(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is in the read models yet: the question waits for its first event rather than deny the book."""
    monkeypatch.setattr(questions, "MAX_WAIT_S", 0.05)
    problem(home.doors.get(f"{home.path}/balances"), 504, "min_version_not_reached")
    assert home.get("/balances").status_code == 200


def test_an_unknown_book_is_unknown_to_every_question(doors: Doors) -> None:
    for door in (
        "",
        "/accounts",
        "/balances",
        "/transactions",
        "/net-worth",
        "/cash-flow",
        "/budgets",
        "/imports",
        "/events",
    ):
        for book in ("Nowhere", "01998b3c-52d1-7e0a-9c41-6f2d8e5b7a10"):
            problem(doors.get(f"/v1/books/{book}{door}"), 404, "book_unknown")


# Lists


def pages(home: Home, door: str, **params: Any) -> list[Any]:
    items: list[Any] = []
    cursor = None
    for _ in range(100):
        page = home.get(door, **params, **({"cursor": cursor} if cursor else {})).json()
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("door", ["/accounts", "/balances", "/transactions", "/events"])
def test_pages_together_are_the_whole_list(home: Home, door: str) -> None:
    for day in range(1, 8):
        home.spend("1.00", date=f"2026-09-{day:02}")
        home.post("/accounts", {"account": f"Assets:Box {day}"})
        moved = spending("1.00")
        moved["postings"][0]["account"] = f"Assets:Box {day}"
        home.post("/transactions", moved)
    whole = home.get(door, limit=500).json()["items"]
    assert len(whole) > 6
    assert pages(home, door, limit=3) == whole


def test_pages_of_figures_fit_together_whatever_is_recorded_between_them(home: Home) -> None:
    for box in "ABCD":
        home.post("/accounts", {"account": f"Assets:{box}"})
        moved = spending("1.00")
        moved["postings"][0]["account"] = f"Assets:{box}"
        home.post("/transactions", moved)
    first = home.get("/balances", limit=2).json()
    home.post("/accounts", {"account": "Assets:AA"})
    moved = spending("5.00")
    moved["postings"][0]["account"] = "Assets:AA"
    home.post("/transactions", moved)
    second = home.get("/balances", limit=500, cursor=first["next"]).json()
    told = [(item["account"], item["amount"]) for item in first["items"] + second["items"]]
    assert told == sorted([*((f"Assets:{box}", "1.00") for box in "ABCD"), ("Assets:Checking", "-4.00")])


def test_a_cursor_of_another_question_is_refused(home: Home) -> None:
    home.spend()
    cursor = home.get("/balances", limit=1).json()["next"]
    problem(home.get("/accounts", limit=1, cursor=cursor), 422, "cursor_not_valid")
    for nonsense in ("nonsense", "%%%", "W10", "\u00e9"):
        problem(home.get("/balances", cursor=nonsense), 422, "cursor_not_valid")


def test_transactions_are_found_by_account_day_and_words(home: Home) -> None:
    home.spend("1.00", date="2026-09-01", payee="Padaria S\u00e3o Jo\u00e3o")
    home.spend("2.00", date="2026-09-02", payee="Corner Market")
    home.spend("4.00", date="2026-09-20", payee="To come")

    def payees(**params: Any) -> list[str]:
        return [item["payee"] for item in home.get("/transactions", **params).json()["items"]]

    assert payees() == ["Corner Market", "Padaria S\u00e3o Jo\u00e3o"]
    assert payees(to="2026-09-30") == ["To come", "Corner Market", "Padaria S\u00e3o Jo\u00e3o"]
    assert payees(**{"from": "2026-09-02"}) == ["Corner Market"]
    assert payees(text="sao joao") == ["Padaria S\u00e3o Jo\u00e3o"]
    listed = home.get("/transactions", account="Assets:Checking").json()["items"]
    assert [item["balance"][0]["amount"] for item in listed] == ["-3.00", "-1.00"]
    problem(home.get("/transactions", account="Assets:Nowhere"), 422, "account_unknown")


def test_cash_flow_and_net_worth_tell_the_last_twelve_months(home: Home) -> None:
    home.spend("10.00", date="2025-09-30")
    home.spend("20.00", date="2025-10-01")
    flow = home.get("/cash-flow").json()["items"]
    assert [(item["period"], item["amount"]) for item in flow] == [("2025-10-01", "20.00")]
    worth = home.get("/net-worth").json()["items"]
    assert (worth[0]["date"], worth[-1]["date"], len(worth)) == ("2025-10-31", TODAY, 12)
    assert worth[-1]["amount"] == "-30.00"
    worth = home.get("/net-worth", to="2025-12-31").json()["items"]
    assert (worth[0]["date"], worth[-1]["date"], len(worth)) == ("2025-01-31", "2025-12-31", 12)
    worth = home.get("/net-worth", **{"from": "2026-12-24"}).json()["items"]
    assert [point["date"] for point in worth] == ["2026-12-24"]


# History


def test_events_are_told_as_stored_with_what_they_hide_beside_them(home: Home) -> None:
    home.spend(payee="Corner Market")
    items = home.get("/events", limit=500).json()["items"]
    assert [item["version"] for item in items] == list(range(1, home.version() + 1))
    assert items[-1]["private"] == {"payee": "Corner Market"}
    assert "payee" not in items[-1]["data"]
    assert all(b["prev_hash"] == a["hash"] for a, b in itertools.pairwise(items))
    rest = home.get("/events", after=home.version() - 1).json()
    assert (rest["items"], rest["next"]) == (items[-1:], None)


def test_a_parked_book_is_told_as_parked_at_once(home: Home) -> None:
    """Parked by hand, as a poisonous event would be: what to say is the same."""
    home.spend()
    home.doors.follow()
    with home.doors.parts.runner._database.write() as connection:
        parked = text("UPDATE projection_heads SET parked = 'ValueError' WHERE book = :book AND projection = :name")
        assert connection.execute(parked, {"book": home.id, "name": "balances_v1"}).rowcount == 1
    told = problem(home.doors.get(f"{home.path}/balances"), 409, "projection_parked")
    assert told["params"]["projection"] == "balances"
    assert home.doors.get(f"{home.path}/transactions").status_code == 200
    assert home.doors.get("/readyz").json()["projections"][2]["parked"] == 1


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("net-worth?as_of=0001-06-01", "date_out_of_range"),
        ("cash-flow?as_of=0001-06-01", "date_out_of_range"),
        ("cash-flow?to=0001-06-01", "date_out_of_range"),
        ("balances?known_on=0001-01-01T00:00:00%2B23:00", "query_not_valid"),
        ("balances?known_on=9999-12-31T23:59:59-23:00", "query_not_valid"),
        (f"balances?min_version={10**25}", "query_not_valid"),
    ],
)
def test_what_is_beyond_every_calendar_and_count_is_refused(home: Home, question: str, code: str) -> None:
    home.doors.follow()
    problem(home.doors.get(f"{home.path}/{question}"), 422, code)


def test_a_cursor_of_a_version_beyond_every_store_is_no_cursor(home: Home) -> None:
    cursor = home.get("/accounts", limit=1).json()["next"]
    offset, _, digest = orjson.loads(base64.urlsafe_b64decode(cursor + "=="))
    forged = base64.urlsafe_b64encode(orjson.dumps([offset, 2**64 - 1, digest])).rstrip(b"=").decode()
    problem(home.get("/accounts", limit=1, cursor=forged), 422, "cursor_not_valid")


def test_a_book_is_told_as_it_stands_and_takes_no_day(home: Home) -> None:
    parameters = home.doors.get("/openapi.json").json()["paths"]["/v1/books/{book}"]["get"]["parameters"]
    assert {parameter["name"] for parameter in parameters} == {"book", "min_version"}
    home.doors.follow()
    assert home.doors.get(home.path, min_version=home.version()).json()["book"] == home.id
