"""The spending watch: a week unlike the book's own, a purchase unlike those before it, and silence about the past."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from domain.alerts import Alert, Watch, observe, payee_text, watch_of, watch_record
from domain.alerts.spending import (
    MAX_CATEGORIES,
    MAX_COMMODITIES,
    MAX_FUTURE_DAYS,
    MAX_PURCHASES,
    is_unusual,
    twice_the_median,
)
from domain.book import BookErased, BookEvent
from domain.ledger import (
    AccountId,
    AccountMerged,
    AccountOpened,
    AccountRenamed,
    How,
    Kind,
    Posting,
    TransactionAmended,
    TransactionCategorized,
    TransactionId,
    TransactionJoined,
    TransactionRecorded,
    TransactionVoided,
)
from domain.money import Amount, commodity
from domain.recorded import Recorded
from tests.given import BOOK, CARD, CHECKING, FOOD, GROCERIES, SAVINGS, brl, household, usd

MONDAY = date(2026, 9, 7)


class Watched:
    """A book under watch: what is told is recorded at `noon`, by default of the day that it speaks of."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.alerts: list[Alert] = []
        self.version = 0
        self.history: list[Recorded] = []
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)
        for event in household():
            self.tell(event)

    def tell(self, event: BookEvent, on: date | None = None) -> tuple[Alert, ...]:
        if on is not None:
            self.now = max(self.now, datetime(on.year, on.month, on.day, 15, tzinfo=UTC))
        self.version += 1
        digest = self.version.to_bytes(32, "big")
        recorded = Recorded(
            f"e-{self.version}", BOOK, self.version, self.version, self.now, "me", "c", "c", "", digest, digest, event
        )
        self.history.append(recorded)
        self.watch, raised = observe(self.watch, recorded, key_of(recorded))
        self.alerts.extend(raised)
        return raised

    def spend(
        self,
        text: str,
        day: date,
        payee: str = "",
        category: AccountId = GROCERIES,
        *,
        on: date | None = None,
        unit: Any = brl,
    ) -> tuple[Alert, ...]:
        event = TransactionRecorded(
            TransactionId(f"t-{self.version + 1}"), day, spent(text, category, unit), payee=payee
        )
        return self.tell(event, on or day)


def key_of(recorded: Recorded) -> str:
    return payee_text(recorded)


def spent(text: str, category: AccountId = GROCERIES, unit: Any = brl) -> tuple[Posting, Posting]:
    amount = unit(text)
    return Posting(category, amount), Posting(CHECKING, -amount)


def week(number: int, day: int = 0) -> date:
    return MONDAY + timedelta(days=7 * number + day)


def rules_of(alerts: Iterable[Alert]) -> list[str]:
    return [alert.code for alert in alerts]


def usual_weeks(book: Watched, weeks: int = 5, text: str = "100.00") -> None:
    for number in range(weeks):
        book.spend(text, week(number, 2), category=FOOD if number % 2 else GROCERIES)


def test_a_week_of_over_twice_the_usual_is_told_once() -> None:
    book = Watched()
    usual_weeks(book)
    assert book.spend("100.00", week(5, 0)) == ()
    assert book.spend("100.00", week(5, 2)) == (), "twice is not over twice"
    (alert,) = book.spend("0.02", week(5, 2))
    assert alert.code == "spending_faster_than_usual"
    assert (alert.period, alert.subject, alert.threshold) == (week(5), "BRL", 200)
    assert alert.params["spent"] == "200.02"
    assert alert.params["usual"] == "100.00"
    assert book.spend("100.00", week(5, 3)) == ()
    assert alert.raised_at == "2026-10-14T15:00:00.000000Z"


def test_fewer_than_four_earlier_weeks_say_nothing() -> None:
    book = Watched()
    usual_weeks(book, weeks=3)
    assert rules_of(book.spend("900.00", week(4))) == []


def test_rent_every_month_alarms_nobody() -> None:
    book = Watched()
    for day in range(300):
        on = date(2026, 2, 1) + timedelta(days=day)
        if on.day == 1:
            book.spend("2000.00", on, "Landlord", FOOD)
        if day % 3 == 0:
            book.spend("60.00", on, "Market")
    assert book.alerts == []


def test_importing_two_years_raises_nothing_about_the_past() -> None:
    book = Watched()
    today = date(2028, 6, 1)
    for number in range(100):
        book.spend("100.00" if number != 90 else "5000.00", MONDAY + timedelta(days=5 * number), "Market", on=today)
    assert book.alerts == []
    assert len(book.watch.purchases) == 100


def test_what_is_dated_ahead_says_nothing_before_its_day() -> None:
    book = Watched()
    usual_weeks(book)
    assert book.spend("9000.00", week(9), "Market", on=week(5)) == ()


def test_only_spending_of_the_last_days_makes_a_week_unusual() -> None:
    book = Watched()
    usual_weeks(book)
    book.spend("900.00", week(5, 1), on=week(4, 3))
    assert book.spend("1.00", week(3, 2), on=week(5, 2)) == (), "what is learnt of an earlier week"
    assert rules_of(book.spend("0.01", week(5, 2))) == ["spending_faster_than_usual"]


def test_a_voided_purchase_takes_itself_back() -> None:
    book = Watched()
    usual_weeks(book)
    book.spend("150.00", week(5, 1))
    voided = book.history[-1].event
    assert isinstance(voided, TransactionRecorded)
    book.tell(TransactionVoided(voided.transaction, voided.date, voided.postings), week(5, 1))
    assert book.spend("150.00", week(5, 3)) == ()


def test_a_row_that_becomes_a_transfer_was_no_spending() -> None:
    book = Watched()
    usual_weeks(book)
    book.spend("150.00", week(5, 1), "Bank")
    row = book.history[-1].event
    assert isinstance(row, TransactionRecorded)
    transfer = (Posting(SAVINGS, brl("150.00")), row.postings[1])
    joined = TransactionJoined(
        row.transaction,
        How.TRANSFER,
        TransactionId("t-own"),
        row.date,
        (Posting(SAVINGS, brl("150.00")), Posting(FOOD, brl("-150.00"))),
        row.date,
        row.postings,
        row.date,
        transfer,
    )
    assert book.tell(joined, week(5, 1)) == ()
    assert book.spend("150.00", week(5, 3)) == ()


def test_transfers_between_accounts_never_count() -> None:
    book = Watched()
    usual_weeks(book)
    postings = (Posting(SAVINGS, brl("9000.00")), Posting(CHECKING, brl("-9000.00")))
    assert book.tell(TransactionRecorded(TransactionId("t-x"), week(5), postings, payee="Bank"), week(5)) == ()
    paid = (Posting(CARD, brl("9000.00")), Posting(CHECKING, brl("-9000.00")))
    assert book.tell(TransactionRecorded(TransactionId("t-y"), week(5), paid, payee="Card"), week(5)) == ()


def test_a_purchase_far_above_those_at_the_payee_is_told() -> None:
    book = Watched()
    for number in range(5):
        book.spend("40.00", week(number), "Padaria São João")
    (alert, *_) = [a for a in book.spend("120.01", week(5), "PADARIA SAO JOAO 12") if a.rule == "unusual_amount"]
    assert alert.code == "amount_unusual_for_payee"
    assert alert.subject == alert.params["transaction"] == "t-15"
    assert alert.params["usual"] == "40.00"
    assert "account" not in alert.params


def test_three_times_the_usual_is_not_over_it() -> None:
    book = Watched()
    for number in range(5):
        book.spend("40.00", week(number), "Market")
    assert [a for a in book.spend("120.00", week(5), "Market") if a.rule == "unusual_amount"] == []


def test_where_a_payee_is_new_its_category_is_compared() -> None:
    book = Watched()
    for number in range(5):
        book.spend("40.00", week(number), f"Shop {'abcde'[number]}")
    (alert,) = [a for a in book.spend("400.00", week(5), "Nowhere") if a.rule == "unusual_amount"]
    assert alert.code == "amount_unusual_for_category"
    assert alert.params["account"] == GROCERIES


def test_what_has_no_category_yet_is_compared_with_nothing() -> None:
    book = Watched()
    catch_all = AccountId("a-later")
    book.tell(AccountOpened(catch_all, Kind.EXPENSES, (), None, True, "Expenses:Uncategorized"))
    for number in range(6):
        book.spend("40.00", week(number), category=catch_all)
    assert "amount_unusual_for_category" not in rules_of(book.spend("400.00", week(6), category=catch_all))
    book.tell(AccountRenamed(catch_all, "Expenses:Fun"))
    assert "amount_unusual_for_category" in rules_of(book.spend("450.00", week(6, 1), category=catch_all))


def test_a_payee_whose_amounts_differ_widely_has_more_room() -> None:
    amounts = [1_000, 2_000, 4_000, 9_000, 30_000, 45_000]
    assert not is_unusual(20_000, amounts)
    assert is_unusual(3_001, [1_000] * 5)
    assert twice_the_median([3, 1, 2]) == 4
    assert twice_the_median([4, 1, 2, 3]) == 5


def test_a_purchase_amended_or_categorized_is_told_once() -> None:
    book = Watched()
    for number in range(5):
        book.spend("40.00", week(number), "Market")
    book.spend("400.00", week(5), "Market")
    event = book.history[-1].event
    assert isinstance(event, TransactionRecorded)
    amended = spent("500.00")
    book.tell(
        TransactionAmended(event.transaction, event.date, event.postings, event.date, amended, payee="Market"), week(5)
    )
    book.tell(TransactionCategorized(event.transaction, event.date, amended, spent("500.00", FOOD)), week(5))
    assert rules_of(book.alerts).count("amount_unusual_for_payee") == 1
    remembered = book.watch.purchases[-1]
    assert (remembered.category, remembered.minor, remembered.payee) == (FOOD, 50_000, "market")


def test_a_merged_category_brings_its_past_along() -> None:
    book = Watched()
    for number in range(5):
        book.spend("40.00", week(number), category=FOOD)
    book.tell(AccountMerged(FOOD, GROCERIES))
    assert "amount_unusual_for_category" in rules_of(book.spend("400.00", week(5)))
    assert "amount_unusual_for_category" in rules_of(book.spend("400.00", week(5, 1), category=FOOD))


def test_commodities_are_never_compared_with_each_other() -> None:
    book = Watched()
    for number in range(6):
        book.spend("40.00", week(number), "Market")
    assert book.spend("4000.00", week(6), "Market", unit=usd) == ()


def test_an_event_seen_before_changes_nothing() -> None:
    book = Watched()
    usual_weeks(book)
    for recorded in book.history:
        assert observe(book.watch, recorded, key_of(recorded)) == (book.watch, ())


def test_a_watch_told_as_json_goes_on_as_it_was() -> None:
    book, other = Watched(), Watched()
    for number in range(6):
        amount = "40.00" if number < 5 else "900.00"
        book.spend(amount, week(number), "Market")
        other.spend(amount, week(number), "Market")
        other.watch = watch_of(watch_record(other.watch))
    assert (book.watch, book.alerts) == (other.watch, other.alerts)
    assert len(book.alerts) == 2


def test_whatever_key_the_payee_has_the_alerts_are_the_same() -> None:
    book = Watched()
    for number in range(5):
        book.spend("40.00", week(number), "Market")
    book.spend("400.00", week(5), "Market")
    watch, raised = Watch(), list[Alert]()
    for recorded in book.history:
        text = payee_text(recorded)
        watch, alerts = observe(watch, recorded, f"{hash(text):x}" if text else "")
        raised.extend(alerts)
    assert raised == book.alerts != []


def test_a_watch_holds_no_text_and_stays_within_its_limits() -> None:
    book = Watched()
    for number in range(MAX_PURCHASES + 50):
        book.spend("1.00", date(2026, 1, 1) + timedelta(days=number % 90), f"Secret{'x' * (number % 7)}")
    assert len(book.watch.purchases) == MAX_PURCHASES
    for day in range(MAX_FUTURE_DAYS + 30):
        book.spend("1.00", date(2027, 1, 1) + timedelta(days=day), on=date(2026, 12, 1))
    assert len(book.watch.days["BRL"]) <= MAX_FUTURE_DAYS + 190
    assert "Assets:" not in repr(watch_record(book.watch))
    assert "Groceries" not in repr(watch_record(book.watch))


def test_beyond_its_categories_and_commodities_a_watch_takes_no_more() -> None:
    book = Watched()
    for number in range(MAX_CATEGORIES + 5):
        book.tell(AccountOpened(AccountId(f"a-{number}"), Kind.EXPENSES, (), None, True, f"Expenses:N{number}"))
    assert len(book.watch.categories) == MAX_CATEGORIES
    for number in range(MAX_COMMODITIES + 5):
        unit = commodity(f"X{number}", 2)
        book.spend("10.00", week(0), unit=lambda text, unit=unit: Amount(1000, unit))
    assert len(book.watch.days) == MAX_COMMODITIES
    book.tell(AccountMerged(AccountId(f"a-{MAX_CATEGORIES + 1}"), FOOD))
    usual_weeks(book)
    assert len(book.watch.days) == MAX_COMMODITIES


def test_an_erased_book_leaves_nothing_in_its_watch() -> None:
    book = Watched()
    usual_weeks(book)
    book.tell(BookErased("moved"))
    assert replace(book.watch, version=0, hash="") == Watch()
