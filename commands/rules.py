"""Categorizing by rules what stands already: what a rule would say is shown first, and done when it is asked for.

A rule speaks of transactions that nobody has categorized yet, and never undoes what a person said. What it is applied
to is decided anew in groups, each on the book as it is then: where something moved in between, the group changes
nothing and is looked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeVar

from commands.answers import Answer
from commands.bus import GROUP_TIMEOUT_S, LOOK_TIMEOUT_S, CommandBus, Wish, result_of
from commands.names import account_id
from commands.overlay import laid_over
from commands.ports import (
    Asked,
    EventStore,
    Head,
    IdempotencyKey,
    Ids,
    Known,
    StandingEntries,
    StandingEntry,
)
from domain.book import Book, BookId, decide, evolve
from domain.errors import Rejected
from domain.ledger import UNCATEGORIZED, Account, AccountId, CategorizeTransaction, Kind, RuleId, TransactionId
from domain.money import parse_amount
from domain.rules import Direction, Movement, Rule, SetRule, first_fit, prepared, standing_rule

T = TypeVar("T")

TRIED_SHOWN = 50
"""How many transactions a dry run shows: a page."""

MAX_GROUP_COMMANDS = 1_000
"""Transactions categorized at once, all of them or none: as many commands as a batch over HTTP takes."""

MAX_ATTEMPTS = 5
"""How often in a row a group is looked for anew because the book moved on."""


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """A rule as the outside writes it: accounts by id or full name, sizes as decimal texts of one commodity.

    `rule`: the standing rule whose place it takes; None for a new one.
    """

    category: str
    payee: str = ""
    memo: str = ""
    account: str | None = None
    direction: Direction | None = None
    at_least: str | None = None
    at_most: str | None = None
    commodity: str | None = None
    rule: str | None = None


def rule_wish(written: WrittenRule, new_id: str) -> Callable[[Book], SetRule]:
    """The command behind a written rule; one that takes no other's place gets `new_id`."""
    bounds = (written.at_least, written.at_most)
    if (written.commodity is None) == any(bound is not None for bound in bounds):
        raise Rejected("rule_amount_incomplete")
    code = written.commodity or ""
    at_least, at_most = [None if bound is None else parse_amount(bound, code) for bound in bounds]

    def wish(state: Book) -> SetRule:
        category = account_id(state, written.category)
        return SetRule(
            RuleId(new_id) if written.rule is None else standing_rule(state.rules, RuleId(written.rule)).id,
            category,
            None if written.account is None else account_id(state, written.account),
            written.direction,
            at_least,
            at_most,
            written.payee,
            written.memo,
        )

    return wish


@dataclass(frozen=True, slots=True)
class Fitting:
    """A standing transaction that a rule speaks of: what its own account saw, the category that it stands on, and
    the one that it goes to.
    """

    transaction: TransactionId
    movement: Movement
    category: AccountId
    into: AccountId


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule would categorize, on the book's `version` or a later one: so many, and the newest of them.

    `names` are the full names of the book's accounts.
    """

    version: int
    count: int
    shown: tuple[Fitting, ...]
    names: Mapping[AccountId, str]


@dataclass(frozen=True, slots=True)
class Applied:
    """`categorized` transactions follow the rule now; version, position and hash are the book's head after the last."""

    rule: RuleId
    book: BookId
    version: int
    position: int
    hash: str
    recorded_at: datetime
    categorized: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Sight:
    """What rules rest on, copied out of a book's state."""

    rules: tuple[Rule, ...]
    accounts: Mapping[AccountId, Account]
    uncategorized: frozenset[AccountId]
    own: frozenset[AccountId]
    """The accounts whose movements a bank tells."""
    closed_through: date | None

    @classmethod
    def of(cls, state: Book) -> _Sight:
        ledger = state.ledger
        return cls(
            tuple(state.rules.standing.values()),
            dict(ledger.accounts),
            frozenset([ledger.names[name] for name in UNCATEGORIZED if name in ledger.names]),
            frozenset([a.id for a in ledger.accounts.values() if a.kind in (Kind.ASSETS, Kind.LIABILITIES)]),
            ledger.closed_through,
        )

    def still_holds(self, state: Book) -> bool:
        """Whether nothing of it changed; accounts that were opened since do not matter."""
        now = state.ledger.accounts
        return (
            tuple(state.rules.standing.values()) == self.rules
            and state.ledger.closed_through == self.closed_through
            and all(now.get(account) == known for account, known in self.accounts.items())
        )

    def seen(self, entry: StandingEntry) -> tuple[Movement, AccountId] | None:
        """The entry as rules see it: one account's movement, and the category beside it that says nothing yet.

        None for every other, and where the period is closed. What exchanges or splits is a person's to look at.
        """
        if len(entry.postings) != 2 or (self.closed_through is not None and entry.date <= self.closed_through):
            return None
        own, category = entry.postings
        if own.account in self.uncategorized:
            own, category = category, own
        if category.account not in self.uncategorized or own.account not in self.own:
            return None
        if any(posting.cost is not None or posting.price is not None for posting in entry.postings):
            return None
        return Movement(own.account, entry.date, own.amount, entry.payee, entry.memo), category.account

    def still_sees(self, state: Book, fitting: Fitting) -> bool:
        """Whether a transaction stands in a state as it was seen; its words a state does not keep."""
        standing = state.ledger.transaction(fitting.transaction)
        if standing is None:
            return False
        day, postings, _ = standing
        named = tuple([replace(posting, account=state.ledger.canonical(posting.account)) for posting in postings])
        seen = fitting.movement
        entry = StandingEntry(fitting.transaction, day, named, seen.payee, seen.memo)
        return self.seen(entry) == (seen, fitting.category)


@dataclass(frozen=True, slots=True)
class _Done:
    """What earlier requests with the same key did: groups, the transactions in them, and the last group of all."""

    groups: int = 0
    categorized: int = 0
    last: Known | None = None


class RuleService:
    """Rules tried and applied. Its methods block; call them from a worker's thread."""

    def __init__(self, bus: CommandBus, store: EventStore, ids: Ids, entries: StandingEntries) -> None:
        self._bus = bus
        self._store = store
        self._ids = ids
        self._entries = entries

    def try_rule(self, book: BookId, written: WrittenRule) -> Trial:
        """What setting a rule and applying it would categorize; nothing changes. Refused as setting it would be."""
        wish = rule_wish(written, self._ids.new())
        head = self._store.head(book)

        def look(state: Book) -> tuple[RuleId, _Sight]:
            command = wish(state)
            after = laid_over(state)
            for event in decide(after, command):
                evolve(after, event)
            return command.rule, _Sight.of(after)

        rule, sight = self._look(book, look)
        found = sorted(self._fitting(book, sight, rule, _version(head)), key=_day_and_id, reverse=True)
        names = {account: known.name for account, known in sight.accounts.items()}
        return Trial(_version(head), len(found), tuple(found[:TRIED_SHOWN]), names)

    def apply(self, book: BookId, rule: RuleId, asked: Asked) -> Applied:
        """Categorize what stands uncategorized and what the rule is the first to fit. The same key continues what was
        cut off, and else answers the same again.
        """
        mine = attempts = 0
        while attempts < MAX_ATTEMPTS:
            done = self._done(asked.key)
            if done.last is not None:
                return self._told_again(rule, done.categorized, done.last)
            head = self._store.head(book)
            sight = self._look(book, _Sight.of)
            if all(known.id != rule for known in sight.rules):
                raise Rejected("rule_unknown", rule=rule)
            found = sorted(self._fitting(book, sight, rule, _version(head)), key=_day_and_id)
            before = mine if asked.key is None else done.categorized
            if not found:
                return self._as_it_stands(rule, book, before)
            groups = [found[start : start + MAX_GROUP_COMMANDS] for start in range(0, len(found), MAX_GROUP_COMMANDS)]
            since = 0
            for number, group in enumerate(groups, 1):
                # The key itself is the last group's: where it is known, all of them are done.
                part = None if number == len(groups) else done.groups + number - 1
                answer = self._categorize(book, rule, sight, group, self._asked(asked, part))
                if answer is None or answer.replayed:
                    break
                attempts = 0
                since += len(group)
                mine += len(group)
                if number == len(groups):
                    return _applied(rule, answer, before + since)
            attempts += 1
        raise Rejected("changed_meanwhile")

    def _fitting(self, book: BookId, sight: _Sight, rule: RuleId, version: int) -> Iterator[Fitting]:
        """What a rule is the first to fit, among what stands uncategorized at a version or later."""
        if not sight.uncategorized:
            return
        rules = prepared(sight.rules, sight.accounts)
        with self._entries.standing_on(book, sight.uncategorized, version) as entries:
            for entry in entries:
                seen = sight.seen(entry)
                if seen is None:
                    continue
                movement, category = seen
                first = first_fit(rules, movement)
                if first is not None and first.id == rule and first.category != category:
                    yield Fitting(entry.transaction, movement, category, first.category)

    def _categorize(
        self, book: BookId, rule: RuleId, sight: _Sight, group: Sequence[Fitting], asked: Asked
    ) -> Answer | None:
        """One atomic group; None where something that it rests on changed, and nothing was done."""

        def wish_of(fitting: Fitting, *, is_first: bool) -> Wish:
            def wish(state: Book) -> CategorizeTransaction:
                # A group is decided on one state, so that its first command looks for all of them.
                if (is_first and not sight.still_holds(state)) or not sight.still_sees(state, fitting):
                    raise Rejected("changed_meanwhile")
                return CategorizeTransaction(fitting.transaction, fitting.into, rule)

            return wish

        wishes = [wish_of(fitting, is_first=number == 0) for number, fitting in enumerate(group)]
        try:
            return result_of(self._bus.submit(book, wishes, asked), GROUP_TIMEOUT_S)
        except Rejected as rejected:
            if rejected.code != "changed_meanwhile":
                raise
            return None

    def _asked(self, asked: Asked, part: int | None) -> Asked:
        """A group's own command; all but the last have a key of their own, numbered below the request's."""
        key = asked.key
        if key is not None and part is not None:
            key = _part_of(key, part)
        return Asked(asked.actor, self._ids.new(), asked.correlation_id, asked.causation_id, key)

    def _look(self, book: BookId, question: Callable[[Book], T]) -> T:
        return result_of(self._bus.inspect(book, question), LOOK_TIMEOUT_S)

    # Repeats

    def _done(self, key: IdempotencyKey | None) -> _Done:
        if key is None:
            return _Done()
        groups = categorized = 0
        while (known := self._known(_part_of(key, groups))) is not None:
            groups += 1
            categorized += _events(known)
        last = self._known(key)
        return _Done(groups, categorized + (0 if last is None else _events(last)), last)

    def _known(self, key: IdempotencyKey) -> Known | None:
        known = self._store.known(key)
        if known is not None and known.fingerprint != key.fingerprint:
            raise Rejected("idempotency_key_reused")
        return known

    def _told_again(self, rule: RuleId, categorized: int, known: Known) -> Applied:
        last = self._store.read_book(known.book, known.last - 1, 1, known.last)[0]
        return Applied(
            rule, known.book, last.version, last.position, last.hash.hex(), last.recorded_at, categorized, True
        )

    def _as_it_stands(self, rule: RuleId, book: BookId, categorized: int) -> Applied:
        head = self._store.head(book)
        if head is None:
            raise Rejected("book_unknown", book=book)
        return Applied(rule, book, head.version, head.position, head.hash.hex(), head.recorded_at, categorized)


def _applied(rule: RuleId, answer: Answer, categorized: int) -> Applied:
    return Applied(rule, answer.book, answer.version, answer.position, answer.hash, answer.recorded_at, categorized)


def _part_of(key: IdempotencyKey, part: int) -> IdempotencyKey:
    return replace(key, key=f"{key.key}#{part}")


def _events(known: Known) -> int:
    """How many transactions a group categorized: an event each."""
    return max(0, known.last - known.first + 1)


def _version(head: Head | None) -> int:
    return 0 if head is None else head.version


def _day_and_id(fitting: Fitting) -> tuple[date, str]:
    return fitting.movement.date, fitting.transaction
