"""Rules that categorize: what a movement was for, told once by its words, its account or its size.

Rules are tried in the order in which they were set, and the first that fits says the category; one that is set again
keeps its place. A rule proposes and never forces: it fits only where its category takes the movement on its day, so
that nothing a rule says can be refused for the category's sake.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from itertools import accumulate, chain
from operator import xor
from typing import assert_never

from domain.errors import Rejected
from domain.ledger import Account, AccountId, CommodityDeclared, Kind, Ledger, RuleId
from domain.ledger.accounts import known_account, undeclared, unit_of
from domain.money import MAX_AMOUNT_MINOR, Amount, at_scale_of
from domain.private import check_id, check_text, private
from domain.words import words

MAX_RULES = 1_000
"""Rules of one book: more than anybody keeps in mind; a movement asks about all of them at once."""


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


Mask = int
"""A set of rules: the bit `1 << place` is the rule that is tried at that place."""


@dataclass(frozen=True, slots=True)
class _Ranges:
    """Which rules take a number, each from a first to a last one: the rules change at `edges`, and `masks` has one more
    than these.
    """

    edges: tuple[int, ...]
    masks: tuple[Mask, ...]

    def at(self, number: int) -> Mask:
        return self.masks[bisect_right(self.edges, number)]


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Which rules take a size in one commodity, in half steps of the finest unit that a bound is written in: an odd
    number is a size between two steps, for a file may write more places than a book keeps.
    """

    scale: int
    ranges: _Ranges

    def at(self, amount: Amount) -> Mask:
        places = self.scale - amount.commodity.scale
        if places >= 0:
            return self.ranges.at(2 * abs(amount.minor) * _power(places))
        steps, rest = divmod(abs(amount.minor), _power(-places))
        return self.ranges.at(2 * steps + (1 if rest else 0))


@dataclass(frozen=True, slots=True)
class _Words:
    """The rules by one of their words: by each one's rarest, by each one's second rarest, and so on; `fewer` are those
    that have no such word any more.
    """

    by_word: Mapping[str, Mask]
    fewer: Mask


@dataclass(frozen=True, slots=True)
class _Among:
    """Which rules hold for a key, and which for every key that none of them names."""

    by_key: Mapping[str, Mask]
    others: Mask

    def at(self, key: str) -> Mask:
        return self.by_key.get(key, self.others)


@dataclass(frozen=True, slots=True)
class PreparedRules:
    """Rules made ready for many movements. Each condition is answered for all rules at once, as the mask of those whose
    own it is met by: what one movement takes hardly depends on how many rules there are, and not on what they say.
    """

    rules: tuple[Rule, ...]
    """In the order in which they are tried, each with the category that it leads to by now."""
    accounts: _Among
    commodities: _Among
    """What the category takes."""
    days: _Ranges
    """When the category is open, by the days' ordinals."""
    incoming: Mask
    outgoing: Mask
    sizes: Mapping[str, _Sizes]
    """By the commodity's code."""
    unsized: Mask
    words: tuple[_Words, ...]


def prepared(rules: Iterable[Rule], accounts: Mapping[AccountId, Account]) -> PreparedRules:
    """Rules in the order in which they are tried, ready for `first_fit`, in a book with these accounts."""
    ready: list[Rule] = []
    categories: list[Account] = []
    for rule in rules:
        category = accounts[rule.category]
        while category.merged_into is not None:
            category = accounts[category.merged_into]
        ready.append(replace(rule, category=category.id))
        categories.append(category)
    return PreparedRules(
        tuple(ready),
        _among([() if rule.account is None else (rule.account,) for rule in ready]),
        _among([category.commodities for category in categories]),
        _ranges([(place, *_open(category)) for place, category in enumerate(categories)]),
        _mask([place for place, rule in enumerate(ready) if rule.direction is not Direction.OUT]),
        _mask([place for place, rule in enumerate(ready) if rule.direction is not Direction.IN]),
        _sizes(ready),
        _mask([place for place, rule in enumerate(ready) if rule.at_least is None and rule.at_most is None]),
        _words(ready),
    )


def first_fit(rules: PreparedRules, movement: Movement) -> Rule | None:
    """The first rule that fits a movement, with the category that it leads to by now; None where none does."""
    amount = movement.amount
    code = amount.commodity.code
    fitting = rules.accounts.at(movement.account) & rules.commodities.at(code)
    fitting &= rules.days.at(movement.date.toordinal())
    if amount.minor <= 0:
        fitting &= rules.outgoing
    if amount.minor >= 0:
        fitting &= rules.incoming
    sizes = rules.sizes.get(code)
    fitting &= rules.unsized if sizes is None else sizes.at(amount)
    if not fitting:
        return None
    said = set(words(movement.payee))
    said.update([_of_memo(word) for word in words(movement.memo)])
    for level in rules.words:
        named = level.fewer
        for word in level.by_word.keys() & said:
            named |= level.by_word[word]
        fitting &= named
        if not fitting:
            return None
    first = fitting & -fitting
    return rules.rules[first.bit_length() - 1]


def _of_memo(word: str) -> str:
    """A word of the memo as it is kept beside those of the payee: no word begins like this."""
    return f" {word}"


def _mask(places: Iterable[int]) -> Mask:
    mask = 0
    for place in places:
        mask |= 1 << place
    return mask


def _among(named: Iterable[Sequence[str]]) -> _Among:
    """`named`: the keys that each rule holds for; none are all."""
    by_key: dict[str, Mask] = {}
    others = 0
    for place, keys in enumerate(named):
        for key in keys:
            by_key[key] = by_key.get(key, 0) | 1 << place
        others |= 0 if keys else 1 << place
    return _Among({key: mask | others for key, mask in by_key.items()}, others)


def _open(category: Account) -> tuple[int | None, int | None]:
    first, last = category.opened_on, category.closed_on
    return None if first is None else first.toordinal(), None if last is None else last.toordinal()


def _ranges(bounds: Iterable[tuple[int, int | None, int | None]]) -> _Ranges:
    """`bounds`: rules' places, and the first and the last number that each takes; None where it ends nowhere."""
    mask = 0
    changes: dict[int, Mask] = {}
    for place, first, last in bounds:
        if first is not None and last is not None and first > last:
            continue
        if first is None:
            mask |= 1 << place
        else:
            changes[first] = changes.get(first, 0) ^ 1 << place
        if last is not None:
            changes[last + 1] = changes.get(last + 1, 0) ^ 1 << place
    edges = sorted(changes)
    return _Ranges(tuple(edges), tuple(accumulate([changes[edge] for edge in edges], xor, initial=mask)))


def _sizes(rules: Sequence[Rule]) -> dict[str, _Sizes]:
    """For every commodity that a bound is in, the rules that take a size in it: those without bounds too."""
    sized: dict[str, list[int]] = {}
    scales: dict[str, int] = {}
    unsized: list[int] = []
    for place, rule in enumerate(rules):
        bounds = [bound.commodity for bound in (rule.at_least, rule.at_most) if bound is not None]
        for unit in bounds:
            scales[unit.code] = max(scales.get(unit.code, 0), unit.scale)
        codes = {unit.code for unit in bounds}
        if not codes:
            unsized.append(place)
        elif len(codes) == 1:  # bounds in two commodities are met by nothing
            sized.setdefault(codes.pop(), []).append(place)
    found: dict[str, _Sizes] = {}
    for code, scale in scales.items():
        bounded = [
            (place, _steps(rules[place].at_least, scale), _steps(rules[place].at_most, scale))
            for place in sized.get(code, [])
        ]
        found[code] = _Sizes(scale, _ranges(bounded + [(place, None, None) for place in unsized]))
    return found


def _steps(bound: Amount | None, scale: int) -> int | None:
    return None if bound is None else 2 * bound.minor * _power(scale - bound.commodity.scale)


def _power(places: int) -> int:
    power: int = 10**places
    return power


def _words(rules: Sequence[Rule]) -> tuple[_Words, ...]:
    """The word that fewest rules have comes first of each one's: it tells most of them apart at once."""
    wanted = [[*words(rule.payee), *[_of_memo(word) for word in words(rule.memo)]] for rule in rules]
    spread = Counter(chain.from_iterable(wanted))
    for named in wanted:
        named.sort(key=lambda word: (spread[word], word))
    levels: list[_Words] = []
    for depth in range(max(map(len, wanted), default=0)):
        by_word: dict[str, Mask] = {}
        fewer = 0
        for place, named in enumerate(wanted):
            if len(named) > depth:
                by_word[named[depth]] = by_word.get(named[depth], 0) | 1 << place
            else:
                fewer |= 1 << place
        levels.append(_Words(by_word, fewer))
    return tuple(levels)
