"""Budgets' alerts on both databases: what a household is told of, when, and how often."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from domain.alerts import Alert
from domain.book import BookId
from domain.budgets import BudgetId, ChangeBudget, EndBudget, Every, Period, SetBudget
from domain.ledger import (
    AccountId,
    AmendTransaction,
    Kind,
    MergeAccount,
    OpenAccount,
    RecordTransaction,
    RenameAccount,
    TransactionId,
    VoidTransaction,
)
from projections import READ_MODELS, budgets, spending_watch
from tests.contract.conftest import House
from tests.folding import Log, empty, fold
from tests.given import BOOK, CHECKING, FOOD, GROCERIES, brl, household, moved, on, usd

B1 = BudgetId("b-1")
MONTHLY = Period(Every.MONTH, 1, date(2026, 1, 1))
LEISURE = AccountId("a-leisure")


@pytest.fixture
def home(house: House) -> House:
    """A household with a budget of 500.00 a month for food, set on the first of September."""
    today(house, "2026-09-01")
    house.tell(SetBudget(B1, FOOD, brl("500.00"), MONTHLY))
    return house


def today(house: House, day: str) -> None:
    """From now on it is noon of a day where the household lives."""
    house.log.now = datetime.combine(on(day), datetime.min.time(), UTC).replace(hour=15)


def pay(house: House, transaction: str, text: str, day: str, account: AccountId = GROCERIES) -> None:
    today(house, day)
    house.tell(RecordTransaction(TransactionId(transaction), on(day), moved(brl(text), CHECKING, account)))


def told(house: House) -> list[tuple[str, int, str]]:
    """What was raised, oldest first: code, percent, and what was spent then."""
    return [(a.code, a.threshold, str(a.params["spent"])) for a in alerts(house) if a.rule == "budget_threshold"]


def alerts(house: House) -> list[Alert]:
    return budgets.raised.newest(house.connection, BOOK, 100)[::-1]


def test_eighty_percent_is_reached_at_its_very_cent_and_the_limit_only_beyond_it(home: House) -> None:
    pay(home, "t-1", "399.99", "2026-09-02")
    assert told(home) == []
    pay(home, "t-2", "0.01", "2026-09-02")
    assert told(home) == [("budget_threshold_reached", 80, "400.00")]
    pay(home, "t-3", "100.00", "2026-09-03")
    assert len(told(home)) == 1
    pay(home, "t-4", "0.01", "2026-09-03")
    assert told(home)[1:] == [("budget_exceeded", 100, "500.01")]
    [reached, exceeded] = alerts(home)
    assert reached.alert_id != exceeded.alert_id
    assert exceeded.params == {
        "budget": B1,
        "account": FOOD,
        "percent": 100,
        "spent": "500.01",
        "limit": "500.00",
        "commodity": "BRL",
        "first": "2026-09-01",
        "last": "2026-09-30",
    }
    assert (exceeded.period, exceeded.version) == (on("2026-09-01"), home.log.versions[BOOK])
    assert exceeded.raised_at == "2026-09-03T15:01:00.000000Z"


def test_of_several_thresholds_at_once_the_highest_alone_speaks(home: House) -> None:
    pay(home, "t-1", "900.00", "2026-09-02")
    assert told(home) == [("budget_exceeded", 100, "900.00")]
    pay(home, "t-2", "-800.00", "2026-09-03")
    pay(home, "t-3", "350.00", "2026-09-04")
    assert len(told(home)) == 1, "the lower one has had its say with the higher"


def test_a_refund_nets_and_nothing_is_said_twice(home: House) -> None:
    pay(home, "t-1", "400.00", "2026-09-02")
    pay(home, "t-2", "-100.00", "2026-09-03")
    pay(home, "t-3", "100.00", "2026-09-04")
    assert told(home) == [("budget_threshold_reached", 80, "400.00")]


def test_the_next_period_speaks_anew(home: House) -> None:
    pay(home, "t-1", "400.00", "2026-09-02")
    pay(home, "t-2", "400.00", "2026-10-02")
    assert [a.period for a in alerts(home)] == [on("2026-09-01"), on("2026-10-01")]


def test_a_changed_limit_arms_only_what_is_above_the_ratio_then(home: House) -> None:
    pay(home, "t-1", "400.00", "2026-09-02")
    home.tell(ChangeBudget(B1, brl("490.00"), on("2026-09-01")))
    pay(home, "t-2", "1.00", "2026-09-03")
    assert len(told(home)) == 1, "82 % of the new limit were spent already: 80 is not armed again"
    home.tell(ChangeBudget(B1, brl("1000.00"), on("2026-09-01")))
    pay(home, "t-3", "399.00", "2026-09-04")
    assert told(home)[1:] == [("budget_threshold_reached", 80, "800.00")]
    [first, second] = alerts(home)
    assert first.alert_id != second.alert_id


def test_what_a_changed_limit_left_unarmed_stays_silent_after_a_refund(home: House) -> None:
    pay(home, "t-1", "400.00", "2026-09-02")
    home.tell(ChangeBudget(B1, brl("490.00"), on("2026-09-01")))
    pay(home, "t-2", "-100.00", "2026-09-03")
    pay(home, "t-3", "100.00", "2026-09-04")
    assert told(home) == [("budget_threshold_reached", 80, "400.00")]


def test_a_limit_lowered_below_what_is_spent_says_nothing_by_itself(home: House) -> None:
    pay(home, "t-1", "300.00", "2026-09-02")
    home.tell(ChangeBudget(B1, brl("200.00"), on("2026-09-01")))
    pay(home, "t-2", "10.00", "2026-09-03")
    assert told(home) == []


def test_a_limit_of_later_periods_arms_nothing_now(home: House) -> None:
    pay(home, "t-1", "400.00", "2026-09-02")
    home.tell(ChangeBudget(B1, brl("5000.00"), on("2026-10-01")))
    pay(home, "t-2", "-300.00", "2026-09-03")
    pay(home, "t-3", "300.00", "2026-09-04")
    assert len(told(home)) == 1


def test_what_becomes_known_after_the_period_or_before_it_says_nothing(home: House) -> None:
    today(home, "2026-10-01")
    home.tell(RecordTransaction(TransactionId("t-1"), on("2026-09-30"), moved(brl("900.00"), CHECKING, FOOD)))
    home.tell(RecordTransaction(TransactionId("t-2"), on("2026-11-02"), moved(brl("900.00"), CHECKING, FOOD)))
    assert told(home) == []
    pay(home, "t-3", "10.00", "2026-11-03")
    assert told(home) == [], "it was true before the period began"


def test_the_day_is_that_of_the_book(home: House) -> None:
    home.log.now = datetime(2026, 10, 1, 2, 30, tzinfo=UTC)  # where the household lives, still September
    home.tell(RecordTransaction(TransactionId("t-1"), on("2026-09-30"), moved(brl("900.00"), CHECKING, FOOD)))
    assert told(home) == [("budget_exceeded", 100, "900.00")]


def test_a_budget_set_over_what_is_spent_already_says_nothing(house: House) -> None:
    pay(house, "t-1", "450.00", "2026-09-02", FOOD)
    house.tell(SetBudget(B1, FOOD, brl("500.00"), MONTHLY))
    pay(house, "t-2", "10.00", "2026-09-03", FOOD)
    assert told(house) == []
    pay(house, "t-3", "50.00", "2026-09-04", FOOD)
    assert told(house) == [("budget_exceeded", 100, "510.00")]


def test_a_limit_of_nothing_is_exceeded_by_the_first_cent(house: House) -> None:
    today(house, "2026-09-01")
    house.tell(SetBudget(B1, FOOD, brl("0.00"), MONTHLY))
    assert told(house) == []
    pay(house, "t-1", "0.01", "2026-09-02")
    assert told(house) == [("budget_exceeded", 100, "0.01")]


def test_an_amended_and_a_voided_transaction_are_counted_as_they_stand(home: House) -> None:
    pay(home, "t-1", "390.00", "2026-09-02")
    home.tell(AmendTransaction(TransactionId("t-1"), on("2026-09-02"), moved(brl("399.00"), CHECKING, GROCERIES)))
    pay(home, "t-2", "50.00", "2026-09-02")
    home.tell(VoidTransaction(TransactionId("t-2")))
    assert told(home) == [("budget_threshold_reached", 80, "449.00")]


def test_another_commodity_is_not_the_budget_s(home: House) -> None:
    today(home, "2026-09-02")
    home.tell(RecordTransaction(TransactionId("t-1"), on("2026-09-02"), moved(usd("900.00"), CHECKING, FOOD)))
    assert told(home) == []


def test_a_category_that_comes_under_the_budget_brings_its_spending(home: House) -> None:
    home.tell(OpenAccount(LEISURE, "Expenses:Leisure"))
    pay(home, "t-1", "450.00", "2026-09-02", LEISURE)
    assert told(home) == []
    home.tell(RenameAccount(LEISURE, "Expenses:Food:Leisure"))
    assert told(home) == [("budget_threshold_reached", 80, "450.00")]
    bakery = AccountId("a-bakery")
    home.tell(OpenAccount(bakery, "Expenses:Bakery"))
    pay(home, "t-2", "60.00", "2026-09-03", bakery)
    home.tell(MergeAccount(bakery, GROCERIES))
    assert told(home)[1:] == [("budget_exceeded", 100, "510.00")]


def test_an_account_opened_below_the_category_counts_at_once(home: House) -> None:
    pay(home, "t-1", "1.00", "2026-09-02")
    home.tell(OpenAccount(LEISURE, "Expenses:Food:Leisure"))
    pay(home, "t-2", "450.00", "2026-09-02", LEISURE)
    assert told(home) == [("budget_threshold_reached", 80, "451.00")]


def test_after_its_last_period_a_budget_is_silent(home: House) -> None:
    home.tell(EndBudget(B1, on("2026-09-10")))
    pay(home, "t-1", "450.00", "2026-09-20")
    pay(home, "t-2", "450.00", "2026-10-02")
    assert told(home) == [("budget_threshold_reached", 80, "450.00")]


# The forecast


def foreseen(house: House) -> list[str]:
    return [str(alert.params["day"]) for alert in alerts(house) if alert.rule == "budget_forecast"]


def test_the_day_a_budget_will_be_crossed_is_told_once(home: House) -> None:
    for number, day in enumerate(("2026-09-02", "2026-09-05", "2026-09-10")):
        pay(home, f"t-{number}", "80.00", day)
    # 240.00 in 10 days: after 20 of them 480.00, on the 21st 504.00; by the 30th 720.00.
    assert foreseen(home) == ["2026-09-21"]
    [alert] = alerts(home)
    assert (alert.code, alert.params["projected"], alert.params["spent"]) == (
        "budget_will_be_exceeded",
        "720.00",
        "240.00",
    )
    pay(home, "t-9", "50.00", "2026-09-12")
    assert len(foreseen(home)) == 1


def test_rent_on_the_first_day_alarms_nobody(home: House) -> None:
    pay(home, "t-1", "390.00", "2026-09-01")
    pay(home, "t-2", "1.00", "2026-09-10")
    assert alerts(home) == []


def test_before_seven_days_nothing_is_foreseen(home: House) -> None:
    for number, day in enumerate(("2026-09-01", "2026-09-03", "2026-09-06")):
        pay(home, f"t-{number}", "100.00", day)
    assert alerts(home) == []
    pay(home, "t-9", "0.01", "2026-09-07")
    assert foreseen(home) == ["2026-09-12"]


def test_what_is_dated_later_counts_once_and_on_its_day(home: House) -> None:
    today(home, "2026-09-02")
    home.tell(RecordTransaction(TransactionId("t-l"), on("2026-09-25"), moved(brl("350.00"), CHECKING, FOOD)))
    for number, day in enumerate(("2026-09-03", "2026-09-05", "2026-09-10")):
        pay(home, f"t-{number}", "20.00", day)
    # 60.00 in 10 days and 350.00 on the 25th, when exactly 500.00 will be spent: the limit is passed a day later.
    assert foreseen(home) == ["2026-09-26"]


def test_a_budget_exceeded_foresees_nothing(home: House) -> None:
    for number, day in enumerate(("2026-09-02", "2026-09-05", "2026-09-10")):
        pay(home, f"t-{number}", "300.00", day)
    assert foreseen(home) == []


def test_a_changed_limit_is_foreseen_anew(home: House) -> None:
    for number, day in enumerate(("2026-09-02", "2026-09-05", "2026-09-10")):
        pay(home, f"t-{number}", "80.00", day)
    home.tell(ChangeBudget(B1, brl("600.00"), on("2026-09-01")))
    assert len(foreseen(home)) == 1, "who told the limit knows"
    pay(home, "t-9", "10.00", "2026-09-10")
    # 250.00 in 10 days: 600.00 on the 24th, and passed on the 25th.
    assert foreseen(home) == ["2026-09-21", "2026-09-25"]


# All of it


def test_importing_two_years_raises_nothing_about_the_past(house: House) -> None:
    today(house, "2026-09-15")
    house.tell(SetBudget(B1, FOOD, brl("500.00"), Period(Every.MONTH, 1, date(2024, 1, 1))))
    for number in range(200):
        day = date.fromordinal(date(2024, 9, 1).toordinal() + 3 * number)
        text = "40.00" if number % 20 else "4000.00"
        house.tell(RecordTransaction(TransactionId(f"t-{number}"), day, moved(brl(text), CHECKING, FOOD), "Market"))
    assert alerts(house) == []
    assert spending_watch.raised.newest(house.connection, BOOK, 100) == []


def test_the_list_is_read_in_parts_newest_first(home: House) -> None:
    for number in range(2, 6):
        home.tell(SetBudget(BudgetId(f"b-{number}"), FOOD, brl("500.00"), MONTHLY))
    pay(home, "t-1", "400.00", "2026-09-02")
    known = home.log.versions[BOOK]
    pay(home, "t-2", "200.00", "2026-09-03")
    whole = alerts(home)[::-1]
    assert [alert.threshold for alert in whole] == [100] * 5 + [80] * 5
    parts: list[Alert] = []
    while found := budgets.raised.newest(
        home.connection, BOOK, 3, (parts[-1].version, parts[-1].alert_id) if parts else None
    ):
        parts += found
    assert parts == whole
    assert budgets.raised.newest(home.connection, BOOK, 100, None, known) == whole[5:]
    assert budgets.raised.newest(home.connection, BookId("b-other"), 100) == []


def test_what_is_raised_again_leaves_the_first_as_it_was(home: House) -> None:
    pay(home, "t-1", "900.00", "2026-09-02")
    [first] = alerts(home)
    budgets.raised.keep(home.connection, [replace(first, version=99), replace(first, version=98)])
    assert alerts(home) == [first]


def test_a_purged_book_leaves_no_alert(home: House) -> None:
    pay(home, "t-1", "900.00", "2026-09-02")
    for model in READ_MODELS:
        model.purge(home.connection, BOOK)
    assert alerts(home) == []


def test_a_replay_raises_the_same_alerts(engine: sa.Engine) -> None:
    log = Log()
    log.tell(household(), SetBudget(B1, FOOD, brl("500.00"), MONTHLY), OpenAccount(LEISURE, "Expenses:Leisure"))
    assert log.books[BOOK].ledger.accounts[FOOD].kind is Kind.EXPENSES
    for number in range(60):
        log.now = datetime(2026, 2, 1 + number % 28, 15, tzinfo=UTC) if number < 28 else log.now
        log.tell(RecordTransaction(TransactionId(f"t-{number}"), log.now.date(), moved(brl("25.00"), CHECKING, FOOD)))
    found = []
    for sizes in ([], [1] * 200, [7] * 50):
        with empty(engine) as connection:
            fold(connection, log.events, sizes)
            found.append(budgets.raised.newest(connection, BOOK, 100))
    assert found[0] == found[1] == found[2]
    assert {alert.threshold for alert in found[0]} == {80, 100}
