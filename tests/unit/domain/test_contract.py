"""The event contract: golden files that are never edited, the envelope's hash, and steps between versions.

A golden file is an event as it was stored when its version was published, its private part laid open. It is written
once; the values below say in Python what it must go on meaning for ever.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.book import BookErased, BookEvent, BookId, BookOpened, BookRenamed
from domain.budgets import BudgetChanged, BudgetEnded, BudgetId, BudgetSet, Every, Period
from domain.ledger import (
    AccountClosed,
    AccountId,
    AccountMerged,
    AccountOpened,
    AccountRecognized,
    AccountRenamed,
    AssertionWithdrawn,
    BalanceAsserted,
    CommodityDeclared,
    Cost,
    How,
    ImportCommitted,
    ImportId,
    ImportUndone,
    Instalment,
    Kind,
    PeriodClosed,
    Posting,
    Price,
    RuleId,
    TransactionAmended,
    TransactionCategorized,
    TransactionId,
    TransactionJoined,
    TransactionParted,
    TransactionRecorded,
    TransactionVoided,
)
from domain.money import parse_amount
from domain.prices import PriceRecorded
from domain.rules import Direction, RuleRemoved, RuleSet
from streams import contract
from streams.contract import (
    EVENT_TYPES,
    TYPE_NAMES,
    UnknownEventType,
    decode,
    encode,
    envelope_hash,
    instant_text,
    parse_instant,
)
from tests.given import brl, on, usd

GOLDEN = Path(__file__).parents[2] / "contract" / "golden"

BROKERAGE, CHECKING = (
    AccountId("0198c0de-0000-7000-8000-00000000000a"),
    AccountId("0198c0de-0000-7000-8000-00000000000b"),
)
FOOD = AccountId("0198c0de-0000-7000-8000-00000000000c")
BUY = TransactionId("0198c0de-0000-7000-8000-0000000000f1")
LATER = TransactionId("0198c0de-0000-7000-8000-0000000000f2")
IMPORT = ImportId("0198c0de-0000-7000-8000-0000000000d1")
BUDGET = BudgetId("0198c0de-0000-7000-8000-0000000000e1")
RULE = RuleId("0198c0de-0000-7000-8000-0000000000c1")
OWN = TransactionId("0198c0de-0000-7000-8000-0000000000f3")
PURCHASE = "0198c0de-0000-7000-8000-0000000000b1"
DAY, NEXT_DAY = on("2026-03-10"), on("2026-03-11")
POSTINGS = (
    Posting(
        BROKERAGE,
        parse_amount("0.50000000", "BTC"),
        Cost(brl("150000.00"), on("2026-03-09"), "primeiro lote"),
        Price(brl("151000.00")),
    ),
    Posting(BROKERAGE, usd("100.00"), None, Price(brl("543.21"))),
    Posting(BROKERAGE, parse_amount("3", "IVVB11"), Cost(brl("900.00"))),
    Posting(CHECKING, brl("-151443.21")),
)
PLAIN = (Posting(FOOD, brl("10.00")), Posting(CHECKING, brl("-10.00")))
LEG = (Posting(BROKERAGE, brl("10.00")), Posting(FOOD, brl("-10.00")))
TRANSFER = (Posting(BROKERAGE, brl("10.00")), Posting(CHECKING, brl("-10.00")))

EXPECTED: dict[str, BookEvent] = {
    "book.opened.v1": BookOpened(
        BookId("0198c0de-0000-7000-8000-000000000001"), "BRL", "America/Sao_Paulo", "Casa da Ana"
    ),
    "book.renamed.v1": BookRenamed("Família 👪"),
    "book.erased.v1": BookErased("mudança"),
    "book.erased.v1.least": BookErased(),
    "ledger.commodity-declared.v1": CommodityDeclared("BTC", 8),
    "ledger.account-opened.v1": AccountOpened(
        BROKERAGE, Kind.ASSETS, ("BRL", "BTC"), DAY, False, "Assets:Corretora São João"
    ),
    "ledger.account-opened.v1.least": AccountOpened(FOOD, Kind.EXPENSES, (), None, True, "Expenses:Food"),
    "ledger.account-renamed.v1": AccountRenamed(FOOD, "Expenses:Alimentação"),
    "ledger.account-closed.v1": AccountClosed(BROKERAGE, DAY),
    "ledger.account-merged.v1": AccountMerged(FOOD, AccountId("0198c0de-0000-7000-8000-00000000000d")),
    "ledger.transaction-recorded.v1": TransactionRecorded(
        BUY,
        DAY,
        POSTINGS,
        LATER,
        IMPORT,
        "6f3b8f0c",
        "Corretora",
        "Compra\n2/6",
        ("férias", "tax"),
        ("nota-1",),
    ),
    "ledger.transaction-recorded.v1.least": TransactionRecorded(BUY, DAY, PLAIN),
    "ledger.transaction-recorded.v1.told": TransactionRecorded(BUY, DAY, PLAIN, None, IMPORT, through=on("2026-03-31")),
    "ledger.transaction-recorded.v1.instalment": TransactionRecorded(
        BUY, DAY, PLAIN, None, IMPORT, "6f3b8f0c", "Ótica", "Parcela 2/6", instalment=Instalment(2, 6, PURCHASE)
    ),
    "ledger.transaction-amended.v1": TransactionAmended(
        BUY, DAY, POSTINGS, NEXT_DAY, PLAIN, "Padaria", "pão", ("t",), ("l",), "engano"
    ),
    "ledger.transaction-amended.v1.least": TransactionAmended(BUY, DAY, PLAIN, DAY, PLAIN[::-1]),
    "ledger.transaction-voided.v1": TransactionVoided(BUY, DAY, POSTINGS, IMPORT, "duas vezes"),
    "ledger.transaction-voided.v1.least": TransactionVoided(BUY, DAY, PLAIN),
    "ledger.transaction-joined.v1": TransactionJoined(
        BUY,
        How.TRANSFER,
        OWN,
        NEXT_DAY,
        LEG,
        DAY,
        PLAIN,
        DAY,
        TRANSFER,
        IMPORT,
        "6f3b8f0c",
        "Transferência recebida",
        "da própria conta",
    ),
    "ledger.transaction-joined.v1.least": TransactionJoined(BUY, How.MATCH, OWN, DAY, PLAIN, DAY, PLAIN, DAY, PLAIN),
    "ledger.transaction-joined.v1.replacement": TransactionJoined(
        BUY, How.REPLACEMENT, OWN, NEXT_DAY, PLAIN, DAY, POSTINGS, NEXT_DAY, PLAIN, IMPORT
    ),
    "ledger.transaction-joined.v1.instalment": TransactionJoined(
        BUY, How.MATCH, OWN, DAY, PLAIN, DAY, PLAIN, DAY, PLAIN, IMPORT, instalment=Instalment(2, 6, PURCHASE)
    ),
    "ledger.transaction-joined.v1.removal": TransactionJoined(
        BUY, How.REMOVAL, OWN, DAY, (), DAY, PLAIN, DAY, (), IMPORT
    ),
    "ledger.transaction-parted.v1": TransactionParted(BUY, DAY, TRANSFER, DAY, PLAIN, OWN, IMPORT),
    "ledger.transaction-parted.v1.least": TransactionParted(BUY, DAY, PLAIN, DAY, PLAIN, OWN),
    "ledger.transaction-categorized.v1": TransactionCategorized(BUY, DAY, PLAIN, LEG, RULE),
    "ledger.transaction-categorized.v1.least": TransactionCategorized(BUY, DAY, PLAIN, LEG),
    "ledger.balance-asserted.v1": BalanceAsserted(CHECKING, DAY, brl("-0.05"), IMPORT),
    "ledger.balance-asserted.v1.least": BalanceAsserted(CHECKING, DAY, parse_amount("7", "JPY")),
    "ledger.assertion-withdrawn.v1": AssertionWithdrawn(CHECKING, "BRL", DAY),
    "ledger.period-closed.v1": PeriodClosed(on("2025-12-31")),
    "ledger.import-committed.v1": ImportCommitted(IMPORT, "ofx", CHECKING, 212, 3, "extrato março.ofx"),
    "ledger.import-committed.v1.least": ImportCommitted(IMPORT, "beancount", None, 0, 0),
    "ledger.import-committed.v1.joined": ImportCommitted(
        IMPORT, "csv", CHECKING, 212, 3, "extrato março.csv", 4, (CHECKING, BROKERAGE)
    ),
    "ledger.import-undone.v1": ImportUndone(IMPORT, 212),
    "ledger.account-recognized.v1": AccountRecognized(CHECKING, "9a1c6f3b", True, "Banco Modelo 0001 12345-6"),
    "prices.price-recorded.v1": PriceRecorded("USD", DAY, Decimal("5.430000000000000001"), "BRL", "9a1c"),
    "prices.price-recorded.v1.least": PriceRecorded("USD", DAY, Decimal("5.4300"), "BRL"),
    "budgets.budget-set.v1": BudgetSet(
        BUDGET, FOOD, brl("500.00"), Period(Every.MONTH, 1, on("2026-01-31")), "Comer fora"
    ),
    "budgets.budget-set.v1.least": BudgetSet(BUDGET, FOOD, brl("500.00"), Period(Every.WEEK, 2, on("2026-01-02"))),
    "budgets.budget-set.v1.imported": BudgetSet(
        BUDGET, FOOD, brl("500.00"), Period(Every.YEAR, 1, on("2026-01-01")), "Comer fora", IMPORT
    ),
    "budgets.budget-changed.v1": BudgetChanged(BUDGET, brl("600.00"), on("2026-02-28")),
    "budgets.budget-changed.v1.imported": BudgetChanged(BUDGET, brl("600.00"), on("2026-02-28"), IMPORT),
    "budgets.budget-ended.v1": BudgetEnded(BUDGET, on("2026-12-31")),
    "budgets.budget-ended.v1.imported": BudgetEnded(BUDGET, on("2026-12-31"), IMPORT),
    "rules.rule-set.v1": RuleSet(
        RULE, FOOD, CHECKING, Direction.OUT, brl("10.00"), brl("500.00"), "Padaria São João", "débito"
    ),
    "rules.rule-set.v1.least": RuleSet(RULE, FOOD, None, Direction.IN, None, None),
    "rules.rule-removed.v1": RuleRemoved(RULE),
}
"""What each golden file says. What stands behind the version tells one of a type from another: `least` is the one with
everything left out that may be.
"""


def type_of(name: str) -> str:
    """The type name that a golden file's name begins with: room, what happened, version."""
    return ".".join(name.split(".")[:3])


def read(name: str) -> tuple[str, bytes]:
    """A golden file's type name and stored bytes; its private part is sealed by a seal that hides nothing."""
    told: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    stored = dict(told["data"])
    if "private" in told:
        stored["private"] = base64.b64encode(orjson.dumps(told["private"])).decode()
    return told["type"], orjson.dumps(stored)


def open_seal(part: bytes) -> bytes:
    return part


@pytest.mark.parametrize("name", EXPECTED)
def test_what_was_stored_under_a_published_version_still_means_the_same(name: str) -> None:
    type_name, stored = read(name)
    assert type_name == type_of(name)
    assert decode(type_name, stored, open_seal) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_current_version_is_still_stored_in_the_same_bytes(name: str) -> None:
    """A change of these bytes is a change of shape: it takes a new version, an upcaster and a golden file."""
    type_name, stored = read(name)
    if type_name in EVENT_TYPES:
        assert encode(EXPECTED[name], open_seal) == (type_name, stored)


def test_every_published_version_has_a_golden_file_and_every_golden_file_is_read() -> None:
    published = set(EVENT_TYPES) | set(contract.UPCASTERS)
    assert {type_of(name) for name in EXPECTED} == published
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(EXPECTED)


def test_a_type_name_tells_its_room_what_happened_and_its_version() -> None:
    assert len(TYPE_NAMES) == len(EVENT_TYPES)
    for name in EVENT_TYPES:
        room, happened, version = name.split(".")
        assert room.isalpha()
        assert happened.replace("-", "").isalpha()
        assert version[:1] == "v"
        assert version[1:].isdigit()


def test_an_event_of_a_newer_release_is_named_not_guessed() -> None:
    with pytest.raises(UnknownEventType, match=r"goals\.goal-set\.v1.*update Finshift") as unknown:
        decode("goals.goal-set.v1", b"{}", open_seal)
    assert unknown.value.type_name == "goals.goal-set.v1"


def test_an_old_version_becomes_the_current_one_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def second(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "places": data["decimals"]}

    def third(data: dict[str, Any]) -> dict[str, Any]:
        return {"code": data["code"], "scale": data["places"]}

    monkeypatch.setitem(contract.UPCASTERS, "units.declared.v1", ("units.declared.v2", second))
    monkeypatch.setitem(contract.UPCASTERS, "units.declared.v2", ("ledger.commodity-declared.v1", third))
    assert decode("units.declared.v1", b'{"code":"BTC","decimals":8}', open_seal) == CommodityDeclared("BTC", 8)
    assert decode("units.declared.v2", b'{"code":"BTC","places":8}', open_seal) == CommodityDeclared("BTC", 8)


# The envelope

ENVELOPE: dict[str, Any] = {
    "id": "0198c0de-0000-7000-8000-000000000101",
    "type": "book.renamed.v1",
    "stream": "0198c0de-0000-7000-8000-000000000001",
    "version": 12,
    "recorded_at": "2026-03-10T12:00:00.000001Z",
    "actor": "local",
    "command_id": "c",
    "correlation_id": "k",
    "causation_id": "",
    "prev_hash": bytes(range(32)),
    "data": b'{"private":"c2VhbGVk"}',
}


def test_the_hash_is_what_an_auditor_computes_from_the_description() -> None:
    """SHA-256 of each field in order behind its length in four bytes, big-endian; written here a second time."""
    parts = [
        value if isinstance(value, bytes) else str(value).encode()
        for value in (ENVELOPE[name] for name in (
            "id", "type", "stream", "version", "recorded_at", "actor", "command_id", "correlation_id", "causation_id",
            "prev_hash", "data",
        ))
    ]  # fmt: skip
    spelled = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    assert envelope_hash(**ENVELOPE) == hashlib.sha256(spelled).digest()
    assert envelope_hash(**ENVELOPE).hex() == "e7f4650d55dde84e5b4b703465d1b341d80ef56644bd6d647af2bbb23eb4f05f"


@pytest.mark.parametrize("name", ENVELOPE)
def test_every_field_of_the_envelope_is_in_the_hash(name: str) -> None:
    value = ENVELOPE[name]
    other = value + 1 if isinstance(value, int) else value + (b"x" if isinstance(value, bytes) else "x")
    assert envelope_hash(**{**ENVELOPE, name: other}) != envelope_hash(**ENVELOPE)


def test_nothing_moves_from_one_field_into_the_next_unseen() -> None:
    shifted = {**ENVELOPE, "actor": "localc", "command_id": ""}
    assert envelope_hash(**shifted) != envelope_hash(**ENVELOPE)


def test_an_instant_is_utc_in_microseconds_and_texts_sort_as_instants() -> None:
    exact = datetime(2026, 3, 10, 12, 0, 0, 0, UTC)
    assert instant_text(exact) == "2026-03-10T12:00:00.000000Z"
    assert instant_text(exact.astimezone(timezone(timedelta(hours=-3)))) == instant_text(exact)
    assert parse_instant(instant_text(exact)) == exact
    instants = [exact + timedelta(microseconds=step) for step in (0, 1, 10, 999_999, 1_000_000, 10**12)]
    assert sorted(map(instant_text, instants)) == list(map(instant_text, instants))
    assert {len(instant_text(instant)) for instant in instants} == {27}
