"""The first five minutes: from an empty folder to one's own money on a page, with two files and nothing else.

One visit goes the whole way, so that what is checked is the way itself; it is walked at a desk and in a hand, in both
languages. The amounts expected are those of the sample files, added up by hand.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser.conftest import NOW
from tests.e2e.browser.driver import DESKTOP, PHONE, Language, Visitor, Window, visitor
from tests.e2e.cli.program import SAMPLES, Program, serving

pytestmark = pytest.mark.xdist_group("browser")  # one browser at a time is enough for two cores

ACCOUNT_FILE = SAMPLES / "made-up" / "nubank-conta-2026-09.csv"
CARD_FILE = SAMPLES / "made-up" / "nubank-cartao-2026-10.csv"

WORTH = "3238.89"
"""2,738.89, which the bank shows today, and the 500.00 that went into the same bank's savings."""
WORTH_LESS_BILL = "2651.86"
"""The same less the 587.03 that the card's app shows as owed."""
EARNED = "6850.37"
SPENT_BY_ACCOUNT = "3611.48"
"""1,890.00 + 8.50 + 8.50 + 243.77 + 1,322.41 (the card's bill, of which nothing better is known yet) + 119.90 + 64.30
- 45.90 (a refund)."""
SPENT = "2876.10"
"""The same without the bill, which was no spending, and with the 587.03 that were bought by card."""

SAYS: dict[Language, dict[str, str]] = {
    "en": {
        "book": "demo-usd",
        "sample": "Sample household",
        "new": "11 new",
        "balance": "2,738.89",
        "owed": "587.03",
        "agrees": "Agrees with your bank",
        "duplicates": "11 duplicates",
        "positive": "positive",
        "transfers": "1 likely transfer",
        "instalments": "2 instalment purchases",
    },
    "pt": {
        "book": "demo",
        "sample": "Família de exemplo",
        "new": "11 novos",
        "balance": "2.738,89",
        "owed": "587,03",
        "agrees": "Confere com o seu banco",
        "duplicates": "11 repetidos",
        "positive": "positiv",
        "transfers": "1 provável transferência",
        "instalments": "2 compras parceladas",
    },
}


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=lambda window: window.name)
def test_within_five_minutes_somebody_looks_at_their_own_money(
    chromium: Browser, tmp_path: Path, window: Window, language: Language
) -> None:
    with (
        serving(Program(tmp_path / "data", NOW), "--demo") as client,
        visitor(chromium, str(client.base_url), window, language, "first") as somebody,
    ):
        looks_at_the_sample(somebody, client)
        imports_the_account(somebody)
        says_what_the_rent_is(somebody)
        brings_the_same_file_again(somebody)
        imports_the_card(somebody)
        takes_both_back(somebody)
        removes_the_sample(somebody, client)
        somebody.leave()


def looks_at_the_sample(somebody: Visitor, client: httpx.Client) -> None:
    """Figures before anything was asked, each of which shows where it comes from."""
    somebody.page.goto("/")
    expect(somebody.find("html")).to_have_attribute("lang", {"en": "en", "pt": "pt-BR"}[somebody.language])
    somebody.sees("#sample-banner", SAYS[somebody.language]["sample"])
    somebody.sees("#drop-zone")
    sample = SAYS[somebody.language]["book"]
    worth = client.get(f"/v1/books/{sample}/net-worth").json()["items"][-1]["amount"]
    month = {"from": "2026-10-01", "to": "2026-10-05"}
    flows = client.get(f"/v1/books/{sample}/cash-flow", params=month).json()["items"]
    somebody.shows("#net-worth-now", worth)
    somebody.shows("#month-in", str(-total(flows, "Income:")))
    somebody.shows("#month-out", str(total(flows, "Expenses:")))
    somebody.sees("#net-worth-chart svg")
    somebody.look("1-start")

    somebody.find("#month-out").click()
    panel = somebody.sees("#figure-panel")
    expect(panel.locator("[data-transaction]").first).to_be_visible()
    listed = [somebody.money(text) for text in panel.locator("[data-transaction] .amount").all_inner_texts()]
    assert sum(listed) == somebody.money(somebody.find("#figure-total").inner_text()) == total(flows, "Expenses:")
    somebody.look("2-figure")
    somebody.find("#figure-close").click()
    expect(panel).to_be_hidden()
    expect(somebody.find("#month-out")).to_be_focused()


def imports_the_account(somebody: Visitor) -> None:
    """A file, one question, and figures that agree with the bank."""
    says = SAYS[somebody.language]
    somebody.bring(ACCOUNT_FILE)
    expect(somebody.find("#import-detected")).to_contain_text("Nubank")
    expect(somebody.find("#import-detected")).to_contain_text("UTF-8")
    expect(somebody.rows()).to_have_count(11)
    expect(somebody.rows("new")).to_have_count(11)
    somebody.sees("#import-counts", says["new"])
    somebody.answer("#answer-balance_today-1", says["balance"])
    every_row_says_why(somebody)
    somebody.look("3-account-preview")
    somebody.find("#import-commit").click()
    agreement = somebody.sees("#import-agreement", says["agrees"])
    expect(agreement).to_have_attribute("data-code", "agrees_with_bank")
    somebody.sees("#import-undo")
    somebody.look("4-account-result")
    somebody.shows("#net-worth-now", WORTH)
    september(somebody, EARNED, SPENT_BY_ACCOUNT)


def says_what_the_rent_is(somebody: Visitor) -> None:
    """The share that is promised is the one that comes, and an answer becomes a rule where it is wanted."""
    offered = {"en": "Categorise 9 and 100% is done", "pt": "Categorize 9 e 100% ficam prontos"}[somebody.language]
    somebody.sees("#payees-title", offered)
    somebody.sees("#payees-done", re.compile(r"\b0\s?%"))
    rent = somebody.find("#payees-list li").filter(has_text="IMOBILIARIA MODELO")
    rent.get_by_role("combobox").fill("Rent")
    rent.get_by_role("checkbox").check()
    rent.get_by_role("button").last.click()
    somebody.sees("#payees-done", re.compile(r"\b10\s?%"))  # one of ten
    expect(rent).to_have_count(0)
    september(somebody, EARNED, SPENT_BY_ACCOUNT)


def brings_the_same_file_again(somebody: Visitor) -> None:
    somebody.bring(ACCOUNT_FILE)
    somebody.sees("#import-counts", SAYS[somebody.language]["duplicates"])
    expect(somebody.rows("duplicate")).to_have_count(11)
    every_row_says_why(somebody)
    somebody.find("#import-cancel").click()
    expect(somebody.find("#import-detected")).to_be_hidden()


def imports_the_card(somebody: Visitor) -> None:
    """A second file of the same household: what both tell of is told once."""
    says = SAYS[somebody.language]
    somebody.bring(CARD_FILE)
    expect(somebody.find("#import-detected")).to_contain_text("Nubank")
    expect(somebody.find("#import-detected")).to_contain_text(says["positive"])
    somebody.sees("#answer-sign")
    somebody.sees("#import-counts", says["transfers"])
    somebody.sees("#import-counts", says["instalments"])
    payment = somebody.rows("transfer")
    expect(payment).to_have_count(1)
    expect(payment).to_contain_text("Pagamento recebido")
    expect(payment).to_contain_text(re.compile(r"1[.,]322[.,]41"))
    expect(somebody.rows("new")).to_have_count(10)
    every_row_says_why(somebody)
    knows_the_bill = somebody.window.hand  # who sits at the desk has it elsewhere, and is not held up
    if knows_the_bill:
        somebody.answer("#answer-balance_today-1", says["owed"])
    somebody.look("5-card-preview")
    somebody.find("#import-commit").click()
    agreement = "agrees_with_bank" if knows_the_bill else "agreement_unknown"
    expect(somebody.find("#import-agreement")).to_have_attribute("data-code", agreement)
    somebody.sees("#promised", re.compile(r"483[.,]36"))  # 4 times 104.17, 2 times 33.34
    card_is_unknown = somebody.find("#net-worth-notes").get_by_text("Nubank-Card")
    expect(card_is_unknown).to_have_count(0 if knows_the_bill else 1)
    if knows_the_bill:
        somebody.shows("#net-worth-now", WORTH_LESS_BILL)
    somebody.look("6-card-result")
    september(somebody, EARNED, SPENT)


def takes_both_back(somebody: Visitor) -> None:
    """Undo stays in sight, and what it leaves is what stood before, to the cent."""
    somebody.find("#import-undo").click()
    september(somebody, EARNED, SPENT_BY_ACCOUNT)
    somebody.shows("#net-worth-now", WORTH)
    somebody.look("7-card-undone")
    undo = somebody.find("#imports-list button")
    expect(undo).to_have_count(1)
    undo.click()
    expect(undo).to_have_count(0)
    somebody.look("8-all-undone")


def removes_the_sample(somebody: Visitor, client: httpx.Client) -> None:
    switch = somebody.sees("#book-switch")
    switch.select_option(index=0)
    somebody.sees("#sample-banner")
    somebody.find("#sample-remove").click()
    expect(somebody.find("#sample-banner")).to_be_hidden()
    expect(switch).to_be_hidden()
    names = [book["name"] for book in client.get("/v1/books").json()["items"]]
    assert names == [{"en": "Home", "pt": "Casa"}[somebody.language]]


def september(somebody: Visitor, earned: str, spent: str) -> None:
    """What came in and went out in the month of the files."""
    expect(somebody.find("#month-title")).to_have_attribute("data-month", "2026-09")
    somebody.shows("#month-in", earned)
    somebody.shows("#month-out", spent)


def every_row_says_why(somebody: Visitor) -> None:
    """Each in a sentence, which is more than the code that it is found by and the name of what happens."""
    rows = somebody.rows()
    reasons = rows.locator(".why > small")
    said = reasons.all_inner_texts()
    codes = rows.locator(".why [data-code]").evaluate_all("(all) => all.map((one) => one.dataset.code)")
    assert len(said) == len(codes) == rows.count() > 0
    for sentence, code in zip(said, codes, strict=True):
        assert " " in sentence.strip()
        assert sentence.strip() != code
        assert "{" not in sentence


def total(flows: list[dict[str, str]], kind: str) -> Decimal:
    return sum((Decimal(flow["amount"]) for flow in flows if flow["account"].startswith(kind)), Decimal())
