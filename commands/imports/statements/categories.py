"""What stands against a row: the category that its file, a rule or nobody told.

What goes out of a bank account is an expense and what comes in an income, until a person or a rule says otherwise; on a
card everything is an expense, and a refund is a negative expense wherever it comes, never income.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from commands.imports.plan import BookFacts, Desk
from commands.imports.reading import AccountType, Statement, StatementRow
from commands.imports.statements.accounts import derived_name
from commands.imports.texts import clean
from domain.errors import Rejected
from domain.ledger import UNCATEGORIZED, Account, AccountId, Kind, OpenAccount, Posting, kind_of
from domain.money import Amount, Commodity, at_scale_of
from domain.rules import Movement, first_fit, prepared

SPENT, EARNED = UNCATEGORIZED
"""Where a row stands until a person or a rule says what it was."""

_REFUND = re.compile(
    r"\b(estorno|estornado|reembolso|devolu[cç][aã]o|chargeback|refund(?:ed)?|reversal|r[uü]ckerstattung|"
    r"remboursement|devoluci[oó]n|rimborso|terugbetaling)\b",
    re.IGNORECASE,
)
"""How banks call money that comes back, in the languages of the formats."""


def is_refund(row: StatementRow) -> bool:
    """Whether a row that brings money says that it brings it back."""
    brings = row.amount is not None and row.amount.minor > 0
    return brings and _REFUND.search(f"{row.payee} {row.memo}") is not None


class Categories:
    """The categories of a plan, opened when the first row needs them."""

    def __init__(self, facts: BookFacts, desk: Desk) -> None:
        self._facts = facts
        self._desk = desk
        self._rules = prepared(facts.rules, facts.accounts)
        self._names: dict[str, AccountId] = {}
        self._told: dict[AccountId, str] = {}
        self.opened: list[OpenAccount] = []
        self.counterparts: set[AccountId] = set()
        """Accounts of the bank that are opened by what another's rows move there: what they held is not known."""

    def named(self, name: str) -> AccountId:
        """The account of that full name, to be opened where there is none."""
        known = self._names.get(name)
        if known is None:
            known = self._facts.names.get(name)
            if known is None:
                known = AccountId(self._desk.new_id())
                self.opened.append(OpenAccount(known, name))
            self._names[name] = known
            self._told[known] = name
        return known

    def name_of(self, postings: Sequence[Posting]) -> str | None:
        """The category that a row goes to, where it is one."""
        if len(postings) != 2:
            return None
        account = postings[1].account
        known = self._facts.accounts.get(account)
        return known.name if known is not None else self._told.get(account)

    def against(
        self, statement: Statement, row: StatementRow, day: date, amount: Amount, account: Account
    ) -> tuple[Posting, ...]:
        """The postings that stand against a row's own, booked on `day`."""
        is_debt = account.kind is Kind.LIABILITIES
        if row.splits:
            return self._split(row, amount.commodity, is_debt)
        if row.category:
            return (Posting(self.named(_category_name(row.category, amount.minor, is_debt)), -amount),)
        if self._facts.rules:
            rule = first_fit(self._rules, Movement(account.id, day, amount, row.payee, row.memo))
            if rule is not None:
                return (Posting(rule.category, -amount),)
        if row.counterpart is not None:
            return (Posting(self._counterpart(statement, row.counterpart), -amount),)
        spends = is_debt or amount.minor < 0 or is_refund(row)
        return (Posting(self.named(SPENT if spends else EARNED), -amount),)

    def _counterpart(self, statement: Statement, kind: AccountType) -> AccountId:
        """The person's other account at the bank, by the name that its own files would give it."""
        name = derived_name(replace(statement, type=kind, account_number=""))
        if name is None:
            return self.named(SPENT)
        account = self.named(name)
        if name not in self._facts.names:
            self.counterparts.add(account)
        return account

    def _split(self, row: StatementRow, unit: Commodity, is_debt: bool) -> tuple[Posting, ...]:
        sums: dict[str, int] = {}
        for split in row.splits:
            minor = at_scale_of(split.amount, unit).minor
            name = _category_name(split.category, minor, is_debt)
            sums[name] = sums.get(name, 0) + minor
        return tuple([Posting(self.named(name), Amount(-minor, unit)) for name, minor in sums.items()])


def _category_name(written: str, minor: int, is_debt: bool) -> str:
    """The full name of another program's category: `Food:Market` is `Expenses:Food:Market` where money goes out."""
    spends = is_debt or minor < 0
    parts = [part for part in (clean(part) for part in written.split(":")) if part]
    if not parts:
        return SPENT if spends else EARNED
    if parts[0] not in (Kind.EXPENSES, Kind.INCOME):
        parts = [str(Kind.EXPENSES if spends else Kind.INCOME), *parts]
    name = ":".join(parts)
    try:
        kind_of(name)
    except Rejected:  # longer or deeper than any account is
        return SPENT if spends else EARNED
    return name
