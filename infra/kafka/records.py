"""Record batches: what one partition is sent at once, in Kafka's message format 2.

A broker appends a batch whole or not at all. So where each partition gets one batch a request, nothing of a partition
can arrive without what comes before it, which no queue of batches with their own failures can promise.

Written here, as kafka-python takes several times as long: an event has fifteen headers, always of the same names.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from kafka.record.util import calc_crc32c

from streams.wire import EVENT_HEADERS, Record

_HEADER = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, format, checksum, attributes, last offset delta, first and last timestamp,
producer id, producer epoch, base sequence, number of records."""

_CHECKED_FROM = 21
"""Where the part begins that the checksum covers: behind the checksum itself."""

_LENGTH_FROM = 12
"""Where the part begins that the length counts."""

_FORMAT = 2
_NO_PRODUCER = -1
"""Neither idempotent nor transactional: repeats have no effect here, and what keeps order is the single batch."""


def _varint(number: int) -> bytes:
    """A number from 0, zigzag and in groups of seven bits."""
    number <<= 1
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


_KNOWN_VARINTS = [_varint(number) for number in range(4_096)]


def _framed(length: int) -> bytes:
    return _KNOWN_VARINTS[length] if length < len(_KNOWN_VARINTS) else _varint(length)


def _name(name: str) -> bytes:
    encoded = name.encode()
    return _varint(len(encoded)) + encoded


_SHORT = 256
_PREFIXES = {name: [_name(name) + _varint(size) for size in range(_SHORT)] for name in EVENT_HEADERS}
"""What stands before a header's value, by its name and the value's size."""


def _prefix(name: str, size: int) -> bytes:
    prefixes = _PREFIXES.get(name)
    return prefixes[size] if prefixes is not None and size < _SHORT else _name(name) + _varint(size)


def record_batch(records: Sequence[Record], timestamp_ms: int) -> bytes:
    """The batch of some records, all of one moment; the broker gives them their offsets."""
    body: list[bytes] = []
    for offset, record in enumerate(records):
        headers = record.headers
        parts = [
            b"\0\0",  # no attributes, no time behind the batch's first
            _framed(offset),
            _framed(len(record.key)),
            record.key,
            _framed(len(record.value)),
            record.value,
            _framed(len(headers)),
        ]
        for name, value in headers:
            parts += (_prefix(name, len(value)), value)
        encoded = b"".join(parts)
        body += (_framed(len(encoded)), encoded)
    batch = bytearray(_HEADER.size)
    batch += b"".join(body)
    last = len(records) - 1
    fields = (_NO_PRODUCER, _NO_PRODUCER, _NO_PRODUCER, len(records))
    length = len(batch) - _LENGTH_FROM
    _HEADER.pack_into(batch, 0, 0, length, 0, _FORMAT, 0, 0, last, timestamp_ms, timestamp_ms, *fields)
    checksum = calc_crc32c(memoryview(batch)[_CHECKED_FROM:])
    _HEADER.pack_into(batch, 0, 0, length, 0, _FORMAT, checksum, 0, last, timestamp_ms, timestamp_ms, *fields)
    return bytes(batch)
