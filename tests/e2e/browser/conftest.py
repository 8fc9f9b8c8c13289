"""The browser and the program that its tests share. A program is never shared by two visits that change something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.browser.driver import browser

NOW = "2026-10-05T12:00:00Z"
"""The sample files end with September; what the page calls today is the first Monday behind it."""


@pytest.fixture(scope="module")
def chromium(outside_program: Callable[[str], Path]) -> Iterator[Browser]:
    """One browser for a file of tests. It ends with the file: while it runs, no other loop can run in its thread."""
    with browser(outside_program("chromium")) as opened:
        yield opened
