"""Asking: who is asking, under which key, and how an answer comes back to the loop.

`principal` is the one place that knows who asks; another mode of signing in replaces it and nothing else.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from api.parts import Parts
from commands.ports import Asked, IdempotencyKey
from domain.book import BookId

T = TypeVar("T")

_FINGERPRINTS = "idempotency"
"""The scope of the digests that idempotency keys are bound to."""

_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: an id that stands in the log as the actor, and never a person's name."""

    id: str


async def principal(request: Request) -> Principal:
    """In `local` mode whoever reaches the loopback address is the one owner of this machine's books."""
    parts: Parts = request.app.state.parts
    return Principal(parts.principal)


Asks = Annotated[Principal, Depends(principal)]


def asked(
    parts: Parts,
    who: Principal,
    book: BookId | None,
    key: str | None,
    fingerprint: bytes,
    correlation_id: str = "",
    path: str | None = None,
) -> Asked:
    """The part of the envelope that a request brings. `book` None: the key counts for the principal, as where a book
    is made; `path`: for the path as sent, whatever book it means; `correlation_id`: shared by the commands of one
    request, and the command's own where there is only one.

    Bodies and paths hold what people wrote. Only a digest under the installation's key is kept of them, so that they
    cannot be guessed from the store.
    """
    command_id = parts.ids.new()
    correlation_id = correlation_id or command_id
    if key is None:
        return Asked(who.id, command_id, correlation_id, correlation_id)
    bound = parts.keys.fingerprint(_FINGERPRINTS, fingerprint.hex()).encode()
    about = book if path is None else parts.keys.fingerprint(_FINGERPRINTS, path)
    scope = who.id if about is None else f"{who.id}/{about}"
    return Asked(who.id, command_id, correlation_id, correlation_id, IdempotencyKey(scope, key, bound))


def is_id(text: str) -> bool:
    """Whether a text is an id as this program writes them; anything else is a name."""
    return _ID.fullmatch(text) is not None


async def settled(futures: Sequence[Future[T]]) -> None:
    """Wait, without a thread, until all are done. A request that is given up leaves them as they are: what was
    accepted is carried out, and cancelling it would be a lie.
    """
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    lock = threading.Lock()
    left = len(futures)

    def done(_: Future[T]) -> None:
        nonlocal left
        with lock:
            left -= 1
            if left:
                return
        loop.call_soon_threadsafe(tell)

    def tell() -> None:
        if not over.done():
            over.set_result(None)

    for future in futures:
        future.add_done_callback(done)
    if futures:
        await over


async def outcome(future: Future[T]) -> T:
    """What a future came to, or its refusal raised."""
    await settled([future])
    return future.result()
