"""The watch over a visit sees what it watches for: a visit is clean because it was, not because nobody looked."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.browser.conftest import NOW
from tests.e2e.browser.driver import DESKTOP, money, visitor
from tests.e2e.cli.program import Program, serving

pytestmark = pytest.mark.xdist_group("browser")

UNFIT = """
  () => {
    const faint = document.createElement("p");
    faint.textContent = "words that few can read";
    faint.style.color = "#999";
    faint.style.background = "#aaa";
    document.querySelector("main").append(document.createElement("input"), faint);
  }
"""
WIDE = "() => { document.querySelector('main').style.width = '3000px'; }"
ELSEWHERE = (
    "() => { document.body.append(Object.assign(document.createElement('img'), { src: 'http://example.org/x' })); }"
)
DEFECT = "() => { setTimeout(() => { throw new Error('a defect'); }); }"


def test_what_is_unfit_to_see_or_breaks_the_rules_of_the_page_is_found(chromium: Browser, tmp_path: Path) -> None:
    with (
        serving(Program(tmp_path / "data", NOW)) as client,
        visitor(chromium, str(client.base_url), DESKTOP, "en", "driver") as somebody,
    ):
        somebody.page.goto("/")
        somebody.sees("#drop-zone")
        somebody.leave()
        somebody.page.evaluate(UNFIT)
        with pytest.raises(AssertionError, match="2 accessibility violations") as found:
            somebody.look("unfit")
        assert "color-contrast" in str(found.value)
        assert "label" in str(found.value)
        somebody.page.evaluate(WIDE)
        with pytest.raises(AssertionError, match="beyond the edge"):
            somebody.look("wide")
        with somebody.page.expect_console_message():
            somebody.page.evaluate(ELSEWHERE)
        with somebody.page.expect_event("pageerror"):
            somebody.page.evaluate(DEFECT)
        assert somebody.elsewhere == ["http://example.org/x"]
        assert [told for told in somebody.broken if "example.org" in told]
        assert "script: a defect" in somebody.broken
        assert somebody.page.evaluate("window.heldBack") == ["img-src: http://example.org/x"]
        with pytest.raises(AssertionError):
            somebody.leave()


@pytest.mark.parametrize(
    ("text", "language", "amount"),
    [
        ("R$\u00a02.738,89", "pt", "2738.89"),
        ("\u2212R$1,322.41", "en", "-1322.41"),
        ("+$0.37", "en", "0.37"),
        ("\u2212R$\u00a00,05", "pt", "-0.05"),
    ],
)
def test_an_amount_of_the_page_is_read_as_people_read_it(text: str, language: str, amount: str) -> None:
    assert str(money(text, "pt" if language == "pt" else "en")) == amount
