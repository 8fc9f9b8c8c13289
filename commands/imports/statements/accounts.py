"""Which account a statement belongs to: by what a person says, by what was recognized before, else by a name.

Two accounts of a bank are told apart by the whole of their numbers, never by what their names show of them; where a
name could mean two, the person is asked.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate

from commands.imports.plan import Answers, BookFacts, Desk
from commands.imports.reading import AccountType, Question, Statement
from domain.errors import Rejected
from domain.ledger import (
    Account,
    AccountId,
    JoinTransaction,
    Kind,
    OpenAccount,
    RecognizeAccount,
    RecordTransaction,
    SetOpeningBalance,
    kind_of,
)
from domain.money import Commodity

ACCOUNT_ENDS = 4
"""How much of an account's number its derived name tells."""

UNNAMED = "Bank-File"
"""What an account is called where neither its file nor the file's name says anything."""

MAX_CHOICES = 50
"""Accounts that a question offers."""

_SHORT_WORD = 4
"""A bank's name in capitals up to this length is kept so (BB, ITAÚ, USAA)."""


@dataclass(slots=True)
class Target:
    """The account that statements of the file go to, and what they bring it; `is_new` where it is still to be opened.

    `is_first`: nothing stands on the account yet, so that its opening balance is still to be said.
    """

    account: Account
    unit: Commodity
    is_new: bool
    is_first: bool
    seen: set[str] = field(default_factory=set)
    """Fingerprints of the rows so far: a row that two statements of one file bring is there once."""
    own: list[tuple[date, int]] = field(default_factory=list)
    """Day and amount, by the bank, of every row that is news to the account, those a person skipped too."""
    brought: list[tuple[date, int]] = field(default_factory=list)
    """The same of those that are booked."""
    records: list[tuple[int, RecordTransaction]] = field(default_factory=list)
    joins: list[tuple[int, JoinTransaction]] = field(default_factory=list)
    opening: SetOpeningBalance | None = None
    settled: list[RecordTransaction] = field(default_factory=list)
    """What the file's rows take out of opening balances that stand on later days, for they are part of them."""
    recognitions: list[RecognizeAccount] = field(default_factory=list)
    _by_day: tuple[list[date], list[int]] | None = None
    """The days of what is `brought`, and the sums of it before the first day and after each."""

    @property
    def is_debt(self) -> bool:
        return self.account.kind is Kind.LIABILITIES

    @property
    def opens(self) -> bool:
        return self.is_new and (bool(self.records or self.joins) or self.opening is not None)

    def open_command(self) -> OpenAccount:
        return OpenAccount(self.account.id, self.account.name, self.account.commodities)

    def brings_by(self, on: date) -> int:
        """What the file adds to the account up to the end of a day, in minor units: asked when all of it is known."""
        if self._by_day is None:
            moved = Counter[date]()
            for day, minor in self.brought:
                moved[day] += minor
            days = sorted(moved)
            self._by_day = days, [0, *accumulate(moved[day] for day in days)]
        days, sums = self._by_day
        minor = sums[bisect_right(days, on)]
        if self.opening is not None and self.opening.date <= on:
            minor += self.opening.amount.minor
        return minor + sum(command.postings[0].amount.minor for command in self.settled if command.date <= on)


@dataclass(slots=True)
class Directory:
    """The targets of a file's statements, found one after the other, and what is to be asked about them."""

    facts: BookFacts
    desk: Desk
    answers: Answers
    given: str | None
    file_name: str
    questions: list[Question] = field(default_factory=list)
    _by_name: dict[str, Target] = field(default_factory=dict)
    _numbers: dict[str, set[str]] = field(default_factory=dict)
    """The accounts' numbers behind each derived name."""
    _answered: dict[str, str] = field(default_factory=dict)
    """What a person said of one statement of a bank's account goes for its others."""

    def targets(self, statements: Sequence[Statement]) -> list[Target]:
        unmeant = self.answers.accounts.keys() - {statement.number for statement in statements}
        if unmeant:
            raise Rejected("answer_not_valid", answer=f"accounts.{min(unmeant)}")
        sources = [source_of(statement) for statement in statements]
        for statement in statements:
            self._numbers.setdefault(derived_name(statement) or "", set()).add(statement.account_number)
        elsewhere = self.desk.elsewhere([source for source in sources if _is_numbered(source)])
        found = [
            self._target(statement, source, several=len(statements) > 1)
            for statement, source in zip(statements, sources, strict=True)
        ]
        foreign = [(s, t) for s, source, t in zip(statements, sources, found, strict=True) if source in elsewhere]
        is_known = all(target.account.id in self.facts.recognized.values() for _, target in foreign)
        if foreign and not is_known and not self.answers.other_book:
            params = {"account": foreign[0][1].account.name}
            # A couple's account may well stand in two books, so this only asks: the preview is where to stop.
            self.questions.append(Question("statement_of_other_book", "other_book", params, ("true",)))
        for source, target in dict(zip(sources, found, strict=True)).items():
            fingerprint = self.desk.fingerprint(f"account.v1|{source}")
            if source and self.facts.recognized.get(fingerprint) != target.account.id:
                claimed = source if _is_numbered(source) else ""
                is_shared = source in elsewhere
                target.recognitions.append(RecognizeAccount(target.account.id, fingerprint, claimed, is_shared))
        return found

    def _target(self, statement: Statement, source: str, *, several: bool) -> Target:
        facts = self.facts
        answered = self.answers.accounts.get(statement.number) or self._answered.get(source)
        if answered is not None:
            if source:
                self._answered.setdefault(source, answered)
            account = self._known(answered)
            return self._at(statement, account.name if account is not None else _to_be_opened(answered))
        if self.given is not None:
            return self._at(statement, facts.account(self.given).name)
        recognized = facts.recognized.get(self.desk.fingerprint(f"account.v1|{source}")) if source else None
        if recognized is not None:
            return self._at(statement, facts.accounts[recognized].name)
        name = self._name_of(statement)
        if name is None:
            return self._unnamed(statement)
        alike = self._alike(statement)
        if len(alike) > 1:
            return self._ask(statement, name, "account_not_clear", needed=True)
        if alike:
            return self._at(statement, alike[0])
        if several or self._choices(statement):
            return self._ask(statement, name, "which_account", needed=False)
        return self._at(statement, name)

    def _unnamed(self, statement: Statement) -> Target:
        """Where a file goes that tells neither bank nor number: to an account called as the file is, if nobody says
        otherwise. Of one that is there already nobody knows whether it is the same: its first file's rows may tell.
        """
        stem = re.split(r"[\W\d_]+", self.file_name.rpartition(".")[0] or self.file_name)
        root = Kind.LIABILITIES if statement.type.is_debt else Kind.ASSETS
        name = f"{root}:{'-'.join([word.capitalize() for word in stem if word][:4]) or UNNAMED}"
        return self._ask(statement, name, "account_needed", needed=False)

    def _name_of(self, statement: Statement) -> str | None:
        """The derived name, with the whole number where its end tells two accounts of the file or the book alike."""
        name = derived_name(statement)
        if name is None:
            return None
        number = self._numbers.get(name, {statement.account_number})
        taken = self.facts.names.get(name)
        if len(number) > 1 or (taken is not None and taken in self.facts.recognized.values()):
            return derived_name(statement, ends=None)
        return name

    def _alike(self, statement: Statement) -> list[str]:
        """The accounts whose names end as the statement's number does, and that no other number is known for."""
        ends = "".join([c for c in statement.account_number if c.isalnum()])[-ACCOUNT_ENDS:].upper()
        known = set(self.facts.recognized.values())
        choices = self._choices(statement) if len(ends) == ACCOUNT_ENDS else []
        named = derived_name(statement)
        found = [name for name in choices if name.upper().endswith(ends) and self.facts.names[name] not in known]
        return [named] if named in found else found

    def _ask(self, statement: Statement, name: str, code: str, *, needed: bool) -> Target:
        is_asked = name in self._by_name
        target = self._at(statement, name)
        if is_asked:
            return target  # another statement of the same account
        params = {"statement": statement.number, "account": name}
        self.questions.append(Question(code, "accounts", params, tuple(self._choices(statement)), needed))
        return target

    def _choices(self, statement: Statement) -> list[str]:
        """The accounts of the same kind that are there for it: open, of its currency, and no other statement's."""
        kind = Kind.LIABILITIES if statement.type.is_debt else Kind.ASSETS
        code = statement.currency
        return [
            account.name
            for account in sorted(self.facts.accounts.values(), key=lambda account: account.name)
            if account.kind is kind
            and account.closed_on is None
            and (not code or not account.commodities or code in account.commodities)
        ][:MAX_CHOICES]

    def _known(self, text: str) -> Account | None:
        return self.facts.accounts.get(self.facts.names.get(text, AccountId(text)))

    def _at(self, statement: Statement, name: str) -> Target:
        target = self._by_name.get(name)
        if target is None:
            target = self._by_name[name] = _opened_or_known(self.facts, self.desk, statement, name)
        elif target.unit != _unit(self.facts, statement, target.account):
            raise Rejected("account_takes_other_commodity", account=name, commodity=statement.currency)
        return target


def source_of(statement: Statement) -> str:
    """What makes a bank's account itself: bank, type, number and currency as written, but for case and signs between
    them; empty where the file tells neither bank nor number.
    """
    bank = "".join([c for c in statement.bank.casefold() if c.isalnum()])
    number = "".join([c for c in statement.account_number.casefold() if c.isalnum()])
    return f"{bank}|{statement.type}|{number}|{statement.currency}" if bank or number else ""


def _is_numbered(source: str) -> bool:
    return bool(source) and bool(source.split("|")[2])


def _to_be_opened(name: str) -> str:
    """A name that a person gives for an account that is not there yet; refused where it is none that can be."""
    if not name.startswith(("Assets:", "Liabilities:")):
        raise Rejected("account_unknown", account=name[:250])
    kind_of(name)
    return name


def _opened_or_known(facts: BookFacts, desk: Desk, statement: Statement, name: str) -> Target:
    known = facts.accounts[facts.names[name]] if name in facts.names else None
    unit = _unit(facts, statement, known)
    if known is None:
        # A broker's account holds securities beside its cash.
        commodities = () if statement.type is AccountType.INVESTMENT else (unit.code,)
        opened = Account(AccountId(desk.new_id()), 0, name, Kind(name.partition(":")[0]), commodities, None, True)
        return Target(opened, unit, True, True)
    if known.kind not in (Kind.ASSETS, Kind.LIABILITIES):
        raise Rejected("account_not_for_statements", account=name)
    if known.commodities and unit.code not in known.commodities:
        raise Rejected("account_takes_other_commodity", account=name, commodity=unit.code)
    was_posted = any(place[0] == known.id and ordinal for place, ordinal in facts.latest.items())
    holds = any(place[0] == known.id and minor for place, minor in facts.holdings.items())
    return Target(known, unit, False, not was_posted or (not holds and desk.is_untouched(known.id)))


def _unit(facts: BookFacts, statement: Statement, known: Account | None) -> Commodity:
    """The statement's currency: its own, else its account's, else the book's."""
    code = statement.currency
    if not code:
        code = known.commodities[0] if known is not None and len(known.commodities) == 1 else facts.base
    unit = facts.unit(code)
    if unit is None:
        raise Rejected("commodity_unknown", commodity=code[:24])
    return unit


def derived_name(statement: Statement, ends: int | None = ACCOUNT_ENDS) -> str | None:
    """An account's name from bank, type and the end of its number (None: all of it): `Assets:Banco-Modelo-3456`.

    The same for every file of the account. None where the file tells neither bank nor number.
    """
    number = "".join([c for c in statement.account_number if c.isalnum()])
    words = [
        word if len(word) <= _SHORT_WORD and word.isupper() else word[:1].upper() + word[1:].lower()
        for word in re.split(r"[^\w]|_", statement.bank)
        if word
    ]
    if not number and not any(word.isalpha() for word in words):
        return None
    match statement.type:
        case AccountType.CARD:
            words.append("Card")
        case AccountType.CREDIT_LINE:
            words.append("Credit")
        case AccountType.SAVINGS:
            words.append("Savings")
        case AccountType.INVESTMENT:
            words.append("Investments")
        case AccountType.CHECKING:
            pass  # the usual one: its bank says enough
    if not any(word.isalpha() for word in words):
        words = ["Bank", *words]  # a bank that gives only its number
    root = Kind.LIABILITIES if statement.type.is_debt else Kind.ASSETS
    shown = number if ends is None else number[-ends:]
    return f"{root}:{'-'.join([*words[:8], *([shown.upper()] if shown else [])])}"
