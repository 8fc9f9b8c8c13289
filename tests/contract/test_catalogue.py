"""The published contract in docs/events: it is what the code writes, and what was published once stays as it was."""

from __future__ import annotations

import base64
import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from domain.alerts import Alert, alert_record
from domain.book import BookEvent, BookId
from streams import contract
from streams.alerts.records import to_record as alert_to_record
from streams.catalogue import generated
from streams.contract import EVENT_TYPES, Envelope, encode
from streams.wire import to_record
from tests.given import on
from tests.strategies import events

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "docs" / "events"
GOLDEN = Path(__file__).parent / "golden"
PINNED = Path(__file__).parent / "published-schemas.json"
"""The SHA-256 of every schema that was published, written once when its version was."""


def schema(name: str) -> Draft202012Validator:
    told: dict[str, Any] = json.loads((PUBLISHED / "schemas" / f"{name}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(told)
    return Draft202012Validator(told, format_checker=FormatChecker())


VALIDATORS = {path.stem: schema(path.stem) for path in sorted((PUBLISHED / "schemas").glob("*.json"))}


def seal(plain: bytes) -> bytes:
    return plain


def test_what_is_published_is_what_the_code_tells() -> None:
    """Where this fails: `make events`, and look at what changed before it is published."""
    made = generated()
    there = {str(path.relative_to(PUBLISHED)) for path in PUBLISHED.rglob("*") if path.is_file()}
    older = {f"schemas/{name}.json" for name in contract.UPCASTERS}
    assert there == made.keys() | older
    assert [name for name, content in made.items() if (PUBLISHED / name).read_bytes() != content] == []


def test_the_schema_of_a_published_version_never_changes() -> None:
    pinned: dict[str, str] = json.loads(PINNED.read_text("utf-8"))
    assert set(pinned) == set(EVENT_TYPES) | set(contract.UPCASTERS)
    changed = {
        name
        for name, digest in pinned.items()
        if hashlib.sha256((PUBLISHED / "schemas" / f"{name}.json").read_bytes()).hexdigest() != digest
    }
    assert changed == set()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_every_event_that_was_ever_stored_fits_the_schema_of_its_version(path: Path) -> None:
    told: dict[str, Any] = json.loads(path.read_text("utf-8"))
    data = dict(told["data"])
    if "private" in told:
        data["private"] = base64.b64encode(orjson.dumps(told["private"])).decode()
    VALIDATORS[told["type"]].validate(data)


@pytest.mark.parametrize("name", EVENT_TYPES)
@given(data=st.data())
def test_whatever_event_is_written_fits_its_schema(name: str, data: st.DataObject) -> None:
    event: BookEvent = data.draw(events(EVENT_TYPES[name]))
    VALIDATORS[name].validate(orjson.loads(encode(event, seal)[1]))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.v1.json")), ids=lambda path: path.stem)
def test_a_schema_refuses_what_it_does_not_declare_and_misses_what_it_requires(path: Path) -> None:
    told: dict[str, Any] = json.loads(path.read_text("utf-8"))
    validator, data = VALIDATORS[told["type"]], told["data"]
    with pytest.raises(ValidationError, match="payee_name"):
        validator.validate(data | {"payee_name": "nobody"})
    for name in validator.schema["required"]:
        with pytest.raises(ValidationError, match=name):
            validator.validate({key: value for key, value in data.items() if key != name})


def test_money_is_no_number_in_any_schema() -> None:
    told = json.loads((GOLDEN / "ledger.transaction-recorded.v1.json").read_text("utf-8"))["data"]
    told["postings"][0]["amount"] = 12.5
    with pytest.raises(ValidationError, match="is not of type 'string'"):
        VALIDATORS["ledger.transaction-recorded.v1"].validate(told)


# The records


def texts(headers: list[tuple[str, bytes]]) -> dict[str, str]:
    return {name: value.decode() for name, value in headers}


def test_the_headers_of_an_event_fit_their_schema() -> None:
    envelope = Envelope(
        "e", "book.renamed.v1", "b", 1, 7, "2026-03-10T12:00:00.000001Z", "me", "c", "k", "", bytes(32), bytes(32), b""
    )
    headers = texts(to_record(envelope).headers)
    VALIDATORS["event-headers"].validate(headers)
    for name, wrong in (("ce_version", "01"), ("ce_hash", "AA" * 32), ("ce_time", "yesterday"), ("ce_id", "")):
        with pytest.raises(ValidationError):
            VALIDATORS["event-headers"].validate(headers | {name: wrong})
    for name in headers:
        with pytest.raises(ValidationError, match=name):
            VALIDATORS["event-headers"].validate({key: value for key, value in headers.items() if key != name})


def test_an_alert_and_its_headers_fit_their_schemas() -> None:
    alert = Alert(
        "0" * 32,
        BookId("018f0000-0000-7000-8000-000000000001"),
        "budget",
        "018f0000-0000-7000-8000-000000000002",
        on("2026-03-01"),
        80,
        12,
        "2026-03-10T12:00:00.000001Z",
        "budget_threshold_crossed",
        {"limit": "100.00", "percent": 80},
    )
    VALIDATORS["alert"].validate(alert_record(alert))
    record = alert_to_record(alert)
    VALIDATORS["alert"].validate(orjson.loads(record.value))
    VALIDATORS["alert-headers"].validate(texts(record.headers))
    with pytest.raises(ValidationError, match="payee"):
        VALIDATORS["alert"].validate(alert_record(alert) | {"payee": "nobody"})


# AsyncAPI


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    told: dict[str, Any] = json.loads((PUBLISHED / "asyncapi.json").read_text("utf-8"))
    return told


def test_the_asyncapi_document_is_valid(document: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydantic, about its authors' names of fields
        from asyncapi3 import AsyncAPI3

        AsyncAPI3.model_validate(document)
        with pytest.raises(ValueError, match="shout"):
            AsyncAPI3.model_validate(
                document | {"operations": {"x": document["operations"]["publishEvents"] | {"action": "shout"}}}
            )


def test_every_reference_of_the_asyncapi_document_leads_somewhere(document: dict[str, Any]) -> None:
    found = list(references(document))
    assert len(found) > len(EVENT_TYPES)
    for reference in found:
        if not reference.startswith("#/"):
            assert (PUBLISHED / reference).is_file(), reference
            continue
        part: Any = document
        for step in reference[2:].split("/"):
            part = part[step]


def references(part: Any) -> Any:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_every_event_type_is_on_the_topic_of_events(document: dict[str, Any]) -> None:
    messages = document["components"]["messages"]
    told = {messages[place]["name"] for place in document["channels"]["events"]["messages"]}
    assert told == set(EVENT_TYPES)
