"""The read models on both databases: examples computed by hand, told in the words of a household."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from domain.book import BookId, BookRenamed
from domain.budgets import BudgetId, ChangeBudget, EndBudget, Every, Period, SetBudget
from domain.errors import Rejected
from domain.ledger import (
    AccountId,
    AmendTransaction,
    CategorizeTransaction,
    CloseAccount,
    ConcludeImport,
    Cost,
    ImportId,
    Kind,
    MergeAccount,
    OpenAccount,
    Posting,
    Price,
    RecordTransaction,
    RenameAccount,
    RuleId,
    TransactionId,
    UndoImport,
    VoidTransaction,
)
from domain.money import Amount
from domain.prices import RecordPrice
from domain.rules import Direction, RemoveRule, Rule, SetRule
from projections import (
    READ_MODELS,
    accounts,
    balances,
    budgets,
    cash_flow,
    imports,
    net_worth,
    register,
    rules,
    timeline,
)
from projections.budgets import Pace
from projections.net_worth import PriceRow
from projections.readmodel import MAX_BOUND_VALUES
from projections.register import telling
from tests.contract.conftest import House, spent
from tests.folding import Log, create, empty, fold, rows
from tests.given import (
    BOOK,
    CARD,
    CHECKING,
    FOOD,
    GROCERIES,
    SALARY,
    SAVINGS,
    brl,
    household,
    moved,
    on,
    usd,
)

T1, T2, T3, T4 = (TransactionId(f"t-{number}") for number in range(1, 5))
B1 = BudgetId("b-1")
R1, R2 = RuleId("r-1"), RuleId("r-2")
RENT = AccountId("a-rent")
MONTHLY = Period(Every.MONTH, 1, date(2026, 1, 1))


# Nothing


def test_a_book_that_nobody_opened_has_no_figures(engine: sa.Engine) -> None:
    nobody, day = BookId("b-nobody"), on("2026-01-31")
    with empty(engine) as connection:
        assert accounts.books(connection) == []
        assert accounts.book(connection, nobody) is None
        assert accounts.accounts(connection, nobody) == []
        assert accounts.commodities(connection, nobody) == {}
        assert timeline.version_known_on(connection, nobody, datetime(2026, 1, 1, tzinfo=UTC)) == 0
        assert balances.balances(connection, nobody, day) == []
        assert register.transactions(connection, nobody) == register.Page([], None)
        assert register.span(connection, nobody) is None
        assert net_worth.net_worth(connection, nobody, day, day, Every.MONTH, "BRL") == []
        assert net_worth.prices(connection, nobody) == []
        assert cash_flow.cash_flow(connection, nobody, day, day, Every.MONTH) == []
        assert budgets.budgets(connection, nobody, day) == []
        assert rules.rules(connection, nobody) == []
        assert telling.words_of(connection, nobody, [T1]) == {}
        assert list(telling.standing_on(connection, nobody, [FOOD])) == []


def test_an_opened_book_has_a_net_worth_of_zero_and_no_transactions(house: House) -> None:
    day = on("2026-01-31")
    assert house.held("2026-01-31") == {}
    assert house.page(account=CHECKING) == register.Page([], None)
    [worth] = net_worth.net_worth(house.connection, BOOK, day, day, Every.MONTH, "BRL")
    assert worth == net_worth.Worth(day, brl("0.00"), False, (), ())


def test_a_purged_book_leaves_no_row_and_its_neighbour_all(house: House) -> None:
    other = BookId("b-other")
    before = rows(house.connection)
    house.tell(
        household(),
        spent(T1, "2026-01-05", "10.00"),
        SetBudget(B1, FOOD, brl("100"), MONTHLY),
        RecordPrice("USD", on("2026-01-05"), Decimal("5"), "BRL"),
        SetRule(R1, FOOD, payee="padaria"),
        OpenAccount(RENT, "Expenses:Rent"),
        MergeAccount(RENT, FOOD),
        book=other,
    )
    assert rows(house.connection) != before
    for model in READ_MODELS:
        model.purge(house.connection, other)
        model.purge(house.connection, BookId("b-nobody"))
    assert rows(house.connection) == before


# Imports


def test_imports_are_told_with_what_became_of_them_as_it_was_known(house: House) -> None:
    january, february = ImportId("i-1"), ImportId("i-2")
    first = house.tell(ConcludeImport(january, "ofx", CHECKING, 0, 3, "january.ofx"))
    second = house.tell(ConcludeImport(february, "beancount", None, 0, 0, ""))
    undone = house.tell(UndoImport(january))

    def told(known: int | None = None) -> list[tuple[ImportId, int, int | None]]:
        return [(row.import_id, row.version, row.undone) for row in imports.imports(house.connection, BOOK, known)]

    assert told(first - 1) == []
    assert told(first) == [(january, first, None)]
    assert told(second) == told(undone - 1) == [(january, first, None), (february, second, None)]
    assert told() == [(january, first, undone), (february, second, None)]
    told_first, told_second = imports.imports(house.connection, BOOK)
    recorded_at = house.log.events[first - 1].recorded_at
    assert told_first == imports.ImportRow(
        january,
        first,
        recorded_at,
        "ofx",
        CHECKING,
        "january.ofx",
        recorded=0,
        skipped=3,
        joined=0,
        opening_unknown=(),
        undone=undone,
    )
    assert (told_second.account, told_second.file_name) == (None, "")
    assert imports.imports(house.connection, BookId("b-nobody")) == []


# Accounts


def test_names_are_told_as_they_were_known(house: House) -> None:
    opened = house.tell(OpenAccount(RENT, "Expenses:Rent", ("BRL",), on("2026-01-01")))
    renamed = house.tell(RenameAccount(RENT, "Expenses:Home"), BookRenamed("Casa"))
    closed = house.tell(CloseAccount(RENT, on("2026-12-31")))

    def rent(known: int | None = None) -> accounts.AccountRow | None:
        return next((row for row in accounts.accounts(house.connection, BOOK, known) if row.account == RENT), None)

    row = accounts.AccountRow(
        RENT, "Expenses:Rent", Kind.EXPENSES, ("BRL",), on("2026-01-01"), None, on_budget=True, merged_into=None
    )
    assert rent(opened - 1) is None
    assert rent(opened) == row
    assert rent(renamed).name == "Expenses:Home"  # type: ignore[union-attr]
    assert rent(closed) == rent()
    assert rent().closed_on == on("2026-12-31")  # type: ignore[union-attr]
    names = [row.name for row in accounts.accounts(house.connection, BOOK)]
    assert names == sorted(names)
    assert accounts.book(house.connection, BOOK) == accounts.BookRow(BOOK, "Casa", "BRL", "America/Sao_Paulo")
    assert accounts.books(house.connection) == [accounts.book(house.connection, BOOK)]
    assert [str(Amount(1, unit)) for unit in accounts.commodities(house.connection, BOOK).values()] == ["0.01 BRL"]


# Timeline


def test_what_was_known_at_a_moment_is_the_last_version_recorded_by_it(house: House) -> None:
    born, first = house.log.now, house.log.versions[BOOK]
    second = house.tell(spent(T1, "2026-01-05", "10.00"))

    def known(moment: datetime) -> int:
        return timeline.version_known_on(house.connection, BOOK, moment)

    tick = timedelta(microseconds=1)
    assert known(born - tick) == 0
    assert known(born) == first
    assert known(house.log.now - tick) == first
    assert known(house.log.now) == known(house.log.now + timedelta(days=9)) == second


# Balances


def test_a_balance_counts_its_day_to_the_end_and_nothing_after(house: House) -> None:
    house.tell(
        RecordTransaction(T1, on("2026-01-31"), moved(brl("3000.00"), SALARY, CHECKING)),
        spent(T2, "2026-02-01", "100.00"),
        spent(T3, "2026-02-28", "0.01"),
    )
    assert house.held("2026-01-30") == {}
    assert house.held("2026-01-31") == {CHECKING: "3000.00 BRL", SALARY: "-3000.00 BRL"}
    assert house.held("2026-02-27") == {CHECKING: "2900.00 BRL", FOOD: "100.00 BRL", SALARY: "-3000.00 BRL"}
    assert house.held("2026-02-28")[CHECKING] == "2899.99 BRL"
    assert house.held("9999-12-31")[CHECKING] == "2899.99 BRL"


def test_a_void_and_an_amendment_change_the_past_from_their_own_version_on(house: House) -> None:
    recorded = house.tell(spent(T1, "2026-01-10", "50.00"), spent(T2, "2026-01-20", "7.00"))
    amended = house.tell(AmendTransaction(T1, on("2026-02-10"), moved(brl("60.00"), CARD, FOOD)))
    voided = house.tell(VoidTransaction(T2))
    assert house.held("2026-01-31", recorded) == {CHECKING: "-57.00 BRL", FOOD: "57.00 BRL"}
    assert house.held("2026-01-31", amended) == {CHECKING: "-7.00 BRL", FOOD: "7.00 BRL"}
    assert house.held("2026-02-10", amended) == {CHECKING: "-7.00 BRL", FOOD: "67.00 BRL", CARD: "-60.00 BRL"}
    assert house.held("2026-01-31", voided) == house.held("2026-01-31") == {}
    assert house.held("2026-02-10") == {FOOD: "60.00 BRL", CARD: "-60.00 BRL"}


def test_a_merged_category_counts_for_the_one_it_became_part_of_once_that_is_known(house: House) -> None:
    before = house.tell(spent(T1, "2026-01-10", "50.00", GROCERIES), spent(T2, "2026-01-11", "7.00"))
    house.tell(MergeAccount(GROCERIES, FOOD))
    assert house.held("2026-01-31") == {CHECKING: "-57.00 BRL", FOOD: "57.00 BRL"}
    assert house.held("2026-01-31", before)[GROCERIES] == "50.00 BRL"
    house.tell(VoidTransaction(T1))
    assert house.held("2026-01-31") == {CHECKING: "-7.00 BRL", FOOD: "7.00 BRL"}
    assert house.listed(account=GROCERIES) == house.listed(account=FOOD) == [T2]


def test_the_largest_sums_lose_no_cent(house: House) -> None:
    most = "9999999999999.99"
    for number in range(50):
        house.tell(spent(TransactionId(f"t-{number}"), "2026-01-10", most))
    assert house.held("2026-01-10") == {CHECKING: "-499999999999999.50 BRL", FOOD: "499999999999999.50 BRL"}
    assert house.held("2026-01-10", house.log.versions[BOOK]) == house.held("2026-01-31")


# Register


def test_the_register_is_newest_first_with_the_balance_after_each_entry(house: House) -> None:
    house.tell(
        RecordTransaction(T1, on("2026-01-31"), moved(brl("100.00"), SALARY, CHECKING)),
        spent(T2, "2026-03-01", "30.00", payee="Padaria", memo="pão", tags=("casa",), links=("nota-1",)),
        spent(T3, "2026-01-31", "20.00"),
        RecordTransaction(T4, on("2026-03-01"), (*moved(usd("5.00"), SAVINGS, CARD), *moved(brl("1"), CHECKING, FOOD))),
    )
    page = house.page(account=CHECKING)
    assert page.next is None
    told = [(e.transaction, [str(a) for a in e.change or ()], [str(a) for a in e.balance or ()]) for e in page.items]
    assert told == [
        (T4, ["-1.00 BRL"], ["49.00 BRL"]),
        (T2, ["-30.00 BRL"], ["50.00 BRL"]),
        (T3, ["-20.00 BRL"], ["80.00 BRL"]),
        (T1, ["100.00 BRL"], ["100.00 BRL"]),
    ]
    assert house.listed() == [T4, T2, T3, T1]
    entry = house.page(text="padaria").items[0]
    assert (entry.payee, entry.memo, entry.tags, entry.links) == ("Padaria", "pão", ("casa",), ("nota-1",))
    assert entry.postings == moved(brl("30.00"), CHECKING, FOOD)
    assert (entry.change, entry.balance, entry.date) == (None, None, on("2026-03-01"))


def test_an_account_of_several_commodities_runs_a_balance_in_each(house: House) -> None:
    house.tell(
        RecordTransaction(T1, on("2026-01-01"), moved(usd("10.00"), SALARY, SAVINGS)),
        RecordTransaction(
            T2,
            on("2026-01-02"),
            (Posting(SAVINGS, usd("-4.00"), price=Price(brl("-20.00"))), Posting(SAVINGS, brl("20.00"))),
        ),
        RecordTransaction(T3, on("2026-01-03"), moved(usd("6.00"), SAVINGS, FOOD)),
    )
    items = house.page(account=SAVINGS).items
    assert [[str(amount) for amount in entry.change or ()] for entry in items] == [
        ["-6.00 USD"],
        ["20.00 BRL", "-4.00 USD"],
        ["10.00 USD"],
    ]
    assert [[str(amount) for amount in entry.balance or ()] for entry in items] == [
        ["20.00 BRL", "0.00 USD"],
        ["20.00 BRL", "6.00 USD"],
        ["10.00 USD"],
    ]


def test_costs_prices_and_what_people_wrote_come_back_as_they_were(house: House) -> None:
    cost = Cost(brl("543.21"), on("2025-12-31"), 'lot "1"\\')
    postings = (
        Posting(SAVINGS, usd("100.00"), cost),
        Posting(SAVINGS, usd("1.00"), price=Price(brl("5.00"))),
        Posting(CHECKING, brl("-548.21")),
    )
    memo = 'tab\there, line\nthere, "quoted", back\\slash, ünïcødé 👍 \\N \\.'
    house.tell(RecordTransaction(T1, on("2026-01-01"), postings, "Café & Cia", memo, ("a b", "ç"), ("x\\y",)))
    [entry] = house.page().items
    assert entry.postings == postings
    assert (entry.payee, entry.memo, entry.tags, entry.links) == ("Café & Cia", memo, ("a b", "ç"), ("x\\y",))
    assert house.page(account=SAVINGS, text="quoted").items[0].memo == memo


def test_pages_join_without_a_gap_and_each_carries_the_right_balance(house: House) -> None:
    days = ["2026-01-05", "2026-01-05", "2026-02-01", "2026-01-31", "2026-02-01", "2026-03-09", "2026-01-05"]
    house.tell([spent(TransactionId(f"t-{n}"), day, f"{n + 1}.00") for n, day in enumerate(days)])
    house.tell(VoidTransaction(TransactionId("t-1")))
    whole = house.page(account=CHECKING).items
    assert [str((entry.balance or ())[0]) for entry in whole] == [
        "-26.00 BRL",
        "-20.00 BRL",
        "-15.00 BRL",
        "-12.00 BRL",
        "-8.00 BRL",
        "-1.00 BRL",
    ]
    for limit in (1, 2, 4):
        for account in (CHECKING, None):
            found: list[register.Entry] = []
            cursor = None
            while len(found) < len(whole):
                page = house.page(account=account, limit=limit, cursor=cursor)
                assert len(page.items) <= limit
                found += page.items
                cursor = page.next
                assert (cursor is None) == (len(found) == len(whole))
            assert found == house.page(account=account).items


def test_dates_bound_the_list_and_the_balance_still_counts_what_they_leave_out(house: House) -> None:
    house.tell([spent(TransactionId(f"t-{n}"), f"2026-0{n}-15", "1.00") for n in range(1, 6)])
    assert house.listed(first=on("2026-02-15"), last=on("2026-04-15")) == ["t-4", "t-3", "t-2"]
    assert house.listed(as_of=on("2026-02-14"), last=on("2026-04-15")) == ["t-1"]
    page = house.page(account=CHECKING, first=on("2026-04-01"))
    assert [str((entry.balance or ())[0]) for entry in page.items] == ["-5.00 BRL", "-4.00 BRL"]
    assert register.span(house.connection, BOOK) == (on("2026-01-15"), on("2026-05-15"))


def test_words_are_found_by_their_beginnings_whatever_their_accents_and_case(house: House) -> None:
    house.tell(
        spent(T1, "2026-01-01", "1.00", payee="Padaria São João", memo="Pão de queijo"),
        spent(T2, "2026-01-02", "1.00", payee="PÁDEL CLUB", memo="100% e_mail", tags=("Straße",)),
        spent(T3, "2026-01-03", "1.00", memo="joão pádaria"),
    )
    assert house.listed(text="pad") == [T3, T2, T1]
    assert house.listed(text="joao PADARIA") == [T3, T1]
    assert house.listed(text="queijo são") == [T1]
    assert house.listed(text="aria") == []
    assert house.listed(text="strasse") == house.listed(text="STRASSE e_m") == [T2]
    assert house.listed(text="") == [T3, T2, T1]
    assert house.listed(text="%") == house.listed(text="🛒") == []
    assert house.listed(text="e%") == house.listed(text="e") == [T2]
    assert house.listed(text="ex") == house.listed(text="_") == []
    assert house.listed(text="pad", account=CHECKING, limit=2) == [T3, T2]
    [entry] = house.page(text="padel", account=CHECKING).items
    assert [str(amount) for amount in entry.balance or ()] == ["-2.00 BRL"]


def test_an_entry_is_found_as_it_was_known_with_the_words_it_had(house: House) -> None:
    recorded = house.tell(spent(T1, "2026-01-10", "50.00", payee="Mercado", import_id=ImportId("i-1")))
    amended = house.tell(AmendTransaction(T1, on("2026-01-09"), moved(brl("60.00"), CHECKING, FOOD), payee="Feira"))
    voided = house.tell(VoidTransaction(T1))
    assert house.listed() == house.listed(account=CHECKING) == []
    assert register.span(house.connection, BOOK) is None
    assert house.listed(text="mercado", known=amended) == []
    [before], [after] = house.page(known=recorded).items, house.page(known=amended, account=CHECKING).items
    assert (before.payee, before.version, before.import_id) == ("Mercado", recorded, "i-1")
    assert (after.payee, after.version, after.import_id) == ("Feira", amended, "i-1")
    assert [str(amount) for amount in after.balance or ()] == ["-60.00 BRL"]
    assert house.listed(known=voided) == []


def test_a_transaction_recorded_amended_and_voided_in_one_batch_leaves_its_states(house: House) -> None:
    version = house.tell(
        spent(T1, "2026-01-10", "50.00"),
        AmendTransaction(T1, on("2026-01-10"), moved(brl("60.00"), CHECKING, FOOD)),
        VoidTransaction(T1),
    )
    assert [house.listed(known=version - back) for back in (2, 1, 0)] == [[T1], [T1], []]
    assert [house.held("2026-01-10", version - back).get(FOOD) for back in (2, 1, 0)] == [
        "50.00 BRL",
        "60.00 BRL",
        None,
    ]


def test_an_undone_import_is_gone_from_every_list_and_figure(house: House) -> None:
    before = house.tell(spent(T1, "2026-01-10", "1.00"))
    brought = ImportId("i-1")
    house.tell(
        [spent(TransactionId(f"i-{n}"), f"2026-01-{n + 1:02}", "2.00", import_id=brought) for n in range(28)],
        ConcludeImport(brought, "ofx", None, 28, 0),
    )
    assert len(house.listed(account=FOOD)) == 29
    house.tell(UndoImport(brought))
    assert house.listed(account=FOOD) == house.listed() == house.listed(known=before) == [T1]
    assert house.held("2026-12-31") == house.held("2026-12-31", before)


def test_a_cursor_is_good_for_its_own_question_alone(house: House) -> None:
    house.tell([spent(TransactionId(f"t-{n}"), "2026-01-15", "1.00") for n in range(3)])
    cursor = house.page(limit=1, text="").next
    assert cursor is not None
    assert house.listed(limit=2, cursor=cursor) == ["t-1", "t-0"]
    other_version = base64.urlsafe_b64encode(
        base64.urlsafe_b64decode(cursor + "==").replace(b'"register",2', b'"register",1')
    ).decode()
    for asked in (
        {"cursor": cursor, "account": CHECKING},
        {"cursor": cursor, "text": "x"},
        {"cursor": cursor, "known": 20},
        {"cursor": cursor[:-3]},
        {"cursor": "é"},
        {"cursor": ""},
        {"cursor": "AAAA" * 200},
        {"cursor": other_version},
    ):
        with pytest.raises(Rejected, match="cursor_not_valid"):
            house.page(limit=1, **asked)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"limit": 0}, "page_limit_out_of_range"),
        ({"limit": 501}, "page_limit_out_of_range"),
        ({"text": " ".join("abcdefghijklmnopq")}, "too_many_search_words"),
    ],
)
def test_a_question_beyond_a_limit_is_refused(house: House, asked: dict[str, object], code: str) -> None:
    with pytest.raises(Rejected, match=code):
        house.page(**asked)


# Net worth


def worths(house: House, first: str, last: str, every: Every, base: str = "BRL", known: int | None = None) -> list[str]:
    found = net_worth.net_worth(house.connection, BOOK, on(first), on(last), every, base, known)
    assert all(worth.partial == bool(worth.unpriced) for worth in found)
    return [
        f"{worth.date} {worth.amount}"
        + "".join([f" unpriced {code}" for code in worth.unpriced])
        + "".join([f" stale {code}" for code in worth.stale])
        for worth in found
    ]


def test_net_worth_is_told_for_the_end_of_each_period_and_of_the_last_day(house: House) -> None:
    house.tell(
        RecordTransaction(T1, on("2025-12-31"), moved(brl("100.00"), SALARY, CHECKING)),
        spent(T2, "2026-01-31", "10.00"),
        RecordTransaction(T3, on("2026-02-01"), moved(brl("5.00"), CARD, FOOD)),
        RecordTransaction(T4, on("2026-02-12"), moved(brl("50.00"), CHECKING, SAVINGS)),
    )
    assert worths(house, "2025-12-15", "2026-02-12", Every.MONTH) == [
        "2025-12-31 100.00 BRL",
        "2026-01-31 90.00 BRL",
        "2026-02-12 85.00 BRL",
    ]
    assert worths(house, "2025-12-31", "2026-02-28", Every.YEAR) == ["2025-12-31 100.00 BRL", "2026-02-28 85.00 BRL"]
    assert worths(house, "2026-01-30", "2026-02-02", Every.DAY) == [
        "2026-01-30 100.00 BRL",
        "2026-01-31 90.00 BRL",
        "2026-02-01 85.00 BRL",
        "2026-02-02 85.00 BRL",
    ]
    # 1 February 2026 is a Sunday, the end of its week.
    assert worths(house, "2026-01-28", "2026-02-03", Every.WEEK) == ["2026-02-01 85.00 BRL", "2026-02-03 85.00 BRL"]
    assert worths(house, "2026-02-02", "2026-02-01", Every.DAY) == []


def test_the_rate_of_a_day_is_the_latest_price_and_an_old_one_is_named(house: House) -> None:
    before = house.tell(RecordTransaction(T1, on("2026-01-01"), moved(usd("33.33"), SALARY, SAVINGS)))
    assert worths(house, "2026-01-05", "2026-01-05", Every.DAY) == ["2026-01-05 0.00 BRL unpriced USD"]
    told = house.tell(RecordPrice("USD", on("2026-01-05"), Decimal("5.4321"), "BRL"))
    # 33.33 x 5.4321 = 181.051893
    assert worths(house, "2026-01-04", "2026-01-05", Every.DAY) == [
        "2026-01-04 0.00 BRL unpriced USD",
        "2026-01-05 181.05 BRL",
    ]
    assert worths(house, "2026-01-12", "2026-01-13", Every.DAY) == [
        "2026-01-12 181.05 BRL",
        "2026-01-13 181.05 BRL stale USD",
    ]
    house.tell(RecordPrice("USD", on("2026-01-05"), Decimal("5.00"), "BRL"))
    assert worths(house, "2026-01-05", "2026-01-05", Every.DAY) == ["2026-01-05 166.65 BRL"]
    assert worths(house, "2026-01-05", "2026-01-05", Every.DAY, known=told) == ["2026-01-05 181.05 BRL"]
    assert worths(house, "2026-01-05", "2026-01-05", Every.DAY, known=before) == ["2026-01-05 0.00 BRL unpriced USD"]
    assert net_worth.prices(house.connection, BOOK) == [PriceRow("USD", "BRL", on("2026-01-05"), Decimal("5.00"))]


def test_a_rate_is_direct_or_inverse_or_by_one_cross(house: House) -> None:
    house.tell(RecordTransaction(T1, on("2026-01-01"), moved(usd("10.00"), SALARY, SAVINGS)))
    house.tell(RecordPrice("BRL", on("2026-01-02"), Decimal("0.2"), "USD"))
    assert worths(house, "2026-01-02", "2026-01-02", Every.DAY) == ["2026-01-02 50.00 BRL"]  # inverse: 10.00 / 0.2
    house.tell(RecordPrice("USD", on("2026-01-02"), Decimal("6"), "BRL"))
    assert worths(house, "2026-01-02", "2026-01-02", Every.DAY) == ["2026-01-02 60.00 BRL"]  # direct, of the same day
    assert worths(house, "2026-01-02", "2026-01-02", Every.DAY, "EUR") == ["2026-01-02 0.00 EUR unpriced USD"]
    house.tell(RecordPrice("EUR", on("2025-12-20"), Decimal("6.60"), "BRL"))
    # 10.00 x 6 / 6.60 = 9.0909...; the older leg is 13 days old
    assert worths(house, "2026-01-02", "2026-01-02", Every.DAY, "EUR") == ["2026-01-02 9.09 EUR stale USD"]
    house.tell(RecordPrice("BRL", on("2026-01-03"), Decimal("0.25"), "USD"))
    assert worths(house, "2026-01-03", "2026-01-03", Every.DAY) == ["2026-01-03 40.00 BRL"]  # the inverse is newer


def test_halves_of_a_cent_are_rounded_away_from_zero_on_both_sides(house: House) -> None:
    house.tell(
        RecordTransaction(T1, on("2026-01-01"), moved(usd("0.01"), SALARY, SAVINGS)),
        RecordPrice("USD", on("2026-01-01"), Decimal("2.5"), "BRL"),
    )
    assert worths(house, "2026-01-01", "2026-01-01", Every.DAY) == ["2026-01-01 0.03 BRL"]
    house.tell(RecordTransaction(T2, on("2026-01-02"), moved(usd("0.02"), SAVINGS, FOOD)))
    assert worths(house, "2026-01-02", "2026-01-02", Every.DAY) == ["2026-01-02 -0.03 BRL"]


def test_net_worth_in_what_nobody_declared_or_in_too_many_steps_is_refused(house: House) -> None:
    with pytest.raises(Rejected, match="commodity_unknown"):
        worths(house, "2026-01-01", "2026-01-01", Every.DAY, "GOLD")
    with pytest.raises(Rejected, match="too_many_periods"):
        worths(house, "1900-01-01", "2200-12-31", Every.DAY)


# Cash flow


def flows(house: House, first: str, last: str, every: Every, known: int | None = None) -> list[tuple[str, str, str]]:
    found = cash_flow.cash_flow(house.connection, BOOK, on(first), on(last), every, known)
    return [(flow.period.isoformat(), flow.account, str(flow.amount)) for flow in found]


def test_cash_flow_is_told_by_calendar_periods_with_refunds_netted(house: House) -> None:
    house.tell(
        RecordTransaction(T1, on("2026-01-30"), moved(brl("1000.00"), SALARY, CHECKING)),
        spent(T2, "2026-02-01", "80.00"),
        spent(T3, "2026-02-02", "-30.00"),
        RecordTransaction(T4, on("2026-02-03"), moved(brl("500.00"), CHECKING, SAVINGS)),
    )
    assert flows(house, "2026-01-01", "2026-02-28", Every.MONTH) == [
        ("2026-01-01", SALARY, "-1000.00 BRL"),
        ("2026-02-01", FOOD, "50.00 BRL"),
    ]
    assert flows(house, "2026-01-30", "2026-02-01", Every.YEAR) == [
        ("2026-01-01", FOOD, "80.00 BRL"),
        ("2026-01-01", SALARY, "-1000.00 BRL"),
    ]
    assert flows(house, "2026-01-28", "2026-02-02", Every.WEEK) == [
        ("2026-01-26", FOOD, "80.00 BRL"),
        ("2026-01-26", SALARY, "-1000.00 BRL"),
        ("2026-02-02", FOOD, "-30.00 BRL"),
    ]
    assert flows(house, "2026-02-01", "2026-02-02", Every.DAY) == [
        ("2026-02-01", FOOD, "80.00 BRL"),
        ("2026-02-02", FOOD, "-30.00 BRL"),
    ]
    known = house.log.versions[BOOK] - 2
    assert flows(house, "2026-01-01", "2026-02-28", Every.MONTH, known)[-1] == ("2026-02-01", FOOD, "80.00 BRL")
    assert flows(house, "2026-02-28", "2026-02-01", Every.DAY) == []


# Budgets


def lines(house: House, day: str, known: int | None = None) -> list[tuple[str, str, str, str]]:
    found = budgets.budgets(house.connection, BOOK, on(day), known)
    for line in found:
        assert line.left.minor == line.limit.minor - line.spent.minor
        assert line.period_first <= on(day) <= line.period_last
    return [
        (f"{line.period_first}/{line.period_last}", str(line.limit), str(line.spent), str(line.left)) for line in found
    ]


def test_a_budget_counts_the_category_and_its_children_and_nets_refunds(house: House) -> None:
    house.tell(
        SetBudget(B1, FOOD, brl("500"), MONTHLY, "Eating"),
        spent(T1, "2026-01-01", "300.00"),
        spent(T2, "2026-01-31", "100.00", GROCERIES),
        spent(T3, "2026-01-15", "-20.00", GROCERIES),
        spent(T4, "2026-02-01", "450.00"),
    )
    assert lines(house, "2026-01-10") == [("2026-01-01/2026-01-31", "500.00 BRL", "380.00 BRL", "120.00 BRL")]
    assert lines(house, "2026-02-10") == [("2026-02-01/2026-02-28", "500.00 BRL", "450.00 BRL", "50.00 BRL")]
    assert lines(house, "2025-12-31") == []
    [line] = budgets.budgets(house.connection, BOOK, on("2026-01-10"))
    assert (line.budget, line.account, line.name) == (B1, FOOD, "Eating")


def test_a_budget_follows_names_and_merges_as_they_were_known(house: House) -> None:
    before = house.tell(
        SetBudget(B1, FOOD, brl("500"), MONTHLY),
        OpenAccount(RENT, "Expenses:Foodie"),
        spent(T1, "2026-01-01", "10.00", GROCERIES),
        spent(T2, "2026-01-01", "100.00", RENT),
    )
    renamed = house.tell(RenameAccount(GROCERIES, "Expenses:Market"), RenameAccount(RENT, "Expenses:Food:Out"))
    house.tell(MergeAccount(GROCERIES, FOOD))
    assert lines(house, "2026-01-10", before)[0][2] == "10.00 BRL"
    assert lines(house, "2026-01-10", renamed)[0][2] == "100.00 BRL"
    assert lines(house, "2026-01-10")[0][2] == "110.00 BRL"


def test_a_changed_limit_holds_for_periods_that_begin_then_and_an_ended_budget_ends_with_its_period(
    house: House,
) -> None:
    house.tell(SetBudget(B1, FOOD, brl("500"), Period(Every.MONTH, 1, on("2026-01-25"))))
    changed = house.tell(ChangeBudget(B1, brl("600"), on("2026-02-26")))
    house.tell(ChangeBudget(B1, brl("650"), on("2026-05-25")), EndBudget(B1, on("2026-06-24")))
    assert lines(house, "2026-01-24") == []
    assert [line[:2] for line in lines(house, "2026-02-28")] == [("2026-02-25/2026-03-24", "500.00 BRL")]
    assert [line[:2] for line in lines(house, "2026-04-24")] == [("2026-03-25/2026-04-24", "600.00 BRL")]
    assert [line[:2] for line in lines(house, "2026-06-24")] == [("2026-05-25/2026-06-24", "650.00 BRL")]
    assert lines(house, "2026-06-25") == []
    assert [line[:2] for line in lines(house, "2026-06-25", changed)] == [("2026-06-25/2026-07-24", "600.00 BRL")]
    assert lines(house, "2026-04-24", changed - 1)[0][1] == "500.00 BRL"


def test_the_pace_speaks_after_seven_days_and_three_transactions(house: House) -> None:
    house.tell(
        SetBudget(B1, FOOD, brl("500"), MONTHLY),
        spent(T1, "2026-01-02", "100.00"),
        spent(T2, "2026-01-03", "10.00", GROCERIES),
    )

    def pace(day: str) -> Pace | None:
        return budgets.budgets(house.connection, BOOK, on(day))[0].pace

    # One transaction on two accounts of the budget is one.
    both = (Posting(FOOD, brl("5")), Posting(GROCERIES, brl("5")), Posting(CHECKING, brl("-10")))
    house.tell(AmendTransaction(T2, on("2026-01-03"), both))
    assert pace("2026-01-10") is None
    house.tell(spent(T3, "2026-01-06", "30.00"), spent(T4, "2026-01-20", "7.00"))
    assert pace("2026-01-06") is None
    # 140.00 in 7 of 31 days make 620.00; what is dated later counts once.
    assert pace("2026-01-07") == Pace(7, 31, brl("627.00"))
    assert pace("2026-01-31") == Pace(31, 31, brl("147.00"))


def test_a_budget_of_a_year_reads_months_that_are_over_and_the_days_at_its_edges(house: House) -> None:
    house.tell(
        SetBudget(B1, FOOD, brl("1000"), Period(Every.YEAR, 1, on("2025-06-10"))),
        spent(T1, "2025-06-09", "1.00"),
        spent(T2, "2025-06-10", "20.00"),
        spent(T3, "2025-12-31", "300.00"),
        spent(T4, "2026-06-09", "400.00"),
        spent(TransactionId("t-5"), "2026-06-10", "5000.00"),
    )
    assert lines(house, "2026-03-01") == [("2025-06-10/2026-06-09", "1000.00 BRL", "720.00 BRL", "280.00 BRL")]


# Rules


def test_rules_are_told_in_their_order_as_they_were_known(house: House) -> None:
    bakery = SetRule(R1, FOOD, CARD, Direction.OUT, brl("5"), brl("50.5"), "padaria são joão", "débito")
    first = house.tell(bakery)
    second = house.tell(SetRule(R2, SALARY, at_least=usd("1000")))
    again = house.tell(SetRule(R1, GROCERIES, payee="padaria"))
    removed = house.tell(RemoveRule(R2))
    whole = Rule(R1, FOOD, CARD, Direction.OUT, brl("5.00"), brl("50.50"), "padaria são joão", "débito")
    salary = Rule(R2, SALARY, at_least=usd("1000.00"))
    changed = Rule(R1, GROCERIES, payee="padaria")
    known = {version: rules.rules(house.connection, BOOK, version) for version in (first - 1, first, second, again)}
    assert known == {first - 1: [], first: [whole], second: [whole, salary], again: [changed, salary]}
    assert rules.rules(house.connection, BOOK, removed) == rules.rules(house.connection, BOOK) == [changed]


def test_the_words_of_what_stands_are_told_and_of_nothing_else(house: House) -> None:
    house.tell(
        spent(T1, "2026-01-05", "10.00", payee="Padaria", memo="pão"),
        spent(T2, "2026-01-06", "11.00", payee="Mercado"),
        spent(T3, "2026-01-07", "12.00"),
        AmendTransaction(T1, on("2026-01-06"), moved(brl("10"), CHECKING, FOOD), "Padaria Nova"),
        CategorizeTransaction(T3, GROCERIES),
        VoidTransaction(T2),
    )
    told = {T1: ("Padaria Nova", ""), T3: ("", "")}
    assert telling.words_of(house.connection, BOOK, [T1, T2, T3, T4]) == told
    assert telling.words_of(house.connection, BOOK, []) == {}
    many = [TransactionId(f"t-x{number}") for number in range(MAX_BOUND_VALUES)]
    assert telling.words_of(house.connection, BOOK, [*many, T3, T1]) == told


def test_what_stands_on_accounts_is_told_once_each_and_under_what_they_became(house: House) -> None:
    split = (Posting(FOOD, brl("3.00")), Posting(RENT, brl("4.00")), Posting(CHECKING, brl("-7.00")))
    house.tell(
        OpenAccount(RENT, "Expenses:Rent"),
        spent(T1, "2026-01-05", "10.00", payee="Padaria", memo="pão"),
        spent(T2, "2026-01-06", "11.00", RENT),
        RecordTransaction(T3, on("2026-01-07"), split),
        spent(T4, "2026-01-08", "12.00", GROCERIES),
        CategorizeTransaction(T2, GROCERIES),
    )
    found = {row[0]: row[1:] for row in telling.standing_on(house.connection, BOOK, [FOOD, RENT])}
    assert found == {
        T1: (on("2026-01-05"), moved(brl("10.00"), CHECKING, FOOD), "Padaria", "pão"),
        T3: (on("2026-01-07"), split, "", ""),
    }
    assert len(list(telling.standing_on(house.connection, BOOK, [FOOD, RENT]))) == 2
    house.tell(MergeAccount(GROCERIES, FOOD))
    merged = {row[0]: row[2] for row in telling.standing_on(house.connection, BOOK, [FOOD])}
    assert merged[T4] == moved(brl("12.00"), CHECKING, FOOD)
    assert set(merged) == {T1, T2, T3, T4}


# All of them


def test_a_batch_folds_like_its_parts_and_rows_do_not_depend_on_the_database(house: House) -> None:
    house.tell(
        [spent(TransactionId(f"t-{n}"), f"2026-0{n % 9 + 1}-11", f"{n}.01", payee=f"Ção \\ {n}") for n in range(40)],
        SetBudget(B1, FOOD, brl("500"), MONTHLY),
    )
    house.tell(VoidTransaction(TransactionId("t-3")), MergeAccount(GROCERIES, FOOD))
    house.tell(RecordPrice("USD", on("2026-01-05"), Decimal("5.10"), "BRL"))
    house.tell(
        [AmendTransaction(TransactionId(f"t-{n}"), on("2026-01-01"), moved(brl("3"), CARD, FOOD)) for n in (1, 5)]
    )
    with empty() as elsewhere:
        fold(elsewhere, house.log.events, sizes=[7] * 3 + [1] * 20)
        assert rows(elsewhere) == rows(house.connection)


def test_every_table_is_named_after_its_read_model_and_says_whose_rows_it_has() -> None:
    for model in READ_MODELS:
        for table in model.metadata.tables.values():
            assert table.name.startswith(f"{model.NAME}_v{model.VERSION}_")
            assert {"book", "book_number"} & set(table.columns.keys())


def test_whatever_is_asked_first_is_asked_the_same_way_of_every_read_model(postgres_url: Callable[[], str]) -> None:
    """A connection on which nothing was executed yet keeps what COPY brings in its own transaction."""
    log = Log()
    log.tell(household(), spent(T1, "2026-01-10", "1.00"))
    engine = create(sa.create_engine(postgres_url(), poolclass=sa.NullPool))
    with engine.connect() as connection:
        fold(connection, log.events)
        connection.commit()
    with engine.connect() as connection:
        assert len(register.transactions(connection, BOOK).items) == 1
