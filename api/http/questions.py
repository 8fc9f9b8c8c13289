"""Questions: how every query on a book is asked and answered, whatever it is about.

Read models only. The version told with an answer is one that the answer certainly holds: it is read before the rows. A
question that names a version waits for it within a limit, and holds no thread while it waits.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated

import orjson
from fastapi import Depends, Query, Request
from sqlalchemy import Connection

from api.alerts import AlertList, AlertsInTables
from api.figures import Frame, frame_of, version_held
from api.http.answering import Written, json_response, version_header
from api.http.asking import Asks, is_id
from api.http.bodies import Day
from api.http.lanes import Lane
from api.items import Item
from api.parts import Parts
from commands.books import resolve_book
from domain.book import BookId
from domain.errors import Rejected
from projections import accounts, timeline

MAX_VERSION = 2**63 - 1
"""Versions are 64 bits, as in every store."""

MAX_READERS = 4
"""Threads that read at once: as many as two cores can keep busy, and no more than the read models' connections."""

MAX_QUESTIONS = 512
"""Questions being read or in line for a reader."""

MAX_WAIT_S = 10.0
"""How long a question waits for its `min_version`: far beyond the usual milliseconds, within what clients wait."""

PAGE_SIZE = 50
MAX_PAGE_SIZE = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """What every question on a book carries, as it was written."""

    book: str
    as_of: date | None
    known_on: str | None
    min_version: int | None


MinVersion = Annotated[
    int | None,
    Query(ge=0, le=MAX_VERSION, description="Answer only when the read models hold this version of the book."),
]


async def _asked(
    book: str,
    who: Asks,
    as_of: Annotated[
        Day | None, Query(description="The end of this day; today in the book's zone where it is left out.")
    ] = None,
    known_on: Annotated[
        str | None,
        Query(
            max_length=40,
            description="As known then: an instant with its zone, or a date: the end of that day in the book's zone.",
        ),
    ] = None,
    min_version: MinVersion = None,
) -> Asked:
    if known_on is not None and "T" in known_on:
        known_on = known_on.strip().replace(" ", "+")  # as which a plus sign that was not escaped arrives
    return Asked(book, as_of, known_on, min_version)


Asking = Annotated[Asked, Depends(_asked)]
Limit = Annotated[int | None, Query(ge=1, le=MAX_PAGE_SIZE, description="How many items at most.")]
Cursor = Annotated[str | None, Query(max_length=1_000, description="`next` of the page before.")]


@dataclass(frozen=True, slots=True)
class Page:
    """Items with the cursor of what follows."""

    items: Sequence[Item]
    next: str | None = None


Tell = Callable[[Connection, Frame], Item]


class _NotThere(Exception):
    """The read models are behind the version asked for."""

    def __init__(self, book: BookId, version: int) -> None:
        super().__init__()
        self.book = book
        self.version = version


class Reader:
    """Answers questions on a few threads, each with a connection of its own."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.alerts: AlertList = AlertsInTables()
        self.lane = Lane("reader", MAX_READERS, MAX_QUESTIONS)

    async def answer(self, names: Sequence[str], asked: Asked, ask: Callable[[Connection, Frame], Page]) -> Written:
        """The page that `ask` makes of the read models `names`, at or after the version asked for."""

        def tell(connection: Connection, frame: Frame) -> Item:
            page = ask(connection, frame)
            return {"items": page.items, "next": page.next}

        return await self.answer_one(names, asked, tell)

    async def answer_one(self, names: Sequence[str], asked: Asked, ask: Tell) -> Written:
        """What `ask` makes of the read models `names`, at or after the version asked for."""
        dated = (timeline.NAME,) if asked.known_on is not None else ()
        names = list(dict.fromkeys((*names, accounts.NAME, *dated)))
        try:
            return await self._answer(names, asked, ask)
        except Rejected as refusal:
            if not is_id(asked.book) or refusal.code not in ("book_unknown", "min_version_beyond_end"):
                raise
            # A book may have a name that is written like an id.
            book = await self.lane.turn(lambda: resolve_book(self.parts.store, self.parts.keys, asked.book))
            if book == asked.book:
                raise
        return await self._answer(names, replace(asked, book=book), ask)

    async def _answer(self, names: Sequence[str], asked: Asked, ask: Tell) -> Written:
        try:
            return await self.lane.turn(lambda: self._read(names, asked, ask))
        except _NotThere as behind:
            book, version = behind.book, behind.version
        head = await self.lane.turn(lambda: self.parts.store.head(book))
        if head is None or head.version < version:
            end = 0 if head is None else head.version
            raise Rejected("min_version_beyond_end", min_version=version, end=end)
        reached = await self.parts.runner.wait_for_async(names, book, version, MAX_WAIT_S)
        if reached < version:
            raise Rejected("min_version_not_reached", min_version=version, reached=reached)
        return await self.lane.turn(lambda: self._read(names, asked, ask))

    def _read(self, names: Sequence[str], asked: Asked, ask: Tell) -> Written:
        parts = self.parts
        book = BookId(asked.book) if is_id(asked.book) else resolve_book(parts.store, parts.keys, asked.book)
        with parts.read() as connection:
            version = version_held(connection, parts.runner, names, book)
            if asked.min_version is not None and version < asked.min_version:
                raise _NotThere(book, asked.min_version)
            row = accounts.book(connection, book)
            if row is None:
                raise self._missing(asked, book, version)
            told = ask(connection, frame_of(connection, parts.clock, row, version, asked.as_of, asked.known_on))
        return json_response(told, [version_header(version)])

    def _missing(self, asked: Asked, book: BookId, version: int) -> Exception:
        """Why the read models do not have a book: it is just being opened, was erased, or is none."""
        head = self.parts.store.head(book)
        if head is None:
            return Rejected("book_unknown", book=asked.book[:100])
        return Rejected("book_erased") if version > 0 else _NotThere(book, 1)


# Pages of figures, which are read whole and told in parts


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of figures begins, and the version that its pages are told at, so that they fit together."""

    offset: int
    known: int


def place_of(cursor: str | None, question: str) -> Place | None:
    """The place that a cursor tells of; `cursor_not_valid` for one of another question."""
    if cursor is None:
        return None
    try:
        offset, known, digest = orjson.loads(base64.urlsafe_b64decode(cursor.encode() + b"=="))
    except (ValueError, TypeError):
        raise Rejected("cursor_not_valid") from None
    fits = all(isinstance(number, int) and 0 <= number <= MAX_VERSION for number in (offset, known))
    if not fits or digest != _digest(question):
        raise Rejected("cursor_not_valid")
    return Place(offset, known)


def page_of(items: Sequence[Item], limit: int | None, place: Place | None, known: int, question: str) -> Page:
    """The part of `items`, as they were at version `known`, that a page shows. Without a limit all of them: figures
    are few, and half of them mislead.
    """
    offset = place.offset if place is not None else 0
    if limit is None or len(items) <= offset + limit:
        return Page(items[offset:])
    cursor = base64.urlsafe_b64encode(orjson.dumps([offset + limit, known, _digest(question)])).rstrip(b"=")
    return Page(items[offset : offset + limit], cursor.decode())


def _digest(question: str) -> str:
    return hashlib.sha256(question.encode()).hexdigest()[:16]


def question_of(request: Request) -> str:
    """What a request asks, without where in the answer it is: pages of one question share it."""
    rest = sorted((n, v) for n, v in request.query_params.multi_items() if n not in ("cursor", "limit", "min_version"))
    return repr((request.url.path, rest))
