"""The published contract: JSON Schemas, an AsyncAPI document and a page for analysts, all told by the code itself.

    python -m streams.catalogue docs/events

A schema says what the codec writes and nothing of why, so that no better worded comment ever changes a published file.
A version of an event type that was published keeps its schema for ever; only the current versions are generated.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import orjson

from domain.alerts import Alert
from domain.money import Amount
from domain.private import is_private
from streams.contract import EVENT_TYPES, MAX_DATA_BYTES
from streams.wire import CONTENT_TYPE, EVENT_HEADERS, MAX_HEADER_BYTES, SPEC_VERSION

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"

DECIMAL = "^-?[0-9]+(\\.[0-9]+)?$"
"""A decimal string: always with as many places as the commodity has, never with an exponent."""

_INSTANT = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$"
_NUMBER = "^[1-9][0-9]{0,18}$"
_HASH = "^[0-9a-f]{64}$"

_HEADER_SCHEMAS: Mapping[str, Schema] = {
    "content-type": {"const": CONTENT_TYPE},
    "ce_specversion": {"const": SPEC_VERSION},
    "ce_id": {"minLength": 1},
    "ce_type": {"minLength": 1},
    "ce_source": {"pattern": "^/books/."},
    "ce_subject": {"minLength": 1},
    "ce_time": {"pattern": _INSTANT},
    "ce_version": {"pattern": _NUMBER},
    "ce_position": {"pattern": _NUMBER},
    "ce_prevhash": {"pattern": _HASH},
    "ce_hash": {"pattern": _HASH},
}
"""What is known of a header beyond its being a text. Headers are bytes on the wire, and UTF-8 all of them."""

ALERT_HEADERS = ("content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time")


def generated() -> dict[str, bytes]:
    """Every file of the contract, by its path below the folder."""
    files = {f"schemas/{name}.json": _json(event_schema(name, kind)) for name, kind in EVENT_TYPES.items()}
    files["schemas/alert.json"] = _json(alert_schema())
    files["schemas/event-headers.json"] = _json(headers_schema("event-headers", EVENT_HEADERS))
    files["schemas/alert-headers.json"] = _json(headers_schema("alert-headers", ALERT_HEADERS))
    files["asyncapi.json"] = _json(asyncapi())
    files["README.md"] = _page().encode()
    return files


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


# Schemas


def event_schema(name: str, kind: type[Any]) -> Schema:
    """The schema of an event's `data`: its public part, and what it hides as one sealed text."""
    schema = _object(kind)
    if _hides(kind):
        schema["properties"]["private"] = {"type": "string", "contentEncoding": "base64", "minLength": 1}
    return {"$schema": DIALECT, "$id": f"urn:finshift:schema:{name}", "title": name, **schema}


def alert_schema() -> Schema:
    """The schema of a record on the topic of alerts."""
    return {"$schema": DIALECT, "$id": "urn:finshift:schema:alert", "title": "alert", **_object(Alert)}


def headers_schema(name: str, headers: tuple[str, ...]) -> Schema:
    """The schema of a record's headers, each decoded as UTF-8. Others may stand beside them, as those of a trace."""
    known = {header: {"type": "string", "maxLength": MAX_HEADER_BYTES} for header in headers}
    return {
        "$schema": DIALECT,
        "$id": f"urn:finshift:schema:{name}",
        "title": name,
        "type": "object",
        "properties": {header: known[header] | _HEADER_SCHEMAS.get(header, {}) for header in headers},
        "required": list(headers),
    }


def _object(kind: type[Any]) -> Schema:
    """A dataclass as the codec writes it: absent where it is None, an amount as a text and its commodity beside it."""
    hints = typing.get_type_hints(kind)
    fields = [field for field in dataclasses.fields(kind) if not is_private(field)]
    amounts = sum(_unwrapped(hints[field.name])[0] is Amount for field in dataclasses.fields(kind))
    properties: Schema = {}
    required: list[str] = []
    for field in fields:
        plain, is_optional = _unwrapped(hints[field.name])
        parts = {field.name: _schema(plain)}
        if plain is Amount:
            code = f"{field.name}_commodity" if amounts > 1 else "commodity"
            parts = {field.name: {"type": "string", "pattern": DECIMAL}, code: {"type": "string", "minLength": 1}}
        properties |= parts
        if not is_optional:
            required += parts
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _schema(kind: Any) -> Schema:
    simple: dict[Any, Schema] = {
        str: {"type": "string"},
        int: {"type": "integer"},
        bool: {"type": "boolean"},
        date: {"type": "string", "format": "date"},
        Decimal: {"type": "string", "pattern": DECIMAL},
    }
    if kind in simple:
        return simple[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _object(kind)
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is tuple and arguments[1:] == (...,):
        return {"type": "array", "items": _schema(_unwrapped(arguments[0])[0])}
    if typing.get_origin(kind) is Mapping:
        return {"type": "object", "additionalProperties": {"anyOf": [_schema(part) for part in _parts(arguments[1])]}}
    raise TypeError(f"no schema for {kind}")


def _parts(hint: Any) -> tuple[Any, ...]:
    is_union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    return typing.get_args(hint) if is_union else (hint,)


def _unwrapped(hint: Any) -> tuple[Any, bool]:
    """The type behind NewType and `X | None`, and whether None is allowed."""
    kinds = [part for part in _parts(hint) if part is not type(None)]
    plain = kinds[0] if len(kinds) == 1 else hint
    while isinstance(plain, typing.NewType):
        plain = plain.__supertype__
    return plain, len(kinds) < len(_parts(hint))


def _hides(kind: type[Any]) -> bool:
    return any(True for _ in hidden_fields(kind))


def hidden_fields(kind: type[Any], above: str = "") -> Iterator[str]:
    """The names of what an event hides, at any depth: `payee`, `postings.cost.label`."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        name = f"{above}{field.name}"
        if is_private(field):
            yield name
            continue
        plain = _unwrapped(hints[field.name])[0]
        if typing.get_origin(plain) is tuple:
            plain = _unwrapped(typing.get_args(plain)[0])[0]
        if isinstance(plain, type) and dataclasses.is_dataclass(plain) and plain is not Amount:
            yield from hidden_fields(plain, f"{name}.")


# AsyncAPI


def asyncapi() -> Schema:
    """The AsyncAPI 3.0 document: two channels, which the program writes and anybody may read."""
    messages = {_place(name): _message(name, "event-headers") for name in EVENT_TYPES}
    return {
        "asyncapi": "3.0.0",
        "id": "urn:finshift",
        "info": {
            "title": "Finshift",
            "version": "1.0.0",
            "description": "Every event of every book as it was recorded, and the alerts derived of them. The first "
            "word of both topics is a setting (FINSHIFT_KAFKA_PREFIX).",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {
            "events": _channel(
                "finshift.events",
                "Every event, kept for ever. Records of one book are in one partition and in the order of their "
                "versions; each may come more than once.",
                list(messages),
            ),
            "alerts": _channel(
                "finshift.alerts", "Derived records, which can be made again from the events.", ["alert"]
            ),
        },
        "operations": {
            "publishEvents": {"action": "send", "channel": {"$ref": "#/channels/events"}},
            "publishAlerts": {"action": "send", "channel": {"$ref": "#/channels/alerts"}},
        },
        "components": {"messages": messages | {"alert": _message("alert", "alert-headers")}},
    }


def _channel(address: str, description: str, messages: list[str]) -> Schema:
    return {
        "address": address,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"kafka": {"topic": address, "bindingVersion": "0.5.0"}},
    }


def _place(name: str) -> str:
    """A type's name where a point would part it in two."""
    return name.replace(".", "-")


def _message(name: str, headers: str) -> Schema:
    return {
        "name": name,
        "contentType": CONTENT_TYPE,
        "headers": {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"schemas/{headers}.json"}},
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"schemas/{name}.json"}},
        "bindings": {"kafka": {"key": {"type": "string", "description": "The book's id."}, "bindingVersion": "0.5.0"}},
    }


# The page


def _page() -> str:
    return _GUIDE.format(limit_kib=MAX_DATA_BYTES // 1024) + "".join(
        _entry(name, kind) for name, kind in EVENT_TYPES.items()
    )


def _entry(name: str, kind: type[Any]) -> str:
    said = inspect.getdoc(kind) or ""
    # A dataclass without words of its own has its signature for them.
    text = "" if said.startswith(f"{kind.__name__}(") else " ".join(said.split()) + "\n\n"
    schema = _object(kind)
    required = set(schema["required"])
    public = [part if part in required else f"{part}?" for part in schema["properties"]]
    hidden = list(hidden_fields(kind))
    lines = [f"Public: {', '.join(f'`{part}`' for part in public) or 'nothing'}."]
    if hidden:
        lines.append(f"Sealed: {', '.join(f'`{part}`' for part in hidden)}.")
    return f"\n### [{name}](schemas/{name}.json)\n\n{text}" + "\n".join(lines) + "\n"


_GUIDE = """# The events

This folder is generated from the code (`python -m streams.catalogue docs/events`) and checked against it by the tests.
[asyncapi.json](asyncapi.json) describes the two topics, `schemas/` has a JSON Schema (2020-12) for the `data` of each
event type. A published schema never changes; what needs another shape gets a new version, and the old events keep
theirs.

## Reading the topic

A record of `finshift.events` is an event in CloudEvents binary mode: the key is the book's id, the value is the event's
`data`, byte for byte as it is stored (JSON, at most {limit_kib} KiB), and the headers are its envelope, all UTF-8:

| header | what it is |
| -- | -- |
| `content-type` | `application/json` |
| `ce_specversion` | `1.0` |
| `ce_id` | the event's id |
| `ce_type` | the event's type, with its version: `ledger.transaction-recorded.v1` |
| `ce_source`, `ce_subject` | `/books/` and the book's id; the book's id |
| `ce_time` | when the book learnt it: UTC in microseconds, always 27 characters |
| `ce_version` | the event's place in its book, from 1, without gaps |
| `ce_position` | its place in the store that published it; not hashed, for a book can move |
| `ce_actor`, `ce_commandid`, `ce_correlationid`, `ce_causationid` | who asked, and what led to it |
| `ce_prevhash`, `ce_hash` | the hash of the event before (64 zeros for the first) and its own, in hexadecimal |

**Repeats.** A record may come more than once: after a failure the publisher begins again at what was acknowledged. All
records of a book are in one partition, in the order of their versions, so keep the last version and hash of each book:
a version not above it is a repeat, the next one is new, and one beyond the next means that something is missing.
A repeat with another hash is no repeat: stop, and compare with the store.

**Unknown types.** Pass over what you do not know, but keep its version and hash: the chain goes on through it. A type
with a higher version than you know may change what you compute, so a sum should stop there and say so.

**Erased books.** `book.erased.v1` is the last event of a book. Remove what you hold of it.

## Verifying the chain

An event's hash is SHA-256 over eleven fields in this order, each as its bytes behind its length in four bytes,
big-endian: id, type, book (`ce_subject`), version in decimal digits, time, actor, command id, correlation id, causation
id, the previous hash (32 bytes, not its digits) and the value. Texts are UTF-8. Recompute it, compare it with
`ce_hash`, and compare `ce_prevhash` with the hash of the version before. An edit, a hole and a swap show; an end that
was cut off shows only against a hash that you know from elsewhere, such as the answer to a command.

## Summing balances

Amounts are decimal strings beside their commodity; add them as decimals, never as floats. Start every (account,
commodity) at zero and go through a book's events in the order of their versions:

| type | take back | put |
| -- | -- | -- |
| `ledger.transaction-recorded` | | `postings` on `date` |
| `ledger.transaction-voided` | `was_postings` on `was_date` | |
| `ledger.transaction-amended`, `-joined`, `-parted` | `was_postings` on `was_date` | `postings` on `date` |
| `ledger.transaction-categorized` | `was_postings` on `date` | `postings` on `date` |
| every other type | | |

Only `amount` and `commodity` of a posting count; `cost` and `price` say what it was exchanged for. `own_postings` of a
joined transaction are what a second file told of it, and move nothing. After `ledger.account-merged` what `account`
holds, and all that it is still given, counts for `into`, which may itself be merged later. The balance of a day counts
what lies on it and on the days before. Over a whole book the weights (cost, else price, else amount) sum to zero in
every commodity.

## What is sealed

`private` in a value is what people wrote: one JSON object under AES-256-GCM with the book's key, in base64. It needs
the key file, and no sum needs it. When a book is erased its key is destroyed, and the rest stays verifiable.

## Types

`?` marks what may be absent.
"""


def main(folder: str) -> None:
    """Write the files that differ; schemas of older versions stay as they are."""
    for name, content in generated().items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
