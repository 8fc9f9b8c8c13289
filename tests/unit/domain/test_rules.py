"""Rules that categorize: what they ask for, which of them speaks first, and where they go when categories change."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from commands.overlay import laid_over
from domain.book import Book, EraseBook, decide, evolve
from domain.errors import Rejected
from domain.ledger import (
    Account,
    AccountId,
    CloseAccount,
    CommodityDeclared,
    Kind,
    MergeAccount,
    OpenAccount,
    RuleId,
)
from domain.money import MAX_AMOUNT_MINOR, Amount, commodity
from domain.private import MAX_TEXT_CHARS
from domain.rules import (
    MAX_RULES,
    Direction,
    Movement,
    RemoveRule,
    Rule,
    RuleRemoved,
    RuleSet,
    SetRule,
    first_fit,
    prepared,
)
from tests.given import CARD, CHECKING, FOOD, GROCERIES, OPENING, SALARY, Told, brl, given, household, on, usd

BAKERY, MARKET, PAY = RuleId("r-bakery"), RuleId("r-market"), RuleId("r-pay")


def bakery() -> SetRule:
    return SetRule(BAKERY, FOOD, payee="Padaria São João")


def seen(payee: str = "", amount: str = "-10.00", memo: str = "", account: AccountId = CHECKING) -> Movement:
    return Movement(account, on("2026-09-14"), brl(amount), payee, memo)


def fit(movement: Movement, *told: Told) -> tuple[RuleId, AccountId] | None:
    """The rule that speaks of a movement in the household after what is told, and the category that it says."""
    book = given(household(), *told).book
    found = first_fit(prepared(book.rules.standing.values(), book.ledger.accounts), movement)
    return None if found is None else (found.id, found.category)


# Setting and removing


def test_a_rule_is_conditions_and_a_category() -> None:
    given(household()).when(
        SetRule(MARKET, GROCERIES, CARD, Direction.OUT, brl("5"), brl("500.5"), "mercado", "débito")
    ).then(RuleSet(MARKET, GROCERIES, CARD, Direction.OUT, brl("5.00"), brl("500.50"), "mercado", "débito"))
    given(household()).when(SetRule(PAY, SALARY, at_least=usd("1000"))).then(
        CommodityDeclared("USD", 2), RuleSet(PAY, SALARY, None, None, usd("1000.00"), None)
    )


def test_a_rule_without_a_condition_is_refused() -> None:
    given(household()).when(SetRule(BAKERY, FOOD)).then_refused("rule_without_condition")


@pytest.mark.parametrize("text", ["***", " - ", "🥖"])
def test_a_text_without_a_word_is_no_condition_to_look_for(text: str) -> None:
    given(household()).when(SetRule(BAKERY, FOOD, payee=text)).then_refused("rule_text_without_words", field="payee")
    given(household()).when(SetRule(BAKERY, FOOD, memo=text)).then_refused("rule_text_without_words", field="memo")


def test_a_rule_goes_to_an_open_category_of_the_book() -> None:
    given(household()).when(replace(bakery(), category=CHECKING)).then_refused(
        "account_not_a_category", account="Assets:Checking"
    )
    given(household()).when(replace(bakery(), category=AccountId("nobody's"))).then_refused("account_unknown")
    given(household(), CloseAccount(FOOD, on("2026-08-31"))).when(bakery()).then_refused(
        "account_closed", account="Expenses:Food"
    )
    given(household(), MergeAccount(GROCERIES, FOOD)).when(replace(bakery(), category=GROCERIES)).then_refused(
        "account_merged"
    )


@pytest.mark.parametrize("account", [FOOD, OPENING])
def test_the_account_of_a_rule_is_one_that_a_bank_tells_of(account: AccountId) -> None:
    given(household()).when(replace(bakery(), account=account)).then_refused("account_not_for_statements")
    given(household()).when(replace(bakery(), account=AccountId("nobody's"))).then_refused("account_unknown")


def test_sizes_are_without_a_sign_in_order_and_of_one_commodity() -> None:
    book = given(household())
    book.when(SetRule(BAKERY, FOOD, at_least=brl("10"), at_most=brl("10"))).then(
        RuleSet(BAKERY, FOOD, None, None, brl("10.00"), brl("10.00"))
    )
    book.when(SetRule(BAKERY, FOOD, at_least=brl("10.01"), at_most=brl("10"))).then_refused("rule_range_empty")
    book.when(SetRule(BAKERY, FOOD, at_least=brl("1"), at_most=usd("10"))).then_refused("rule_range_empty")
    book.when(SetRule(BAKERY, FOOD, at_most=brl("-10"))).then_refused("rule_amount_negative", amount=brl("-10.00"))
    book.when(SetRule(BAKERY, FOOD, at_least=brl("0.001"))).then_refused("amount_scale_exceeded")
    beyond = Amount(MAX_AMOUNT_MINOR + 1, commodity("BRL", 2))
    book.when(SetRule(BAKERY, FOOD, at_least=beyond)).then_refused("amount_out_of_range")
    unknown = Amount(1, commodity("NOPE", 0))
    book.when(SetRule(BAKERY, FOOD, at_least=unknown)).then_refused("commodity_unknown")


def test_what_is_written_in_a_rule_is_held_to_the_limits_of_texts_and_ids() -> None:
    book = given(household())
    book.when(replace(bakery(), payee="x" * (MAX_TEXT_CHARS + 1))).then_refused("text_too_long", field="payee")
    book.when(replace(bakery(), memo="a\x00")).then_refused("text_not_printable", field="memo")
    book.when(replace(bakery(), rule=RuleId("the bakery"))).then_refused("id_not_valid", field="rule")


def test_a_book_has_so_many_rules_and_not_one_more() -> None:
    full = [RuleSet(RuleId(f"r-{number}"), FOOD, None, None, None, None, "x") for number in range(MAX_RULES)]
    given(household(), full).when(bakery()).then_refused("too_many_rules", limit=MAX_RULES)
    given(household(), full).when(replace(bakery(), rule=RuleId("r-7"))).then(
        RuleSet(RuleId("r-7"), FOOD, None, None, None, None, "Padaria São João")
    )
    given(household(), full, RemoveRule(RuleId("r-7"))).when(bakery()).then(
        RuleSet(BAKERY, FOOD, None, None, None, None, "Padaria São João")
    )


def test_a_rule_is_removed_once() -> None:
    given(household(), bakery()).when(RemoveRule(BAKERY)).then(RuleRemoved(BAKERY))
    given(household(), bakery(), RemoveRule(BAKERY)).when(RemoveRule(BAKERY)).then_refused("rule_unknown", rule=BAKERY)
    assert fit(seen("Padaria São João"), bakery(), RemoveRule(BAKERY)) is None


def test_nothing_is_left_of_rules_in_an_erased_book() -> None:
    assert not given(household(), bakery()).when(EraseBook()).after().rules.standing


# Which speaks


def test_a_text_condition_is_words_whatever_their_case_accents_and_order() -> None:
    assert fit(seen("JOAO SAO padaria, 3"), bakery()) == (BAKERY, FOOD)
    assert fit(seen("Pa\u0303daria Sa\u0303o Joa\u0303o"), bakery()) == (BAKERY, FOOD)
    assert fit(seen("Padaria São José"), bakery()) is None
    assert fit(seen("Padarias São João"), bakery()) is None, "a part of a word is another word"
    assert fit(seen(memo="Padaria São João"), bakery()) is None, "the memo is not the payee"
    assert fit(seen("Padaria", memo="DÉBITO automático"), SetRule(BAKERY, FOOD, memo="debito")) == (BAKERY, FOOD)


def test_the_rule_that_was_set_first_speaks_and_set_again_it_keeps_its_place() -> None:
    market = SetRule(MARKET, GROCERIES, direction=Direction.OUT)
    movement = seen("Padaria São João")
    assert fit(movement, bakery(), market) == (BAKERY, FOOD)
    assert fit(movement, market, bakery()) == (MARKET, GROCERIES)
    assert fit(movement, bakery(), market, replace(bakery(), payee="padaria")) == (BAKERY, FOOD)
    assert fit(movement, bakery(), market, RemoveRule(BAKERY), bakery()) == (MARKET, GROCERIES)


def test_the_order_of_rules_outlives_an_overlay() -> None:
    book = given(household(), bakery(), SetRule(MARKET, GROCERIES, payee="mercado")).book
    after = laid_over(book)
    for command in (replace(bakery(), payee="padaria"), SetRule(PAY, SALARY, direction=Direction.IN)):
        for event in decide(after, command):
            evolve(after, event)
    assert list(after.rules.standing) == [BAKERY, MARKET, PAY]
    assert list(book.rules.standing) == [BAKERY, MARKET]


@pytest.mark.parametrize(
    ("amount", "fits"),
    [("-10.00", True), ("10.00", True), ("-9.99", False), ("9.99", False), ("-20.00", True), ("-20.01", False)],
)
def test_sizes_bound_a_movement_in_either_direction(amount: str, fits: bool) -> None:
    found = fit(seen(amount=amount), SetRule(BAKERY, FOOD, at_least=brl("10"), at_most=brl("20")))
    assert (found is not None) is fits


def test_a_size_is_exact_though_a_file_writes_more_places_than_the_book() -> None:
    rule = SetRule(BAKERY, FOOD, at_most=brl("10"))
    assert fit(seen(amount="-10.000"), rule) is not None
    assert fit(seen(amount="-10.001"), rule) is None
    assert fit(replace(seen(), amount=usd("-1.00")), rule) is None, "another commodity has no size in this one"


def test_money_that_comes_and_money_that_goes_are_told_apart() -> None:
    rule = SetRule(BAKERY, FOOD, direction=Direction.OUT)
    assert fit(seen(amount="-0.01"), rule) is not None
    assert fit(seen(amount="0.01"), rule) is None
    assert fit(seen(amount="0.00"), rule) is None
    assert fit(seen(amount="0.01"), replace(rule, direction=Direction.IN)) is not None


def test_a_rule_of_an_account_speaks_of_no_other() -> None:
    rule = SetRule(BAKERY, FOOD, account=CARD)
    assert fit(seen(account=CARD), rule) is not None
    assert fit(seen(account=CHECKING), rule) is None


def test_a_rule_follows_its_category_into_the_one_it_was_merged_into() -> None:
    rule = SetRule(MARKET, GROCERIES, payee="mercado")
    assert fit(seen("Mercado"), rule, MergeAccount(GROCERIES, FOOD)) == (MARKET, FOOD)


def test_a_rule_is_silent_where_its_category_takes_nothing() -> None:
    rule = SetRule(MARKET, GROCERIES, payee="mercado")
    anything = SetRule(PAY, FOOD, direction=Direction.OUT)
    closed = CloseAccount(GROCERIES, on("2026-09-13"))
    assert fit(seen("Mercado"), rule, anything, closed) == (PAY, FOOD)
    assert fit(replace(seen("Mercado"), date=on("2026-09-13")), rule, closed) == (MARKET, GROCERIES)
    narrow = AccountId("a-narrow")
    opened = OpenAccount(narrow, "Expenses:Abroad", ("USD",), on("2026-09-15"))
    abroad = SetRule(MARKET, narrow, payee="mercado")
    assert fit(seen("Mercado"), opened, abroad) is None
    paid = replace(seen("Mercado"), amount=usd("-1.00"))
    assert fit(paid, opened, abroad) is None, "the category opens a day later"
    assert fit(replace(paid, date=on("2026-09-15")), opened, abroad) == (MARKET, narrow)


# The index finds what reading all rules finds


def plainly(rules: Sequence[Rule], accounts: dict[AccountId, Account], movement: Movement) -> RuleId | None:
    """The first rule that fits, read one after the other, in other words than the product's."""

    def spelled(text: str) -> set[str]:
        letters = [c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c)]
        return set("".join([c if c.isalnum() or c == "_" else " " for c in letters]).split())

    def exact(amount: Amount) -> Decimal:
        return Decimal(amount.minor).scaleb(-amount.commodity.scale)

    for rule in rules:
        amount, code = movement.amount, movement.amount.commodity.code
        size = abs(exact(amount))
        conditions = [
            spelled(rule.payee) <= spelled(movement.payee),
            spelled(rule.memo) <= spelled(movement.memo),
            rule.account in (None, movement.account),
            rule.direction is None or (amount.minor > 0 if rule.direction is Direction.IN else amount.minor < 0),
        ]
        for bound, sign in ((rule.at_least, 1), (rule.at_most, -1)):
            if bound is not None:
                conditions.append(bound.commodity.code == code and sign * size >= sign * exact(bound))
        category = accounts[rule.category]
        conditions.append(category.opened_on is None or movement.date >= category.opened_on)
        conditions.append(category.closed_on is None or movement.date <= category.closed_on)
        conditions.append(not category.commodities or code in category.commodities)
        if all(conditions):
            return rule.id
    return None


WORDS = ["padaria", "São", "JOÃO", "mercado", "Extra", "pix", "uber", "sao", "joão"]
said = st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join)
UNITS = [commodity("BRL", 2), commodity("USD", 2)]
sizes = st.none() | st.builds(Amount, st.integers(0, 6), st.sampled_from(UNITS))
rows = st.builds(
    Movement,
    st.sampled_from([CHECKING, CARD]),
    st.dates(date(2026, 1, 1), date(2026, 1, 9)),
    st.builds(Amount, st.integers(-7, 7), st.sampled_from(UNITS))
    | st.builds(Amount, st.integers(-70, 70), st.just(commodity("BRL", 3))),
    st.lists(st.sampled_from(WORDS), max_size=6).map(" * ".join),
    said,
)


@for_all(
    st.lists(
        st.tuples(
            st.sampled_from([FOOD, GROCERIES]),
            st.sampled_from([None, CHECKING, CARD]),
            st.sampled_from([None, *Direction]),
            sizes,
            sizes,
            said,
            said,
        ),
        max_size=12,
    ),
    st.lists(rows, min_size=1, max_size=12),
    st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 9)),
    st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 9)),
    st.sampled_from([(), ("BRL",), ("BRL", "USD")]),
)
def test_asking_all_rules_at_once_finds_what_reading_one_after_the_other_finds(
    told: list[tuple[AccountId, AccountId | None, Direction | None, Amount | None, Amount | None, str, str]],
    movements: list[Movement],
    opened_on: date | None,
    closed_on: date | None,
    taken: tuple[str, ...],
) -> None:
    rules = [Rule(RuleId(f"r-{number}"), *conditions) for number, conditions in enumerate(told)]
    accounts = {
        account: Account(account, number, f"Expenses:{account}", Kind.EXPENSES, held, opened, True, closed)
        for number, (account, held, opened, closed) in enumerate(
            [(FOOD, (), None, None), (GROCERIES, taken, opened_on, closed_on)]
        )
    }
    ready = prepared(rules, accounts)
    for movement in movements:
        found = first_fit(ready, movement)
        assert (None if found is None else found.id) == plainly(rules, accounts, movement)


MANY = [f"word{number}" for number in range(60)]
ROWS = 200


def many_rules(kind: str, category: AccountId) -> list[Rule]:
    """As many rules as a book takes, of which none fits the rows below, though each may look as if it did."""
    random, unit, beyond = Random(4), commodity("BRL", 2), 10**9
    conditions: dict[str, Callable[[int], dict[str, Any]]] = {
        "sizes alone": lambda n: {"at_least": Amount(beyond + n, unit), "at_most": Amount(beyond + 3 * n, unit)},
        "accounts": lambda n: {"account": AccountId(f"a-{n}"), "direction": Direction.OUT},
        "a word they share": lambda n: {"payee": f"transferencia y{n}"},
        "words of every row": lambda n: {"payee": " ".join(random.sample(MANY, 3)), "memo": "missing"},
        "the same words": lambda n: {"payee": "transferencia pix", "at_least": Amount(beyond + n, unit)},
        "all words but one": lambda n: {"payee": " ".join([*MANY, f"x{n % 50}", "missing"])},
        "the other direction": lambda n: {"direction": Direction.IN, "at_most": Amount(beyond + n, unit)},
    }
    return [Rule(RuleId(f"r-{n}"), category, **conditions[kind](n)) for n in range(MAX_RULES)]


@pytest.mark.parametrize(
    "kind",
    [
        "sizes alone",
        "accounts",
        "a word they share",
        "words of every row",
        "the same words",
        "all words but one",
        "the other direction",
    ],
)
def test_a_thousand_rules_that_nearly_fit_do_not(kind: str) -> None:
    accounts = {FOOD: Account(FOOD, 1, "Expenses:Food", Kind.EXPENSES, (), None, True)}
    ready = prepared(many_rules(kind, FOOD), accounts)
    said = f"TRANSFERENCIA PIX {' '.join(MANY)} x7"
    rows = [Movement(CHECKING, date(2026, 1, 1) + timedelta(number), brl("-10.00"), said, "") for number in range(ROWS)]
    assert all(first_fit(ready, row) is None for row in rows)


def test_a_rule_is_refused_before_the_book_is_opened() -> None:
    with pytest.raises(Rejected, match="book_unknown"):
        decide(Book(), bakery())
