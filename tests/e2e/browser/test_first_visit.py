"""A visit to a program that knows nothing yet: two ways to begin, side by side, and both can be gone back on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser.conftest import NOW
from tests.e2e.browser.driver import DESKTOP, PHONE, Language, Visitor, Window, visitor
from tests.e2e.cli.program import SAMPLES, Program, serving

pytestmark = pytest.mark.xdist_group("browser")

AMBIGUOUS_FILE = SAMPLES / "made-up" / "generic-utf16le-bom.csv"


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
