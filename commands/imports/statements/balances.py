"""Whether the books hold what the bank says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from commands.imports.plan import UNKNOWN
from commands.imports.reading import Reason
from domain.money import Amount


def compared(stated: Amount, held_minor: int, on: date, account: str) -> Reason:
    """Whether the books hold what the bank says; `difference` is what is missing in the books."""
    held = Amount(held_minor, stated.commodity)
    params = {"account": account, "date": on, "stated": stated, "held": held}
    if held == stated:
        return Reason("agrees_with_bank", params)
    return Reason("differs_from_bank", params | {"difference": Amount(stated.minor - held_minor, stated.commodity)})


def overall(agreements: Sequence[Reason]) -> Reason:
    """One word for several statements: one that differs tells first, then one that is not known."""
    for code in ("differs_from_bank", "agreement_unknown", "agrees_with_bank"):
        for agreement in agreements:
            if agreement.code == code:
                return agreement
    return UNKNOWN
