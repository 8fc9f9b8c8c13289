"""Another ledger's budgets become ours: on every day the one limit that fava has for its period, and told once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from commands.imports.journals.amounts import Amounts
from commands.imports.journals.budgets import BudgetPlan, plan_budgets, withdrawals
from commands.imports.plan import BookFacts
from commands.imports.reading import Interval, JournalBudget
from domain.book import Book, BookCommand, decide, evolve
from domain.budgets import BudgetId, ChangeBudget, EndBudget, period_of
from domain.ledger import ConcludeImport, ImportId, UndoImport
from domain.money import Amount, commodity
from tests.given import household, on

EUR = commodity("EUR", 2)


@dataclass(slots=True)
class Home:
    """A book and the files that tell its budgets."""

    book: Book = field(default_factory=Book)
    numbers: count[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        for event in household():
            evolve(self.book, event)

    def do(self, *commands: BookCommand) -> None:
        for command in commands:
            for event in decide(self.book, command):
                evolve(self.book, event)

    def told(self, entries: list[JournalBudget], takes_out: bool = False) -> tuple[BudgetPlan, ImportId]:
        import_id = ImportId(f"i-{next(self.numbers)}")
        facts = BookFacts.of(self.book)
        amounts = Amounts(dict(facts.names), lambda: f"n-{next(self.numbers)}", {"EUR": EUR})
        plan = plan_budgets(facts, entries, amounts, import_id, frozenset(), amounts.new_id)
        if takes_out:
            plan.commands += [end for *_, gone in plan.gone for end in withdrawals(facts, gone, import_id)]
        recorded = ConcludeImport(import_id, "beancount", None, 0, 0)
        self.do(*plan.commands, recorded)
        return plan, import_id

    def periods(self, day: date) -> list[tuple[date, date, int]]:
        """The periods around a day, with their limits in cents."""
        found = []
        for budget in self.book.budgets.standing.values():
            if day < budget.period.start:
                continue
            if budget.ended_on is not None and day > period_of(budget.period, budget.ended_on)[1]:
                continue
            first, last = period_of(budget.period, day)
            found.append((first, last, [minor for valid, minor, _ in budget.limits if valid <= first][-1]))
        return found


def budget(day: str, interval: str, amount: str, account: str = "Expenses:Food") -> JournalBudget:
    return JournalBudget(1, 1, account, on(day), Interval(interval), Decimal(amount), "EUR")


def as_fava_sums(entries: list[JournalBudget], first: date, last: date) -> int:
    """Cents: each day's share of the entry that is valid then, added up."""
    total = Fraction(0)
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        valid = [entry for entry in sorted(entries, key=lambda entry: entry.date) if entry.date <= day]
        if valid:
            total += Fraction(valid[-1].number) * 100 / days_around(valid[-1].interval, day)
    return int(total + Fraction(1, 2))


def days_around(interval: Interval, day: date) -> int:
    match interval:
        case Interval.DAILY:
            return 1
        case Interval.WEEKLY:
            return 7
        case Interval.MONTHLY:
            months, first = 1, day.replace(day=1)
        case Interval.QUARTERLY:
            months, first = 3, date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        case _:
            months, first = 12, date(day.year, 1, 1)
    following = first.month + months
    return (date(first.year + (following > 12), (following - 1) % 12 + 1, 1) - first).days


def test_favas_own_example_has_the_limits_that_fava_has() -> None:
    home = Home()
    home.told([budget("2014-02-10", "monthly", "40.00")])
    assert home.periods(on("2014-02-09")) == []
    assert home.periods(on("2014-02-20")) == [(on("2014-02-10"), on("2014-02-28"), 2714)]
    assert home.periods(on("2016-02-20")) == [(on("2016-02-01"), on("2016-02-29"), 4000)]
    for interval, day, last, limit in (
        ("daily", "2014-02-10", "2014-02-10", 4000),
        ("weekly", "2014-02-10", "2014-02-16", 4000),
        ("quarterly", "2014-04-01", "2014-06-30", 4000),
        ("yearly", "2015-01-01", "2015-12-31", 4000),
    ):
        home = Home()
        home.told([budget("2014-01-01", interval, "40.00")])
        assert home.periods(on(day)) == [(on(day), on(last), limit)]


def test_a_later_entry_takes_over_on_its_day_and_another_interval_is_another_budget() -> None:
    home = Home()
    home.told([budget("2026-01-01", "monthly", "310"), budget("2026-03-11", "monthly", "620")])
    assert home.periods(on("2026-02-01"))[0][2] == 31000
    assert home.periods(on("2026-03-01"))[0][2] == 31000 // 31 * 10 + 62000 // 31 * 21
    assert home.periods(on("2026-04-01"))[0][2] == 62000
    home = Home()
    home.told([budget("2026-01-01", "monthly", "310"), budget("2026-03-11", "weekly", "70")])
    assert home.periods(on("2026-03-10")) == [(on("2026-03-01"), on("2026-03-10"), 10000)]
    assert home.periods(on("2026-03-11")) == [(on("2026-03-11"), on("2026-03-15"), 5000)]
    assert home.periods(on("2026-03-16")) == [(on("2026-03-16"), on("2026-03-22"), 7000)]


ENTRIES = st.lists(
    st.builds(
        lambda days, interval, cents: JournalBudget(
            1, days, "Expenses:Food", on("2024-01-01") + timedelta(days=days), interval, Decimal(cents) / 100, "EUR"
        ),
        st.integers(0, 500),
        st.sampled_from(Interval),
        st.integers(0, 100_000),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda entry: entry.date,
)


def check_all(home: Home, entries: list[JournalBudget]) -> None:
    first = min(entry.date for entry in entries)
    assert home.periods(first - timedelta(days=1)) == []
    for number in range(0, 900, 13):
        day = first + timedelta(days=number)
        ((begins, ends, limit),) = home.periods(day)
        assert limit == as_fava_sums(entries, begins, ends), (day, begins, ends)


@settings(max_examples=30, deadline=None)
@for_all(ENTRIES, ENTRIES)
def test_every_day_has_one_limit_and_it_is_favas_also_after_any_edit_and_back(
    before: list[JournalBudget], after: list[JournalBudget]
) -> None:
    home = Home()
    home.told(before)
    check_all(home, before)
    assert home.told(before)[0].commands == []
    _, edit = home.told(after)
    check_all(home, after)
    assert home.told(after)[0].commands == []
    home.do(UndoImport(edit))
    check_all(home, before)
    home.told(after)
    home.told(before)
    check_all(home, before)


def test_undoing_the_import_takes_its_budgets_with_it() -> None:
    home = Home()
    _, first = home.told([budget("2026-01-01", "monthly", "310")])
    home.do(UndoImport(first))
    assert home.periods(on("2026-02-01")) == []
    assert home.told([budget("2026-01-01", "monthly", "310")])[0].commands != []
    assert len(home.periods(on("2026-02-01"))) == 1


def test_what_a_person_changed_stays_and_is_named_where_the_file_tells_it_otherwise() -> None:
    home = Home()
    told = [budget("2026-01-01", "monthly", "310")]
    home.told(told)
    (standing,) = home.book.budgets.standing
    home.do(ChangeBudget(standing, Amount(5000, EUR), on("2026-02-01")))
    assert home.told(told)[0].commands == []
    plan, _ = home.told([budget("2026-01-01", "monthly", "400")])
    assert [reason.code for _, reason in plan.left_out] == ["budget_changed_here"]
    assert home.periods(on("2026-02-01"))[0][2] == 5000
    home.do(EndBudget(BudgetId(standing), on("2026-03-31")))
    assert home.told(told)[0].commands == []


def test_a_budget_that_is_gone_from_the_file_stays_until_it_is_answered() -> None:
    home = Home()
    food, salary = (
        budget("2026-01-01", "monthly", "310"),
        budget("2026-01-01", "monthly", "100", "Income:Salary"),
    )
    home.told([food, salary])
    plan, _ = home.told([food])
    assert [(name, limit.minor) for name, limit, _ in plan.gone] == [("Income:Salary", 10000)]
    assert len(home.periods(on("2026-02-01"))) == 2
    _, out = home.told([food], takes_out=True)
    assert len(home.periods(on("2026-02-01"))) == 1
    assert home.told([food])[0].gone == []
    home.do(UndoImport(out))
    assert len(home.periods(on("2026-02-01"))) == 2


def test_what_no_budget_of_ours_can_say_is_left_out_by_name_and_still_ends_the_one_before() -> None:
    home = Home()
    plan, _ = home.told(
        [
            budget("2026-01-01", "monthly", "310"),
            budget("2026-03-01", "monthly", "-1"),
            budget("2026-05-01", "monthly", "1.005"),
            budget("2026-06-01", "monthly", "99999999999999999"),
            budget("2026-07-01", "daily", "1"),
        ]
    )
    assert [reason.code for _, reason in plan.left_out] == [
        "budget_below_zero",
        "amount_scale_exceeded",
        "amount_out_of_range",
    ]
    assert home.periods(on("2026-02-28")) == [(on("2026-02-01"), on("2026-02-28"), 31000)]
    assert home.periods(on("2026-04-01")) == []
    assert home.periods(on("2026-07-02")) == [(on("2026-07-02"), on("2026-07-02"), 100)]
