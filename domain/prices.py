"""Prices: what one unit of a commodity was worth in another on a day.

A price is a fact from outside, kept as it was told; how a missing or old one is bridged is the reader's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from domain.errors import Rejected
from domain.ledger import FIRST_DAY, LAST_DAY, CommodityDeclared, Ledger
from domain.ledger.accounts import undeclared
from domain.private import check_id

MAX_PRICE_DIGITS = 28
MAX_PRICE_PLACES = 18
"""Digits, and digits after the point, of a price: enough for inverse rates of weak currencies."""

# Commands


@dataclass(frozen=True, slots=True)
class RecordPrice:
    """One `commodity` was worth `rate` of `currency` on `date`; the latest told for a day stands.

    `fingerprint`: of the imported row that told it, so that a second import adds nothing.
    """

    commodity: str
    date: date
    rate: Decimal
    currency: str
    fingerprint: str | None = None


# Events


@dataclass(frozen=True, slots=True)
class PriceRecorded:
    commodity: str
    date: date
    rate: Decimal
    currency: str
    fingerprint: str | None = None


# Decisions


def decide(ledger: Ledger, command: RecordPrice) -> list[PriceRecorded | CommodityDeclared]:
    if not FIRST_DAY <= command.date <= LAST_DAY:
        raise Rejected("date_out_of_range", date=command.date, first=FIRST_DAY, last=LAST_DAY)
    check_id("fingerprint", command.fingerprint)
    if command.commodity == command.currency:
        raise Rejected("price_in_itself", commodity=command.commodity)
    if not command.rate.is_finite() or command.rate <= 0:
        raise Rejected("price_not_positive", rate=str(command.rate))
    _, digits, exponent = command.rate.as_tuple()
    if len(digits) > MAX_PRICE_DIGITS or not isinstance(exponent, int) or not -MAX_PRICE_PLACES <= exponent <= 9:
        raise Rejected("price_out_of_range", digits=MAX_PRICE_DIGITS, places=MAX_PRICE_PLACES)
    declared = undeclared(ledger, (command.commodity, command.currency))
    recorded = PriceRecorded(command.commodity, command.date, command.rate, command.currency, command.fingerprint)
    return [*declared, recorded]
