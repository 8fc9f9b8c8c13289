"""An edited ledger imported again shows its difference: the books become what it says, and undoing brings back what
stood before, to the cent.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest

from commands.imports import ImportAnswer
from commands.imports.plan import Answers
from commands.imports.service import Preview
from domain.ledger import AccountId, AmendTransaction, AssertBalance, Posting, TransactionId
from domain.money import parse_amount
from tests.integration.imports.parts import Desk, desk
from tests.integration.imports.test_beancount_ledgers import program, told_by_beancount, told_by_us

HEAD = """
2020-01-01 open Assets:Cash
2020-01-01 open Assets:Bank
2020-01-01 open Expenses:Food
2020-01-01 open Expenses:Home
"""


def entry(day: str, words: str, amount: str, category: str = "Expenses:Food", account: str = "Assets:Cash") -> str:
    return f"{day} * {words}\n  {account}  -{amount} USD\n  {category}\n"


BREAD = entry("2020-02-01", '"Bakery" "bread"', "4.00")
RENT = entry("2020-02-03", '"Landlord" "rent"', "900.00", "Expenses:Home")
MILK = entry("2020-02-05", '"Market" "milk"', "2.50")
LEDGER = HEAD + BREAD + RENT + MILK


def seen(home: Desk, text: str, gone: Literal["keep", "void"] = "keep") -> Preview:
    return home.imports.preview(home.book, text.encode(), "x.beancount", answers=Answers(gone=gone))


def bring(home: Desk, text: str, gone: Literal["keep", "void"] = "keep") -> ImportAnswer:
    preview = seen(home, text)
    return home.imports.commit(home.book, preview.import_id, home.asked(), Answers(gone=gone))


def undo(home: Desk, answer: ImportAnswer) -> None:
    home.imports.undo(home.book, answer.import_id, home.asked())


def cash(home: Desk) -> Decimal:
    return home.balances().get(("Assets:Cash", "USD"), Decimal(0))


def verdicts(preview: Preview) -> list[tuple[str, str]]:
    return [(str(row.verdict), row.reason.code) for row in preview.rows]


MENDED = [
    ("its amount", LEDGER.replace("4.00", "4.40"), Decimal("-906.90")),
    ("its day", LEDGER.replace("2020-02-01 *", "2020-02-09 *"), Decimal("-906.50")),
    ("its category", LEDGER.replace(BREAD, BREAD.replace("Food", "Home")), Decimal("-906.50")),
    ("its account", LEDGER.replace(BREAD, BREAD.replace("Cash", "Bank")), Decimal("-902.50")),
    (
        "its amount and its words",
        LEDGER.replace('"Bakery" "bread"\n  Assets:Cash  -4.00', '"Bakery" "breads"\n  Assets:Cash  -4.40'),
        Decimal("-906.90"),
    ),
]


@pytest.mark.parametrize(("what", "text", "becomes"), MENDED)
def test_an_entry_of_which_something_was_edited_takes_its_own_place(
    tmp_path: Path, what: str, text: str, becomes: Decimal
) -> None:
    with desk(tmp_path) as home:
        first = bring(home, LEDGER)
        before = home.balances()
        preview = seen(home, text)
        assert verdicts(preview) in (
            [("changed", "entry_changed"), ("duplicate", "row_known"), ("duplicate", "row_known")],
            [("duplicate", "row_known"), ("duplicate", "row_known"), ("changed", "entry_changed")],
        ), what
        assert not preview.questions
        second = bring(home, text)
        assert (second.counts["changed"], second.counts["new"], cash(home)) == (1, 0, becomes)
        edited = home.balances()
        again = bring(home, text)
        assert (again.counts["duplicate"], again.counts["new"], home.balances()) == (3, 0, edited)
        assert (home.transactions(), "changed" in again.counts) == (3, False)
        undo(home, second)
        assert home.balances() == before
        undo(home, bring(home, text))
        assert home.balances() == before
        bring(home, text)
        undo(home, first)
        assert home.transactions() == 1, "what the newer version told stands on its own"
        bring(home, text)
        assert (home.balances(), home.transactions()) == (edited, 3)


def test_the_original_imported_after_the_edited_one_is_an_edit_back(tmp_path: Path) -> None:
    edited = LEDGER.replace("4.00", "4.40")
    with desk(tmp_path) as home:
        first = bring(home, LEDGER)
        before = home.balances()
        second = bring(home, edited)
        third = bring(home, LEDGER)
        assert (third.counts["changed"], third.counts["new"]) == (1, 0)
        assert (home.balances(), home.transactions()) == (before, 3)
        assert bring(home, LEDGER).counts["duplicate"] == 3
        undo(home, second)
        assert home.balances() == before
        undo(home, third)
        assert home.balances() == before
        fourth = bring(home, edited)
        fifth = bring(home, LEDGER)
        sixth = bring(home, edited)
        assert cash(home) == Decimal("-906.90")
        undo(home, fifth)
        assert cash(home) == Decimal("-906.90")
        undo(home, sixth)
        assert cash(home) == Decimal("-906.90")
        undo(home, fourth)
        assert home.balances() == before
        undo(home, first)
        assert home.balances() == {}


def test_an_original_that_is_brought_back_stands_though_its_first_import_is_undone(tmp_path: Path) -> None:
    edited = LEDGER.replace("4.00", "4.40")
    with desk(tmp_path) as home:
        first = bring(home, LEDGER)
        bring(home, edited)
        bring(home, LEDGER)
        undo(home, first)
        assert home.balances() == {("Assets:Cash", "USD"): Decimal("-4.00"), ("Expenses:Food", "USD"): Decimal("4.00")}
        again = bring(home, LEDGER)
        assert (home.transactions(), cash(home)) == (3, Decimal("-906.50"))
        assert again.counts["new"] == 2


def test_an_entry_that_is_gone_is_asked_about_and_stays_until_it_is_answered(tmp_path: Path) -> None:
    without = LEDGER.replace(RENT, "")
    with desk(tmp_path) as home:
        bring(home, LEDGER)
        preview = seen(home, without)
        (gone,) = [row for row in preview.rows if row.verdict == "gone"]
        assert (gone.row, gone.date, gone.description) == (3, date(2020, 2, 3), "Landlord rent")
        assert (gone.reason.code, gone.amount) == ("entry_gone_from_file", parse_amount("-900.00", "USD"))
        (question,) = preview.questions
        assert (question.code, question.answer, question.choices) == ("entries_gone", "gone", ("keep", "void"))
        assert not question.needed
        assert home.imports.commit(home.book, preview.import_id, home.asked()).counts["gone"] == 1
        assert cash(home) == Decimal("-906.50")
        assert [row.reason.code for row in seen(home, without, "void").rows if row.verdict == "gone"] == [
            "entry_taken_out"
        ]
        out = bring(home, without, "void")
        assert cash(home) == Decimal("-6.50")
        assert "gone" not in bring(home, without, "void").counts
        back = bring(home, LEDGER)
        assert (back.counts["changed"], back.counts["new"], cash(home)) == (1, 0, Decimal("-906.50"))
        undo(home, back)
        assert cash(home) == Decimal("-6.50")
        undo(home, out)
        assert cash(home) == Decimal("-906.50")


def test_what_is_taken_out_stays_out_when_the_first_import_is_undone(tmp_path: Path) -> None:
    with desk(tmp_path) as home:
        first = bring(home, LEDGER)
        bring(home, LEDGER.replace(RENT, ""), "void")
        undo(home, first)
        assert (home.balances(), home.transactions()) == ({}, 0)


def test_a_skipped_row_neither_comes_nor_goes(tmp_path: Path) -> None:
    text = LEDGER.replace(RENT, "").replace("4.00", "4.40")
    with desk(tmp_path) as home:
        bring(home, LEDGER)
        before = home.balances()
        preview = seen(home, text, "void")
        assert verdicts(preview)[0] == ("changed", "entry_changed")
        home.imports.commit(home.book, preview.import_id, home.asked(), Answers(gone="void"), skip=[1, 3])
        assert home.balances() == before


def test_an_old_figure_told_anew_beside_the_edited_one_is_an_entry_of_its_own(tmp_path: Path) -> None:
    edited = LEDGER.replace("4.00", "4.40")
    both = edited + BREAD
    with desk(tmp_path) as home:
        bring(home, LEDGER)
        bring(home, edited)
        third = bring(home, both)
        assert (third.counts["new"], cash(home)) == (1, Decimal("-910.90"))
        assert bring(home, both).counts["duplicate"] == 4
        assert home.transactions() == 4


def test_what_could_be_two_things_is_asked_and_never_chosen(tmp_path: Path) -> None:
    coffees = entry("2020-02-01", '"Cafe"', "3.00") + entry("2020-02-03", '"Cafe"', "3.10")
    changed = entry("2020-02-02", '"Cafe"', "3.40")
    with desk(tmp_path) as home:
        bring(home, LEDGER + coffees)
        preview = seen(home, LEDGER + changed)
        assert sorted(verdicts(preview))[-3:] == [
            ("gone", "entry_gone_from_file"),
            ("gone", "entry_gone_from_file"),
            ("new", "row_new"),
        ]


def test_equal_entries_that_are_edited_alike_all_change(tmp_path: Path) -> None:
    coffee = entry("2020-02-01", '"Cafe"', "3.00")
    with desk(tmp_path) as home:
        bring(home, LEDGER + coffee + coffee)
        second = bring(home, LEDGER + (coffee + coffee).replace("3.00", "3.50"))
        assert (second.counts["changed"], cash(home)) == (2, Decimal("-913.50"))


def test_a_rent_of_another_month_is_another_rent(tmp_path: Path) -> None:
    march = RENT.replace("2020-02-03", "2020-03-03")
    with desk(tmp_path) as home:
        bring(home, LEDGER)
        second = bring(home, LEDGER.replace(RENT, march))
        assert (second.counts["new"], second.counts["gone"], cash(home)) == (1, 1, Decimal("-1806.50"))


def standing(home: Desk, minor: int) -> tuple[TransactionId, tuple[Posting, ...]]:
    def look(book: object) -> tuple[TransactionId, tuple[Posting, ...]]:
        ledger = book.ledger  # type: ignore[attr-defined]
        found = [(t, ledger.transaction(t)[1]) for t in ledger.standing]
        return next((t, postings) for t, postings in found if postings[0].amount.minor == minor)

    return home.bus.inspect(home.book, look).result(60)


def test_an_entry_that_was_changed_here_too_is_left_to_the_person(tmp_path: Path) -> None:
    with desk(tmp_path) as home:
        bring(home, LEDGER)
        bread, postings = standing(home, -400)
        home.do(
            AmendTransaction(bread, date(2020, 2, 1), (postings[0], replaced(home, postings[1])), "Bakery", "bread")
        )
        assert bring(home, LEDGER).counts["duplicate"] == 3
        second = seen(home, LEDGER.replace("4.00", "4.40"))
        assert verdicts(second)[0] == ("left-out", "entry_changed_here_too")
        before = home.balances()
        bring(home, LEDGER.replace("4.00", "4.40"))
        assert home.balances() == before


def replaced(home: Desk, posting: Posting) -> Posting:
    def look(book: object) -> AccountId:
        return book.ledger.names["Expenses:Home"]  # type: ignore[attr-defined, no-any-return]

    return Posting(home.bus.inspect(home.book, look).result(60), posting.amount)


def test_a_balance_that_the_file_confirmed_gives_way_to_its_newer_version_and_a_persons_does_not(
    tmp_path: Path,
) -> None:
    confirmed = LEDGER + "2020-02-02 balance Assets:Cash -4.00 USD\n2020-03-01 balance Assets:Cash -906.50 USD\n"
    edited = (
        confirmed.replace("4.00", "4.40")
        .replace("906.50", "906.90")
        .replace("2020-02-02 balance Assets:Cash -4.00", "2020-02-02 balance Assets:Cash -4.40")
    )
    with desk(tmp_path) as home:
        assert bring(home, confirmed).counts["assertions"] == 2
        second = bring(home, edited)
        assert (second.counts["changed"], second.counts["assertions"], cash(home)) == (1, 2, Decimal("-906.90"))
        assert bring(home, edited).counts["assertions"] == 0
        undo(home, second)
        assert cash(home) == Decimal("-906.50")
        account = home.bus.inspect(home.book, lambda book: book.ledger.names["Assets:Cash"]).result(60)
        home.do(AssertBalance(account, date(2020, 2, 10), parse_amount("-906.50", "USD")))
        preview = seen(home, edited)
        assert verdicts(preview)[0] == ("left-out", "transaction_reconciled")
        assert preview.rows[0].reason.params["account"] == "Assets:Cash"


def test_a_category_renamed_in_the_file_is_a_change_of_every_entry_of_it(tmp_path: Path) -> None:
    months = [entry(f"2020-{month:02}-03", '"Landlord" "rent"', "900.00", "Expenses:Home") for month in range(3, 10)]
    with desk(tmp_path) as home:
        bring(home, LEDGER + "".join(months))
        second = bring(home, (LEDGER + "".join(months)).replace("Expenses:Home", "Expenses:Rent"))
        assert (second.counts["changed"], second.counts["new"], second.counts["accounts"]) == (8, 0, 1)
        assert home.balances()["Expenses:Rent", "USD"] == Decimal("7200.00")
        assert ("Expenses:Home", "USD") not in home.balances()


def test_two_ledgers_that_share_nothing_know_nothing_of_each_other(tmp_path: Path) -> None:
    other = HEAD + entry("2020-02-01", '"Bakery" "bread"', "4.10")
    with desk(tmp_path) as home:
        bring(home, LEDGER)
        second = bring(home, other)
        assert (second.counts["new"], "gone" in second.counts) == (1, False)


# A real ledger, edited at random

BLOCK = re.compile(r"^(\d{4}-\d\d-\d\d) \* .*\n(?:  \S.*\n)+", re.M)
TWO_SIDED = re.compile(r"^\d.*\n  (\S+) +(-?)(\d+\.\d\d) USD\n  (\S+) +(-?)(\d+\.\d\d) USD\n$")


def example(seed: int) -> str:
    return program("bean-example", "--seed", str(seed), "--date-begin", "2024-01-01", "--date-end", "2025-07-01")


def plain_blocks(text: str) -> list[str]:
    found = [match[0] for match in BLOCK.finditer(text)]
    return [block for block in found if TWO_SIDED.match(block) and found.count(block) == 1]


def other_amount(chance: random.Random, block: str) -> str:
    amount = TWO_SIDED.match(block)[3]  # type: ignore[index]
    return block.replace(amount, str(Decimal(amount) + Decimal(chance.randint(1, 900)) / 100))


def other_day(chance: random.Random, block: str) -> str:
    day = date.fromisoformat(block[:10]) + timedelta(days=chance.choice([1, 2, 5, 20]))
    return day.isoformat() + block[10:]


def other_account(chance: random.Random, block: str) -> str:
    return re.sub(r"Expenses:\S+", chance.choice(["Expenses:Food:Coffee", "Expenses:Home:Phone"]), block)


def gone(_: random.Random, block: str) -> str:
    return ""


def beside_another(chance: random.Random, block: str) -> str:
    return block + "\n" + other_amount(chance, block.replace('" "', '" "again ', 1))


EDITS: list[Callable[[random.Random, str], str]] = [other_amount, other_day, other_account, gone, beside_another]


def edited_at_random(chance: random.Random, text: str) -> str:
    blocks = plain_blocks(text)
    assert len(blocks) > 100
    chosen = chance.sample(blocks, 12)
    for number, block in enumerate(chosen[:10]):
        text = text.replace(block, EDITS[number % len(EDITS)](chance, block))
    one, other = chosen[10:]
    return text.replace(one, "<swapped>\n").replace(other, one).replace("<swapped>\n", other)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_ledger_edited_in_many_places_becomes_what_it_says_and_back(tmp_path: Path, seed: int) -> None:
    original, edited = tmp_path / "original.beancount", tmp_path / "edited.beancount"
    original.write_text(example(seed), "utf-8")
    edited.write_text(edited_at_random(random.Random(seed), original.read_text("utf-8")), "utf-8")
    days = [date(2024, 3, 31), date(2024, 12, 31), date(2025, 12, 31)]
    with desk(tmp_path) as home:
        bring(home, original.read_text("utf-8"))
        second = bring(home, edited.read_text("utf-8"), "void")
        assert second.counts["changed"] >= 3
        for day in days:
            assert told_by_us(home, day) == told_by_beancount(edited, day)
        again = bring(home, edited.read_text("utf-8"), "void")
        assert (again.counts["new"], "changed" in again.counts, "gone" in again.counts) == (0, False, False)
        undo(home, second)
        for day in days:
            assert told_by_us(home, day) == told_by_beancount(original, day)
        bring(home, edited.read_text("utf-8"), "void")
        bring(home, original.read_text("utf-8"), "void")
        for day in days:
            assert told_by_us(home, day) == told_by_beancount(original, day)
