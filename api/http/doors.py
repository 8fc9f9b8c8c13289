"""Doors: the one table between what the outside asks and what the domain is told.

A door turns a body into a wish and judges nothing. Single doors and batches read the same table, so that no rule and no
name is written twice; accounts may come by name, and are looked up in the state the command is decided on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

from api.http import bodies
from api.parts import Parts
from commands.bus import Wish
from commands.names import account_id, today
from commands.rules import WrittenRule, rule_wish
from domain.book import Book, RenameBook
from domain.budgets import BudgetId, ChangeBudget, EndBudget, Every, Period, SetBudget
from domain.ledger import (
    AccountId,
    AmendTransaction,
    AssertBalance,
    CategorizeTransaction,
    CloseAccount,
    ClosePeriod,
    Cost,
    DeclareCommodity,
    MergeAccount,
    OpenAccount,
    Posting,
    Price,
    RecordTransaction,
    RenameAccount,
    RuleId,
    SetOpeningBalance,
    TransactionId,
    VoidTransaction,
    WithdrawAssertion,
)
from domain.money import Amount, parse_amount, parse_decimal
from domain.prices import RecordPrice
from domain.rules import Direction, RemoveRule

B = TypeVar("B", bound=bodies.Body)


@dataclass(frozen=True, slots=True)
class Door(Generic[B]):
    """A command as the outside has it.

    `name` is its type in a batch; `path` is below the book, and a name in braces is a field of the body that the single
    door takes from its path. `makes` is the id a success answers with (status 201), None where nothing has one (200).
    """

    name: str
    path: str
    body: type[B]
    wish: Callable[[B, Parts], Wish]
    summary: str
    example: dict[str, Any]
    makes: str | None = None
    in_path: str | None = None
    renames_book: bool = False
    """Whether the book's name in the path may mean another book, or none, once the command is done."""

    def read(self, data: dict[str, Any], parts: Parts) -> Wish:
        """The wish behind a body; ValidationError or Rejected where it is none."""
        return self.wish(self.body.model_validate(data), parts)

    @property
    def may_be_empty(self) -> bool:
        """Whether every field that does not come from the path may be left out."""
        fields = self.body.model_fields.items()
        return not any(field.is_required() for field_name, field in fields if field_name != self.in_path)


# From bodies to wishes


def _record_transaction(body: bodies.TransactionIn, parts: Parts) -> Wish:
    transaction = TransactionId(parts.ids.new())
    postings = [_written(posting) for posting in body.postings]
    corrects = None if body.corrects is None else TransactionId(body.corrects)

    def wish(state: Book) -> RecordTransaction:
        return RecordTransaction(
            transaction,
            body.date,
            _posted(state, postings),
            body.payee or "",
            body.memo or "",
            tuple(body.tags),
            tuple(body.links),
            corrects,
        )

    return wish


def _amend_transaction(body: bodies.AmendTransactionIn, parts: Parts) -> Wish:
    postings = [_written(posting) for posting in body.postings]

    def wish(state: Book) -> AmendTransaction:
        return AmendTransaction(
            TransactionId(body.transaction_id),
            body.date,
            _posted(state, postings),
            body.payee or "",
            body.memo or "",
            tuple(body.tags),
            tuple(body.links),
            body.reason or "",
        )

    return wish


_Written = tuple[str, Amount, Cost | None, Price | None]


def _posted(state: Book, postings: list[_Written]) -> tuple[Posting, ...]:
    return tuple(
        [Posting(account_id(state, account), amount, cost, price) for account, amount, cost, price in postings]
    )


def _written(posting: bodies.PostingIn) -> _Written:
    """A posting with its account still as written, and its amounts at the scale they were written with."""
    amount = parse_amount(posting.amount, posting.commodity)
    cost = price = None
    if posting.cost is not None:
        total = parse_amount(posting.cost.total, posting.cost.commodity)
        cost = Cost(total, posting.cost.date, posting.cost.label or "")
    if posting.price is not None:
        price = Price(parse_amount(posting.price.total, posting.price.commodity))
    return posting.account, amount, cost, price


def _void_transaction(body: bodies.VoidTransactionIn, parts: Parts) -> Wish:
    return VoidTransaction(TransactionId(body.transaction_id), body.reason or "")


def _categorize_transaction(body: bodies.CategorizeTransactionIn, parts: Parts) -> Wish:
    transaction = TransactionId(body.transaction_id)
    return lambda state: CategorizeTransaction(transaction, account_id(state, body.category))


def _open_account(body: bodies.AccountIn, parts: Parts) -> Wish:
    commodities = () if body.commodity is None else (body.commodity,)
    return OpenAccount(AccountId(parts.ids.new()), body.account, commodities, body.opened_on, body.on_budget)


def _rename_account(body: bodies.RenameAccountIn, parts: Parts) -> Wish:
    return lambda state: RenameAccount(account_id(state, body.account), body.name)


def _close_account(body: bodies.CloseAccountIn, parts: Parts) -> Wish:
    return lambda state: CloseAccount(account_id(state, body.account), body.on)


def _merge_account(body: bodies.MergeAccountIn, parts: Parts) -> Wish:
    return lambda state: MergeAccount(account_id(state, body.account), account_id(state, body.into))


def _declare_commodity(body: bodies.CommodityIn, parts: Parts) -> Wish:
    return DeclareCommodity(body.commodity, body.scale)


def _set_opening_balance(body: bodies.OpeningBalanceIn, parts: Parts) -> Wish:
    transaction = TransactionId(parts.ids.new())
    amount = parse_amount(body.amount, body.commodity)
    return lambda state: SetOpeningBalance(transaction, account_id(state, body.account), body.date, amount)


def _assert_balance(body: bodies.AssertionIn, parts: Parts) -> Wish:
    amount = parse_amount(body.amount, body.commodity)
    return lambda state: AssertBalance(account_id(state, body.account), body.date, amount)


def _withdraw_assertion(body: bodies.WithdrawAssertionIn, parts: Parts) -> Wish:
    return lambda state: WithdrawAssertion(account_id(state, body.account), body.commodity)


def _close_period(body: bodies.PeriodClosingIn, parts: Parts) -> Wish:
    now = parts.clock.now()
    return lambda state: ClosePeriod(body.through, today(state, now))


def _record_price(body: bodies.RateIn, parts: Parts) -> Wish:
    parse_decimal(body.rate)  # refuses what Decimal would also take: exponents, separators, NaN
    return RecordPrice(body.commodity, body.date, Decimal(body.rate), body.currency)


def _set_budget(body: bodies.BudgetIn, parts: Parts) -> Wish:
    budget = BudgetId(parts.ids.new())
    limit = parse_amount(body.limit, body.commodity)
    period = Period(Every(body.every), body.count, body.start)
    return lambda state: SetBudget(budget, account_id(state, body.account), limit, period, body.name or "")


def _change_budget(body: bodies.ChangeBudgetIn, parts: Parts) -> Wish:
    return ChangeBudget(BudgetId(body.budget_id), parse_amount(body.limit, body.commodity), body.valid_from)


def _end_budget(body: bodies.EndBudgetIn, parts: Parts) -> Wish:
    return EndBudget(BudgetId(body.budget_id), body.on)


def written_rule(body: bodies.RuleIn) -> WrittenRule:
    return WrittenRule(
        body.category,
        body.payee or "",
        body.memo or "",
        body.account,
        None if body.direction is None else Direction(body.direction),
        body.at_least,
        body.at_most,
        body.commodity,
        body.rule_id,
    )


def _set_rule(body: bodies.RuleIn, parts: Parts) -> Wish:
    return rule_wish(written_rule(body), parts.ids.new())


def _remove_rule(body: bodies.RemoveRuleIn, parts: Parts) -> Wish:
    return RemoveRule(RuleId(body.rule_id))


def _rename_book(body: bodies.RenameBookIn, parts: Parts) -> Wish:
    return RenameBook(body.name)


# The table

_GROCERIES: dict[str, Any] = {
    "date": "2026-09-14",
    "payee": "Corner Market",
    "tags": ["weekend"],
    "postings": [
        {"account": "Expenses:Food:Groceries", "amount": "182.40", "commodity": "BRL"},
        {"account": "Assets:Checking", "amount": "-182.40", "commodity": "BRL"},
    ],
}
RULE: dict[str, Any] = {
    "category": "Expenses:Food:Groceries",
    "payee": "corner market",
    "direction": "out",
    "at_most": "500.00",
    "commodity": "BRL",
}
_CHECKING_BALANCE = {"account": "Assets:Checking", "date": "2026-08-31", "amount": "2500.00", "commodity": "BRL"}

DOORS: tuple[Door[Any], ...] = (
    Door(
        "record-transaction",
        "/transactions",
        bodies.TransactionIn,
        _record_transaction,
        "Record a transaction, whose weights sum to zero in every commodity",
        _GROCERIES,
        makes="transaction_id",
    ),
    Door(
        "void-transaction",
        "/transactions/{transaction_id}/void",
        bodies.VoidTransactionIn,
        _void_transaction,
        "Take a transaction back",
        {"reason": "entered twice"},
        in_path="transaction_id",
    ),
    Door(
        "amend-transaction",
        "/transactions/{transaction_id}/amend",
        bodies.AmendTransactionIn,
        _amend_transaction,
        "Replace what a transaction says",
        {**_GROCERIES, "reason": "another shop"},
        in_path="transaction_id",
    ),
    Door(
        "categorize-transaction",
        "/transactions/{transaction_id}/categorize",
        bodies.CategorizeTransactionIn,
        _categorize_transaction,
        "Say what a transaction was for, and leave all else of it as it is",
        {"category": "Expenses:Food"},
        in_path="transaction_id",
    ),
    Door(
        "open-account",
        "/accounts",
        bodies.AccountIn,
        _open_account,
        "Open an account, or a category",
        {"account": "Expenses:Food:Groceries", "commodity": "BRL"},
        makes="account_id",
    ),
    Door(
        "rename-account",
        "/accounts/{account:path}/rename",
        bodies.RenameAccountIn,
        _rename_account,
        "Give an account another name",
        {"name": "Expenses:Food:Market"},
        in_path="account",
    ),
    Door(
        "close-account",
        "/accounts/{account:path}/close",
        bodies.CloseAccountIn,
        _close_account,
        "Close an empty account from the day after",
        {"on": "2026-09-30"},
        in_path="account",
    ),
    Door(
        "merge-account",
        "/accounts/{account:path}/merge",
        bodies.MergeAccountIn,
        _merge_account,
        "Let one category become part of another, with all its past",
        {"into": "Expenses:Food"},
        in_path="account",
    ),
    Door(
        "declare-commodity",
        "/commodities",
        bodies.CommodityIn,
        _declare_commodity,
        "Declare a security or another unit; ISO 4217 currencies need no declaration",
        {"commodity": "PETR4", "scale": 0},
    ),
    Door(
        "set-opening-balance",
        "/opening-balances",
        bodies.OpeningBalanceIn,
        _set_opening_balance,
        "Say what an account held before its first transaction",
        _CHECKING_BALANCE,
        makes="transaction_id",
    ),
    Door(
        "assert-balance",
        "/assertions",
        bodies.AssertionIn,
        _assert_balance,
        "Confirm an account's balance, which reconciles what is dated by then",
        _CHECKING_BALANCE,
    ),
    Door(
        "withdraw-assertion",
        "/assertions/withdraw",
        bodies.WithdrawAssertionIn,
        _withdraw_assertion,
        "Take back the latest confirmation of an account's balance",
        {"account": "Assets:Checking", "commodity": "BRL"},
    ),
    Door(
        "close-period",
        "/period-closings",
        bodies.PeriodClosingIn,
        _close_period,
        "Close the books through a day",
        {"through": "2026-08-31"},
    ),
    Door(
        "record-price",
        "/prices",
        bodies.RateIn,
        _record_price,
        "Record what a commodity was worth on a day",
        {"commodity": "USD", "date": "2026-09-14", "rate": "5.4321", "currency": "BRL"},
    ),
    Door(
        "set-budget",
        "/budgets",
        bodies.BudgetIn,
        _set_budget,
        "Set a limit for a category and its children",
        {"account": "Expenses:Food", "limit": "1500.00", "commodity": "BRL", "every": "month", "start": "2026-09-01"},
        makes="budget_id",
    ),
    Door(
        "change-budget",
        "/budgets/{budget_id}/change",
        bodies.ChangeBudgetIn,
        _change_budget,
        "Give a budget another limit, for periods that begin on a day or later",
        {"limit": "1700.00", "commodity": "BRL", "valid_from": "2026-10-01"},
        in_path="budget_id",
    ),
    Door(
        "end-budget",
        "/budgets/{budget_id}/end",
        bodies.EndBudgetIn,
        _end_budget,
        "End a budget with the period that a day lies in",
        {"on": "2026-12-31"},
        in_path="budget_id",
    ),
    Door(
        "set-rule",
        "/rules",
        bodies.RuleIn,
        _set_rule,
        "Set a rule that categorizes: the first that fits a movement says what it was for",
        RULE,
        makes="rule_id",
    ),
    Door(
        "remove-rule",
        "/rules/{rule_id}/remove",
        bodies.RemoveRuleIn,
        _remove_rule,
        "Remove a rule; what it categorized stays as it is",
        {},
        in_path="rule_id",
    ),
    Door(
        "rename-book",
        "/rename",
        bodies.RenameBookIn,
        _rename_book,
        "Give the book another name",
        {"name": "Our house"},
        renames_book=True,
    ),
)

BY_NAME: dict[str, Door[Any]] = {door.name: door for door in DOORS}
