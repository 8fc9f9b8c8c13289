"""Every sample file comes to what is expected of it: verdict, rows and sum; twice adds nothing, undo takes it back."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from commands.imports import Preview, Row, Verdict
from domain.errors import Rejected
from domain.ledger import AccountId, OpenAccount, Posting, RecordTransaction, TransactionId
from domain.money import parse_amount
from domain.sentences import sentence
from tests.integration.imports.parts import SAMPLES, Desk, desk

EXPECTED = list(csv.DictReader((SAMPLES / "expected.csv").read_text("utf-8").splitlines()))
READ = [sample for sample in EXPECTED if sample["verdict"] != "refused"]
REFUSED = [(sample["file"], sample["code"]) for sample in EXPECTED if sample["verdict"] == "refused"]
BROKERS = {"fidelity", "fidelity-savings", "investment_401k", "investment_medium", "td_ameritrade", "vanguard"}
"""Of investment files every row is listed, those too that cannot be booked exactly."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as opened:
        yield opened


def previewed(home: Desk, file: str) -> Preview:
    return home.imports.preview(home.book, (SAMPLES / file).read_bytes(), file)


def taken(preview: Preview) -> list[Row]:
    """The rows that the file brings: new, or the other side of what it brings itself."""
    return [row for row in preview.rows if row.verdict is not Verdict.LEFT_OUT]


def sum_of(rows: list[Row]) -> Decimal:
    amounts = [row.amount for row in rows if row.amount is not None]
    return sum([Decimal(a.minor).scaleb(-a.commodity.scale) for a in amounts], Decimal(0))


def test_the_samples_are_all_here() -> None:
    kept = {"ofx", "mt940", "made-up"}
    files = {
        str(path.relative_to(SAMPLES)) for folder in kept for path in (SAMPLES / folder).iterdir() if path.is_file()
    }
    assert {sample["file"] for sample in EXPECTED} == {file for file in files if not file.endswith(("LICENSE", ".md"))}


@pytest.mark.parametrize("sample", READ, ids=[sample["file"] for sample in READ])
def test_a_file_has_the_rows_and_the_sum_that_are_expected_of_it(home: Desk, sample: dict[str, str]) -> None:
    preview = previewed(home, sample["file"])
    is_broker = Path(sample["file"]).stem in BROKERS
    is_asked = sample["verdict"] == "question"
    rows = list(preview.rows) if is_broker or is_asked else taken(preview)
    assert len(rows) == int(sample["rows"])
    if sample["sum"]:
        assert sum_of(rows) == Decimal(sample["sum"])
    assert any(question.needed for question in preview.questions) == is_asked
    if sample["verdict"] == "partly":
        assert len(preview.rows) > len(rows)
    for row in preview.rows:
        assert sentence(row.reason.code, row.reason.params)


@pytest.mark.parametrize("file", [sample["file"] for sample in READ if sample["verdict"] != "question"])
def test_a_file_twice_adds_nothing_and_undo_brings_back_the_balances(home: Desk, file: str) -> None:
    home.do(OpenAccount(AccountId("a-cash"), "Assets:Cash"), OpenAccount(AccountId("a-food"), "Expenses:Food"))
    spent = parse_amount("4.50", "USD")
    lunch = (Posting(AccountId("a-food"), spent), Posting(AccountId("a-cash"), -spent))
    home.do(RecordTransaction(TransactionId("t-lunch"), date(2026, 1, 1), lunch))
    before = home.balances()
    brought = len(taken(previewed(home, file)))
    first = home.bring(SAMPLES / file)
    after, count = home.balances(), home.transactions()
    again = home.bring(SAMPLES / file)
    assert (again.counts["new"], again.counts["duplicate"]) == (0, brought)
    assert (home.balances(), home.transactions()) == (after, count)
    home.imports.undo(home.book, first.import_id, home.asked())
    assert home.balances() == before
    assert home.bring(SAMPLES / file).counts["new"] == first.counts["new"]
    assert home.balances() == after


@pytest.mark.parametrize(("file", "code"), REFUSED)
def test_a_bad_file_is_refused_and_changes_nothing(home: Desk, file: str, code: str) -> None:
    head = home.store.head(home.book)
    with pytest.raises(Rejected) as refusal:
        previewed(home, file)
    assert refusal.value.code == code
    assert home.store.head(home.book) == head
