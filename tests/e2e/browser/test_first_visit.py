"""A visit to a program that knows nothing yet: two ways to begin, side by side, and both can be gone back on."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser.conftest import NOW
from tests.e2e.browser.driver import DESKTOP, PHONE, Language, Window, visitor
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
        somebody.sees("#answer-decimal_mark")
        somebody.look("question")
        somebody.leave()
