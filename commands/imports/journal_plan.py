"""Another ledger into the books: its accounts, units, transactions, prices and confirmed balances.

Amounts are taken over to the last digit or not at all. Only totals of costs and prices are rounded, half up, to the
scale of their currency; what is then left of a transaction that the other ledger calls balanced goes into its largest
cost total, or without one into a posting on `Equity:Rounding`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext

from commands.imports.plan import (
    ROW_NEW,
    ROW_SKIPPED,
    UNKNOWN,
    BookFacts,
    Desk,
    Place,
    Plan,
    Row,
    Verdict,
    period_of,
    standing_row,
)
from commands.imports.reading import (
    Journal,
    JournalBalance,
    JournalClosing,
    JournalEntry,
    JournalPosting,
    Reason,
)
from domain.book import BookCommand
from domain.errors import Rejected
from domain.ledger import (
    AccountId,
    AssertBalance,
    CloseAccount,
    ConcludeImport,
    Cost,
    DeclareCommodity,
    OpenAccount,
    Posting,
    Price,
    RecordTransaction,
    TransactionId,
    kind_of,
)
from domain.money import ISO_4217, MAX_SCALE, Amount, Commodity, commodity, round_half_up
from domain.prices import RecordPrice

ROUNDING = "Equity:Rounding"
"""Where a residue within the other ledger's tolerance goes, if no cost can take it."""

UNPOSTED_SCALE = 4
"""Decimal places of a unit that is priced or allowed but never posted: a fraction of a share will fit."""

PRECISION_DIGITS = 60
"""Digits that totals are computed with before they are rounded."""

MAX_LATE_ASSERTIONS = 100
"""Confirmed balances of days behind which the book has later entries: each is one reading of them, so the rest of
such are left out, by name."""


def plan_journal(
    facts: BookFacts, read: Journal, desk: Desk, format_name: str, file_name: str, skip: Collection[int]
) -> Plan:
    """The plan of a whole ledger; `skip` are transactions that a person left out."""
    with localcontext() as context:
        context.prec = PRECISION_DIGITS
        return _Draft(facts, read, desk, skip).plan(format_name, file_name)


@dataclass(slots=True)
class _Draft:
    """A journal becoming the commands of one group, in the order of days, so that each confirmed balance is asked
    for when nothing later stands on its account.
    """

    facts: BookFacts
    read: Journal
    desk: Desk
    skip: Collection[int]
    units: dict[str, Commodity] = field(default_factory=dict)
    ids: dict[str, AccountId] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    dated: list[tuple[date, RecordTransaction, int]] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)
    """Accounts that what is new touches."""

    def plan(self, format_name: str, file_name: str) -> Plan:
        declared = self._declare()
        self.ids = dict(self.facts.names)
        known_before = set(self.ids)
        for account in self.read.accounts:
            if account.name not in self.ids:
                self.ids[account.name] = AccountId(self.desk.new_id())
        self._take_entries()
        asserted = self._assertions()
        closings = self._closings()
        prices = self._prices()
        opened = self._openings(known_before)
        commands: list[BookCommand] = [*declared, *opened]
        row_of: dict[int, int] = {}
        waiting = iter(asserted)
        following = next(waiting, None)
        for day, record, row in self.dated:
            while following is not None and following[0] < day:
                commands.append(following[1])
                following = next(waiting, None)
            row_of[len(commands)] = row
            commands.append(record)
        if following is not None:
            commands += [following[1], *[command for _, command in waiting]]
        commands += [*closings, *prices]
        for left in self.read.left_out:
            self._show(left.row, left.line, left.date, None, left.description, Verdict.LEFT_OUT, left.reason)
        self.rows.sort(key=lambda row: row.row)
        recorded, skipped = len(self.dated), len(self.rows) - len(self.dated)
        commands.append(ConcludeImport(self.desk.import_id, format_name, None, recorded, skipped, file_name))
        also = {
            "accounts": len(opened),
            "commodities": len(declared),
            "prices": len(prices),
            "assertions": len(asserted),
            "closings": len(closings),
        }
        agreement = Reason("assertions_hold", {"count": len(asserted)}) if asserted else UNKNOWN
        return Plan(
            account=None,
            period=period_of([entry.date for entry in self.read.entries]),
            rows=tuple(self.rows),
            questions=(),
            remarks=self.read.remarks,
            statements=(),
            agreement=agreement,
            commands=tuple(commands),
            row_of=row_of,
            also=also,
        )

    def _show(
        self,
        row: int,
        line: int,
        day: date | None,
        amount: Amount | None,
        words: str,
        verdict: Verdict,
        reason: Reason,
    ) -> None:
        self.rows.append(Row(row, day, amount, words, verdict, reason, line))

    # Units

    def _declare(self) -> list[DeclareCommodity]:
        """Find every commodity's scale: the book's own, or the most places it is written with."""
        declared: list[DeclareCommodity] = []
        for code in self.read.commodities:
            written, needed = self.read.places.get(code, (UNPOSTED_SCALE, 0))
            standing = self.facts.commodities.get(code)
            if needed > MAX_SCALE or (standing is not None and needed > standing.scale):
                limit = standing.scale if standing is not None else MAX_SCALE
                raise Rejected("commodity_scale_too_small", commodity=code, scale=limit, needed=needed)
            if standing is not None:
                self.units[code] = standing
                continue
            currency = ISO_4217.get(code)
            scale = max(currency.scale, needed) if currency is not None else max(written, needed)
            self.units[code] = commodity(code, scale)
            if currency is None or currency.scale != scale:
                declared.append(DeclareCommodity(code, scale))
        return declared

    def _exactly(self, number: Decimal, code: str) -> Amount:
        unit = self.units[code]
        return Amount(int(number.scaleb(unit.scale)), unit)

    # Transactions

    def _take_entries(self) -> None:
        keyed: list[tuple[JournalEntry, tuple[Posting, ...], str]] = []
        equals: Counter[str] = Counter()
        for entry in self.read.entries:
            postings = self._postings(entry)
            key = entry_key(entry)
            equals[key] += 1
            keyed.append((entry, postings, self.desk.fingerprint(f"{key}|{equals[key]}")))
        taken = self.desk.taken([fingerprint for *_, fingerprint in keyed])
        closed = self.facts.closed_through
        for entry, postings, fingerprint in keyed:
            words = f"{entry.payee} {entry.memo}".strip()
            verdict, reason = Verdict.LEFT_OUT, ROW_SKIPPED
            known = standing_row(fingerprint, taken)
            if known is not None:
                verdict, reason = Verdict.DUPLICATE, known
            elif closed is not None and entry.date <= closed:
                reason = Reason("period_closed", {"closed_through": closed})
            elif entry.row not in self.skip:
                verdict, reason = Verdict.NEW, ROW_NEW
                self._record(entry, postings, fingerprint)
            self._show(entry.row, entry.line, entry.date, postings[0].amount, words, verdict, reason)
        self.dated.sort(key=lambda dated: dated[0])

    def _record(self, entry: JournalEntry, postings: tuple[Posting, ...], fingerprint: str) -> None:
        self.needed.update([posting.account for posting in entry.postings])
        record = RecordTransaction(
            TransactionId(self.desk.new_id()),
            entry.date,
            postings,
            entry.payee,
            entry.memo,
            entry.tags,
            entry.links,
            import_id=self.desk.import_id,
            fingerprint=fingerprint,
        )
        self.dated.append((entry.date, record, entry.row))

    def _postings(self, entry: JournalEntry) -> tuple[Posting, ...]:
        postings = [self._posting(posting) for posting in entry.postings]
        residue: dict[Commodity, int] = {}
        for posting in postings:
            weight = posting.weight
            residue[weight.commodity] = residue.get(weight.commodity, 0) + weight.minor
        for unit, minor in residue.items():
            if minor and not _settled_in_cost(postings, unit, minor):
                postings.append(self._rounding(Amount(-minor, unit)))
        if len(postings) == 1:
            postings.append(self._rounding(Amount(0, postings[0].weight.commodity)))
        return tuple(postings)

    def _rounding(self, amount: Amount) -> Posting:
        if ROUNDING not in self.ids:
            self.ids[ROUNDING] = AccountId(self.desk.new_id())
        return Posting(self.ids[ROUNDING], amount)

    def _posting(self, posting: JournalPosting) -> Posting:
        account = self.ids[posting.account]
        amount = self._exactly(posting.number, posting.commodity)
        if posting.cost is None and posting.price_each is None:
            return Posting(account, amount)
        cost: Cost | None = None
        price: Price | None = None
        if posting.cost is not None:
            total = self._total(posting.number * posting.cost.each, posting.cost.currency)
            cost = Cost(total, posting.cost.date, posting.cost.label)
        if posting.price_each is not None and posting.price_currency != posting.commodity:
            price = Price(self._total(posting.number * posting.price_each, posting.price_currency))
        return Posting(account, amount, cost, price)

    def _total(self, number: Decimal, code: str) -> Amount:
        unit = self.units[code]
        return Amount(round_half_up(number, unit.scale), unit)

    # What goes with them

    def _openings(self, known_before: Collection[str]) -> list[OpenAccount]:
        """The accounts to open: all of a ledger that is new, those that are needed of one that is known."""
        is_known = any(row.verdict is Verdict.DUPLICATE for row in self.rows)
        opened: list[OpenAccount] = []
        for account in self.read.accounts:
            if account.name in known_before or (is_known and account.name not in self.needed):
                continue
            kind_of(account.name)
            opened.append(OpenAccount(self.ids[account.name], account.name, account.commodities, account.opened_on))
        rounding = self.ids.get(ROUNDING)
        is_told = ROUNDING in known_before or any(account.name == ROUNDING for account in self.read.accounts)
        if not is_told and any(p.account == rounding for _, record, _ in self.dated for p in record.postings):
            opened.append(OpenAccount(self.ids[ROUNDING], ROUNDING, on_budget=False))
        return opened

    def _prices(self) -> list[RecordPrice]:
        told: dict[str, RecordPrice] = {}
        for price in self.read.prices:
            rate = price.rate.normalize()
            key = f"price.v1|{price.commodity}|{price.date.isoformat()}|{rate:f}|{price.currency}"
            fingerprint = self.desk.fingerprint(key)
            told[fingerprint] = RecordPrice(price.commodity, price.date, price.rate, price.currency, fingerprint)
        taken = self.desk.taken(told)
        return [command for fingerprint, command in told.items() if fingerprint not in taken]

    def _assertions(self) -> list[tuple[date, AssertBalance]]:
        """The confirmed balances that will hold to the last digit, by day."""
        parents = _parents(list(self.ids))
        candidates: list[tuple[JournalBalance, AccountId, Amount]] = []
        for balance in self.read.balances:
            account = self.ids[balance.account]
            reason = self._assertion_left_out(balance, parents)
            if reason is not None:
                self._leave_out_balance(balance, reason)
            elif balance.on.toordinal() not in self.facts.asserted.get((account, balance.commodity), ()):
                candidates.append((balance, account, self._exactly(balance.number, balance.commodity)))
        candidates.sort(key=lambda candidate: candidate[0].on)
        before = self._held_before(candidates)
        running: Counter[Place] = Counter()
        dated = iter(self.dated)
        following = next(dated, None)
        asserted: list[tuple[date, AssertBalance]] = []
        seen: set[tuple[AccountId, str, date]] = set()
        for balance, account, stated in candidates:
            while following is not None and following[0] <= balance.on:
                for posting in following[1].postings:
                    running[posting.account, posting.amount.commodity.code] += posting.amount.minor
                following = next(dated, None)
            place = (account, balance.commodity)
            held = before.get((*place, balance.on))
            if held is None:
                self._leave_out_balance(balance, Reason("assertion_behind_later_entries"))
                continue
            held += running[place]
            if held != stated.minor:
                params = {"stated": stated, "held": Amount(held, stated.commodity)}
                self._leave_out_balance(balance, Reason("assertion_not_exact", params))
                continue
            if (*place, balance.on) not in seen:
                seen.add((*place, balance.on))
                self.needed.add(balance.account)
                asserted.append((balance.on, AssertBalance(account, balance.on, stated, self.desk.import_id)))
        return asserted

    def _assertion_left_out(self, balance: JournalBalance, parents: Collection[str]) -> Reason | None:
        closed = self.facts.closed_through
        if balance.account in parents:
            return Reason("assertion_of_parent", {"account": balance.account})
        if closed is not None and balance.on <= closed:
            return Reason("period_closed", {"closed_through": closed})
        exact = self._exactly(balance.number, balance.commodity)
        if exact.minor != balance.number.scaleb(exact.commodity.scale):
            return Reason("amount_scale_exceeded", {"amount": str(balance.number), "scale": exact.commodity.scale})
        return None

    def _held_before(
        self, candidates: list[tuple[JournalBalance, AccountId, Amount]]
    ) -> dict[tuple[AccountId, str, date], int]:
        """What the book held before this import on each candidate's day; some are too late to be asked for."""
        before: dict[tuple[AccountId, str, date], int] = {}
        late: set[tuple[AccountId, str, date]] = set()
        for balance, account, _ in candidates:
            place = (account, balance.commodity)
            if self.facts.latest.get(place, 0) <= balance.on.toordinal():
                before[(*place, balance.on)] = self.facts.holdings.get(place, 0)
            elif len(late) < MAX_LATE_ASSERTIONS:
                late.add((*place, balance.on))
        if late:
            before.update(self.desk.held_on(frozenset(late)))
        return before

    def _leave_out_balance(self, balance: JournalBalance, reason: Reason) -> None:
        amount = None
        if reason.code != "amount_scale_exceeded":
            amount = self._exactly(balance.number, balance.commodity)
        words = f"balance {balance.account}"
        self._show(balance.row, balance.line, balance.on, amount, words, Verdict.LEFT_OUT, reason)

    def _closings(self) -> list[CloseAccount]:
        held: Counter[Place] = Counter(dict(self.facts.holdings))
        latest: dict[AccountId, int] = {}
        for (account, _), ordinal in self.facts.latest.items():
            latest[account] = max(latest.get(account, 0), ordinal)
        for day, record, _ in self.dated:
            for posting in record.postings:
                held[posting.account, posting.amount.commodity.code] += posting.amount.minor
                latest[posting.account] = max(latest.get(posting.account, 0), day.toordinal())
        full = {account for (account, _), minor in held.items() if minor}
        commands: list[CloseAccount] = []
        for closing in self.read.closings:
            account = self.ids[closing.account]
            standing = self.facts.accounts.get(account)
            if standing is not None and standing.closed_on is not None:
                continue
            if account in full and not kind_of(closing.account).is_category:
                reason = Reason("account_not_empty", {"account": closing.account})
            elif latest.get(account, 0) > closing.on.toordinal():
                reason = Reason("account_used_later", {"account": closing.account, "on": closing.on})
            else:
                self.needed.add(closing.account)
                commands.append(CloseAccount(account, closing.on))
                continue
            self._leave_out_closing(closing, reason)
        return commands

    def _leave_out_closing(self, closing: JournalClosing, reason: Reason) -> None:
        words = f"close {closing.account}"
        self._show(closing.row, closing.line, closing.on, None, words, Verdict.LEFT_OUT, reason)


def _settled_in_cost(postings: list[Posting], unit: Commodity, residue: int) -> bool:
    """Put a residue into the largest cost total of its commodity; False where there is none that can take it."""
    costs = [
        (abs(posting.cost.total.minor), -place, posting, posting.cost)
        for place, posting in enumerate(postings)
        if posting.cost is not None and posting.cost.total.commodity == unit
    ]
    if not costs:
        return False
    _, place, posting, cost = max(costs, key=lambda found: found[:2])
    total = cost.total.minor - residue
    if total * posting.amount.minor < 0 or (posting.amount.minor == 0 and total):
        return False
    settled = Cost(Amount(total, unit), cost.date, cost.label)
    postings[-place] = Posting(posting.account, posting.amount, settled, posting.price)
    return True


def _parents(names: Collection[str]) -> set[str]:
    """Every name that another is below of."""
    parents: set[str] = set()
    for name in names:
        while ":" in name:
            name = name.rpartition(":")[0]
            if name in parents:
                break
            parents.add(name)
    return parents


def entry_key(entry: JournalEntry) -> str:
    """What makes a transaction itself, but for its place among its equals: its day and what it moves between which
    accounts. Words are no part of it, so that a memo mended in the other ledger does not double the transaction.
    """
    return f"entry.v1|{entry.date.isoformat()}|" + "|".join(sorted([_posting_key(p) for p in entry.postings]))


def _posting_key(posting: JournalPosting) -> str:
    key = f"{posting.account}\t{posting.number.normalize():f}\t{posting.commodity}"
    if posting.cost is not None:
        key += f"\t{{{posting.cost.each.normalize():f}\t{posting.cost.currency}\t{posting.cost.date}"
    if posting.price_each is not None:
        key += f"\t@{posting.price_each.normalize():f}\t{posting.price_currency}"
    return key
