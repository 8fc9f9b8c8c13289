"""Money: whole numbers of the smallest unit of a commodity.

No float touches money, and no operation here loses a cent: what rounding leaves over is placed by a named rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache

from domain.errors import Rejected

MAX_SCALE = 9
"""Decimal places of the finest commodity a book can declare."""

MAX_AMOUNT_MINOR = 10**15
"""The largest amount of one posting, in minor units: ten trillion in a currency of two decimals."""

MAX_TURNOVER_MINOR = 9 * 10**18
"""The most that all postings of a book may move in one commodity: any sum of any of them then fits into 64 bits."""

MAX_CODE_CHARS = 24
"""The longest commodity code, as in beancount."""


@dataclass(frozen=True, slots=True)
class Commodity:
    """A currency, security or other unit, and its decimal places (`scale`, 0 to 9)."""

    code: str
    scale: int


@dataclass(frozen=True, slots=True)
class Amount:
    """So many minor units of a commodity. In a command the scale is as written, in an event the book's own."""

    minor: int
    commodity: Commodity

    def __neg__(self) -> Amount:
        return Amount(-self.minor, self.commodity)

    def __str__(self) -> str:
        return f"{decimal_text(self.minor, self.commodity.scale)} {self.commodity.code}"


def decimal_text(minor: int, scale: int) -> str:
    """The exact decimal string: `decimal_text(-5, 2)` is `-0.05`. Always `scale` digits after the point."""
    if scale == 0:
        return str(minor)
    digits = str(abs(minor)).rjust(scale + 1, "0")
    return f"{'-' if minor < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def parse_decimal(text: str) -> tuple[int, int]:
    """`(minor, scale)` of a decimal string as written: `-12.50` gives `(-1250, 2)`.

    Raises `amount_not_decimal` for anything but an optional sign, digits and one point: no exponent, no separators.
    """
    whole, point, places = text.partition(".")
    unsigned = whole[1:] if whole[:1] in ("-", "+") else whole
    digits = unsigned + places
    if not digits.isascii() or not digits.isdigit() or not unsigned or (point and not places):
        raise Rejected("amount_not_decimal", text=text[:40])
    if len(digits) > 40:
        raise Rejected("amount_out_of_range", limit_minor=MAX_AMOUNT_MINOR)
    minor = int(digits)
    return (-minor if whole[0] == "-" else minor), len(places)


def parse_amount(text: str, code: str) -> Amount:
    """An amount as a person or a file wrote it, at the scale it was written with."""
    if len(code) > MAX_CODE_CHARS:
        raise Rejected("commodity_unknown", commodity=code[:MAX_CODE_CHARS])
    minor, scale = parse_decimal(text)
    return Amount(minor, commodity(code, scale))


@lru_cache(maxsize=4096)
def commodity(code: str, scale: int) -> Commodity:
    """The commodity value, shared: a book of many postings holds each only once."""
    return Commodity(code, scale)


def at_scale_of(amount: Amount, unit: Commodity) -> Amount:
    """The same amount at the scale of `unit`; `amount_scale_exceeded` where that would lose a digit."""
    written = amount.commodity
    if written is unit:
        return amount
    if written.scale <= unit.scale:
        minor = amount.minor * 10 ** (unit.scale - written.scale)
    else:
        minor, lost = divmod(amount.minor, 10 ** (written.scale - unit.scale))
        if lost:
            raise Rejected("amount_scale_exceeded", amount=amount, scale=unit.scale)
    return Amount(minor, unit)


def round_half_up(value: Decimal, scale: int) -> int:
    """Minor units of `value` at `scale` decimals, halves away from zero: the rounding of bills and banks."""
    with localcontext() as context:
        context.prec = 60
        return int(value.scaleb(scale).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def split_in_parts(minor: int, parts: int) -> list[int]:
    """`minor` in equal parts, the odd cents in the first: 100.00 in 3 is 33.34, 33.33, 33.33 (card instalments)."""
    if parts < 1:
        raise Rejected("parts_not_positive", parts=parts)
    sign = -1 if minor < 0 else 1
    each, odd = divmod(abs(minor), parts)
    return [sign * (each + odd)] + [sign * each] * (parts - 1)


def allocate(minor: int, weights: Sequence[int]) -> list[int]:
    """`minor` shared in proportion to `weights`, summing to it exactly.

    Largest remainder (Hamilton's method): what rounding down leaves goes, a unit each, to the largest remainders; of
    equals the first. Weights are not negative and not all zero, else `weights_not_positive`.
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise Rejected("weights_not_positive")
    sign = -1 if minor < 0 else 1
    shares = [divmod(abs(minor) * weight, total) for weight in weights]
    left = abs(minor) - sum(share for share, _ in shares)
    by_remainder = sorted(range(len(weights)), key=lambda place: (-shares[place][1], place))
    favoured = set(by_remainder[:left])
    return [sign * (share + (place in favoured)) for place, (share, _) in enumerate(shares)]


# ISO 4217, list one (currencies in circulation), by decimal places; codes without places (gold, SDR) are declared.
_ISO_SCALES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
        CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL
        HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR
        MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK
        SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD
        XCG YER ZAR ZMW ZWG""",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_PAST_SCALES = {
    0: "ADP BEF BYR ESP GRD ITL LUF MGF PTE TPE TRL",
    2: "ATS AZM CSD CUC CYP DEM EEK FIM FRF GHC HRK IEP LTL LVL MRO MTL MZM NLG ROL RUR SDD SIT SKK SLL STD TMM VEB "
    "VEF YUM ZMK",
}
"""What was money within the life of a bank file: ISO 4217 list three. Of several reforms, the last before today's."""
ISO_4217 = {
    code: commodity(code, scale)
    for scales in (_ISO_SCALES, _PAST_SCALES)
    for scale, codes in scales.items()
    for code in codes.split()
}
"""The currencies every book knows without declaring them (ISO 4217 list one, amendment 177, and of list three)."""
