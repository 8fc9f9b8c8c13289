"""A backup's file: compressed blocks, each bound to all before it.

A block is its kind (one byte), the length of its compressed payload (four bytes, big-endian), a SHA-256, the payload.
The hash covers the hash of the block before, so the last one stands for the whole file: no block can be altered, left
out, moved or brought from another file unseen. It guards against accidents and against hands that do not know the
receipt, the last hash, which is printed where a backup is made and where it is verified.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from domain.errors import Rejected

MAGIC = b"finshift backup 1\n"
"""How a file begins; the number is that of the format."""

_FAMILY = b"finshift backup "

MAX_BLOCK_BYTES = 64 * 1024 * 1024
"""The most that a block holds, unpacked: what a damaged length can make the reader take of the memory."""

LEVEL = 3
"""Of zlib: a third of the time of its default, and within a tenth of its size on events."""

HEADER, KEYS, EVENTS, IDEMPOTENCY, RESERVATIONS, FOOTER = b"H", b"K", b"E", b"I", b"R", b"F"
"""The kinds of blocks, in the order in which they stand; there may be none of any but the first and the last."""

KINDS = (HEADER, KEYS, EVENTS, IDEMPOTENCY, RESERVATIONS, FOOTER)

_HEAD = struct.Struct(">cI32s")


class Block(NamedTuple):
    kind: bytes
    payload: bytes
    receipt: bytes
    """The hash of all up to and with this block."""


class BlockWriter:
    """Writes blocks behind each other. `receipt` stands for all that is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.receipt = hashlib.sha256(MAGIC).digest()
        self.size_bytes = file.write(MAGIC)

    def write(self, kind: bytes, payload: bytes) -> None:
        if len(payload) > MAX_BLOCK_BYTES:
            raise ValueError(f"a block holds at most {MAX_BLOCK_BYTES} bytes, not {len(payload)}")
        packed = zlib.compress(payload, LEVEL)
        self.receipt = _hash(self.receipt, kind, packed)
        self.size_bytes += self._file.write(_HEAD.pack(kind, len(packed), self.receipt))
        self.size_bytes += self._file.write(packed)


def read_blocks(file: BinaryIO) -> Iterator[Block]:
    """The blocks of a backup, each checked before it is given; the last one is the footer, with nothing behind it.

    `Rejected`: `backup_not_one`, `backup_newer`, `backup_cut_off`, or `backup_damaged` with the place in bytes.
    """
    begin = file.read(len(MAGIC))
    if begin != MAGIC:
        if begin.startswith(_FAMILY):
            raise Rejected("backup_newer")
        raise Rejected("backup_cut_off" if begin and MAGIC.startswith(begin) else "backup_not_one")
    receipt = hashlib.sha256(MAGIC).digest()
    at_byte = len(MAGIC)
    rank = -1
    while True:
        kind, length, told = _head(file, at_byte)
        if kind not in KINDS or length > MAX_BLOCK_BYTES:
            raise Rejected("backup_damaged", at_byte=at_byte)
        packed = file.read(length)
        if len(packed) < length:
            raise Rejected("backup_cut_off")
        receipt = _hash(receipt, kind, packed)
        # Once a kind has passed it does not come again, and the header and the footer come once.
        before, rank = rank, KINDS.index(kind)
        once = kind in (HEADER, KEYS, FOOTER)
        if receipt != told or rank < before or (once and rank == before) or (before < 0 and kind != HEADER):
            raise Rejected("backup_damaged", at_byte=at_byte)
        yield Block(kind, _unpacked(packed, at_byte), receipt)
        at_byte += _HEAD.size + length
        if kind == FOOTER:
            if file.read(1):
                raise Rejected("backup_damaged", at_byte=at_byte)
            return


def _head(file: BinaryIO, at_byte: int) -> tuple[bytes, int, bytes]:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise Rejected("backup_cut_off")
    kind, length, told = _HEAD.unpack(head)
    return kind, length, told


def _unpacked(packed: bytes, at_byte: int) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        payload = unpacking.decompress(packed, MAX_BLOCK_BYTES)
    except zlib.error as error:
        raise Rejected("backup_damaged", at_byte=at_byte) from error
    if not unpacking.eof or unpacking.unused_data:
        raise Rejected("backup_damaged", at_byte=at_byte)
    return payload


def _hash(before: bytes, kind: bytes, packed: bytes) -> bytes:
    hashed = hashlib.sha256(before)
    hashed.update(kind + struct.pack(">I", len(packed)))
    hashed.update(packed)
    return hashed.digest()
