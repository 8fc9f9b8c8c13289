"""Rules at the command line: tried, set, applied to what an import brought, told and removed."""

from __future__ import annotations

import pytest

from tests.e2e.cli.program import SAMPLES, Program

CHECKING = SAMPLES / "ofx" / "checking.ofx"
"""Three rows: 0.01 came in, 34.51 and 25.00 went out."""

ACCOUNT = "Assets:FAKE-6877"


@pytest.fixture
def home(finshift: Program) -> Program:
    """A book with the file's three rows, of which nobody has said what they were for."""
    assert finshift("book", "create", "home", "--commodity", "USD").code == 0
    assert finshift("import", CHECKING, "--book", "home", "--yes").code == 0
    return finshift


def rule(*more: str, category: str = "Income:Uncategorized") -> list[str]:
    return ["--book", "home", "--category", category, *more]


def test_a_rule_is_tried_set_applied_and_removed(home: Program) -> None:
    out = rule("--direction", "out", "--at-least", "30", "--commodity", "USD")
    trial = home("rules", "set", *out, "--dry-run", "--json").json
    assert trial["count"] == 1
    assert home("rules", "list", "--book", "home", "--json").json == [], "a dry run sets nothing"
    assert [(item["account"], item["amount"], item["from"]) for item in trial["items"]] == [
        (ACCOUNT, "-34.51", "Expenses:Uncategorized")
    ]
    made = home("rules", "set", *out, "--json").json
    listed = home("rules", "list", "--book", "home", "--json").json
    assert [(item["rule_id"], item["category"], item["direction"], item["at_least"]) for item in listed] == [
        (made["rule_id"], "Income:Uncategorized", "out", "30.00")
    ]
    before = home.balances("home")
    done = home("rules", "apply", made["rule_id"], "--book", "home", "--json").json
    assert done["counts"] == {"categorized": 1}
    after = home.balances("home")
    assert before["Expenses:Uncategorized", "USD"] == "59.51"
    assert after["Expenses:Uncategorized", "USD"] == "25.00"
    assert after[ACCOUNT, "USD"] == before[ACCOUNT, "USD"]
    assert home("rules", "remove", made["rule_id"], "--book", "home", "--json").json["version"] == done["version"] + 1
    assert home("rules", "list", "--book", "home", "--json").json == []
    assert home("rules", "list", "--book", "home", "--known-on", "2020-01-01", "--json").json == []
    assert home.balances("home") == after
    [imported] = home("imports", "list", "--book", "home", "--json").json
    assert home("imports", "undo", imported["import_id"], "--book", "home").code == 0
    assert home.balances("home") == {}


def test_a_person_reads_what_a_rule_asks_for_and_what_it_would_do(home: Program) -> None:
    assert "No rule is set" in home("rules", "list", "--book", "home").out
    trial = home("rules", "set", *rule("--direction", "out", "--account", ACCOUNT, "--dry-run"))
    assert trial.code == 0, trial.err
    assert "-34.51" in trial.out
    assert "Expenses:Uncategorized" in trial.out
    said = home(
        "rules", "set", *rule("--payee", "Corner", "--memo", "fee", "--at-most", "1234.5", "--commodity", "USD")
    )
    assert "finshift rules apply" in said.out
    told = home("rules", "list", "--book", "home").out
    assert "payee has Corner, memo has fee, at most 1,234.50 USD" in told
    made = home("rules", "list", "--book", "home", "--json").json[0]["rule_id"]
    assert "Categorized: 0." in home("rules", "apply", made, "--book", "home").out
    nothing = home("rules", "set", *rule("--payee", "Nobody", "--dry-run"))
    assert "nothing of what is there" in nothing.out
    assert "Removed" in home("rules", "remove", made, "--book", "home").out


def test_a_rule_takes_the_place_of_another(home: Program) -> None:
    first = home("rules", "set", *rule("--payee", "one"), "--json").json["rule_id"]
    home("rules", "set", *rule("--payee", "two"))
    assert home("rules", "set", *rule("--payee", "three", "--rule", first), "--json").json["rule_id"] == first
    listed = home("rules", "list", "--book", "home", "--json").json
    assert [item["payee"] for item in listed] == ["three", "two"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["set", *rule()], "rule_without_condition"),
        (["set", *rule("--payee", "x", category="Expenses:Nowhere")], "account_unknown"),
        (["set", *rule("--at-least", "5", "--dry-run")], "rule_amount_incomplete"),
        (["set", *rule("--direction", "sideways")], "arguments_not_valid"),
        (["apply", "none", "--book", "home"], "rule_unknown"),
        (["remove", "none", "--book", "home"], "rule_unknown"),
    ],
)
def test_a_rule_that_cannot_be_ends_with_bad_input_and_its_code(home: Program, arguments: list[str], code: str) -> None:
    refused = home("rules", *arguments, "--json")
    assert (refused.code, refused.problem["code"]) == (2, code)
