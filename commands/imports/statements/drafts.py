"""One statement becoming rows with verdicts, and the commands behind them.

A row is known again by its account, the bank's id, day, amount, instalment and its place among its equals in the file:
never by the bank's id alone, which banks repeat, and never by words, which they change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta

from commands.imports.plan import (
    ROW_NEW,
    ROW_SKIPPED,
    UNKNOWN,
    Answers,
    BookFacts,
    Check,
    Desk,
    Row,
    StatementPlan,
    Verdict,
    standing_row,
)
from commands.imports.reading import AccountType, Reason, Statement, StatementRow
from commands.imports.statements.accounts import Target
from commands.imports.statements.balances import compared
from commands.imports.statements.categories import Categories
from commands.imports.statements.instalments import Purchases
from commands.imports.statements.likeness import Fresh, Join, Met
from commands.imports.trades import investment_postings, units_not_booked
from domain.errors import Rejected
from domain.ledger import AccountId, How, JoinTransaction, Kind, Posting, RecordTransaction, TransactionId
from domain.money import Amount, Commodity, at_scale_of, parse_amount

Exact = tuple[StatementRow, date, Amount, str]
"""A row that can be booked: itself, its day, its amount at the scale of its unit, and its fingerprint."""


@dataclass(slots=True)
class Draft:
    """A statement on its way into the books."""

    facts: BookFacts
    desk: Desk
    answers: Answers
    statement: Statement
    target: Target
    categories: Categories
    purchases: Purchases
    securities: Mapping[str, Commodity]
    skip: Collection[int]
    rows: list[Row] = field(default_factory=list)
    exact: list[Exact] = field(default_factory=list)
    fresh: list[Fresh] = field(default_factory=list)
    met: set[Met] = field(default_factory=set)
    stated: Amount | None = None
    stated_on: date | None = None
    is_told_by_person: bool = False
    held_minor: int | None = None
    check: Check | None = None

    def told(self) -> StatementPlan:
        account, stated = self.target.account.name, self.stated
        agreement = UNKNOWN
        if stated is not None and self.stated_on is not None and self.held_minor is not None:
            agreement = compared(stated, self.held_minor, self.stated_on, account)
        held = Amount(self.held_minor, self.target.unit) if self.held_minor is not None else None
        opening = self.target.opening
        return StatementPlan(
            account,
            self.target.opens,
            self.target.unit.code,
            self.statement.first,
            self.statement.last,
            opening.amount if opening is not None else None,
            stated,
            self.stated_on,
            held,
            agreement,
        )

    def _show(
        self,
        row: StatementRow,
        amount: Amount | None,
        verdict: Verdict,
        reason: Reason,
        category: str | None = None,
        transaction: TransactionId | None = None,
    ) -> None:
        words = f"{row.payee} {row.memo}".strip()
        self.rows.append(
            Row(row.row, row.date, amount, words, verdict, reason, 0, category, row.instalment, transaction)
        )

    # Which rows are news

    def read_rows(self) -> None:
        """Leave out what cannot be booked; what is left is `exact`."""
        equals: dict[str, int] = {}
        account, fingerprint = self.target.account.id, self.desk.fingerprint
        for row in self.statement.rows:
            left_out = row.left_out
            if left_out is None and row.trade is not None:
                left_out = units_not_booked(row, self.securities[row.trade.security])
            if left_out is None and row.amount is not None and row.date is not None:
                unit = self._unit_of(row.amount)
                try:
                    amount = at_scale_of(row.amount, unit)
                except Rejected as rejected:
                    left_out = Reason(rejected.code, {"amount": row.amount, "scale": unit.scale})
                else:
                    key = row_key(account, row, amount)
                    ordinal = equals[key] = equals.get(key, 0) + 1
                    self.exact.append((row, row.date, amount, fingerprint(f"{key}|{ordinal}")))
                    continue
            self._show(row, row.amount, Verdict.LEFT_OUT, left_out or Reason("row_date_not_valid"))

    def take_rows(self, taken: Mapping[str, str]) -> None:
        """Tell duplicates, by the fingerprints that are `taken`, and what cannot be booked now; what is left is
        `fresh`.
        """
        days = [day for _, day, _, _ in self.exact] or [self.desk.today]
        covered = min(days), max(days)
        seen = self.target.seen
        for row, day, amount, fingerprint in self.exact:
            known = standing_row(fingerprint, taken) if taken else None
            if known is None and fingerprint in seen:
                known = Reason("row_twice_in_file")
            seen.add(fingerprint)
            if known is not None:
                holder = TransactionId(taken.get(fingerprint, "")) or None
                if holder is not None:
                    self.met.add((holder, self.target.account.id))
                self._show(row, amount, Verdict.DUPLICATE, known, transaction=holder)
                continue
            on = self._bookable_on(day)
            if isinstance(on, Reason):
                self._show(row, amount, Verdict.LEFT_OUT, on)
                continue
            self.fresh.append(Fresh(row, on, amount, fingerprint, self.target, covered))

    def _bookable_on(self, day: date) -> date | Reason:
        """The day to book a row of `day` on, or why it cannot be booked."""
        account, closed = self.target.account, self.facts.closed_through
        if closed is not None and day <= closed:
            if self.answers.closed_rows == "skip":
                return Reason("period_closed", {"closed_through": closed})
            day = closed + timedelta(days=1)
        if account.opened_on is not None and day < account.opened_on:
            return Reason("account_not_open_yet", {"account": account.name, "opened_on": account.opened_on})
        if account.closed_on is not None:
            return Reason("account_closed", {"account": account.name, "on": account.closed_on})
        return day

    # What becomes of them

    def settle(
        self, joins: Mapping[int, Join], unclear: Mapping[int, Reason], recorded: dict[int, TransactionId]
    ) -> None:
        """Record the fresh rows, or let them join what stands; `recorded` are the file's transactions by row."""
        for one in self.fresh:
            row, amount = one.row, one.amount
            join = joins.get(row.row) if row.row not in self.answers.separate else None
            if join is not None and join.row is not None and join.row not in recorded:
                join = None  # the other side was left out, so that this one stands on its own
            if join is None or join.how is not How.MATCH:
                self.target.own.append((one.day, self._cash(one)))
            if row.row in self.skip:
                self._show(row, amount, Verdict.LEFT_OUT, ROW_SKIPPED)
                continue
            own = self._recorded(one)
            if join is None:
                self.target.brought.append((one.day, self._cash(one)))
                self.target.records.append((row.row, own))
                recorded[row.row] = own.transaction
                category = self.categories.name_of(own.postings)
                reason = unclear.get(row.row) or self._why_new(one, category)
                self._show(row, amount, Verdict.NEW, reason, category)
                continue
            into = join.transaction if join.row is None else recorded[join.row]
            assert into is not None
            verdict = Verdict.MATCH if join.how is How.MATCH else Verdict.TRANSFER
            if join.how is not How.MATCH:
                self.target.brought.append((one.day, self._cash(one)))
            self.target.joins.append((row.row, JoinTransaction(into, own, join.how)))
            self._show(row, amount, verdict, join.reason, transaction=join.transaction)

    def _why_new(self, one: Fresh, category: str | None) -> Reason:
        if not one.row.dated:
            return Reason("row_dated_by_statement")
        if one.day != one.row.date:
            return Reason("row_on_first_open_day", {"date": one.day})
        if one.row.trade is not None and one.row.trade.units.minor < 0:
            return Reason("sale_without_lots")
        if one.row.counterpart is not None and (category or "").startswith(str(Kind.ASSETS)):
            return Reason("row_to_own_account", {"account": category})
        return ROW_NEW

    def _cash(self, one: Fresh) -> int:
        """What a row moves of the account's own commodity: a reinvestment moves none, nor does another currency."""
        trade = one.row.trade
        if one.amount.commodity != self.target.unit or (trade is not None and trade.action.moves_no_cash):
            return 0
        return one.amount.minor

    def _unit_of(self, amount: Amount) -> Commodity:
        """The book's unit of a row: a broker keeps cash in several currencies, a bank's account has its own alone."""
        unit = self.facts.unit(amount.commodity.code) if self.statement.type is AccountType.INVESTMENT else None
        return unit or self.target.unit

    def _recorded(self, one: Fresh) -> RecordTransaction:
        row, account = one.row, self.target.account
        if self.statement.type is AccountType.INVESTMENT and (row.trade is not None or row.income):
            held = self.securities[row.trade.security] if row.trade is not None else self.target.unit
            postings = investment_postings(row, account.id, one.amount, held, self.categories.named)
        else:
            against = self.categories.against(self.statement, row, one.day, one.amount, account)
            postings = (Posting(account.id, one.amount), *against)
        return RecordTransaction(
            TransactionId(self.desk.new_id()),
            one.day,
            postings,
            row.payee,
            row.memo,
            import_id=self.desk.import_id,
            fingerprint=one.fingerprint,
            instalment=self.purchases.instalment(account.id, row, one.day),
        )

    # What the account holds

    def state_balance(self, told: str | None) -> None:
        """What the account really holds, by the bank or by the person's word of today."""
        unit = self.target.unit
        if self.statement.stated is not None:
            with suppress(Rejected):  # a balance finer than its currency is none
                self.stated, self.stated_on = at_scale_of(self.statement.stated, unit), self.statement.stated_on
        if told is not None:
            amount = at_scale_of(parse_amount(told, unit.code), unit)
            self.stated, self.stated_on = (-amount if self.target.is_debt else amount), self.desk.today
            self.is_told_by_person = True

    @property
    def is_asked(self) -> bool:
        """Whether the account's opening balance waits for a word."""
        return self.target.is_first or self.target.account.id in self.facts.unopened

    @property
    def needs_balance(self) -> bool:
        """Whether a person's word on the balance is meant for this statement."""
        return self.statement.stated is None and self.statement.type is not AccountType.INVESTMENT

    @property
    def stated_at(self) -> tuple[AccountId, str, date] | None:
        """The place and day of the stated balance; None where none is stated, or where what stood then is no longer
        known day by day.
        """
        closed = self.facts.closed_through
        if self.stated is None or self.stated_on is None or (closed is not None and self.stated_on < closed):
            return None
        return self.target.account.id, self.target.unit.code, self.stated_on

    def foresee(self, held: Mapping[tuple[AccountId, str, date], int]) -> None:
        """What the books will hold on the stated day, `held` being what they hold before."""
        at = self.stated_at
        if at is None or self.stated is None:
            return
        account, _, on = at
        self.held_minor = held.get(at, 0) + self.target.brings_by(on)
        self.check = Check(account, self.stated, on)


def row_key(account: AccountId, row: StatementRow, amount: Amount) -> str:
    """What makes a row itself, but for its place among its equals: for ever the same, as fingerprints are kept."""
    k_of_n = f"{row.instalment[0]}/{row.instalment[1]}" if row.instalment is not None else ""
    day = row.date.isoformat() if row.date is not None and row.dated else ""
    bank_id = row.bank_id.replace("|", "||")
    unit = amount.commodity
    key = f"row.v1|{account}|{bank_id}|{day}|{amount.minor}|{unit.scale}|{unit.code}|{k_of_n}"
    if row.trade is not None:
        units = row.trade.units
        key += f"|{row.trade.action}|{row.trade.security}|{units.minor}e-{units.commodity.scale}"
    return key
