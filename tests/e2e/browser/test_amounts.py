"""Amounts in the page's own scripts: sums are exact, and what a person types is understood or asked, never guessed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.browser.conftest import NOW
from tests.e2e.browser.driver import DESKTOP, Language, Visitor, visitor
from tests.e2e.cli.program import Program, serving

pytestmark = pytest.mark.xdist_group("browser")

_ASK = """
  async ([module, name, facts]) => {
    const page = document.querySelector("script[type=module]").src;
    const scripts = await import(new URL(module, page).href);
    return scripts[name](...facts);
  }
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A program that nothing is recorded in, so that all these visits may share it."""
    folder: Path = tmp_path_factory.mktemp("amounts") / "data"
    with serving(Program(folder, NOW)) as client:
        yield str(client.base_url)


def asked(somebody: Visitor, module: str, name: str, *facts: Any) -> Any:
    return somebody.page.evaluate(_ASK, [module, name, list(facts)])


def test_sums_are_exact_beyond_what_a_fraction_of_two_can_hold(chromium: Browser, address: str) -> None:
    with visitor(chromium, address, DESKTOP, "en", "amounts") as somebody:
        somebody.page.goto("/")
        somebody.sees("#drop-zone")
        for amounts in (
            ["0.10", "0.20"],
            ["90071992547409.93", "0.01", "-0.02"],
            ["-0.05", "0.05"],
            ["1", "0.5", "-3.25"],
            ["-0.01"],
            ["1.23456789", "100"],
        ):
            told = asked(somebody, "./money.js", "sum", amounts)
            assert Decimal(told) == sum(map(Decimal, amounts))
        assert asked(somebody, "./money.js", "sum", []) == "0"
        assert asked(somebody, "./money.js", "negated", "12.30") == "-12.30"
        assert asked(somebody, "./money.js", "negated", "0.00") == "0.00"
        somebody.leave()


TYPED: dict[Language, dict[str, str | None]] = {
    "en": {
        "2738.89": "2738.89",
        "2,738.89": "2738.89",
        "R$ 2,738.89": "2738.89",
        "2,738": "2738",
        "-12": "-12",
        "−12.5": "-12.5",
        "12,50": "12.50",
        "1,234,567.80": "1234567.80",
        "2.738,89": None,
        "2.738": None,
        "27,38.89": None,
        "12 or 13": None,
        "1e5": None,
        "": None,
        "100 200": None,
        "1 234,56": "1234.56",
        "12 34.50": None,
        "12BRL34": None,
        "12.50 BRL": "12.50",
        "BRL -12.50": "-12.50",
        "- BRL - 12.50": None,
        "USD 12.50 BRL": None,
        "12-": None,
    },
    "pt": {
        "2738,89": "2738.89",
        "2.738,89": "2738.89",
        "R$ 2.738,89": "2738.89",
        "2738.89": "2738.89",
        "2.738": "2738",
        "2,738": None,
        "2,738.89": None,
        "1.234.56": None,
    },
}


@pytest.mark.parametrize("language", ["en", "pt"])
def test_what_is_typed_means_one_amount_or_is_asked_again(chromium: Browser, address: str, language: Language) -> None:
    with visitor(chromium, address, DESKTOP, language, "amounts") as somebody:
        somebody.page.goto("/")
        somebody.sees("#drop-zone")
        for written, meant in TYPED[language].items():
            assert asked(somebody, "./text.js", "typedFigure", written) == meant, written
        somebody.leave()


def test_a_share_is_never_told_larger_than_it_is_nor_a_percent_short(chromium: Browser, address: str) -> None:
    with visitor(chromium, address, DESKTOP, "en", "amounts") as somebody:
        somebody.page.goto("/")
        somebody.sees("#drop-zone")
        for done, total in ((29, 100), (57, 100), (58, 100), (7, 25), (1, 3), (199, 200), (0, 5), (5, 5)):
            assert asked(somebody, "./text.js", "percent", done, total) == f"{done * 100 // total}%"
        somebody.leave()


def test_amounts_are_written_as_the_reader_s_language_writes_them(chromium: Browser, address: str) -> None:
    written: dict[Language, str] = {"en": "−R$1,234.50", "pt": "−R$\u00a01.234,50"}
    for language, expected in written.items():
        with visitor(chromium, address, DESKTOP, language, "amounts") as somebody:
            somebody.page.goto("/")
            somebody.sees("#drop-zone")
            debt = {"amount": "-1234.50", "commodity": "BRL"}
            assert asked(somebody, "./text.js", "money", debt) == expected
            units = {"amount": "90071992547409931", "commodity": "PETR4"}
            digits = asked(somebody, "./text.js", "money", units)
            assert "".join(c for c in digits.removesuffix("PETR4") if c.isdigit()) == "90071992547409931"
            somebody.leave()
