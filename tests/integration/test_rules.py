"""Rules applied to what stands, on real stores and read models: in groups, cut off, repeated, and with somebody at the
same books meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pytest

from commands import rules
from commands.books import open_book
from commands.ports import StandingEntry
from commands.rules import RuleService, WrittenRule
from domain.book import Book, BookCommand, BookId
from domain.errors import Rejected
from domain.ledger import (
    AccountId,
    AmendTransaction,
    CategorizeTransaction,
    CloseAccount,
    OpenAccount,
    Posting,
    RecordTransaction,
    RuleId,
    TransactionCategorized,
    TransactionId,
    VoidTransaction,
)
from domain.money import parse_amount
from domain.rules import Direction, RemoveRule, SetRule
from infra.clock import TimeOrderedIds
from infra.words import RegisterWords
from tests.house import AFTER, BEFORE, WAIT_S, House, Killed, asking, key

IDS = TimeOrderedIds()
RULE, OTHER = RuleId("r-market"), RuleId("r-other")
ROWS = 7
GROUP = 3
"""Small groups, so that a few rows are several of them: 3, 3 and 1."""


@dataclass(slots=True)
class Entries:
    """The real port, at the log's end when it is asked; `meanwhile` happens behind what it tells, a step each time."""

    house: House
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    asked: int = 0

    @contextmanager
    def standing_on(
        self, book: BookId, accounts: Collection[AccountId], min_version: int
    ) -> Iterator[Iterator[StandingEntry]]:
        self.asked += 1
        self.house.runner.catch_up()
        with RegisterWords(self.house.runner, self.house.models.read).standing_on(book, accounts, min_version) as told:
            yield iter(list(told))
        if self.meanwhile:
            self.meanwhile.pop(0)()


@dataclass(slots=True)
class Home:
    """A household with rows that nobody has categorized, and a rule for them."""

    house: House
    book: BookId
    accounts: dict[str, AccountId]
    rows: list[TransactionId]
    entries: Entries

    @property
    def service(self) -> RuleService:
        return RuleService(self.house.bus, self.house.store, IDS, self.entries)

    def do(self, *commands: BookCommand) -> None:
        self.house.ask(self.book, *commands)

    def standing(self) -> Counter[str]:
        """How many of the rows stand on each category."""

        def look(state: Book) -> Counter[str]:
            found: Counter[str] = Counter()
            for row in self.rows:
                standing = state.ledger.transaction(row)
                if standing is not None:
                    found[state.ledger.accounts[standing[1][0].account].name] += 1
            return found

        return self.house.bus.inspect(self.book, look).result(WAIT_S)

    def categorized(self) -> list[TransactionId]:
        """What rules categorized, as the log tells it."""
        return [
            event.event.transaction
            for event in self.house.store.read_book(self.book, 0, 10_000)
            if isinstance(event.event, TransactionCategorized) and event.event.rule is not None
        ]

    def moved_in(self, house: House) -> Home:
        """The same home in another program on the same files."""
        return replace(self, house=house, entries=Entries(house))


def bought(home: dict[str, AccountId], number: int) -> RecordTransaction:
    amount = parse_amount(f"{number + 1}.00", "BRL")
    postings = (Posting(home["Expenses:Uncategorized"], amount), Posting(home["Assets:Checking"], -amount))
    return RecordTransaction(TransactionId(IDS.new()), date(2026, 3, 1 + number), postings, "Corner Market")


@pytest.fixture(params=["sqlite", "postgresql"])
def open_house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], House]]:
    url: str = request.getfixturevalue("postgres_url")() if request.param == "postgresql" else ""
    opened: list[House] = []

    def one_more() -> House:
        opened.append(House(tmp_path, url, url))
        return opened[-1]

    yield one_more
    for house in opened:
        house.close()


@pytest.fixture
def home(open_house: Callable[[], House], monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(rules, "MAX_GROUP_COMMANDS", GROUP)
    house = open_house()
    book = open_book(house.bus, IDS, asking(), "Home", "BRL", "America/Sao_Paulo").result(WAIT_S).book
    names = ["Assets:Checking", "Expenses:Uncategorized", "Expenses:Food", "Expenses:Market"]
    accounts = {name: AccountId(IDS.new()) for name in names}
    rows = [bought(accounts, number) for number in range(ROWS)]
    opened = [OpenAccount(account, name) for name, account in accounts.items()]
    house.ask(book, *opened, *rows, SetRule(RULE, accounts["Expenses:Market"], payee="market"))
    return Home(house, book, accounts, [row.transaction for row in rows], Entries(house))


def test_a_rule_is_applied_in_groups_each_whole_or_not_at_all(home: Home) -> None:
    home.house.store.batches.clear()
    done = home.service.apply(home.book, RULE, asking())
    assert (done.categorized, done.replayed) == (ROWS, False)
    assert [events for batch in home.house.store.batches for events in batch] == [3, 3, 1]
    assert home.standing() == {"Expenses:Market": ROWS}
    assert home.categorized() == home.rows, "in the order of their days"
    head = home.house.store.head(home.book)
    assert head is not None
    assert (done.version, done.position, done.hash) == (head.version, head.position, head.hash.hex())
    assert home.service.apply(home.book, RULE, asking()).categorized == 0


def test_a_repeat_of_several_groups_answers_the_same_and_does_nothing(home: Home) -> None:
    ask = asking(key("k"))
    done = home.service.apply(home.book, RULE, ask)
    home.do(bought(home.accounts, 9))
    again = home.service.apply(home.book, RULE, asking(key("k")))
    assert again == replace(done, replayed=True)
    with pytest.raises(Rejected, match="idempotency_key_reused"):
        home.service.apply(home.book, RULE, asking(key("k", payload="another")))


@pytest.mark.parametrize(("when", "landed"), [(BEFORE, 3), (AFTER, 6)])
def test_what_was_cut_off_is_continued_under_the_same_key(
    home: Home, open_house: Callable[[], House], when: str, landed: int
) -> None:
    home.house.store.dies, home.house.store.dies_in = when, 2
    with pytest.raises(Killed):
        home.service.apply(home.book, RULE, asking(key("k")))
    home.house.kill()
    there = home.moved_in(open_house())
    assert len(there.categorized()) == landed
    done = there.service.apply(home.book, RULE, asking(key("k")))
    assert (done.categorized, done.replayed) == (ROWS, False)
    assert there.categorized() == home.rows
    again = there.service.apply(home.book, RULE, asking(key("k")))
    assert again == replace(done, replayed=True)


def test_what_a_person_says_in_between_is_not_overruled(home: Home) -> None:
    food = home.accounts["Expenses:Food"]
    home.entries.meanwhile = [
        lambda: home.do(CategorizeTransaction(home.rows[1], food), VoidTransaction(home.rows[2])),
    ]
    done = home.service.apply(home.book, RULE, asking(key("k")))
    assert home.entries.asked == 2
    assert done.categorized == ROWS - 2
    assert home.standing() == {"Expenses:Market": ROWS - 2, "Expenses:Food": 1}
    assert home.categorized() == [home.rows[0], *home.rows[3:]]


def test_what_was_amended_in_between_is_looked_at_anew(home: Home) -> None:
    row = bought(home.accounts, 5)
    amended = AmendTransaction(home.rows[5], date(2026, 4, 1), row.postings, "Corner Bakery")
    home.entries.meanwhile = [lambda: home.do(amended)]
    assert home.service.apply(home.book, RULE, asking()).categorized == ROWS - 1
    assert home.rows[5] not in home.categorized()


def test_a_rule_that_came_first_in_between_is_heard(home: Home) -> None:
    food = home.accounts["Expenses:Food"]
    first = SetRule(RULE, food, direction=Direction.IN)
    home.entries.meanwhile = [lambda: home.do(first)]
    assert home.service.apply(home.book, RULE, asking()).categorized == 0, "the rule asks for something else by now"
    assert home.standing() == {"Expenses:Uncategorized": ROWS}


def test_a_rule_that_was_removed_in_between_does_no_more(home: Home) -> None:
    home.entries.meanwhile = [lambda: home.do(RemoveRule(RULE))]
    with pytest.raises(Rejected, match="rule_unknown"):
        home.service.apply(home.book, RULE, asking())
    assert home.categorized() == []


def test_a_category_that_closed_in_between_takes_what_is_dated_by_then(home: Home) -> None:
    home.entries.meanwhile = [lambda: home.do(CloseAccount(home.accounts["Expenses:Market"], date(2026, 3, 4)))]
    assert home.service.apply(home.book, RULE, asking()).categorized == 4
    assert home.categorized() == home.rows[:4]


def test_an_account_that_is_opened_meanwhile_is_in_nobodys_way(home: Home) -> None:
    home.entries.meanwhile = [lambda: home.do(OpenAccount(AccountId(IDS.new()), "Assets:Cash"))]
    assert home.service.apply(home.book, RULE, asking()).categorized == ROWS
    assert home.entries.asked == 1


def test_books_that_never_come_to_rest_are_given_up_with_a_word(home: Home) -> None:
    food, market = home.accounts["Expenses:Food"], home.accounts["Expenses:Market"]
    turns = [SetRule(OTHER, category, payee="elsewhere") for category in (food, market) * rules.MAX_ATTEMPTS]
    home.entries.meanwhile = [lambda turn=turn: home.do(turn) for turn in turns]  # type: ignore[misc]
    with pytest.raises(Rejected, match="changed_meanwhile"):
        home.service.apply(home.book, RULE, asking())
    assert home.entries.asked == rules.MAX_ATTEMPTS
    assert home.categorized() == []


def test_a_dry_run_changes_nothing_and_tells_what_applying_would_do(home: Home) -> None:
    before = home.house.store.head(home.book)
    assert before is not None
    trial = home.service.try_rule(home.book, WrittenRule("Expenses:Food", "corner", rule=RULE))
    assert (trial.version, trial.count) == (before.version, ROWS)
    assert [fitting.transaction for fitting in trial.shown] == home.rows[::-1]
    assert {trial.names[fitting.into] for fitting in trial.shown} == {"Expenses:Food"}
    assert home.house.store.head(home.book) == before
    silent = home.service.try_rule(home.book, WrittenRule("Expenses:Food", "corner"))
    assert silent.count == 0, "the rule that stands speaks first"


def test_a_book_in_which_nothing_is_uncategorized_is_not_searched(home: Home) -> None:
    book = open_book(home.house.bus, IDS, asking(), "New", "BRL", "UTC").result(WAIT_S).book
    food = AccountId(IDS.new())
    home.house.ask(book, OpenAccount(food, "Expenses:Food"), SetRule(OTHER, food, payee="market"))
    assert home.service.apply(book, OTHER, asking()).categorized == 0
    assert home.entries.asked == 0
