"""Payees and promises at the terminal, and a sample household that never takes a person's book for its own."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from tests.e2e.cli.program import Program


@pytest.mark.xdist_group("demo")
def test_payees_sum_to_the_cash_flow_of_the_same_days(demo: Program) -> None:
    days = ("--from", "2026-08-01", "--to", "2026-08-31")
    payees = demo("payees", "--book", "demo", *days, "--json").json
    flows = demo("cash-flow", "--book", "demo", *days, "--json").json
    told: list[Counter[str]] = [Counter(), Counter()]
    for sums, items in zip(told, (payees, flows), strict=True):
        for item in items:
            sums[item["commodity"]] += Decimal(item["amount"])  # type: ignore[assignment]  # exact decimals, counted
    assert told[0] == told[1] != {}
    amounts = [Decimal(item["amount"]) for item in payees if item["commodity"] == "BRL"]
    assert amounts == sorted(amounts, reverse=True)
    table = demo("payees", "--book", "demo", *days).out
    assert payees[0]["payee"] in table
    assert "transactions are told what for." in table


@pytest.mark.xdist_group("demo")
def test_instalments_of_the_sample_promise_what_their_entries_still_lack(demo: Program) -> None:
    promised = demo("promised", "--book", "demo", "--json").json
    assert promised
    for item in promised:
        assert (item["left"], Decimal(item["promised"])) == (
            item["n"] - item["k"],
            item["left"] * Decimal(item["amount"]),
        )
        entries = demo("register", "--book", "demo", "--text", item["payee"], "--json").json
        seen = [e["instalment"]["k"] for e in entries if (e["instalment"] or {}).get("purchase") == item["purchase"]]
        assert max(seen) == len(seen) == item["k"]
    assert "Together" in demo("promised", "--book", "demo").out
    assert demo("promised", "--book", "demo", "--as-of", "2020-01-01", "--json").json == []


def test_a_person_s_book_named_like_the_sample_stays_beside_it(finshift: Program) -> None:
    own = finshift("book", "create", "demo", "--commodity", "BRL", "--json").json["book"]
    assert [item["name"] for item in finshift("demo", "--json").json] == ["demo-2", "demo-usd"]
    listed = {book["name"]: book["sample"] for book in finshift("book", "list", "--json").json}
    assert listed == {"demo": False, "demo-2": True, "demo-usd": True}
    assert finshift("demo", "remove", "--yes").out == "Erased demo-2 and demo-usd.\n"
    assert [book["book"] for book in finshift("book", "list", "--json").json] == [own]
