"""The same way without a mouse: Tab, Shift, Enter, Space and Escape reach everything, and the focus is always seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser.conftest import NOW
from tests.e2e.browser.driver import DESKTOP, visitor
from tests.e2e.cli.program import SAMPLES, Program, serving

pytestmark = pytest.mark.xdist_group("browser")

ACCOUNT_FILE = SAMPLES / "made-up" / "nubank-conta-2026-09.csv"


def test_the_keyboard_alone_is_enough(chromium: Browser, tmp_path: Path) -> None:
    with (
        serving(Program(tmp_path / "data", NOW), "--demo") as client,
        visitor(chromium, str(client.base_url), DESKTOP, "en", "keyboard") as somebody,
    ):
        keys, find = somebody.page.keyboard, somebody.find
        somebody.page.on("filechooser", lambda chooser: chooser.set_files(ACCOUNT_FILE))
        somebody.page.goto("/")
        somebody.sees("#sample-banner")
        keys.press("Tab")
        expect(find(".skip")).to_be_focused()
        keys.press("Enter")
        expect(find("#main")).to_be_focused()

        # A figure opens its transactions and gives the focus back.
        somebody.press_to("#month-out")
        keys.press("Enter")
        panel = somebody.sees("#figure-panel")
        assert panel.evaluate("(element) => element.contains(document.activeElement)")
        keys.press("Escape")
        expect(panel).to_be_hidden()
        expect(find("#month-out")).to_be_focused()

        # A file, from the window for it on; that window is the system's own.
        somebody.press_to("#file-input", "Shift+Tab")
        keys.press("Enter")
        somebody.sees("#import-detected")
        assert find("#import").evaluate("(element) => element.contains(document.activeElement)")
        somebody.press_to("#answer-balance_today-1")
        keys.type("2738.89")

        # A row is left out and taken in again.
        somebody.press_to("#import-rows tbody tr[data-row='1'] input[type=checkbox]")
        keys.press("Space")
        somebody.sees("#import-counts", "10 new")
        keys.press("Space")
        somebody.sees("#import-counts", "11 new")
        somebody.press_to("#import-commit")
        keys.press("Enter")
        somebody.sees("#import-agreement", "Agrees with your bank")
        assert find("#import-result").evaluate("(element) => element.contains(document.activeElement)")
        somebody.shows("#net-worth-now", "3238.89")
        somebody.photograph("committed")
        somebody.press_to("#import-undo")
        keys.press("Space")
        expect(find("#imports-list button")).to_have_count(0)
        somebody.leave()
