"""A visit to a program that knows nothing yet: two ways to begin, side by side, and both can be gone back on."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser.conftest import NOW
from tests.e2e.browser.driver import DESKTOP, PHONE, Language, Visitor, Window, visitor
from tests.e2e.cli.program import SAMPLES, Program, serving

pytestmark = pytest.mark.xdist_group("browser")

ACCOUNT_FILE = SAMPLES / "made-up" / "nubank-conta-2026-09.csv"
AMBIGUOUS_FILE = SAMPLES / "made-up" / "generic-utf16le-bom.csv"


SHORT_LIMITS = """
  window.limits = [];
  const wait = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (limit) => { window.limits.push(limit); return wait(100); };
"""


@pytest.mark.parametrize(("window", "language"), [(DESKTOP, "en"), (PHONE, "pt")])
def test_a_sample_household_is_one_click_away_and_gone_with_another(
    chromium: Browser, tmp_path: Path, window: Window, language: Language
) -> None:
    with (
        serving(Program(tmp_path / "data", NOW)) as client,
        visitor(chromium, str(client.base_url), window, language, "visit") as somebody,
    ):
        somebody.page.goto("/")
        somebody.sees("#sample-open-brl")
        somebody.sees("#drop-zone")
        somebody.look("0-nothing-yet")
        somebody.find("#sample-open-usd").click()
        somebody.sees("#sample-banner")
        worth = client.get("/v1/books/demo-usd/net-worth").json()["items"][-1]["amount"]
        somebody.shows("#net-worth-now", worth)
        somebody.find("#sample-remove").click()
        somebody.sees("#sample-open-brl")
        expect(somebody.find("#sample-banner")).to_be_hidden()
        assert client.get("/v1/books").json()["items"] == []
        somebody.leave()


def test_the_language_is_the_readers_choice(chromium: Browser, tmp_path: Path) -> None:
    with (
        serving(Program(tmp_path / "data", NOW)) as client,
        visitor(chromium, str(client.base_url), DESKTOP, "en", "visit") as somebody,
    ):
        somebody.page.goto("/")
        somebody.sees("#drop-zone", "Drop your bank file")
        somebody.find("#lang-switch").click()
        somebody.sees("#drop-zone", "Solte o arquivo do seu banco")
        somebody.find("#lang-switch").click()
        somebody.sees("#drop-zone", "Drop your bank file")
        somebody.leave()


def test_what_could_be_one_or_a_thousand_is_asked(chromium: Browser, tmp_path: Path) -> None:
    with (
        serving(Program(tmp_path / "data", NOW)) as client,
        visitor(chromium, str(client.base_url), DESKTOP, "en", "visit") as somebody,
    ):
        somebody.page.goto("/")
        somebody.sees("#drop-zone")
        somebody.bring(AMBIGUOUS_FILE)
        asked = somebody.sees("#answer-decimal_mark")
        expect(somebody.rows("new")).to_have_count(2)
        expect(somebody.rows("left-out")).to_have_count(1)
        somebody.look("question")
        somebody.find("#import-commit").click()
        expect(asked).to_be_focused()  # nothing is recorded before it is known
        assert client.get("/v1/books/Home/transactions").json()["items"] == []
        asked.select_option(",")
        expect(somebody.rows("new")).to_have_count(3)
        expect(somebody.rows().last).to_contain_text("$1,000.00")
        somebody.find("#import-commit").click()
        somebody.sees("#import-agreement")
        assert len(client.get("/v1/books/Home/transactions").json()["items"]) == 3
        somebody.leave()


def test_a_book_that_a_visit_left_behind_empty_is_taken_up_by_the_next(chromium: Browser, tmp_path: Path) -> None:
    """A preview needs a book; who leaves without a word finds the same one, in the currency of the file of the day."""
    with serving(Program(tmp_path / "data", NOW)) as client:

        def books() -> list[tuple[str, str]]:
            return [(book["name"], book["commodity"]) for book in client.get("/v1/books").json()["items"]]

        with visitor(chromium, str(client.base_url), DESKTOP, "en", "visit") as somebody:
            somebody.page.goto("/")
            somebody.sees("#drop-zone")
            somebody.bring(AMBIGUOUS_FILE)
            somebody.leave()
        assert books() == [("Home", "USD")]
        with visitor(chromium, str(client.base_url), DESKTOP, "en", "visit") as somebody:
            somebody.page.goto("/")
            somebody.sees("#title", "Home")
            somebody.bring(ACCOUNT_FILE)
            assert books() == [("Home", "BRL")]
            somebody.find("#import-commit").click()
            somebody.sees("#import-result")
            somebody.bring(AMBIGUOUS_FILE)
            somebody.find("#import-cancel").click()
            expect(somebody.find("#import")).to_be_hidden()
            assert books() == [("Home", "BRL")]
            somebody.leave()


def test_a_server_that_never_answers_is_not_waited_for_for_ever(chromium: Browser, tmp_path: Path) -> None:
    with (
        serving(Program(tmp_path / "data", NOW)) as client,
        visitor(chromium, str(client.base_url), DESKTOP, "en", "visit") as somebody,
    ):
        # The page's own limits are minutes, which nobody has here: each becomes a moment.
        somebody.page.add_init_script(SHORT_LIMITS)
        somebody.page.route("**/v1/books", lambda route: None)
        somebody.page.goto("/")
        error = somebody.sees("#error", "The server takes too long.")
        expect(error).to_have_attribute("data-code", "timeout")
        assert somebody.page.evaluate("window.limits") == [60_000]
        somebody.leave()


def test_each_account_of_a_file_has_its_own_balance_asked(chromium: Browser, tmp_path: Path) -> None:
    statement = tmp_path / "two.qif"
    statement.write_text(
        "!Account\nNOne\nTBank\n^\n!Type:Bank\nD25/09/2026\nT-10.00\nPCorner Market\n^\n"
        "!Account\nNTwo\nTBank\n^\n!Type:Bank\nD26/09/2026\nT-20.00\nPOptician\n^\n",
        encoding="utf-8",
    )
    with (
        serving(Program(tmp_path / "data", NOW)) as client,
        visitor(chromium, str(client.base_url), DESKTOP, "en", "visit") as somebody,
    ):
        somebody.page.goto("/")
        somebody.sees("#drop-zone")
        somebody.bring(statement)
        somebody.answer("#answer-balance_today-1", "90.00")
        somebody.answer("#answer-balance_today-2", "180.00")
        somebody.look("two-balances")
        somebody.find("#import-commit").click()
        somebody.sees("#import-agreement", "Agrees with your bank")
        held = client.get("/v1/books/Home/balances").json()["items"]
        assert sorted(one["amount"] for one in held if one["account"].startswith("Assets:")) == ["180.00", "90.00"]
        somebody.leave()


def test_a_payee_s_figure_its_list_the_offer_and_the_rule_tell_the_same(chromium: Browser, tmp_path: Path) -> None:
    statement = tmp_path / "rides.csv"
    statement.write_text(
        "Date,Description,Amount\n2026-09-15,UBER *TRIP 15/09,-30.00\n2026-09-15,UBER *TRIP 15/09,-31.00\n"
        "2026-09-18,UBER *TRIP 18/09,-14.50\n2026-09-01,UBER *TRIP 01/09,-15.50\n2026-09-20,FOO_BAR SHOP,-7.00\n",
        encoding="utf-8",
    )
    with (
        serving(Program(tmp_path / "data", NOW)) as client,
        visitor(chromium, str(client.base_url), DESKTOP, "en", "visit") as somebody,
    ):
        somebody.page.goto("/")
        somebody.sees("#drop-zone")
        somebody.bring(statement)
        somebody.find("#import-commit").click()
        somebody.sees("#import-result")
        rides = somebody.find("#payees-list li").filter(has_text="UBER")
        expect(rides).to_contain_text("4 times")
        rides.locator(".line").click()
        panel = somebody.sees("#figure-panel")
        expect(panel.locator("[data-transaction]")).to_have_count(4)
        listed = [somebody.money(text) for text in panel.locator("[data-transaction] .amount").all_inner_texts()]
        assert sum(listed) == somebody.money(somebody.find("#figure-total").inner_text()) == Decimal("91.00")
        somebody.find("#figure-close").click()

        shop = somebody.find("#payees-list li").filter(has_text="FOO_BAR")
        shop.get_by_role("combobox").fill("Shopping")
        shop.get_by_role("button").last.click()
        expect(shop).to_have_count(0)
        somebody.sees("#payees-done", "20%")

        rides.get_by_role("combobox").fill("Transport")
        rides.get_by_role("checkbox").check()
        expect(rides.get_by_role("status")).to_have_text("That is 4 transactions so far.")
        somebody.look("rule-offered")
        rides.get_by_role("button").last.click()
        somebody.sees("#payees-done", "Every transaction of these twelve months has a category.")
        rules = client.get("/v1/books/Home/rules").json()["items"]
        assert [(rule["payee"], rule["category"]) for rule in rules] == [("uber trip", "Expenses:Transport")]
        somebody.leave()


@pytest.fixture
def looking(chromium: Browser, tmp_path: Path) -> Iterator[Visitor]:
    """Somebody in the sample household, in English."""
    with (
        serving(Program(tmp_path / "data", NOW), "--demo") as client,
        visitor(chromium, str(client.base_url), DESKTOP, "en", "visit") as somebody,
    ):
        somebody.page.goto("/")
        somebody.sees("#net-worth-chart svg")
        yield somebody
        somebody.leave()


def test_whatever_shows_a_figure_opens_what_it_is_made_of(looking: Visitor) -> None:
    """Net worth, a day of the line, a bar, an account and a payee."""
    panel = looking.find("#figure-panel")
    for pressed in (
        looking.find("#net-worth-now"),
        looking.find("#net-worth-chart svg"),
        looking.find("#month-chart .reach").nth(5),
        looking.find("#accounts .line").first,
        looking.find("#payees .line").first,
    ):
        pressed.click()
        expect(panel).to_be_visible()
        expect(panel.locator("[data-transaction]").first).to_be_visible()
        looking.find("#figure-close").click()
        expect(panel).to_be_hidden()


def test_what_the_charts_show_also_stands_in_tables(looking: Visitor) -> None:
    for table in ("#net-worth-table", "#month-table"):
        expect(looking.find(f"{table} tbody tr")).to_have_count(12)
        looking.find(f"details:has({table}) summary").click()
        looking.find(f"{table} button").first.click()
        looking.sees("#figure-panel")
        looking.find("#figure-close").click()
