"""An event on the wire is the event in the store, and nothing else is taken for one."""

from __future__ import annotations

import random
import string
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract import GENESIS_HASH, MAX_DATA_BYTES, Envelope, envelope_hash, instant_text
from streams.wire import EVENT_HEADERS, MAX_HEADER_BYTES, MAX_NUMBER, NotAnEvent, from_record, to_record

texts = st.text(st.characters(codec="utf-8"), max_size=60)
some_text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
numbers = st.integers(1, MAX_NUMBER)
instants = st.datetimes(timezones=st.just(UTC)).map(instant_text)


def hashed(envelope: Envelope) -> Envelope:
    """The event with the hash that fits it."""
    fields = {name: getattr(envelope, name) for name in envelope.__slots__ if name not in ("position", "hash")}
    return replace(envelope, hash=envelope_hash(**fields))


envelopes = st.builds(
    Envelope,
    id=some_text,
    type=some_text,
    stream=some_text,
    version=numbers,
    position=numbers,
    recorded_at=instants,
    actor=texts,
    command_id=texts,
    correlation_id=texts,
    causation_id=texts,
    prev_hash=st.binary(min_size=32, max_size=32),
    hash=st.just(b""),
    data=st.binary(max_size=300),
).map(hashed)

PURCHASE = hashed(
    Envelope(
        id="018f0000-0000-7000-8000-00000000000a",
        type="ledger.transaction-recorded.v1",
        stream="018f0000-0000-7000-8000-000000000001",
        version=7,
        position=41,
        recorded_at="2026-03-01T12:00:00.000000Z",
        actor="owner",
        command_id="018f0000-0000-7000-8000-00000000000b",
        correlation_id="018f0000-0000-7000-8000-00000000000c",
        causation_id="018f0000-0000-7000-8000-00000000000c",
        prev_hash=GENESIS_HASH,
        hash=b"",
        data=b'{"transaction":"t-1"}',
    )
)
Parts = list[tuple[str, bytes | None]]


def headers_of(envelope: Envelope, **changed: bytes | None) -> Parts:
    """An event's headers with some of them changed; `ce_id` is written `id`."""
    told = {_header(name): value for name, value in changed.items()}
    return [(name, told.get(name, value)) for name, value in to_record(envelope).headers]


def _header(name: str) -> str:
    return "content-type" if name == "content_type" else f"ce_{name}"


def refused(key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> str:
    with pytest.raises(NotAnEvent) as caught:
        from_record(key, value, list(headers))
    return caught.value.reason


@given(envelopes, st.randoms())
def test_an_event_comes_off_the_wire_as_it_went_on_whatever_the_order_of_its_headers(
    envelope: Envelope, dice: random.Random
) -> None:
    record = to_record(envelope)
    headers: Parts = [*record.headers, ("traceparent", b"\xff")]
    dice.shuffle(headers)
    assert from_record(record.key, record.value, headers) == envelope


def test_a_record_is_a_cloud_event_in_binary_mode() -> None:
    record = to_record(PURCHASE)
    assert record.key == b"018f0000-0000-7000-8000-000000000001"
    assert record.value is PURCHASE.data
    assert [name for name, _ in record.headers] == list(EVENT_HEADERS)
    assert {name: value.decode() for name, value in record.headers} == {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": "018f0000-0000-7000-8000-00000000000a",
        "ce_type": "ledger.transaction-recorded.v1",
        "ce_source": "/books/018f0000-0000-7000-8000-000000000001",
        "ce_subject": "018f0000-0000-7000-8000-000000000001",
        "ce_time": "2026-03-01T12:00:00.000000Z",
        "ce_version": "7",
        "ce_position": "41",
        "ce_actor": "owner",
        "ce_commandid": "018f0000-0000-7000-8000-00000000000b",
        "ce_correlationid": "018f0000-0000-7000-8000-00000000000c",
        "ce_causationid": "018f0000-0000-7000-8000-00000000000c",
        "ce_prevhash": "00" * 32,
        "ce_hash": PURCHASE.hash.hex(),
    }
    attributes = [name.removeprefix("ce_") for name in EVENT_HEADERS if name.startswith("ce_")]
    assert all(set(name) <= {*string.ascii_lowercase, *string.digits} and len(name) <= 20 for name in attributes)


@pytest.mark.parametrize("name", EVENT_HEADERS)
def test_a_record_without_one_of_the_headers_or_with_one_twice_is_no_event(name: str) -> None:
    record = to_record(PURCHASE)
    without = [header for header in record.headers if header[0] != name]
    assert name in refused(record.key, record.value, without)
    twice = [*record.headers, *[header for header in record.headers if header[0] == name]]
    assert name in refused(record.key, record.value, twice)


@pytest.mark.parametrize("name", EVENT_HEADERS)
@pytest.mark.parametrize("value", [None, b"\xff\xfe", b"x" * (MAX_HEADER_BYTES + 1)], ids=["null", "bytes", "long"])
def test_a_header_that_is_no_text_is_no_events(name: str, value: bytes | None) -> None:
    record = to_record(PURCHASE)
    changed = [(header, value if header == name else told) for header, told in record.headers]
    assert name in refused(record.key, record.value, changed)


MALFORMED = [
    *[("version", text) for text in (b"", b"0", b"07", b"-7", b"+7", b" 7", b"7.0", b"1_0", "٧".encode(), b"9" * 30)],
    *[("position", text) for text in (b"", b"0", b"041", b"-41", b"4e1", b"%d" % (MAX_NUMBER + 1))],
    *[("prevhash", text) for text in (b"", b"00" * 31, b"00" * 33, b"0 " * 32, b"zz" * 32, b"00" * 31 + b"0")],
    *[("hash", text) for text in (b"", PURCHASE.hash.hex().upper().encode(), PURCHASE.hash.hex().encode() + b" ")],
    *[
        ("time", text)
        for text in (b"", b"yesterday", b"2026-03-01", b"2026-03-01T12:00:00Z", b"2026-03-01T12:00:00.000000+00:00")
    ],
    ("time", b"0001-01-01T00:00:00.000000+14:00"),
    ("id", b""),
    ("type", b""),
    ("specversion", b"0.3"),
    ("source", b"/books/another"),
    ("content_type", b"text/plain"),
]


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_a_header_in_another_spelling_is_no_events(name: str, value: bytes) -> None:
    assert _header(name) in refused(PURCHASE.stream.encode(), PURCHASE.data, headers_of(PURCHASE, **{name: value}))


def test_a_record_under_another_key_than_its_subject_is_no_event() -> None:
    record = to_record(PURCHASE)
    assert refused(b"another", record.value, record.headers) == "its key is not its subject"
    assert refused(b"", record.value, headers_of(PURCHASE, subject=b"")) == "its key is not its subject"


def test_a_record_without_key_or_value_or_with_too_long_a_value_is_no_event() -> None:
    record = to_record(PURCHASE)
    assert "no key" in refused(None, record.value, record.headers)
    assert "no value" in refused(record.key, None, record.headers)
    assert "longer" in refused(record.key, b" " * (MAX_DATA_BYTES + 1), record.headers)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", b"another"),
        ("type", b"ledger.transaction-voided.v1"),
        ("time", b"2026-03-01T12:00:00.000001Z"),
        ("version", b"8"),
        ("actor", b"somebody"),
        ("commandid", b"another"),
        ("correlationid", b"another"),
        ("causationid", b"another"),
        ("prevhash", b"01" * 32),
        ("hash", b"01" * 32),
    ],
)
def test_whatever_the_hash_covers_cannot_be_changed_unnoticed(name: str, value: bytes) -> None:
    headers = headers_of(PURCHASE, **{name: value})
    assert refused(PURCHASE.stream.encode(), PURCHASE.data, headers) == "its hash does not fit"


def test_an_edited_value_is_noticed_and_the_reason_tells_nothing_of_it() -> None:
    assert refused(PURCHASE.stream.encode(), b'{"payee":"Ana"}', headers_of(PURCHASE)) == "its hash does not fit"
