"""The first five minutes over HTTP: payees, what is promised, and what an account held before its file."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from api.http import shapes
from commands.ports import Asked
from domain.book import BookCommand, BookId
from domain.ledger import (
    AccountId,
    ConcludeImport,
    ImportId,
    Instalment,
    Posting,
    RecordTransaction,
    TransactionId,
    UndoImport,
    VoidTransaction,
)
from domain.money import parse_amount
from tests.e2e.http.conftest import Home, problem


def told(home: Home, *commands: BookCommand) -> int:
    """What no door tells by itself, as an import does: one atomic unit; the book's version after it."""
    command_id = home.doors.parts.ids.new()
    asked = Asked("local", command_id, command_id, command_id)
    return home.doors.parts.bus.submit(BookId(home.id), commands, asked).result().version


def opened(home: Home, *names: str) -> list[AccountId]:
    """The ids of accounts, opened here."""
    return [AccountId(home.post("/accounts", {"account": name}).json()["account_id"]) for name in names]


def moved(home: Home, day: str, payee: str, amount: str, category: str, commodity: str = "BRL") -> str:
    postings = [
        {"account": category, "amount": amount, "commodity": commodity},
        {"account": "Assets:Checking", "amount": f"-{amount}".replace("--", ""), "commodity": commodity},
    ]
    answer = home.post("/transactions", {"date": day, "payee": payee, "postings": postings})
    assert answer.status_code == 201, answer.text
    transaction: str = answer.json()["transaction_id"]
    return transaction


def instalment(home: Home, card: AccountId, food: AccountId, day: str, k: int, n: int, amount: str) -> TransactionId:
    transaction = TransactionId(home.doors.parts.ids.new())
    owed = parse_amount(amount, "BRL")
    postings = (Posting(card, -owed), Posting(food, owed))
    row = RecordTransaction(
        transaction, date.fromisoformat(day), postings, f"Optician {k}/{n}", instalment=Instalment(k, n, "p-1")
    )
    told(home, row)
    return transaction


def items(home: Home, door: str, **params: Any) -> Any:
    answer = home.get(door, **params)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


# Payees


def test_payees_are_told_by_their_most_frequent_spelling_the_largest_spending_first(home: Home) -> None:
    opened(home, "Expenses:Uncategorized", "Income:Uncategorized")
    moved(home, "2026-09-01", "Corner Market", "10.00", "Expenses:Food")
    moved(home, "2026-09-02", "CORNER MARKET", "5.00", "Expenses:Uncategorized")
    moved(home, "2026-09-03", "Corner Market", "1.00", "Expenses:Food")
    moved(home, "2026-09-04", "Optician Parcela 2/6", "100.00", "Expenses:Uncategorized")
    moved(home, "2026-08-04", "Optician Parcela 1/6", "100.00", "Expenses:Uncategorized")
    moved(home, "2026-09-05", "Employer", "-3000.00", "Income:Uncategorized")
    answer = home.get("/payees", **{"from": "2026-09-01", "to": "2026-09-30"})
    shapes.PayeesPage.model_validate(answer.json())
    assert answer.json() == {
        "items": [
            {
                "payee": "Optician Parcela 2/6",
                "words": ["optician"],
                "commodity": "BRL",
                "amount": "100.00",
                "count": 1,
                "uncategorized": 1,
            },
            {
                "payee": "Corner Market",
                "words": ["corner", "market"],
                "commodity": "BRL",
                "amount": "16.00",
                "count": 3,
                "uncategorized": 1,
            },
            {
                "payee": "Employer",
                "words": ["employer"],
                "commodity": "BRL",
                "amount": "-3000.00",
                "count": 1,
                "uncategorized": 1,
            },
        ],
        "next": None,
        "categorized": {"transactions": 5, "done": 2},
    }
    assert items(home, "/payees", as_of="2026-09-03")[1]["amount"] == "16.00"
    assert int(answer.headers["finshift-version"]) == home.version()


def test_a_payee_s_figure_is_the_sum_of_its_transactions_and_its_words_are_a_rule_for_all_of_them(home: Home) -> None:
    opened(home, "Expenses:Uncategorized", "Expenses:Transport")
    rides = [("15/09", "30.00"), ("15/09", "31.00"), ("08/09", "14.50"), ("01/09", "15.50")]
    for day, amount in rides:
        moved(home, f"2026-09-{day[:2]}", f"UBER *TRIP {day}", amount, "Expenses:Uncategorized")
    moved(home, "2026-09-02", "Uber Eats", "50.00", "Expenses:Uncategorized")
    moved(home, "2026-09-03", "FOO_BAR SHOP", "7.00", "Expenses:Uncategorized")
    moved(home, "2026-09-03", "", "3.00", "Expenses:Uncategorized")
    told = items(home, "/payees")
    assert [(one["payee"], one["amount"], one["count"]) for one in told] == [
        ("UBER *TRIP 15/09", "91.00", 4),
        ("Uber Eats", "50.00", 1),
        ("FOO_BAR SHOP", "7.00", 1),
        ("", "3.00", 1),
    ]
    assert [one["words"] for one in told] == [["uber", "trip"], ["uber", "eats"], ["foo_bar", "shop"], []]
    for one in told:
        listed = items(home, "/transactions", payee=one["payee"])
        amounts = [Decimal(posting["amount"]) for entry in listed for posting in entry["postings"]]
        assert (len(listed), sum(amount for amount in amounts if amount > 0)) == (one["count"], Decimal(one["amount"]))
    rule = {"category": "Expenses:Transport", "payee": " ".join(told[0]["words"])}
    assert home.post("/rules/try", rule).json()["count"] == told[0]["uncategorized"] == 4
    rule_id = home.post("/rules", rule).json()["rule_id"]
    moved(home, "2026-09-16", "UBER *TRIP 16/09", "9.00", "Expenses:Uncategorized")
    home.doors.follow()
    assert home.post(f"/rules/{rule_id}/apply", {}).json()["counts"] == {"categorized": 5}
    problem(home.get("/transactions", payee="x" * 2_001), 422, "query_not_valid")


def test_pages_of_payees_tell_the_same_share_and_stay_at_one_version(home: Home) -> None:
    for number in range(3):
        moved(home, "2026-09-01", f"Payee {number}", f"{number + 1}.00", "Expenses:Food")
    first = home.get("/payees", limit=2).json()
    moved(home, "2026-09-01", "Payee 9", "100.00", "Expenses:Food")
    second = home.get("/payees", limit=2, cursor=first["next"]).json()
    assert [item["payee"] for item in first["items"] + second["items"]] == ["Payee 2", "Payee 1", "Payee 0"]
    assert first["categorized"] == second["categorized"] == {"transactions": 3, "done": 3}
    problem(home.get("/payees", **{"from": "2026-09-02", "to": "2026-09-01"}), 422, "query_not_valid")


# Promised


def test_instalments_to_come_are_promised_and_a_transaction_says_which_one_it_is(home: Home) -> None:
    card, food = opened(home, "Liabilities:Card", "Expenses:Glasses")
    assert home.get("/promised").json() == {"items": [], "next": None, "total": []}
    instalment(home, card, food, "2026-08-14", 1, 3, "33.34")
    second = instalment(home, card, food, "2026-09-14", 2, 3, "33.33")
    page = home.get("/promised").json()
    shapes.PromisedPage.model_validate(page)
    assert page == {
        "items": [
            {
                "purchase": "p-1",
                "account": "Liabilities:Card",
                "account_id": card,
                "payee": "Optician 2/3",
                "k": 2,
                "n": 3,
                "commodity": "BRL",
                "amount": "33.33",
                "left": 1,
                "promised": "33.33",
            }
        ],
        "next": None,
        "total": [{"amount": "33.33", "commodity": "BRL"}],
    }
    assert home.get("/promised", as_of="2026-09-13").json()["total"] == [{"amount": "66.68", "commodity": "BRL"}]
    assert items(home, "/transactions")[0]["instalment"] == {"k": 2, "n": 3, "purchase": "p-1"}
    told(home, VoidTransaction(second))
    assert items(home, "/promised")[0]["promised"] == "66.68"
    assert items(home, "/promised", known_on="2026-09-01") == []


# Openings


def test_net_worth_names_accounts_whose_opening_nobody_told(home: Home) -> None:
    moved(home, "2026-09-01", "Market", "10.00", "Expenses:Food")
    (checking,) = [item["account_id"] for item in items(home, "/accounts") if item["account"] == "Assets:Checking"]
    by_file = ImportId("i-1")
    told(home, ConcludeImport(by_file, "csv", None, 0, 0, "september.csv", 0, (AccountId(checking),)))
    (worth,) = items(home, "/net-worth", **{"from": "2026-09-15", "to": "2026-09-15"})
    shapes.WorthOut.model_validate(worth)
    assert worth["opening_unknown"] == ["Assets:Checking"]
    balance = {"account": "Assets:Checking", "date": "2026-08-31", "amount": "100.00", "commodity": "BRL"}
    opening = home.post("/opening-balances", balance)
    assert opening.status_code == 201, opening.text
    (worth,) = items(home, "/net-worth", **{"from": "2026-09-15", "to": "2026-09-15"})
    assert (worth["opening_unknown"], worth["amount"]) == ([], "90.00")
    home.post(f"/transactions/{opening.json()['transaction_id']}/void")
    (worth,) = items(home, "/net-worth", **{"from": "2026-09-15", "to": "2026-09-15"})
    assert worth["opening_unknown"] == ["Assets:Checking"]
    told(home, UndoImport(by_file))
    (worth,) = items(home, "/net-worth", **{"from": "2026-09-15", "to": "2026-09-15"})
    assert worth["opening_unknown"] == []
    (imported,) = items(home, "/imports")
    shapes.ImportedOut.model_validate(imported)
    assert (imported["joined"], imported["undone"]) == (0, True)


@pytest.mark.parametrize("door", ["/payees", "/promised"])
def test_a_version_beyond_the_book_s_end_is_refused_at_once(home: Home, door: str) -> None:
    problem(home.get(door, min_version=1_000_000), 422, "min_version_beyond_end")
