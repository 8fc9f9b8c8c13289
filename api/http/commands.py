"""Command doors: one request, one unit; or a batch, atomic or each command on its own.

What was accepted is answered when it is durable, and never before. The table of doors says what each takes; here is
only how a request becomes a unit of the bus and its outcome an answer.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import pairwise
from typing import Any

import orjson
from fastapi import APIRouter, Request
from pydantic import Field, ValidationError
from starlette.responses import Response

from api.http import bodies
from api.http.answering import REPLAYED, answered, json_response, version_header
from api.http.asking import Principal, asked, is_id, outcome, principal, settled
from api.http.describing import Operation, add_operation
from api.http.doors import BY_NAME, DOORS, Door
from api.http.reading import checked_key, fingerprint, idempotency_key, parse_json, read_body
from api.http.shapes import BatchAnswer, answer_example
from api.items import Item
from api.parts import Parts
from api.problems import problem_of, refusal_of, status_of
from commands.answers import Answer, Result
from commands.books import erase_book, open_book, resolve_book
from commands.bus import Busy, Wish
from commands.ports import Asked
from domain.book import BookId
from domain.errors import Rejected

MAX_COMMANDS = 1_000
"""The most commands of one batch."""

DEFAULT_TIME_ZONE = "UTC"


class CommandIn(bodies.Body):
    type: str = Field(max_length=100)
    key: str | None = Field(None, description="Its idempotency key, where the batch is not atomic.")
    data: dict[str, Any] = Field(description="The single door's body, with the id that its path would bring.")


class BatchIn(bodies.Body):
    atomic: bool = Field(description="All of them or none; else each on its own.")
    commands: list[CommandIn]


def add_command_doors(router: APIRouter, parts: Parts) -> None:
    for door in DOORS:
        _add_single(router, parts, door)
    _add_batch(router, parts)
    _add_books(router, parts)


async def book_of(parts: Parts, text: str) -> BookId:
    """The book that a path means; `book_unknown` where it means none."""
    return await asyncio.to_thread(resolve_book, parts.store, parts.keys, text)


async def _told_of(parts: Parts, text: str, submit: Callable[[BookId], Future[Answer]]) -> Answer:
    """The answer of the book that a path means. Whether there is one under an id is for the bus to tell; only where
    there is none, the id is looked up as a name.
    """
    if not is_id(text):
        return await outcome(submit(await book_of(parts, text)))
    try:
        return await outcome(submit(BookId(text)))
    except Rejected as refusal:
        if refusal.code != "book_unknown":
            raise
    return await outcome(submit(await book_of(parts, text)))


async def _told_once(
    request: Request,
    parts: Parts,
    who: Principal,
    key: str,
    body: bytes,
    submit: Callable[[BookId, Asked], Future[Answer]],
) -> Answer:
    """The answer of a command after which its path means no book, or another: erasing and renaming. Its key counts for
    the path, so that a repeat is answered from the first use and never reaches the book that has the name by now.
    """
    ask = asked(parts, who, None, key, fingerprint(request, body), path=request.scope["path"])
    assert ask.key is not None
    found: BookId | Rejected
    try:
        found = await book_of(parts, request.path_params["book"])
    except Rejected as refusal:
        found = refusal
    # The book first, the key second: where the name passed to another book in between, the key tells of it.
    known = await asyncio.to_thread(parts.store.known, ask.key)
    if known is not None:
        found = known.book
    if isinstance(found, Rejected):
        raise found
    return await outcome(submit(found, ask))


# Single doors


def _add_single(router: APIRouter, parts: Parts, door: Door[Any]) -> None:
    status = 201 if door.makes is not None else 200
    in_path, may_be_empty = door.in_path, door.may_be_empty

    async def single(request: Request) -> Response:
        who = await principal(request)
        key = idempotency_key(request)
        body = await read_body(request)
        data = parse_json(body, may_be_empty=may_be_empty)
        if in_path is not None:
            if in_path in data:
                raise Rejected("body_not_valid", fields=[in_path], reasons={in_path: "the path tells it already"})
            data[in_path] = request.path_params[in_path]
        wish = door.read(data, parts)
        if key is not None and door.renames_book:
            told = await _told_once(
                request, parts, who, key, body, lambda book, ask: parts.bus.submit(book, [wish], ask)
            )
            return answered(told, status)
        bound = fingerprint(request, body) if key is not None else b""

        def submit(book: BookId) -> Future[Answer]:
            return parts.bus.submit(book, [wish], asked(parts, who, book, key, bound))

        return answered(await _told_of(parts, request.path_params["book"], submit), status)

    add_operation(
        router,
        "POST",
        f"/v1/books/{{book}}{door.path}",
        single,
        Operation(
            door.name.replace("-", "_"),
            door.summary,
            body=door.body,
            body_example=door.example,
            body_from_path=in_path,
            status=status,
            answer_example=answer_example(door.makes),
            is_command=True,
        ),
    )


# Batches


def _add_batch(router: APIRouter, parts: Parts) -> None:
    async def batch(request: Request) -> Response:
        who = await principal(request)
        key = idempotency_key(request)
        body = await read_body(request)
        batch_in = BatchIn.model_validate(parse_json(body))
        count = len(batch_in.commands)
        if count > MAX_COMMANDS:
            raise Rejected("too_many_commands", count=count, limit=MAX_COMMANDS)
        book = await book_of(parts, request.path_params["book"])
        if not count:
            return await _unchanged(parts, book, [])
        if batch_in.atomic:
            wishes = _wishes(batch_in.commands, parts)
            ask = asked(parts, who, book, key, fingerprint(request, body))
            return await _group_answered(parts, await outcome(parts.bus.submit(book, wishes, ask)))
        route = f"{request.method} {request.url.path}\n".encode()
        return await _each_on_its_own(parts, who, book, batch_in.commands, key, route)

    add_operation(
        router,
        "POST",
        "/v1/books/{book}/commands",
        batch,
        Operation(
            "batch",
            f"Send up to {MAX_COMMANDS} commands at once, all or none, or each on its own",
            body=BatchIn,
            body_example={
                "atomic": True,
                "commands": [{"type": door.name, "data": door.example} for door in DOORS if door.makes is not None][:2],
            },
            status=200,
            answer=BatchAnswer,
            answer_example=BatchAnswer.EXAMPLE,
            is_command=True,
        ),
    )


def _wish(command: CommandIn, parts: Parts) -> Wish:
    door = BY_NAME.get(command.type)
    if door is None:
        raise Rejected("command_type_unknown", type=command.type, types=list(BY_NAME))
    return door.read(command.data, parts)


def _wishes(commands: Sequence[CommandIn], parts: Parts) -> list[Wish]:
    """The wishes of an atomic group; a refusal says which command it is about."""
    wishes: list[Wish] = []
    for index, command in enumerate(commands):
        try:
            if command.key is not None:
                reason = "an atomic group has one key, in the header Idempotency-Key"
                raise Rejected("body_not_valid", fields=["key"], reasons={"key": reason})
            wishes.append(_wish(command, parts))
        except (Rejected, ValidationError) as error:
            refusal = bodies.not_valid(error) if isinstance(error, ValidationError) else error
            refusal.params["index"] = index
            raise refusal from None
    return wishes


async def _group_answered(parts: Parts, answer: Answer) -> Response:
    positions = await _positions(parts, answer)
    results = [_result(answer, result, at) for result, at in zip(answer.results, positions, strict=True)]
    made = any(result.made for result in answer.results)
    headers = [version_header(answer.version), *([REPLAYED] if answer.replayed else [])]
    return json_response(_standing(answer) | {"results": results}, headers, 201 if made else 200)


def _standing(answer: Answer) -> Item:
    return {"version": answer.version, "position": answer.position, "hash": answer.hash, "book": answer.book}


async def _positions(parts: Parts, answer: Answer) -> list[int]:
    """Where each command of a group left its book in the store's order."""
    first, *others = answer.results
    # A unit's events follow each other without a gap, so a version tells the position as well, but not that before
    # them: a first command that made nothing new left the book where it stood.
    position = answer.position - (answer.version - first.version)
    if others and not first.made and first.version < answer.version:
        [standing] = await asyncio.to_thread(parts.store.envelopes, answer.book, first.version - 1, 1)
        position = standing.position
    positions = [position]
    for before, result in pairwise(answer.results):
        if result.version > before.version:
            position = answer.position - (answer.version - result.version)
        positions.append(position)
    return positions


def _result(answer: Answer, result: Result, position: int) -> Item:
    body = {"version": result.version, "position": position, "book": answer.book, **result.made}
    return {"status": 201 if result.made else 200, "body": body}


async def _each_on_its_own(
    parts: Parts, who: Principal, book: BookId, commands: Sequence[CommandIn], key: str | None, route: bytes
) -> Response:
    """A unit a command, in order. A key in the header stands for one a command: itself and the command's place."""
    correlation_id = parts.ids.new()
    taken: list[Future[Answer] | Exception] = []
    for index, command in enumerate(commands):
        try:
            wish = _wish(command, parts)
            own_key = command.key
            if own_key is None and key is not None:
                own_key = f"{key}#{index}"
            bound = b""
            if own_key is not None:
                checked_key(own_key)
                bound = hashlib.sha256(route + orjson.dumps([command.type, command.data])).digest()
            taken.append(
                await _submit(parts, book, wish, asked(parts, who, book, own_key, bound, correlation_id), taken)
            )
        except Busy as busy:
            # Nothing of ours is on its way and the queue is full: the rest would only overtake what comes next.
            taken.extend([busy] * (len(commands) - index))
            break
        except (Rejected, ValidationError) as error:
            taken.append(error)
    await settled([future for future in taken if isinstance(future, Future)])
    results: list[Item] = []
    last: Answer | None = None
    for future in taken:
        try:
            if isinstance(future, Exception):
                raise future
            answer = future.result()
        except Exception as error:
            results.append(_problem_result(error))
            continue
        results.append(_result(answer, answer.results[-1], answer.position))
        last = answer if last is None or answer.version >= last.version else last
    if last is None:
        return await _unchanged(parts, book, results)
    return json_response(_standing(last) | {"results": results}, [version_header(last.version)])


async def _submit(
    parts: Parts, book: BookId, wish: Wish, ask: Asked, taken: Sequence[Future[Answer] | Exception]
) -> Future[Answer]:
    """Queue a unit. Where the queue is full, first wait for what this request has in it."""
    try:
        return parts.bus.submit(book, [wish], ask)
    except Busy:
        ours = [future for future in taken if isinstance(future, Future) and not future.done()]
        if not ours:
            raise
        await settled(ours)
        return parts.bus.submit(book, [wish], ask)


def _problem_result(error: Exception) -> Item:
    refusal = bodies.not_valid(error) if isinstance(error, ValidationError) else refusal_of(error)
    if refusal is None:
        raise error
    return {"status": int(status_of(refusal.code)), "problem": problem_of(refusal.code, refusal.params)}


async def _unchanged(parts: Parts, book: BookId, results: list[Item]) -> Response:
    """The answer where nothing was done: the book as it stands."""
    head = await asyncio.to_thread(parts.store.head, book)
    if head is None:
        raise Rejected("book_unknown", book=book)
    standing = {"version": head.version, "position": head.position, "hash": head.hash.hex(), "book": book}
    return json_response({**standing, "results": results}, [version_header(head.version)])


# Books as a whole


def _add_books(router: APIRouter, parts: Parts) -> None:
    async def create(request: Request) -> Response:
        who = await principal(request)
        key = idempotency_key(request)
        body = await read_body(request)
        book = bodies.BookIn.model_validate(parse_json(body))
        ask = asked(parts, who, None, key, fingerprint(request, body))
        zone = book.time_zone or DEFAULT_TIME_ZONE
        # Off the loop: the book's key is made durable before its first event.
        opened = await asyncio.to_thread(open_book, parts.bus, parts.ids, ask, book.name, book.commodity, zone)
        return answered(await outcome(opened), 201)

    async def erase(request: Request) -> Response:
        who = await principal(request)
        key = idempotency_key(request)
        body = await read_body(request)
        reason = bodies.EraseBookIn.model_validate(parse_json(body, may_be_empty=True)).reason

        def submit(book: BookId, ask: Asked) -> Future[Answer]:
            return erase_book(parts.bus, ask, book, reason or "")

        if key is not None:
            return answered(await _told_once(request, parts, who, key, body, submit), 200)
        book = await book_of(parts, request.path_params["book"])
        return answered(await outcome(submit(book, asked(parts, who, book, None, b""))), 200)

    add_operation(
        router,
        "POST",
        "/v1/books",
        create,
        Operation(
            "open_book",
            "Open a book",
            body=bodies.BookIn,
            body_example={"name": "Home", "commodity": "BRL", "time_zone": "America/Sao_Paulo"},
            status=201,
            answer_example=answer_example("book"),
            is_command=True,
        ),
    )
    add_operation(
        router,
        "POST",
        "/v1/books/{book}/erase",
        erase,
        Operation(
            "erase_book",
            "Erase a book for ever: its key is destroyed, and no name, payee or memo can be read again",
            body=bodies.EraseBookIn,
            body_example={"reason": "moved to another program"},
            status=200,
            answer_example=answer_example(None),
            is_command=True,
        ),
    )
