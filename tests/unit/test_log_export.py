"""The exported event log: whoever has the file alone can tell whether anything in it was touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from api.exports import jsonl
from domain.book import BookEvent, BookId
from domain.errors import Rejected
from domain.ledger import TransactionId, TransactionRecorded
from streams.contract import GENESIS_HASH, Envelope, encode, envelope_hash, instant_text
from tests.given import BOOK, CHECKING, FOOD, brl, household, moved, on

START = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)


def log_of(events: list[BookEvent], book: BookId = BOOK) -> list[Envelope]:
    """Envelopes as the store keeps them, a second apart."""
    chain: list[Envelope] = []
    prev_hash = GENESIS_HASH
    for version, event in enumerate(events, 1):
        type_name, data = encode(event, lambda plain: b"sealed" + plain[::-1])
        recorded_at = instant_text(START + timedelta(seconds=version))
        own = f"e-{version}", type_name, str(book)
        hash = envelope_hash(
            id=own[0],
            type=own[1],
            stream=own[2],
            version=version,
            recorded_at=recorded_at,
            actor="local",
            command_id=f"c-{version}",
            correlation_id=f'c-"{version}","data":{{}}',
            causation_id="",
            prev_hash=prev_hash,
            data=data,
        )
        chain.append(
            Envelope(
                id=own[0],
                type=own[1],
                stream=own[2],
                version=version,
                position=version + 40,
                recorded_at=recorded_at,
                actor="local",
                command_id=f"c-{version}",
                correlation_id=f'c-"{version}","data":{{}}',
                causation_id="",
                prev_hash=prev_hash,
                hash=hash,
                data=data,
            )
        )
        prev_hash = hash
    return chain


def some_events() -> list[BookEvent]:
    lunches: list[BookEvent] = [
        TransactionRecorded(
            TransactionId(f"t-{n}"),
            on("2026-09-01"),
            moved(brl("12.30"), CHECKING, FOOD),
            payee="Padaria",
            memo="ã" * n,
        )
        for n in range(20)
    ]
    return [*household(), *lunches]


def pages_of(log: list[Envelope]) -> jsonl.EnvelopesAfter:
    return lambda after, limit: log[after : after + limit]


def exported(log: list[Envelope]) -> list[bytes]:
    return list(jsonl.lines(BOOK, pages_of(log), len(log)))


def test_an_exported_log_proves_itself_with_nothing_but_the_file() -> None:
    log = log_of(some_events())
    checked = jsonl.check_file(exported(log))
    assert checked == jsonl.Checked(BOOK, len(log), len(log), log[-1].hash.hex(), receipt=True)


def test_an_exported_log_has_the_data_of_every_event_as_it_is_stored() -> None:
    log = log_of(some_events())
    for line, envelope in zip(exported(log), log, strict=False):
        assert b'"data":' + envelope.data + b"}\n" in line
        assert orjson.loads(line)["hash"] == envelope.hash.hex()


def test_a_log_written_anew_by_another_program_still_proves_itself() -> None:
    log = log_of(some_events())
    spaced = [json.dumps(json.loads(line), ensure_ascii=True, sort_keys=False).encode() for line in exported(log)]
    turned = [json.dumps(dict(reversed(json.loads(line).items()))).encode() for line in exported(log)]
    assert jsonl.check_file(spaced) == jsonl.check_file(turned) == jsonl.check_file(exported(log))


def edited(line: bytes, change: Callable[[dict[str, object]], object]) -> bytes:
    told = orjson.loads(line)
    change(told)
    return orjson.dumps(told)


def tampered(lines: list[bytes]) -> Iterator[tuple[str, list[bytes], str, int]]:
    """What somebody may do to the file: its name, the file, the reason and the line that it is found by."""
    amount = lines[12].replace(b"12.30", b"12.31")
    yield "an amount edited", [*lines[:12], amount, *lines[13:]], "event_edited", 13
    private = edited(lines[12], lambda told: told["data"].update(private="c2VhbGVk"))  # type: ignore[attr-defined]
    yield "a sealed part exchanged", [*lines[:12], private, *lines[13:]], "event_edited", 13
    actor = edited(lines[12], lambda told: told.update(actor="somebody else"))
    yield "another actor", [*lines[:12], actor, *lines[13:]], "event_edited", 13
    earlier = edited(lines[12], lambda told: told.update(recorded_at="2026-01-01T00:00:00.000000Z"))
    yield "an earlier moment", [*lines[:12], earlier, *lines[13:]], "recorded_before_its_predecessor", 13
    yield "a line removed", [*lines[:12], *lines[13:]], "version_out_of_order", 13
    yield "a line repeated", [*lines[:12], lines[11], *lines[12:]], "version_out_of_order", 13
    yield "two lines exchanged", [*lines[:12], lines[13], lines[12], *lines[14:]], "version_out_of_order", 13
    yield "the first line removed", lines[1:], "version_out_of_order", 1
    renumbered = edited(lines[13], lambda told: told.update(version=13))
    yield "a removed line made up for", [*lines[:12], renumbered, *lines[14:]], "chain_interrupted", 13
    other = exported(log_of(some_events(), BookId("b-other")))[12]
    yield "an event of another book", [*lines[:12], other, *lines[13:]], "another_book", 13
    yield "the end cut off before the receipt", [*lines[:-2], lines[-1]], "receipt_tells_another_end", len(lines) - 1
    yield "something after the receipt", [*lines, lines[0]], "line_after_receipt", len(lines) + 1


CASES = list(tampered(exported(log_of(some_events()))))


@pytest.mark.parametrize(("_", "lines", "reason", "line"), CASES, ids=[name for name, *_ in CASES])
def test_a_touched_log_is_found_out_by_its_line_and_reason(_: str, lines: list[bytes], reason: str, line: int) -> None:
    with pytest.raises(Rejected) as refused:
        jsonl.check_file(lines)
    assert (refused.value.code, refused.value.params) == ("log_broken", {"line": line, "reason": reason})


def test_a_log_without_its_receipt_holds_and_says_that_its_end_is_not_proven() -> None:
    lines = exported(log_of(some_events()))
    assert not jsonl.check_file(lines[:-3]).receipt


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b""],
        [b"not json\n"],
        [b"[]\n"],
        [b"{}\n"],
        [b'{"type":"finshift.log-receipt.v1"}\n'],
        [orjson.dumps({"id": "x", "version": "1"})],
    ],
    ids=["empty", "empty line", "no JSON", "a list", "an empty object", "only a receipt", "no envelope"],
)
def test_what_is_no_log_is_refused_as_such(lines: list[bytes]) -> None:
    with pytest.raises(Rejected) as refused:
        jsonl.check_file(lines)
    assert refused.value.code == "log_not_readable"


def test_a_stored_chain_is_checked_while_it_is_exported() -> None:
    log = log_of(some_events())
    assert jsonl.check_stored(BOOK, pages_of(log), len(log)).hash == log[-1].hash.hex()
    with pytest.raises(Rejected, match="log_broken"):
        list(jsonl.lines(BOOK, pages_of([*log[:5], *log[6:]]), len(log)))
