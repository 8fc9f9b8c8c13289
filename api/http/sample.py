"""Sample doors: the sample household is made where it is missing, and is gone with one click.

Which books are its own is told by their ids alone: no book of a person's goes with it, whatever it is called.
"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from api.http import bodies, shapes
from api.http.answering import json_response
from api.http.asking import Principal, asked, principal
from api.http.describing import Operation, add_operation
from api.http.lanes import Lane
from api.http.reading import parse_json, read_body
from api.items import Item, book_item
from api.parts import Parts
from commands.ports import Asked
from commands.sample import LIVES, Sample, make_samples, remove_samples
from projections import READ_MODELS
from projections.accounts import BookRow

MAX_SHOWN_WAIT_S = 5.0
"""How long the answer waits until the books can be looked at, or are out of sight; what is done is done by then."""

_EVERY_FIGURE = [model.NAME for model in READ_MODELS]


class SampleIn(bodies.Body):
    commodity: Literal["BRL", "USD"] | None = Field(None, description="Of which household; of both where left out.")


def add_sample_doors(router: APIRouter, parts: Parts, lane: Lane) -> None:
    async def make(request: Request) -> Response:
        who = await principal(request)
        said = SampleIn.model_validate(parse_json(await read_body(request), may_be_empty=True))
        lives = [life for life in LIVES if said.commodity in (None, life.base)]

        def work() -> list[tuple[Sample, int]]:
            ids, clock = parts.ids, parts.clock
            found = make_samples(parts.bus, parts.store, parts.keys, ids, clock, lambda: _asked(parts, who), lives)
            heads = [parts.store.head(sample.book) for sample in found]
            return [(sample, 0 if head is None else head.version) for sample, head in zip(found, heads, strict=True)]

        found = await lane.turn(work)
        for sample, version in found:
            await parts.runner.wait_for_async(_EVERY_FIGURE, sample.book, version, MAX_SHOWN_WAIT_S)
        is_new = any(sample.answer is not None for sample, _ in found)
        items = [_sample_item(sample, version) for sample, version in found]
        return json_response({"items": items}, [], 201 if is_new else 200)

    async def remove(request: Request) -> Response:
        who = await principal(request)
        bodies.Body.model_validate(parse_json(await read_body(request), may_be_empty=True))

        erased = await lane.turn(lambda: remove_samples(parts.bus, parts.store, parts.keys, lambda: _asked(parts, who)))
        for answer in erased.values():
            await parts.runner.wait_for_async(_EVERY_FIGURE, answer.book, answer.version, MAX_SHOWN_WAIT_S)
        return json_response({"removed": list(erased)}, [])

    add_operation(router, "POST", "/v1/sample", make, _MAKE)
    add_operation(router, "POST", "/v1/sample/remove", remove, _REMOVE)


def _asked(parts: Parts, who: Principal) -> Asked:
    return asked(parts, who, None, None, b"")


def _sample_item(sample: Sample, version: int) -> Item:
    row = BookRow(sample.book, sample.name, sample.life.base, sample.life.time_zone)
    return {**book_item(row), "version": version}


_MAKE = Operation(
    "make_sample",
    "Make the sample household, or what of it is missing; 200 where nothing is",
    201,
    shapes.SamplesOut.EXAMPLE,
    shapes.SamplesOut,
    body=SampleIn,
    body_example={"commodity": "BRL"},
    is_command=True,
    takes_key=False,
    tags=["sample"],
)
_REMOVE = Operation(
    "remove_sample",
    "Erase the books of the sample household, and no other",
    200,
    shapes.RemovedOut.EXAMPLE,
    shapes.RemovedOut,
    body=bodies.Body,
    body_example={},
    is_command=True,
    takes_key=False,
    tags=["sample"],
)
