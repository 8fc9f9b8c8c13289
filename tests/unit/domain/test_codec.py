"""The codec: the shapes that events have on the wire. That every value comes back is tests/property's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import orjson
import pytest

from domain.ledger import (
    MAX_POSTINGS,
    AccountId,
    Cost,
    Posting,
    Price,
    TransactionAmended,
    TransactionId,
    TransactionRecorded,
)
from domain.money import MAX_AMOUNT_MINOR, MAX_CODE_CHARS, MAX_SCALE, Amount, commodity
from domain.prices import PriceRecorded
from domain.private import MAX_ID_CHARS, MAX_LABEL_CHARS, MAX_LABELS, MAX_TEXT_CHARS, private
from streams.codec import codec_of
from streams.contract import MAX_DATA_BYTES, decode, encode
from tests.given import brl, on, usd


def seal(plain: bytes) -> bytes:
    """Turned round: no word is left as it was, and sealing twice opens."""
    return plain[::-1]


def test_sums_are_decimal_texts_beside_their_commodity() -> None:
    postings = (
        Posting(AccountId("a"), usd("-0.05"), Cost(brl("-0.27"), on("2026-03-10"), "lot 1"), Price(brl("-0.30"))),
        Posting(AccountId("b"), Amount(7, commodity("JPY", 0))),
    )
    event = TransactionRecorded(TransactionId("t"), on("2026-03-10"), postings, payee="Padaria", tags=("x", "y"))
    hidden: list[bytes] = []

    def keep(plain: bytes) -> bytes:
        hidden.append(plain)
        return b"sealed"

    _, stored = encode(event, keep)
    assert orjson.loads(stored) == {
        "transaction": "t",
        "date": "2026-03-10",
        "postings": [
            {
                "account": "a",
                "amount": "-0.05",
                "commodity": "USD",
                "cost": {"total": "-0.27", "commodity": "BRL", "date": "2026-03-10"},
                "price": {"total": "-0.30", "commodity": "BRL"},
            },
            {"account": "b", "amount": "7", "commodity": "JPY"},
        ],
        "private": "c2VhbGVk",
    }
    assert orjson.loads(hidden[0]) == {
        "postings": {"0": {"cost": {"label": "lot 1"}}},
        "payee": "Padaria",
        "tags": ["x", "y"],
    }


def test_where_nobody_wrote_anything_nothing_is_sealed() -> None:
    event = TransactionRecorded(TransactionId("t"), on("2026-03-10"), ())
    assert b"private" not in encode(event, lambda plain: pytest.fail("there is nothing to seal"))[1]


def test_a_lots_words_find_their_posting_again() -> None:
    plain = Posting(AccountId("a"), brl("1.00"))
    lots = [Posting(AccountId("a"), usd("1.00"), Cost(brl("1.00"), None, f"lot {n}")) for n in range(12)]
    event = TransactionRecorded(TransactionId("t"), on("2026-03-10"), (plain, *lots[:5], plain, *lots[5:], plain))
    assert decode(*encode(event, seal), seal) == event


@pytest.mark.parametrize("rate", ["5.4300", "0.000000000000000001", "1E+9", "1E+2", "1E-18", "123456789.123456789"])
def test_a_rate_is_a_plain_decimal_text_of_the_same_worth(rate: str) -> None:
    event = PriceRecorded("USD", on("2026-03-10"), Decimal(rate), "BRL")
    name, stored = encode(event, seal)
    text = orjson.loads(stored)["rate"]
    assert "E" not in text.upper()
    assert Decimal(text) == Decimal(rate)
    assert decode(name, stored, seal) == event


def test_the_largest_amendment_fits_into_an_event_with_both_its_sides() -> None:
    least, total = (Amount(-MAX_AMOUNT_MINOR, commodity(letter * MAX_CODE_CHARS, MAX_SCALE)) for letter in "XY")
    text, label, day = "😀" * MAX_TEXT_CHARS, "😀" * MAX_LABEL_CHARS, on("2026-03-10")
    posting = Posting(AccountId("0" * MAX_ID_CHARS), least, Cost(total, day, label), Price(total))
    side, labels = (posting,) * MAX_POSTINGS, (label,) * MAX_LABELS
    transaction = TransactionId("0" * MAX_ID_CHARS)
    event = TransactionAmended(transaction, day, side, day, side, text, text, labels, labels, text)
    assert MAX_DATA_BYTES * 0.8 < len(encode(event, seal)[1]) < MAX_DATA_BYTES * 0.95


# What no event has yet, and the next one might


@dataclass(frozen=True, slots=True)
class Transfer:
    sent: Amount
    received: Amount
    fee: Amount | None
    note: str = private()


@dataclass(frozen=True, slots=True)
class Odd:
    ratio: float


@dataclass(frozen=True, slots=True)
class Choice:
    either: int | str


@dataclass(frozen=True, slots=True)
class Loose:
    words: Mapping[str, str]


def test_several_amounts_of_one_object_each_have_their_commodity() -> None:
    codec = codec_of(Transfer)
    value = Transfer(usd("1.00"), brl("5.43"), None, "to Ana")
    assert codec.public(value) == {
        "sent": "1.00",
        "sent_commodity": "USD",
        "received": "5.43",
        "received_commodity": "BRL",
    }
    assert codec.hidden(value) == {"note": "to Ana"}
    assert codec.build(codec.public(value), codec.hidden(value)) == value
    with_fee = dataclasses.replace(value, fee=brl("0.10"), note="")
    assert codec.hidden(with_fee) is None
    assert codec.build(codec.public(with_fee), None) == with_fee


@pytest.mark.parametrize("kind", [Odd, Choice, Loose])
def test_a_type_without_a_json_form_is_refused_when_it_is_compiled(kind: type[Any]) -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        codec_of(kind)


def test_what_an_event_must_say_is_missed() -> None:
    with pytest.raises(KeyError, match="date"):
        codec_of(TransactionRecorded).build({"transaction": "t", "postings": []}, None)
    assert date.fromisoformat("2026-03-10") == on("2026-03-10")
