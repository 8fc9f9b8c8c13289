"""Answering: results and refusals as bytes.

Bodies are written by orjson from plain values, once; a refusal becomes a problem here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.http.bodies import not_valid
from api.items import answer_item
from api.problems import problem_of, refusal_of, status_of
from commands.answers import Answer
from domain.errors import Rejected

JSON = b"application/json"
PROBLEM = b"application/problem+json"

REPLAYED = (b"idempotency-replayed", b"true")


class Written(Response):
    """A response from bytes. The headers are written out, as Starlette's own way costs as much as the answer."""

    def __init__(self, status: int, body: bytes, media_type: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [
            (b"content-type", media_type),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})


def version_header(version: int) -> tuple[bytes, bytes]:
    return b"finshift-version", str(version).encode()


def json_response(value: Any, headers: list[tuple[bytes, bytes]], status: int = 200) -> Written:
    return Written(status, orjson.dumps(value), JSON, headers)


def answered(answer: Answer, status: int) -> Written:
    """The answer to a command: where its book stands after it and what it made."""
    headers = [version_header(answer.version)]
    if answer.replayed:
        headers.append(REPLAYED)
    return json_response(answer_item(answer), headers, status)


def problem_response(
    code: str, params: Mapping[str, object], headers: list[tuple[bytes, bytes]] | None = None
) -> Written:
    headers = list(headers or ())
    wait_s = params.get("retry_after_s")
    if status_of(code) == 503:
        headers.append((b"retry-after", str(wait_s if isinstance(wait_s, int) else 1).encode()))
    if code == "body_too_large":
        headers.append((b"connection", b"close"))  # what of the body may still be coming is not a request
    return Written(int(status_of(code)), orjson.dumps(problem_of(code, params)), PROBLEM, headers)


def refused(error: Exception) -> Written | None:
    """The problem of an error that somebody can act on; None for a defect."""
    refusal: Rejected | None = not_valid(error) if isinstance(error, ValidationError) else refusal_of(error)
    return None if refusal is None else problem_response(refusal.code, refusal.params)
