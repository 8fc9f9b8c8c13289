"""Reading: what a client sent, once, within its limit, and bound to the key it sent with it.

Nothing is decided before the whole body is here, and a body beyond the limit is refused while it is still coming.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from starlette.requests import Request
from starlette.types import Receive

from domain.errors import Rejected

MAX_BODY_BYTES = 8 * 1024 * 1024
"""The most that any request but an upload may bring: a batch of 1,000 commands with long memos."""

MAX_DRAINED_BYTES = 64 * 1024 * 1024
"""How much of a refused body is still read and dropped, so that its sender hears why instead of a broken line."""

MAX_KEY_CHARS = 255


async def read_body(request: Request, limit_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The body as sent; `body_too_large` as soon as it is known to be, `content_encoding_unknown` where packed."""
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise Rejected("content_encoding_unknown", encoding=encoding[:40])
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit_bytes:
        # Nothing was asked for yet: a client that waits for "100 Continue" sends nothing at all.
        if request.headers.get("expect", "").lower() != "100-continue":
            await drain(request.receive)
        raise Rejected("body_too_large", limit_bytes=limit_bytes)
    receive = request.receive
    chunks: list[bytes] = []
    size_bytes = 0
    has_more = True
    while has_more:
        message = await receive()
        # Also the first message may be the end of the line: nothing that came is not an empty body.
        if message["type"] == "http.disconnect":
            raise Disconnected
        has_more = message.get("more_body", False)
        chunks.append(message.get("body", b""))
        size_bytes += len(chunks[-1])
        if size_bytes > limit_bytes:
            if has_more:
                await drain(receive)
            raise Rejected("body_too_large", limit_bytes=limit_bytes)
    if declared.isdecimal() and size_bytes < int(declared):
        raise Disconnected
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class Disconnected(Exception):
    """The client went away before its request was whole: nobody waits for an answer."""


def parse_json(body: bytes, *, may_be_empty: bool = False) -> dict[str, Any]:
    """The JSON object of a body; an empty one stands for `{}` where every field may be left out."""
    if not body:
        if may_be_empty:
            return {}
        raise Rejected("body_empty")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Rejected("not_json", reason=error.msg, line=error.lineno, column=error.colno) from None
    if not isinstance(value, dict):
        raise Rejected("body_not_valid", fields=["body"], reasons={"body": "a JSON object is expected"})
    return value


def fingerprint(request: Request, body: bytes) -> bytes:
    """SHA-256 of method, path and body as the client sent them: what an idempotency key is bound to, see `asked`."""
    scope = request.scope
    route = f"{scope['method']} {scope['path']}\n"
    return hashlib.sha256(route.encode() + body).digest()


def idempotency_key(request: Request) -> str | None:
    """The client's key; `idempotency_key_not_valid` where it is not 1 to 255 printable ASCII characters."""
    key = request.headers.get("idempotency-key")
    return None if key is None else checked_key(key)


def checked_key(key: str) -> str:
    if not 1 <= len(key) <= MAX_KEY_CHARS or not key.isascii() or not key.isprintable() or " " in key:
        raise Rejected("idempotency_key_not_valid", limit=MAX_KEY_CHARS)
    return key


async def drain(receive: Receive) -> None:
    """Read on and drop, up to the named limit; beyond it the connection is given up."""
    dropped_bytes = 0
    while dropped_bytes <= MAX_DRAINED_BYTES:
        message = await receive()
        dropped_bytes += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return
