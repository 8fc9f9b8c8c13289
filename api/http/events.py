"""The event door: a book's history as it is stored, for whoever replays or audits it.

The stored bytes go out unchanged, so that the chain of hashes can be checked by anybody; what they hide is told beside
them while the book's key stands.
"""

from __future__ import annotations

import base64
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from api.http import shapes
from api.http.answering import json_response, version_header
from api.http.asking import Asks
from api.http.describing import Operation, add_operation
from api.http.queries import Reads
from api.http.questions import MAX_VERSION, PAGE_SIZE, Limit
from api.items import Item, envelope_item
from commands.books import resolve_book
from commands.ports import Keys
from domain.book import BookId
from domain.errors import Rejected
from streams.contract import Envelope


async def list_events(
    book: str,
    who: Asks,
    reader: Reads,
    after: Annotated[int, Query(ge=0, le=MAX_VERSION, description="Events behind this version; 0 for all.")] = 0,
    limit: Limit = None,
    cursor: Annotated[int | None, Query(ge=0, le=MAX_VERSION, description="`next` of the page before.")] = None,
) -> Response:
    def ask() -> Response:
        parts = reader.parts
        found = resolve_book(parts.store, parts.keys, book)
        head = parts.store.head(found)
        if head is None:
            raise Rejected("book_unknown", book=book[:100])
        begin = after if cursor is None else cursor
        envelopes = parts.store.envelopes(found, begin, limit or PAGE_SIZE)
        items = [_event_item(parts.keys, found, envelope) for envelope in envelopes]
        is_more = bool(envelopes) and envelopes[-1].version < head.version
        page = {"items": items, "next": str(envelopes[-1].version) if is_more else None}
        return json_response(page, [version_header(head.version)])

    return await reader.lane.turn(ask)


def _event_item(keys: Keys, book: BookId, envelope: Envelope) -> Item:
    return envelope_item(envelope) | {"private": _opened(keys, book, envelope)}


def _opened(keys: Keys, book: BookId, envelope: Envelope) -> Any:
    """The hidden part of an event as its JSON; None where it hides nothing or the key is gone."""
    sealed = orjson.loads(envelope.data).get("private")
    if sealed is None:
        return None
    plain = keys.unseal(book, envelope.id, base64.b64decode(sealed))
    return None if plain is None else orjson.Fragment(plain)


def add_event_doors(router: APIRouter) -> None:
    add_operation(
        router,
        "GET",
        "/v1/books/{book}/events",
        list_events,
        Operation(
            "list_events",
            "The book's events as they are stored, oldest first",
            200,
            {"items": [shapes.EventOut.EXAMPLE], "next": "5"},
            shapes.Page[shapes.EventOut],
            problems=(404, 422, 503),
        ),
    )
