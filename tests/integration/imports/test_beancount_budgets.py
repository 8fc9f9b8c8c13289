"""Budgets of another ledger come into the books with it, once, and go with the import that told them."""

from __future__ import annotations

from pathlib import Path

from commands.imports.plan import Answers
from domain.book import Book
from tests.integration.imports.parts import Desk, desk
from tests.integration.imports.test_beancount_ledgers import HEAD

FAVAS_EXAMPLE = """
2012-01-01 custom "budget" Expenses:Coffee       "daily"         4.00 EUR
2013-01-01 custom "budget" Expenses:Books        "weekly"       20.00 EUR
2014-02-10 custom "budget" Expenses:Groceries    "monthly"      40.00 EUR
2015-05-01 custom "budget" Expenses:Electricity  "quarterly"    85.00 EUR
2016-06-01 custom "budget" Expenses:Holiday      "yearly"     2500.00 EUR
"""


def standing(home: Desk) -> list[tuple[str, str, int, str, int]]:
    """Of every budget without an end: its account, what its period counts, its start and its last limit."""

    def look(book: Book) -> list[tuple[str, str, int, str, int]]:
        return sorted(
            (
                book.ledger.accounts[budget.account].name,
                budget.period.every.value,
                budget.period.count,
                budget.period.start.isoformat(),
                budget.limits[-1][1],
            )
            for budget in book.budgets.standing.values()
            if budget.ended_on is None
        )

    return home.bus.inspect(home.book, look).result(60)


def test_favas_example_comes_in_once_and_goes_with_its_import(tmp_path: Path) -> None:
    with desk(tmp_path) as home:
        first = home.bring(FAVAS_EXAMPLE.encode(), "budgets.txt")
        assert standing(home) == [
            ("Expenses:Books", "week", 1, "2013-01-07", 2000),
            ("Expenses:Coffee", "day", 1, "2012-01-01", 400),
            ("Expenses:Electricity", "month", 3, "2015-07-01", 8500),
            ("Expenses:Groceries", "month", 1, "2014-03-01", 4000),
            ("Expenses:Holiday", "year", 1, "2017-01-01", 250000),
        ]
        assert first.counts["budgets"] > 0
        assert home.bring(FAVAS_EXAMPLE.encode(), "budgets.txt").counts["budgets"] == 0
        home.imports.undo(home.book, first.import_id, home.asked())
        assert standing(home) == []


def test_a_raise_goes_on_with_the_budget_and_what_is_gone_is_asked_about(tmp_path: Path) -> None:
    head = HEAD + "2020-02-01 * \n  Assets:Cash  -1.00 USD\n  Expenses:Food\n"
    told = head + '2020-01-01 custom "budget" Expenses:Food "monthly" 400.00 USD\n'
    raised = told + '2020-06-01 custom "budget" Expenses:Food "monthly" 450.00 USD\n'
    with desk(tmp_path) as home:
        home.bring(told.encode(), "x.beancount")
        second = home.bring(raised.encode(), "x.beancount")
        assert second.counts["budgets"] == 1
        assert standing(home) == [("Expenses:Food", "month", 1, "2020-01-01", 45000)]
        home.imports.undo(home.book, second.import_id, home.asked())
        assert standing(home) == [("Expenses:Food", "month", 1, "2020-01-01", 40000)]
        preview = home.imports.preview(home.book, head.encode(), "x.beancount")
        assert [row.reason.code for row in preview.rows if row.verdict == "gone"] == ["budget_gone_from_file"]
        home.imports.commit(home.book, preview.import_id, home.asked(), Answers(gone="void"))
        assert standing(home) == []
        home.bring(told.encode(), "x.beancount")
        assert standing(home) == [("Expenses:Food", "month", 1, "2020-01-01", 40000)]
