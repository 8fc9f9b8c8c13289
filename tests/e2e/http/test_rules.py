"""Rules over HTTP: tried, set, applied, told and removed; and a category said by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from api.http import shapes
from commands.rules import TRIED_SHOWN
from tests.e2e.http.conftest import Home, problem

SAMPLE = Path(__file__).parents[2] / "samples" / "made-up" / "banco-fitid-repetido-2026-09.ofx"
UNCATEGORIZED = "Expenses:Uncategorized"


def spend(home: Home, payee: str, amount: str = "10.00", date: str = "2026-09-14", **more: Any) -> str:
    """A purchase that nobody has categorized; its id."""
    category = more.pop("category", UNCATEGORIZED)
    said = {
        "date": date,
        "payee": payee,
        "postings": [
            {"account": category, "amount": amount, "commodity": "BRL"},
            {"account": "Assets:Checking", "amount": f"-{amount}", "commodity": "BRL"},
        ],
        **more,
    }
    answer = home.post("/transactions", said)
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["transaction_id"]
    return made


def furnished(home: Home) -> None:
    for account in (UNCATEGORIZED, "Income:Uncategorized", "Expenses:Market"):
        assert home.post("/accounts", {"account": account}).status_code == 201


def tried(home: Home, rule: dict[str, Any]) -> dict[str, Any]:
    home.doors.follow()
    answer = home.post("/rules/try", rule)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    shapes.TrialOut.model_validate(told)
    assert int(answer.headers["finshift-version"]) == home.version()
    return told


def set_rule(home: Home, rule: dict[str, Any]) -> str:
    answer = home.post("/rules", rule)
    assert answer.status_code == 201, answer.text
    shapes.CommandAnswer.model_validate(answer.json())
    made: str = answer.json()["rule_id"]
    return made


def applied(home: Home, rule_id: str, key: str | None = None) -> httpx.Response:
    home.doors.follow()
    answer = home.post(f"/rules/{rule_id}/apply", key=key)
    assert answer.status_code == 200, answer.text
    shapes.AppliedOut.model_validate(answer.json())
    assert int(answer.headers["finshift-version"]) == answer.json()["version"] == home.version()
    return answer


MARKET = {"category": "Expenses:Market", "payee": "corner MARKET"}


def test_a_rule_is_tried_set_and_applied_to_what_nobody_has_categorized(home: Home) -> None:
    furnished(home)
    first = spend(home, "Corner Market, São Paulo", "10.00", "2026-09-02")
    second = spend(home, "CORNER MÁRKET 22", "20.50", "2026-09-03", memo="card 1234")
    spend(home, "Corner Bakery")
    spend(home, "Corner Market", "40.00", category="Expenses:Food")
    before = home.version()
    trial = tried(home, MARKET)
    assert home.version() == before
    assert [item["transaction_id"] for item in trial["items"]] == [second, first]
    assert trial["count"] == 2
    assert trial["items"][0] | {"account_id": ""} == {
        "transaction_id": second,
        "date": "2026-09-03",
        "payee": "CORNER MÁRKET 22",
        "memo": "card 1234",
        "account": "Assets:Checking",
        "account_id": "",
        "amount": "-20.50",
        "commodity": "BRL",
        "from": UNCATEGORIZED,
    }
    rule = set_rule(home, MARKET)
    done = applied(home, rule)
    assert (done.json()["counts"], done.json()["rule_id"]) == ({"categorized": 2}, rule)
    assert home.version() == before + 3
    assert home.balances() == {
        "Assets:Checking": "-80.50",
        "Expenses:Food": "40.00",
        "Expenses:Market": "30.50",
        UNCATEGORIZED: "10.00",
    }
    listed = home.get("/transactions", text="22").json()["items"]
    assert [(item["transaction_id"], item["memo"], item["postings"][0]["account"]) for item in listed] == [
        (second, "card 1234", "Expenses:Market")
    ]
    assert applied(home, rule).json()["counts"] == {"categorized": 0}
    events = home.get("/events", limit=500).json()["items"]
    assert [event["data"]["rule"] for event in events if event["type"] == "ledger.transaction-categorized.v1"] == [
        rule,
        rule,
    ]


def test_the_same_key_applies_a_rule_once(home: Home) -> None:
    furnished(home)
    spend(home, "Corner Market")
    rule = set_rule(home, MARKET)
    done = applied(home, rule, key="a")
    version = home.version()
    spend(home, "Corner Market")
    home.doors.follow()
    again = home.post(f"/rules/{rule}/apply", key="a")
    assert (again.status_code, again.json()) == (200, done.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert done.json()["version"] == version
    problem(home.post(f"/rules/{rule}/apply", {}, key="a"), 409, "idempotency_key_reused")
    assert applied(home, rule, key="b").json()["counts"] == {"categorized": 1}


def test_the_first_rule_that_fits_speaks_and_a_dry_run_counts_no_other(home: Home) -> None:
    furnished(home)
    spend(home, "Corner Market", "10.00")
    spend(home, "Corner Market", "600.00")
    dear = {"category": "Expenses:Food", "at_least": "500", "commodity": "BRL", "direction": "out"}
    first = set_rule(home, dear)
    assert tried(home, MARKET)["count"] == 1
    second = set_rule(home, MARKET)
    assert tried(home, MARKET | {"rule_id": first})["count"] == 2, "in the first one's place it comes before all"
    assert applied(home, second).json()["counts"] == {"categorized": 1}
    assert applied(home, first).json()["counts"] == {"categorized": 1}
    assert home.balances()["Expenses:Food"] == "600.00"


def test_what_is_ambiguous_is_left_to_a_person(home: Home) -> None:
    furnished(home)
    home.post("/accounts", {"account": "Assets:Cash"})
    split = {
        "date": "2026-09-14",
        "payee": "Corner Market",
        "postings": [
            {"account": UNCATEGORIZED, "amount": "30.00", "commodity": "BRL"},
            {"account": "Assets:Checking", "amount": "-20.00", "commodity": "BRL"},
            {"account": "Assets:Cash", "amount": "-10.00", "commodity": "BRL"},
        ],
    }
    assert home.post("/transactions", split).status_code == 201
    abroad = {
        "date": "2026-09-14",
        "payee": "Corner Market",
        "postings": [
            {
                "account": UNCATEGORIZED,
                "amount": "5.00",
                "commodity": "USD",
                "price": {"total": "27", "commodity": "BRL"},
            },
            {"account": "Assets:Checking", "amount": "-27.00", "commodity": "BRL"},
        ],
    }
    assert home.post("/transactions", abroad).status_code == 201
    assert tried(home, MARKET) == {"count": 0, "items": []}
    assert applied(home, set_rule(home, MARKET)).json()["counts"] == {"categorized": 0}


def test_what_a_closed_period_holds_stays_as_it_is(home: Home) -> None:
    furnished(home)
    spend(home, "Corner Market", date="2026-08-31")
    spend(home, "Corner Market", date="2026-09-01")
    assert home.post("/period-closings", {"through": "2026-08-31"}).status_code == 200
    assert tried(home, MARKET)["count"] == 1
    assert applied(home, set_rule(home, MARKET)).json()["counts"] == {"categorized": 1}


def test_a_dry_run_shows_a_page_and_counts_all(home: Home) -> None:
    furnished(home)
    data = {
        "date": "2026-09-01",
        "payee": "Corner Market",
        "postings": [
            {"account": UNCATEGORIZED, "amount": "1.00", "commodity": "BRL"},
            {"account": "Assets:Checking", "amount": "-1.00", "commodity": "BRL"},
        ],
    }
    many = [{"type": "record-transaction", "data": data}] * (TRIED_SHOWN + 1)
    assert home.post("/commands", {"atomic": True, "commands": many}).status_code == 201
    trial = tried(home, MARKET)
    assert (trial["count"], len(trial["items"])) == (TRIED_SHOWN + 1, TRIED_SHOWN)


def test_rules_are_told_in_the_order_in_which_they_are_tried(home: Home) -> None:
    furnished(home)
    first = set_rule(home, MARKET | {"memo": "débito", "account": "Assets:Checking"})
    second = set_rule(home, {"category": "Income:Salary", "direction": "in", "at_least": "1000", "commodity": "BRL"})
    set_rule(home, MARKET | {"rule_id": first, "at_most": "99.90", "commodity": "BRL"})
    listed = home.get("/rules").json()["items"]
    for item in listed:
        shapes.RuleOut.model_validate(item)
    accounts = {item["account"]: item["account_id"] for item in home.get("/accounts").json()["items"]}
    assert listed == [
        {
            "rule_id": first,
            "category": "Expenses:Market",
            "category_id": accounts["Expenses:Market"],
            "payee": "corner MARKET",
            "memo": None,
            "account": None,
            "account_id": None,
            "direction": None,
            "at_least": None,
            "at_most": "99.90",
            "commodity": "BRL",
        },
        {
            "rule_id": second,
            "category": "Income:Salary",
            "category_id": accounts["Income:Salary"],
            "payee": None,
            "memo": None,
            "account": None,
            "account_id": None,
            "direction": "in",
            "at_least": "1000.00",
            "at_most": None,
            "commodity": "BRL",
        },
    ]
    assert home.get("/rules", limit=1).json()["items"] == listed[:1]
    assert home.post("/accounts/Expenses:Market/merge", {"into": "Expenses:Food"}).status_code == 200
    assert home.get("/rules").json()["items"][0]["category"] == "Expenses:Food"
    assert home.post(f"/rules/{first}/remove").status_code == 200
    assert [item["rule_id"] for item in home.get("/rules").json()["items"]] == [second]
    problem(home.post(f"/rules/{first}/remove"), 404, "rule_unknown")
    for text in ("x" * 101, f"{second}{'0' * 90}", "%00"):
        problem(home.post(f"/rules/{text}/apply"), 404, "rule_unknown")


def test_a_rule_that_cannot_be_is_refused_and_tried_as_it_would_be_set(home: Home) -> None:
    furnished(home)
    for rule, code in (
        ({"category": "Expenses:Market"}, "rule_without_condition"),
        (MARKET | {"payee": "***"}, "rule_text_without_words"),
        (MARKET | {"category": "Assets:Checking"}, "account_not_a_category"),
        (MARKET | {"category": "Expenses:Nowhere"}, "account_unknown"),
        (MARKET | {"account": "Expenses:Food"}, "account_not_for_statements"),
        (MARKET | {"at_least": "10"}, "rule_amount_incomplete"),
        (MARKET | {"commodity": "BRL"}, "rule_amount_incomplete"),
        (MARKET | {"at_least": "10", "at_most": "9", "commodity": "BRL"}, "rule_range_empty"),
        (MARKET | {"at_most": "-9", "commodity": "BRL"}, "rule_amount_negative"),
        (MARKET | {"at_most": "1.000,50", "commodity": "BRL"}, "amount_not_decimal"),
        (MARKET | {"at_most": 9, "commodity": "BRL"}, "amount_not_decimal_string"),
        (MARKET | {"direction": "sideways"}, "body_not_valid"),
    ):
        problem(home.post("/rules", rule), 422, code)
        problem(home.post("/rules/try", rule), 422, code)
    for door in ("/rules", "/rules/try"):
        problem(home.post(door, MARKET | {"rule_id": "none"}), 404, "rule_unknown")
    problem(home.post("/rules/none/apply"), 404, "rule_unknown")
    assert home.get("/rules").json()["items"] == []


def test_a_rule_of_no_book_is_refused(home: Home) -> None:
    doors = home.doors
    for door, body in (("/rules", MARKET), ("/rules/try", MARKET), ("/rules/none/apply", {}), ("/rules/x/remove", {})):
        problem(doors.post(f"/v1/books/No such book{door}", body), 404, "book_unknown")
    home.post("/erase")
    for door, body in (("/rules", MARKET), ("/rules/try", MARKET), ("/rules/none/remove", {})):
        problem(home.post(door, body), 409, "book_erased")


def test_a_dry_run_says_so_where_the_figures_stay_behind(home: Home, monkeypatch: Any) -> None:
    furnished(home)
    home.doors.follow()
    spend(home, "Corner Market")
    monkeypatch.setattr("infra.words.MAX_WAIT_S", 0.05)
    behind = problem(home.post("/rules/try", MARKET), 504, "min_version_not_reached")
    assert behind["params"] == {"min_version": home.version(), "reached": home.version() - 1}


def test_undoing_an_import_brings_back_what_was_though_a_rule_spoke_in_between(home: Home) -> None:
    furnished(home)
    spend(home, "Corner Market")
    before = home.balances()
    shown = home.post("/imports", files={"file": ("september.ofx", SAMPLE.read_bytes())}).json()
    done = home.post(f"/imports/{shown['import_id']}/commit")
    assert done.status_code == 200, done.text
    imported = home.balances()
    rule = set_rule(home, {"category": "Expenses:Market", "direction": "out", "account": shown["account"]})
    categorized = applied(home, rule).json()["counts"]["categorized"]
    assert categorized > 0
    after = home.balances()
    assert after["Expenses:Market"] == imported_out(imported, before)
    assert home.post(f"/imports/{shown['import_id']}/undo").status_code == 200
    assert home.balances() == before
    assert home.get("/cash-flow").json()["items"][-1]["account"] == UNCATEGORIZED


def imported_out(after: dict[str, str], before: dict[str, str]) -> str:
    """What an import brought to what is uncategorized, as a decimal text."""
    return str(Decimal(after[UNCATEGORIZED]) - Decimal(before[UNCATEGORIZED]))


def test_a_category_is_said_by_hand_alone_or_in_a_batch(home: Home) -> None:
    furnished(home)
    lunch, dinner = spend(home, "Corner Market"), spend(home, "Corner Bakery", "5.00")
    assert home.post(f"/transactions/{lunch}/categorize", {"category": "Expenses:Food"}).status_code == 200
    said = {"transaction_id": dinner, "category": "Expenses:Market"}
    batch = {
        "atomic": True,
        "commands": [
            {"type": "categorize-transaction", "data": said},
            {"type": "set-rule", "data": MARKET},
        ],
    }
    answer = home.post("/commands", batch)
    assert answer.status_code == 201, answer.text
    shapes.BatchAnswer.model_validate(answer.json())
    assert answer.json()["results"][1]["body"]["rule_id"]
    assert home.balances() == {"Assets:Checking": "-15.00", "Expenses:Food": "10.00", "Expenses:Market": "5.00"}
    problem(home.post("/transactions/none/categorize", {"category": "Expenses:Food"}), 409, "transaction_not_standing")
    nowhere = {"category": "Assets:Checking"}
    problem(home.post(f"/transactions/{lunch}/categorize", nowhere), 422, "account_not_a_category")
