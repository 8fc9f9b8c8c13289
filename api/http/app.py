"""The app: all doors behind one gate, every refusal as a problem."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from api.http.answering import problem_response, refused
from api.http.bodies import path_of
from api.http.commands import add_command_doors
from api.http.describing import LeanRoute, describe
from api.http.events import add_event_doors
from api.http.gate import Gate
from api.http.imports import MAX_AT_ONCE, MAX_TAKEN, add_import_doors
from api.http.lanes import Lane
from api.http.metering import Meter, PartsCollector
from api.http.operations import add_operation_doors
from api.http.pages import add_pages
from api.http.queries import add_query_doors
from api.http.questions import Reader
from api.http.rules import add_rule_doors
from api.http.sample import add_sample_doors
from api.parts import Parts
from commands.bus import Busy
from commands.ports import EventUnreadable, KeyGone, StoreUnavailable
from domain.errors import Rejected


class Api(FastAPI):
    """FastAPI behind the gate, with a way past it for the commands that come most.

    Its middleware and routing take several times what such a command takes to be read and submitted.
    """

    entrance: Gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.entrance(scope, receive, send)

    async def dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        """To the door itself for `POST /v1/books/{book}/{word}`, and through FastAPI for everything else."""
        if scope["type"] == "http" and scope["method"] == "POST":
            steps = scope["path"].split("/")
            if len(steps) == 5 and steps[1] == "v1" and steps[2] == "books":
                route = self._straight.get(steps[4])
                if route is not None:
                    scope["app"] = self
                    scope["route"] = route
                    scope["path_params"] = {"book": steps[3]}
                    await route.app(scope, receive, send)
                    return
        await super().__call__(scope, receive, send)

    @cached_property
    def _straight(self) -> dict[str, LeanRoute]:
        """The doors that are one word behind a book, by that word."""
        below = "/v1/books/{book}/"
        routes = [route for route in self.routes if isinstance(route, LeanRoute) and route.path.startswith(below)]
        words = {route.path.removeprefix(below): route for route in routes}
        return {word: route for word, route in words.items() if "/" not in word and "{" not in word}


Fault = Callable[[], str | None]
"""Why the program cannot go on; None while it can."""


def create_app(parts: Parts, fault: Fault = lambda: None) -> Api:
    """The HTTP API over these parts. `close_app` ends its threads; `serve` does so, and ends where there is a fault."""
    app = Api(
        title="Finshift",
        version=_version(),
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    meter = Meter()
    meter.registry.register(PartsCollector(parts))
    app.state.parts = parts
    app.state.fault = fault
    app.state.meter = meter
    app.state.reader = Reader(parts)
    app.state.importing = Lane("importing", MAX_AT_ONCE, MAX_TAKEN)
    add_query_doors(app.router)
    add_event_doors(app.router)
    add_import_doors(app.router, parts, app.state.importing)
    add_rule_doors(app.router, parts, app.state.importing)
    add_sample_doors(app.router, parts, app.state.importing)
    add_operation_doors(app.router)
    # Last, as they have a way of their own past the routes.
    add_command_doors(app.router, parts)
    add_pages(app.router)
    describe(app)
    app.entrance = Gate(app.dispatch, bind=parts.settings.local_bind, meter=meter, ids=parts.ids)
    for kind in (Rejected, Busy, StoreUnavailable, EventUnreadable, KeyGone, ValidationError):
        app.add_exception_handler(kind, _refused)
    app.add_exception_handler(RequestValidationError, _question_refused)
    app.add_exception_handler(HTTPException, _not_routed)
    app.add_exception_handler(OperationalError, _read_models_away)
    app.add_exception_handler(PoolTimeoutError, _read_models_away)
    app.add_exception_handler(Exception, _left_to_the_gate)
    return app


def close_app(app: FastAPI) -> None:
    """Finish what the app's threads have taken, before the parts are closed."""
    app.state.importing.close()
    app.state.reader.lane.close()


def _version() -> str:
    try:
        return version("finshift")
    except PackageNotFoundError:  # run from its source
        return "0"


async def _refused(request: Request, error: Exception) -> Response:
    problem = refused(error)
    assert problem is not None
    return problem


async def _left_to_the_gate(request: Request, error: Exception) -> Response:
    """A defect is answered by the gate alone; without this, Starlette would answer first, and with no problem."""
    raise error


async def _question_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    reasons: dict[str, Any] = {}
    for part in error.errors():
        place = part["loc"][1:] if len(part["loc"]) > 1 else part["loc"]
        reasons[path_of(tuple(place))] = part["msg"]
    return problem_response("query_not_valid", {"fields": list(reasons), "reasons": reasons})


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = _methods_of(request)
        headers = [(b"allow", allowed.encode())]
        return problem_response("method_unknown", {"method": request.method[:20], "allowed": allowed}, headers)
    if error.status_code == 404:
        return problem_response("path_unknown", {"path": request.url.path[:200]})
    return problem_response("request_not_valid", {"reason": str(error.detail)[:200]})


def _methods_of(request: Request) -> str:
    """The methods that a path takes, over all its doors."""
    methods: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return ", ".join(sorted(methods))


async def _read_models_away(request: Request, error: Exception) -> Response:
    return problem_response("read_models_unavailable", {"retry_after_s": 1})
