"""Brokers' files on the real store: cash and holdings are the file's own sums, and undo takes all of it back."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from commands.imports import Verdict
from domain.ledger import AccountId, DeclareCommodity, OpenAccount
from tests.integration.imports.parts import SAMPLES, Desk, desk

FIDELITY = "Assets:Fidelity-Com-Investments-7890"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as opened:
        yield opened


def test_a_brokers_file_fills_the_account_with_cash_and_holdings_and_agrees(home: Desk) -> None:
    answer = home.bring(SAMPLES / "ofx" / "fidelity.ofx")
    assert (answer.counts["new"], answer.counts["left-out"]) == (17, 0)
    assert answer.agreement is not None
    assert answer.agreement.code == "agrees_with_bank"
    held = home.balances()
    assert {code: held[of, code] for of, code in held if of == FIDELITY} == {
        "USD": Decimal("18073.98"),
        "INTC": Decimal("100.911"),
        "SDRL": Decimal("128"),
        "HI": Decimal("115"),
        "CLCT": Decimal("70.573"),
        "XIN": Decimal("390.909"),
        "SPY": Decimal("-8.035"),
    }
    assert held["Income:Dividends", "USD"] == Decimal("-65.90")


@pytest.mark.parametrize(
    ("file", "new", "left_out", "held"),
    [
        ("fidelity-savings.ofx", 1, ["amount_scale_exceeded"] * 3, {"USD": "-1500.00"}),
        (
            "investment_401k.ofx",
            1,
            ["security_transfer_not_booked"] * 2,
            {"USD": "-197.20", "FOO": "8.846699"},
        ),
        ("investment_medium.ofx", 3, [], {"USD": "-3.95"}),
        ("vanguard.ofx", 1, [], {"USD": "4212.30", "SEC-012345678": "-42.123"}),
        ("td_ameritrade.ofx", 0, [], {}),
    ],
)
def test_every_row_of_a_broker_is_booked_or_named_and_undone_whole(
    home: Desk, file: str, new: int, left_out: list[str], held: dict[str, str]
) -> None:
    raw = (SAMPLES / "ofx" / file).read_bytes()
    preview = home.imports.preview(home.book, raw, file)
    assert [row.reason.code for row in preview.rows if row.verdict is Verdict.LEFT_OUT] == left_out
    answer = home.imports.commit(home.book, preview.import_id, home.asked())
    assert answer.counts["new"] == new
    of_broker = {code: of for (name, code), of in home.balances().items() if "Investments" in name}
    assert of_broker == {code: Decimal(figure) for code, figure in held.items()}
    again = home.bring(SAMPLES / "ofx" / file)
    assert (again.counts["new"], again.counts["duplicate"]) == (0, new)
    home.imports.undo(home.book, answer.import_id, home.asked())
    assert home.balances() == {}


def test_units_finer_than_the_book_keeps_them_are_left_out_by_name(home: Desk) -> None:
    home.do(DeclareCommodity("XIN", 2), OpenAccount(AccountId("a-cash"), "Assets:Cash"))
    answer = home.bring(SAMPLES / "ofx" / "fidelity.ofx")
    assert (answer.counts["new"], answer.counts["left-out"]) == (16, 1)
    assert home.balances()[FIDELITY, "XIN"] == Decimal("386.00")
