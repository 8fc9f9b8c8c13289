"""Doors for whoever runs the program: is it alive, can it work, what does it measure.

Alive costs nothing and asks nobody. Ready tells the truth about the parts: the store answers, commands are taken, the
read models follow and are near its end.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from api.http import shapes
from api.http.answering import Written, json_response
from api.http.describing import Operation, add_operation
from api.http.metering import Meter
from api.items import Item
from api.parts import Parts
from commands.ports import StoreUnavailable

MAX_READY_LAG_EVENTS = 10_000
"""Read models further behind than this are catching up, as after an upgrade: about a second's work."""

MAX_CHECK_S = 5.0
"""A store that does not answer within this is not reachable."""

_ALIVE = b'{"status":"ok"}'


async def health(request: Request) -> Response:
    return Written(200, _ALIVE, b"application/json", [])


async def ready(request: Request) -> Response:
    parts: Parts = request.app.state.parts
    try:
        # Not on the readers' threads: what keeps them busy must not hide from whoever asks.
        told = await asyncio.wait_for(asyncio.to_thread(_readiness, parts), MAX_CHECK_S)
    except TimeoutError:
        told = _readiness_item("the store does not answer", "no answer", None, [])
    fault = request.app.state.fault()
    if fault is not None:
        told |= {"ready": False, "reason": f"the projections stopped: {fault}"}
    return json_response(told, [], 200 if told["ready"] else 503)


def _readiness(parts: Parts) -> Item:
    try:
        position = parts.store.end()
    except StoreUnavailable as error:
        return _readiness_item("the store cannot be read", error.code, None, [])
    try:
        statuses = parts.runner.status()
    except (SQLAlchemyError, StoreUnavailable):
        return _readiness_item("the read models cannot be read", "reachable", position, [])
    projections = [
        {
            "name": status.name,
            "version": status.version,
            "position": status.position,
            "lag": status.lag,
            "lag_s": round(status.lag_s, 3),
            "parked": len(status.parked),
        }
        for status in statuses
    ]
    reason = None
    if not parts.bus.is_open:
        reason = "no command is taken"
    elif any(status.lag > MAX_READY_LAG_EVENTS for status in statuses):
        reason = "the read models are catching up"
    return _readiness_item(reason, "reachable", position, projections)


def _readiness_item(reason: str | None, store: str, position: int | None, projections: list[Item]) -> Item:
    return {
        "ready": reason is None,
        "reason": reason,
        "store": store,
        "position": position,
        "projections": projections,
    }


async def metrics(request: Request) -> Response:
    meter: Meter = request.app.state.meter
    text = await asyncio.to_thread(meter.text)
    return Written(200, text, CONTENT_TYPE_LATEST.encode(), [])


_METRICS_EXAMPLE = """# HELP finshift_commands_queued Commands waiting for the committer.
# TYPE finshift_commands_queued gauge
finshift_commands_queued 0.0
"""


def add_operation_doors(router: APIRouter) -> None:
    alive = Operation(
        "tell_health",
        "Whether the program is alive",
        200,
        shapes.HealthOut.EXAMPLE,
        shapes.HealthOut,
        problems=(),
        tags=["operation"],
    )
    able = Operation(
        "tell_readiness",
        "Whether it can work: the store answers, commands are taken, the read models are near its end",
        200,
        shapes.ReadyOut.EXAMPLE,
        shapes.ReadyOut,
        problems=(),
        tags=["operation"],
    )
    measured = Operation(
        "tell_metrics",
        "Measurements for Prometheus",
        200,
        _METRICS_EXAMPLE,
        None,
        answer_media_type="text/plain",
        problems=(),
        tags=["operation"],
    )
    add_operation(router, "GET", "/healthz", health, alive)
    add_operation(router, "GET", "/readyz", ready, able)
    add_operation(router, "GET", "/metrics", metrics, measured)
