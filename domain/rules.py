"""Rules that categorize: what a movement was for, told once by its words, its account or its size.

Rules are tried in the order in which they were set, and the first that fits says the category; one that is set again
keeps its place. A rule proposes and never forces: it fits only where its category takes the movement on its day, so
that nothing a rule says can be refused for the category's sake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import assert_never

from domain.errors import Rejected
from domain.ledger import Account, AccountId, CommodityDeclared, Kind, Ledger, RuleId
from domain.ledger.accounts import known_account, undeclared, unit_of
from domain.money import MAX_AMOUNT_MINOR, Amount, at_scale_of
from domain.private import check_id, check_text, private
from domain.words import words

MAX_RULES = 1_000
"""Rules of one book: more than anybody keeps in mind, and few enough to be tried on every row of a large file."""


class Direction(StrEnum):
    """Whether money comes to the account or leaves it."""

    IN = "in"
    OUT = "out"


# Commands


@dataclass(frozen=True, slots=True)
class SetRule:
    """Let movements that meet all conditions go to `category`. Under the id of a standing rule it takes its place.

    `payee` and `memo`: every word of them is a word of the movement's, whatever its case and accents. `account`: the
    bank account or card. `at_least` and `at_most` bound the size of the movement, without its sign, which is
    `direction`'s. What is None or empty is no condition; there is at least one.
    """

    rule: RuleId
    category: AccountId
    account: AccountId | None = None
    direction: Direction | None = None
    at_least: Amount | None = None
    at_most: Amount | None = None
    payee: str = ""
    memo: str = ""


@dataclass(frozen=True, slots=True)
class RemoveRule:
    rule: RuleId


# Events


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A rule is set, anew or in the place of the one that stood under its id."""

    rule: RuleId
    category: AccountId
    account: AccountId | None
    direction: Direction | None
    at_least: Amount | None
    at_most: Amount | None
    payee: str = private()
    memo: str = private()


@dataclass(frozen=True, slots=True)
class RuleRemoved:
    rule: RuleId


RuleCommand = SetRule | RemoveRule
RuleEvent = RuleSet | RuleRemoved


# State


@dataclass(frozen=True, slots=True)
class Rule:
    """A standing rule, as `SetRule` tells it; amounts at the book's scales."""

    id: RuleId
    category: AccountId
    account: AccountId | None = None
    direction: Direction | None = None
    at_least: Amount | None = None
    at_most: Amount | None = None
    payee: str = ""
    memo: str = ""


@dataclass(slots=True)
class Rules:
    standing: MutableMapping[RuleId, Rule] = field(default_factory=dict)
    """In the order in which they are tried."""


# Decisions


def decide(rules: Rules, ledger: Ledger, command: RuleCommand) -> list[RuleEvent | CommodityDeclared]:
    match command:
        case SetRule():
            return _set(rules, ledger, command)
        case RemoveRule(rule):
            return [RuleRemoved(standing_rule(rules, rule).id)]
        case _:
            assert_never(command)


def evolve(rules: Rules, event: RuleEvent) -> None:
    match event:
        case RuleSet(rule, category, account, direction, at_least, at_most, payee, memo):
            rules.standing[rule] = Rule(rule, category, account, direction, at_least, at_most, payee, memo)
        case RuleRemoved(rule):
            rules.standing.pop(rule, None)
        case _:
            assert_never(event)


def standing_rule(rules: Rules, rule: RuleId) -> Rule:
    found = rules.standing.get(rule)
    if found is None:
        raise Rejected("rule_unknown", rule=rule)
    return found


def _set(rules: Rules, ledger: Ledger, command: SetRule) -> list[RuleEvent | CommodityDeclared]:
    check_id("rule", command.rule)
    if command.rule not in rules.standing and len(rules.standing) >= MAX_RULES:
        raise Rejected("too_many_rules", limit=MAX_RULES)
    category = known_account(ledger, command.category)
    if not category.kind.is_category:
        raise Rejected("account_not_a_category", account=category.name)
    if category.closed_on is not None:
        raise Rejected("account_closed", account=category.name, on=category.closed_on)
    _check_conditions(ledger, command)
    declared, at_least, at_most = _range(ledger, command.at_least, command.at_most)
    was_set = RuleSet(
        command.rule,
        command.category,
        command.account,
        command.direction,
        at_least,
        at_most,
        command.payee,
        command.memo,
    )
    return [*declared, was_set]


def _check_conditions(ledger: Ledger, command: SetRule) -> None:
    for name, text in (("payee", command.payee), ("memo", command.memo)):
        check_text(name, text)
        if text and not words(text):
            raise Rejected("rule_text_without_words", field=name)
    if command.account is not None:
        account = known_account(ledger, command.account)
        if account.kind not in (Kind.ASSETS, Kind.LIABILITIES):
            raise Rejected("account_not_for_statements", account=account.name)
    said = (command.payee, command.memo, command.account, command.direction, command.at_least, command.at_most)
    if not any(said):
        raise Rejected("rule_without_condition")


def _range(
    ledger: Ledger, at_least: Amount | None, at_most: Amount | None
) -> tuple[list[CommodityDeclared], Amount | None, Amount | None]:
    """The bounds at the book's scale, and the declaration they need first."""
    declared = undeclared(ledger, [bound.commodity.code for bound in (at_least, at_most) if bound is not None])
    low, high = _bound(ledger, at_least), _bound(ledger, at_most)
    if low is not None and high is not None and (low.commodity != high.commodity or low.minor > high.minor):
        raise Rejected("rule_range_empty", at_least=low, at_most=high)
    return declared, low, high


def _bound(ledger: Ledger, bound: Amount | None) -> Amount | None:
    if bound is None:
        return None
    exact = at_scale_of(bound, unit_of(ledger, bound.commodity.code))
    if exact.minor < 0:
        raise Rejected("rule_amount_negative", amount=exact)
    if exact.minor > MAX_AMOUNT_MINOR:
        raise Rejected("amount_out_of_range", limit_minor=MAX_AMOUNT_MINOR)
    return exact


# Fitting


@dataclass(frozen=True, slots=True)
class Movement:
    """What a bank told of one row: `amount` is signed as its account sees it."""

    account: AccountId
    date: date
    amount: Amount
    payee: str
    memo: str


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A rule with its place in the order, its words folded, and the category that it leads to by now."""

    place: int
    rule: Rule
    payee: frozenset[str]
    memo: frozenset[str]
    category: Account


@dataclass(frozen=True, slots=True)
class PreparedRules:
    """Rules made ready for many movements: each is found by one word of its conditions, or tried on all."""

    by_payee: Mapping[str, tuple[_Prepared, ...]]
    by_memo: Mapping[str, tuple[_Prepared, ...]]
    wordless: tuple[_Prepared, ...]


def prepared(rules: Iterable[Rule], accounts: Mapping[AccountId, Account]) -> PreparedRules:
    """Rules in the order in which they are tried, ready for `first_fit`, in a book with these accounts."""
    by_payee: dict[str, list[_Prepared]] = {}
    by_memo: dict[str, list[_Prepared]] = {}
    wordless: list[_Prepared] = []
    for place, rule in enumerate(rules):
        category = accounts[rule.category]
        while category.merged_into is not None:
            category = accounts[category.merged_into]
        ready = _Prepared(
            place,
            replace(rule, category=category.id),
            frozenset(words(rule.payee)),
            frozenset(words(rule.memo)),
            category,
        )
        # The longest word is the one that fewest movements have.
        if ready.payee:
            by_payee.setdefault(max(ready.payee, key=_length), []).append(ready)
        elif ready.memo:
            by_memo.setdefault(max(ready.memo, key=_length), []).append(ready)
        else:
            wordless.append(ready)
    return PreparedRules(
        {word: tuple(found) for word, found in by_payee.items()},
        {word: tuple(found) for word, found in by_memo.items()},
        tuple(wordless),
    )


def first_fit(rules: PreparedRules, movement: Movement) -> Rule | None:
    """The first rule that fits a movement, with the category that it leads to by now; None where none does."""
    payee, memo = words(movement.payee), words(movement.memo)
    candidates = list(rules.wordless)
    for word in payee:
        candidates += rules.by_payee.get(word, ())
    for word in memo:
        candidates += rules.by_memo.get(word, ())
    found: _Prepared | None = None
    for ready in candidates:
        earlier = found is None or ready.place < found.place
        if earlier and ready.payee.issubset(payee) and ready.memo.issubset(memo) and _fits(ready, movement):
            found = ready
    return None if found is None else found.rule


def _fits(ready: _Prepared, movement: Movement) -> bool:
    """Whether the conditions beside words hold, and the category takes the movement."""
    rule, category, amount = ready.rule, ready.category, movement.amount
    code = amount.commodity.code
    return (
        (rule.account is None or rule.account == movement.account)
        and (rule.direction is None or amount.minor * (1 if rule.direction is Direction.IN else -1) > 0)
        and (rule.at_least is None or (rule.at_least.commodity.code == code and _beyond(amount, rule.at_least) >= 0))
        and (rule.at_most is None or (rule.at_most.commodity.code == code and _beyond(amount, rule.at_most) <= 0))
        and (not category.commodities or code in category.commodities)
        and (category.opened_on is None or category.opened_on <= movement.date)
        and (category.closed_on is None or movement.date <= category.closed_on)
    )


def _beyond(amount: Amount, bound: Amount) -> int:
    """By how much the size of an amount is above a bound, below it where negative; exact, whatever the scales: a file
    may write more places than a book keeps.
    """
    beyond: int = abs(amount.minor) * 10**bound.commodity.scale - bound.minor * 10**amount.commodity.scale
    return beyond


def _length(word: str) -> tuple[int, str]:
    return len(word), word
