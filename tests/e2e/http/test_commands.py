"""Commands over HTTP: each is answered once it is durable, and asked again it answers the same."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api.http.commands import MAX_COMMANDS
from api.http.doors import DOORS, Door
from api.http.reading import MAX_BODY_BYTES
from api.http.shapes import BatchAnswer, CommandAnswer
from tests.e2e.http.conftest import Doors, Home, house, problem, spending


def test_a_transaction_is_recorded_and_answers_where_its_book_stands(home: Home) -> None:
    before = home.version()
    answer = home.spend("182.40", payee="Corner Market", memo="weekly", tags=["food"])
    assert answer.status_code == 201
    told = answer.json()
    CommandAnswer.model_validate(told)
    assert told["version"] == before + 1 == int(answer.headers["finshift-version"])
    assert told["transaction_id"]
    assert home.balances() == {"Assets:Checking": "-182.40", "Expenses:Food": "182.40"}


def test_the_same_key_answers_the_same_and_applies_once(home: Home) -> None:
    first = home.post("/transactions", spending(), key="once")
    again = home.post("/transactions", spending(), key="once")
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert home.balances()["Expenses:Food"] == "10.50"


def test_a_key_with_another_body_is_refused(home: Home) -> None:
    home.post("/transactions", spending("1.00"), key="once")
    problem(home.post("/transactions", spending("2.00"), key="once"), 409, "idempotency_key_reused")
    assert home.balances()["Expenses:Food"] == "1.00"


def test_opening_a_book_twice_under_one_key_opens_one(doors: Doors) -> None:
    body = {"name": "Twice", "commodity": "BRL"}
    first, again = doors.post("/v1/books", body, key="b"), doors.post("/v1/books", body, key="b")
    assert first.json()["book"] == again.json()["book"]
    problem(doors.post("/v1/books", body, key="c"), 409, "book_name_used")
    doors.follow()
    assert [item["name"] for item in doors.get("/v1/books").json()["items"]].count("Twice") == 1


def test_keys_of_two_books_do_not_meet(home: Home) -> None:
    other = home.doors.post("/v1/books", {"name": "Cabin", "commodity": "BRL"}).json()["book"]
    account = {"account": "Assets:Checking"}
    first = home.doors.post(f"/v1/books/{other}/accounts", account, key="same")
    second = home.post("/accounts", {"account": "Assets:Savings"}, key="same")
    assert (first.status_code, second.status_code) == (201, 201)


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "\u00e9"])
def test_a_key_outside_of_its_limits_is_refused(home: Home, key: str) -> None:
    answer = home.doors.ask(
        "POST", f"{home.path}/transactions", json=spending(), headers={"Idempotency-Key": key.encode("latin-1")}
    )
    problem(answer, 422, "idempotency_key_not_valid")


def test_a_transaction_can_be_amended_and_voided(home: Home) -> None:
    transaction = home.spend("10.00").json()["transaction_id"]
    amended = home.post(f"/transactions/{transaction}/amend", spending("12.00", reason="misread"))
    assert amended.status_code == 200
    assert home.balances()["Expenses:Food"] == "12.00"
    voided = home.post(f"/transactions/{transaction}/void")
    assert voided.status_code == 200
    assert home.balances() == {}
    problem(home.post(f"/transactions/{transaction}/void"), 409, "transaction_not_standing")


def test_the_path_alone_tells_which_transaction_is_meant(home: Home) -> None:
    transaction = home.spend().json()["transaction_id"]
    answer = home.post(f"/transactions/{transaction}/void", {"transaction_id": "another"})
    assert problem(answer, 422, "body_not_valid")["params"]["fields"] == ["transaction_id"]


def test_accounts_are_renamed_merged_and_closed_by_name_or_id(home: Home) -> None:
    opened = home.post("/accounts", {"account": "Expenses:Food:Snacks", "commodity": "BRL"}).json()["account_id"]
    assert home.post("/accounts/Expenses:Food:Snacks/rename", {"name": "Expenses:Snacks"}).status_code == 200
    assert home.post(f"/accounts/{opened}/merge", {"into": "Expenses:Food"}).status_code == 200
    assert home.post("/accounts/Income:Salary/close", {"on": "2026-09-30"}).status_code == 200
    listed = {item["account"]: item for item in home.get("/accounts").json()["items"]}
    assert listed["Income:Salary"]["closed_on"] == "2026-09-30"
    assert listed["Expenses:Snacks"]["merged_into"] == listed["Expenses:Food"]["account_id"]


def test_a_name_typed_in_decomposed_unicode_is_the_same_name(home: Home) -> None:
    assert home.post("/accounts", {"account": "Expenses:Cafe\u0301"}).status_code == 201
    problem(home.post("/accounts", {"account": "Expenses:Caf\u00e9"}), 409, "account_name_used")


def test_an_account_name_with_a_slash_can_stand_in_a_path(home: Home) -> None:
    home.post("/accounts", {"account": "Expenses:Food/Drink"})
    assert home.post("/accounts/Expenses:Food%2FDrink/close", {"on": "2026-09-01"}).status_code == 200


def test_holdings_at_cost_and_prices_come_in(home: Home) -> None:
    assert home.post("/commodities", {"commodity": "PETR4", "scale": 0}).status_code == 200
    home.post("/accounts", {"account": "Assets:Broker"})
    bought = {
        "date": "2026-09-01",
        "postings": [
            {
                "account": "Assets:Broker",
                "amount": "100",
                "commodity": "PETR4",
                "cost": {"total": "3000.00", "commodity": "BRL", "date": "2026-09-01", "label": "first"},
            },
            {"account": "Assets:Checking", "amount": "-3000.00", "commodity": "BRL"},
        ],
    }
    assert home.post("/transactions", bought).status_code == 201
    price = {"commodity": "PETR4", "date": "2026-09-10", "rate": "31.25", "currency": "BRL"}
    assert home.post("/prices", price).status_code == 200
    worth = home.get("/net-worth", **{"from": "2026-09-15", "to": "2026-09-15"}).json()["items"][-1]
    assert (worth["amount"], worth["partial"]) == ("125.00", False)


def test_an_opening_balance_a_confirmation_and_a_closed_period(home: Home) -> None:
    said = {"account": "Assets:Checking", "date": "2026-08-31", "amount": "2500.00", "commodity": "BRL"}
    assert home.post("/opening-balances", said).status_code == 201
    assert home.post("/assertions", said).status_code == 200
    differs = problem(home.post("/assertions", said | {"amount": "2500.01"}), 422, "balance_differs")
    assert differs["params"]["difference"] == {"amount": "0.01", "commodity": "BRL"}
    assert home.post("/assertions/withdraw", {"account": "Assets:Checking", "commodity": "BRL"}).status_code == 200
    assert home.post("/period-closings", {"through": "2026-08-31"}).status_code == 200
    problem(home.spend(date="2026-08-30"), 422, "period_closed")


def test_a_budget_is_set_changed_and_ended(home: Home) -> None:
    said = {"account": "Expenses:Food", "limit": "500.00", "commodity": "BRL", "start": "2026-01-01"}
    budget = home.post("/budgets", said).json()["budget_id"]
    home.spend("120.00")
    change = {"limit": "600.00", "commodity": "BRL", "valid_from": "2026-10-01"}
    assert home.post(f"/budgets/{budget}/change", change).status_code == 200
    lines = home.get("/budgets", period="2026-09").json()["items"]
    assert [(line["limit"], line["spent"], line["left"]) for line in lines] == [("500.00", "120.00", "380.00")]
    assert home.get("/budgets", period="2026-10-31").json()["items"][0]["limit"] == "600.00"
    assert home.post(f"/budgets/{budget}/end", {"on": "2026-09-30"}).status_code == 200
    assert home.get("/budgets", period="2026-10").json()["items"] == []
    problem(home.post("/budgets/none/end", {"on": "2026-09-30"}), 404, "budget_unknown")


def test_an_erased_book_is_gone_for_good(home: Home) -> None:
    home.spend(payee="Corner Market")
    assert home.post("/erase", {"reason": "moved"}).status_code == 200
    problem(home.spend(), 409, "book_erased")
    problem(home.get("/balances"), 409, "book_erased")
    events = home.get("/events", limit=500).json()["items"]
    assert events[-1]["type"] == "book.erased.v1"
    assert [event["private"] for event in events] == [None] * len(events)
    assert "Corner Market" not in home.get("/events", limit=500).text


def test_a_renamed_book_is_found_by_its_new_name_alone(home: Home) -> None:
    assert home.post("/rename", {"name": "Our house"}).status_code == 200
    assert home.doors.post("/v1/books/Our house/transactions", spending()).status_code == 201
    problem(home.doors.post(f"/v1/books/{home.name}/transactions", spending()), 404, "book_unknown")


# Batches


def batch(atomic: bool, *commands: tuple[str, Mapping[str, object]]) -> dict[str, object]:
    return {"atomic": atomic, "commands": [{"type": name, "data": data} for name, data in commands]}


def test_an_atomic_batch_may_post_to_what_it_opens(home: Home) -> None:
    opened = ("open-account", {"account": "Expenses:Rent"})
    rent = spending("900.00")
    rent["postings"][0]["account"] = "Expenses:Rent"
    answer = home.post("/commands", batch(True, opened, ("record-transaction", rent)), key="b")
    assert answer.status_code == 201
    told = answer.json()
    BatchAnswer.model_validate(told)
    account, transaction = told["results"]
    assert (account["status"], transaction["status"]) == (201, 201)
    assert transaction["body"]["version"] == account["body"]["version"] + 1 == told["version"]
    assert transaction["body"]["position"] == account["body"]["position"] + 1 == told["position"]
    events = home.get("/events", after=told["version"] - 1).json()["items"]
    assert (events[0]["position"], events[0]["hash"]) == (told["position"], told["hash"])
    again = home.post("/commands", batch(True, opened, ("record-transaction", rent)), key="b")
    assert (again.json(), again.headers["idempotency-replayed"]) == (told, "true")


def test_a_refused_atomic_batch_changes_nothing_and_names_its_command(home: Home) -> None:
    before = home.version()
    missing = ("merge-account", {"account": "Expenses:Nowhere", "into": "Expenses:Food"})
    answer = home.post("/commands", batch(True, ("record-transaction", spending()), missing))
    assert problem(answer, 422, "account_unknown")["index"] == 1
    bad = home.post("/commands", batch(True, ("record-transaction", spending()), ("open-account", {"name": 1})))
    assert problem(bad, 422, "body_not_valid")["index"] == 1
    assert home.version() == before


def test_commands_on_their_own_stand_or_fall_alone_in_order(home: Home) -> None:
    answer = home.post(
        "/commands",
        batch(
            False,
            ("open-account", {"account": "Expenses:Rent"}),
            ("open-account", {"account": "Expenses:Rent"}),
            ("teleport", {}),
            ("record-transaction", spending() | {"date": "14.09.2026"}),
            ("rename-account", {"account": "Expenses:Rent", "name": "Expenses:Flat"}),
        ),
    )
    told = answer.json()
    BatchAnswer.model_validate(told)
    assert [result["status"] for result in told["results"]] == [201, 409, 422, 422, 200]
    codes = [result["problem"]["code"] for result in told["results"] if "problem" in result]
    assert codes == ["account_name_used", "command_type_unknown", "body_not_valid"]
    assert told["version"] == home.version() == int(answer.headers["finshift-version"])


def test_a_batch_sent_again_under_its_key_applies_nothing_twice(home: Home) -> None:
    body = batch(False, ("record-transaction", spending("1.00")), ("record-transaction", spending("2.00")))
    first, again = home.post("/commands", body, key="k"), home.post("/commands", body, key="k")
    assert first.json() == again.json()
    assert home.balances()["Expenses:Food"] == "3.00"


def test_commands_bring_keys_of_their_own(home: Home) -> None:
    command = {"type": "record-transaction", "key": "mine", "data": spending()}
    body = {"atomic": False, "commands": [command, command]}
    results = home.post("/commands", body).json()["results"]
    assert results[0] == results[1]
    problem(home.post("/commands", body | {"atomic": True}), 422, "body_not_valid")


def test_an_empty_batch_answers_the_version_that_stands(home: Home) -> None:
    answer = home.post("/commands", batch(True))
    assert (answer.status_code, answer.json()["version"], answer.json()["results"]) == (200, home.version(), [])


def test_a_batch_has_a_limit(home: Home) -> None:
    command = ("withdraw-assertion", {"account": "Assets:Checking", "commodity": "BRL"})
    answer = home.post("/commands", batch(False, *[command] * (MAX_COMMANDS + 1)))
    assert problem(answer, 422, "too_many_commands")["params"] == {"count": MAX_COMMANDS + 1, "limit": MAX_COMMANDS}
    largest = home.post("/commands", batch(True, *[("record-transaction", spending("0.01"))] * MAX_COMMANDS))
    assert largest.status_code == 201
    assert len(largest.json()["results"]) == MAX_COMMANDS


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_every_single_door_is_a_command_of_a_batch(home: Home, door: Door[Any]) -> None:
    """A body that no door takes is refused by the door meant, which proves that it was found."""
    answer = home.post("/commands", batch(True, (door.name, {"nothing-takes-this": 1})))
    assert "nothing-takes-this" in problem(answer, 422, "body_not_valid")["params"]["fields"]


# Bad input


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "body_empty"),
        (b"{", 400, "not_json"),
        (b'{"date": "2026-09-14", "date', 400, "not_json"),
        (b"\xff\xfe", 400, "not_json"),
        (b'{"payee": "\\ud800"}', 400, "not_json"),
        (b"NaN", 400, "not_json"),
        (b"[]", 422, "body_not_valid"),
        (b'"text"', 422, "body_not_valid"),
        (b"[" * 100_000, 400, "not_json"),
        (b"{}", 422, "body_not_valid"),
    ],
)
def test_a_body_that_is_none_is_refused(home: Home, content: bytes, status: int, code: str) -> None:
    before = home.version()
    problem(home.doors.ask("POST", f"{home.path}/transactions", content=content), status, code)
    assert home.version() == before


@pytest.mark.parametrize("amount", [10.5, 10, 1e300, -0.0])
def test_an_amount_is_a_text(home: Home, amount: float) -> None:
    body = spending()
    body["postings"][0]["amount"] = amount
    told = problem(home.post("/transactions", body), 422, "amount_not_decimal_string")
    assert told["params"]["fields"] == ["postings[0].amount"]


@pytest.mark.parametrize("amount", ["1e3", "1,50", "", " 1", "0x1", "--1", "1.", "NaN", "\u0661"])
def test_an_amount_is_written_in_digits(home: Home, amount: str) -> None:
    body = spending()
    body["postings"][0]["amount"] = amount
    problem(home.post("/transactions", body), 422, "amount_not_decimal")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"date": "1899-12-31"}, "date_out_of_range"),
        ({"date": "2201-01-01"}, "date_out_of_range"),
        ({"date": "2026-02-30"}, "body_not_valid"),
        ({"date": 20260914}, "body_not_valid"),
        ({"date": "2026-09-14T00:00:00"}, "body_not_valid"),
        ({"postings": []}, "postings_missing"),
        ({"payee": "x" * 2001}, "text_too_long"),
        ({"payee": "\u0000"}, "text_not_printable"),
        ({"payee": 5}, "body_not_valid"),
        ({"colour": "red"}, "body_not_valid"),
        ({"postings": spending("0.001")["postings"]}, "amount_scale_exceeded"),
        ({"postings": spending("99999999999999999.00")["postings"]}, "amount_out_of_range"),
        ({"postings": spending()["postings"][:1] * 2}, "transaction_unbalanced"),
        ({"postings": spending()["postings"] * 251}, "too_many_postings"),
    ],
)
def test_what_the_ledger_does_not_take_has_a_code_and_changes_nothing(
    home: Home, change: dict[str, object], code: str
) -> None:
    before = home.version()
    problem(home.post("/transactions", spending() | change), 422, code)
    assert home.version() == before


def test_unknown_accounts_commodities_and_books_are_named(home: Home) -> None:
    body = spending()
    body["postings"][0]["account"] = "Expenses:Fod"
    assert problem(home.post("/transactions", body), 422, "account_unknown")["params"] == {"account": "Expenses:Fod"}
    body = spending()
    body["postings"][0]["commodity"] = "ABC"
    problem(home.post("/transactions", body), 422, "commodity_unknown")
    for book in ("Nowhere", "01998b3c-52d1-7e0a-9c41-6f2d8e5b7a10"):
        problem(home.doors.post(f"/v1/books/{book}/transactions", spending()), 404, "book_unknown")
        problem(home.doors.post(f"/v1/books/{book}/commands", batch(True)), 404, "book_unknown")


def test_a_body_beyond_the_limit_is_refused(home: Home) -> None:
    huge = b'{"payee": "' + b"x" * MAX_BODY_BYTES + b'"}'
    told = problem(home.doors.ask("POST", f"{home.path}/transactions", content=huge), 413, "body_too_large")
    assert told["params"] == {"limit_bytes": MAX_BODY_BYTES}


def test_a_compressed_body_is_refused(home: Home) -> None:
    answer = home.doors.ask("POST", f"{home.path}/transactions", content=b"{}", headers={"Content-Encoding": "gzip"})
    problem(answer, 415, "content_encoding_unknown")


def test_a_full_queue_says_busy_and_when_to_come_back(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commands.bus.MAX_QUEUED_ITEMS", 0)
    answer = home.spend()
    problem(answer, 503, "busy")
    assert int(answer.headers["retry-after"]) >= 1
    results = home.post("/commands", batch(False, *[("record-transaction", spending())] * 2)).json()["results"]
    assert [result["problem"]["code"] for result in results] == ["busy", "busy"]


def test_a_period_of_an_unknown_book_cannot_be_closed(home: Home) -> None:
    nowhere = "/v1/books/01998b3c-52d1-7e0a-9c41-6f2d8e5b7a10"
    problem(home.doors.post(f"{nowhere}/period-closings", {"through": "2026-08-31"}), 404, "book_unknown")


def test_a_book_that_a_newer_release_wrote_on_is_told_as_such_and_takes_no_command(tmp_path: Path) -> None:
    with house(tmp_path) as doors:
        home = Home(doors)
        assert home.spend().status_code == 201
    with closing(sqlite3.connect(tmp_path / "events.db")) as store:
        store.execute("DELETE FROM snapshots")
        newer = "UPDATE events SET type = 'of_tomorrow.v1' WHERE position = (SELECT max(position) FROM events)"
        assert store.execute(newer).rowcount == 1
        store.commit()
    with house(tmp_path) as doors:
        home.doors = doors
        told = problem(home.spend(), 500, "event_unreadable")
        assert told["params"]["version"] == home.version()
        assert "update Finshift" in told["detail"]
        (result,) = home.post("/commands", batch(False, ("record-transaction", spending()))).json()["results"]
        assert (result["status"], result["problem"]["code"]) == (500, "event_unreadable")
        assert Home(doors).spend().status_code == 201


def test_what_a_key_is_bound_to_cannot_be_guessed_from_the_store(tmp_path: Path) -> None:
    body = b'{"name": "Guessed", "commodity": "BRL"}'
    with house(tmp_path) as doors:
        headers = {"Idempotency-Key": "once"}
        opened = doors.ask("POST", "/v1/books", content=body, headers=headers)
        assert opened.status_code == 201
        erased = doors.post("/v1/books/Guessed/erase", key="gone")
        assert erased.status_code == 200
    with closing(sqlite3.connect(tmp_path / "events.db")) as store:
        used = store.execute("SELECT scope, key, fingerprint FROM idempotency").fetchall()
    assert {key for _, key, _ in used} == {"once", "gone"}
    assert not any("Guessed" in scope for scope, _, _ in used)
    guess = hashlib.sha256(b"POST /v1/books\n" + body).digest()
    assert guess not in [fingerprint for _, _, fingerprint in used]


def test_a_repeated_erasure_by_name_never_reaches_the_book_that_has_the_name_now(doors: Doors) -> None:
    body = {"name": "Cottage", "commodity": "BRL"}
    doors.post("/v1/books", body)
    first = doors.post("/v1/books/Cottage/erase", key="e1")
    again = doors.post("/v1/books/Cottage/erase", key="e1")
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    second = doors.post("/v1/books", body).json()["book"]
    repeated = doors.post("/v1/books/Cottage/erase", key="e1")
    assert (repeated.status_code, repeated.json()) == (200, first.json())
    problem(doors.post("/v1/books/Cottage/erase", {"reason": "another"}, key="e1"), 409, "idempotency_key_reused")
    assert doors.post("/v1/books/Cottage/accounts", {"account": "Assets:Checking"}).status_code == 201
    assert doors.post(f"/v1/books/{second}/erase").status_code == 200
    problem(doors.post("/v1/books/Cottage/erase", key="e2"), 404, "book_unknown")


def test_a_repeated_renaming_by_name_never_reaches_the_book_that_has_the_name_now(doors: Doors) -> None:
    opened = doors.post("/v1/books", {"name": "Flat", "commodity": "BRL"}).json()["book"]
    first = doors.post("/v1/books/Flat/rename", {"name": "Old flat"}, key="r1")
    assert first.json()["book"] == opened
    assert doors.post("/v1/books/Flat/rename", {"name": "Old flat"}, key="r1").json() == first.json()
    doors.post("/v1/books", {"name": "Flat", "commodity": "BRL"})
    repeated = doors.post("/v1/books/Flat/rename", {"name": "Old flat"}, key="r1")
    assert (repeated.status_code, repeated.json()) == (200, first.json())


def test_a_group_tells_the_position_of_a_command_that_made_nothing_new(home: Home) -> None:
    same = {"account": "Expenses:Food", "name": "Expenses:Food"}
    stood = home.doors.get(f"{home.path}/events", limit=500).json()["items"][-1]["position"]
    assert home.doors.post("/v1/books", {"name": "Between", "commodity": "BRL"}).status_code == 201
    group = batch(True, ("rename-account", same), ("record-transaction", spending()), ("rename-account", same))
    told = home.post("/commands", group, key="g").json()
    assert [result["body"]["position"] for result in told["results"]] == [stood, told["position"], told["position"]]
    assert told["position"] > stood + 1
    assert home.post("/commands", group, key="g").json() == told


def test_a_book_whose_name_is_written_like_an_id_is_found(doors: Doors) -> None:
    name = "0199a000-0000-7000-8000-000000000001"
    path = f"/v1/books/{name}"
    problem(doors.post(f"{path}/accounts", {"account": "Assets:Checking"}), 404, "book_unknown")
    problem(doors.get(f"{path}/accounts", min_version=1), 404, "book_unknown")
    doors.post("/v1/books", {"name": name, "commodity": "BRL"})
    made = doors.post(f"{path}/accounts", {"account": "Assets:Checking"})
    assert made.status_code == 201
    doors.follow()
    assert doors.get(f"{path}/accounts", min_version=made.json()["version"]).status_code == 200
    assert doors.get(f"{path}/accounts").status_code == 200
    assert doors.get(f"{path}/events").status_code == 200
    assert doors.post(f"{path}/commands", {"atomic": True, "commands": []}).status_code == 200
    assert doors.post(f"{path}/erase").status_code == 200
