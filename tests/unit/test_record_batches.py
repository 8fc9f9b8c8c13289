"""The record batches that are written here are read by the client's own reader, to the byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from kafka.record import MemoryRecords

from infra.kafka.records import record_batch
from streams.contract import MAX_DATA_BYTES
from streams.wire import EVENT_HEADERS, Record, to_record
from tests.relaying import envelopes

NOW_MS = 1_767_225_600_000

headers = st.lists(
    st.tuples(st.one_of(st.sampled_from(EVENT_HEADERS), st.text(max_size=20)), st.binary(max_size=400)), max_size=20
)
records = st.builds(Record, key=st.binary(max_size=50), value=st.binary(max_size=300), headers=headers)


def read(batch: bytes) -> list[tuple[int, int, Record]]:
    """Offset, moment and content of each record; every checksum fits."""
    found = []
    batches = MemoryRecords(batch)
    while (one := batches.next_batch()) is not None:
        assert one.validate_crc()
        found += [(r.offset, r.timestamp, Record(r.key, r.value, list(r.headers))) for r in one]
    return found


@given(st.lists(records, min_size=1, max_size=20))
def test_what_is_written_is_read_back_in_order(given_records: list[Record]) -> None:
    expected = [(offset, NOW_MS, record) for offset, record in enumerate(given_records)]
    assert read(record_batch(given_records, NOW_MS)) == expected


def test_many_records_and_the_largest_are_read_back() -> None:
    many = [to_record(envelope) for envelope in envelopes([0] * 300)]
    largest = Record(b"book", b"x" * MAX_DATA_BYTES, many[0].headers)
    found = read(record_batch([*many, largest], NOW_MS))
    assert [record for _, _, record in found] == [*many, largest]
    assert [offset for offset, _, _ in found] == list(range(301))
