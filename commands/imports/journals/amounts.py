"""Another ledger's figures at the scales the book keeps: taken over to the last digit or not at all.

Only totals of costs and prices are rounded, half up, to the scale of their currency; what is then left of a transaction
that the other ledger calls balanced goes into its largest cost total, or without one into a posting on
`Equity:Rounding`.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from decimal import Decimal

from commands.imports.plan import BookFacts
from commands.imports.reading import Journal, JournalEntry, JournalPosting
from domain.errors import Rejected
from domain.ledger import AccountId, Cost, DeclareCommodity, Posting, Price
from domain.money import ISO_4217, MAX_SCALE, Amount, Commodity, commodity, round_half_up

ROUNDING = "Equity:Rounding"
"""Where a residue within the other ledger's tolerance goes, if no cost can take it."""

UNPOSTED_SCALE = 4
"""Decimal places of a unit that is priced or allowed but never posted: a fraction of a share will fit."""


@dataclass(slots=True)
class Amounts:
    """`ids` are the accounts by their names, those to be opened too; `Equity:Rounding` joins them when it is needed."""

    ids: MutableMapping[str, AccountId]
    new_id: Callable[[], str]
    units: dict[str, Commodity] = field(default_factory=dict)

    def declare(self, facts: BookFacts, read: Journal) -> list[DeclareCommodity]:
        """Find every commodity's scale: the book's own, or the most places it is written with."""
        declared: list[DeclareCommodity] = []
        for code in read.commodities:
            written, needed = read.places.get(code, (UNPOSTED_SCALE, 0))
            standing = facts.commodities.get(code)
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

    def exactly(self, number: Decimal, code: str) -> Amount:
        unit = self.units[code]
        return Amount(int(number.scaleb(unit.scale)), unit)

    def rounded(self, number: Decimal, code: str) -> Amount:
        unit = self.units[code]
        return Amount(round_half_up(number, unit.scale), unit)

    def is_exact(self, number: Decimal, code: str) -> bool:
        return self.exactly(number, code).minor == number.scaleb(self.units[code].scale)

    def postings(self, entry: JournalEntry) -> tuple[Posting, ...]:
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
            self.ids[ROUNDING] = AccountId(self.new_id())
        return Posting(self.ids[ROUNDING], amount)

    def _posting(self, posting: JournalPosting) -> Posting:
        account = self.ids[posting.account]
        amount = self.exactly(posting.number, posting.commodity)
        if posting.cost is None and posting.price_each is None:
            return Posting(account, amount)
        cost: Cost | None = None
        price: Price | None = None
        if posting.cost is not None:
            total = self.rounded(posting.number * posting.cost.each, posting.cost.currency)
            cost = Cost(total, posting.cost.date, posting.cost.label)
        if posting.price_each is not None and posting.price_currency != posting.commodity:
            price = Price(self.rounded(posting.number * posting.price_each, posting.price_currency))
        return Posting(account, amount, cost, price)


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
