"""Describing: how a door is registered and how OpenAPI tells of it.

Every operation says what it takes and answers with an example of both; a door cannot be added without them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.http.answering import refused
from api.http.reading import MAX_KEY_CHARS
from api.http.shapes import CommandAnswer, ProblemOut
from api.items import Item
from api.problems import problem_of

Endpoint = Callable[..., Awaitable[Response]]

_DESCRIPTION = """
A household's whole financial life as one double-entry ledger. Commands are answered once they are durable, with the
book's `version`; a question with `min_version` waits until the read models show it. Amounts are decimal strings, days
are ISO 8601, `{book}` is a book's id or name, and an account is an id or a full name. Refusals are RFC 9457 problems
with a stable `code`.
"""

_PATH_PARAMETERS = {
    "book": "The book's id or name.",
    "account": "The account's id or full name.",
    "transaction_id": "The transaction's id.",
    "budget_id": "The budget's id.",
    "import_id": "The import's id.",
    "rule_id": "The rule's id.",
}

_PROBLEMS: dict[int, tuple[str, dict[str, object]]] = {
    400: ("not_json", {"reason": "unexpected end of data", "line": 1, "column": 9}),
    403: ("origin_refused", {"origin": "https://elsewhere.example"}),
    404: ("book_unknown", {"book": "Home"}),
    409: ("idempotency_key_reused", {}),
    413: ("body_too_large", {"limit_bytes": 8388608}),
    422: ("account_unknown", {"account": "Assets:Chequing"}),
    503: ("busy", {"retry_after_s": 1}),
    504: ("min_version_not_reached", {"min_version": 42, "reached": 40}),
}
_OF_COMMANDS = (400, 403, 404, 409, 413, 422, 503)
_OF_QUESTIONS = (404, 409, 422, 503, 504)


@dataclass(frozen=True, slots=True)
class Operation:
    """What OpenAPI tells of one door. `body_from_path`: the field of the body that this door takes from its path;
    `takes_key`: whether a command's idempotency key means something here.
    """

    id: str
    summary: str
    status: int
    answer_example: Any
    answer: type[BaseModel] | None = CommandAnswer
    answer_media_type: str = "application/json"
    body: type[BaseModel] | None = None
    body_example: Any = None
    body_media_type: str = "application/json"
    body_from_path: str | None = None
    is_command: bool = False
    takes_key: bool = True
    problems: tuple[int, ...] | None = None
    tags: list[str] = field(default_factory=list)


class DoorRoute(APIRoute):
    """A route that knows what OpenAPI tells of it."""

    operation: Operation


class LeanRoute(DoorRoute):
    """A route for OpenAPI whose requests go straight to their endpoint.

    FastAPI's solving of dependencies and its exit stacks take a good part of what a whole command may take here.
    """

    def __init__(self, path: str, endpoint: Endpoint, **more: Any) -> None:
        super().__init__(path, endpoint, **more)

        async def straight(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                response = await endpoint(Request(scope, receive))
            except Exception as error:
                problem = refused(error)
                if problem is None:
                    raise
                response = problem
            await response(scope, receive, send)

        self.app = straight


def add_operation(router: APIRouter, method: str, path: str, endpoint: Endpoint, operation: Operation) -> None:
    """Register a door. A command's endpoint takes the request alone; a question's what its signature names."""
    answer: dict[str, Any] = {"description": "Done" if operation.is_command else "The answer"}
    if operation.answer is not None:
        answer["model"] = operation.answer
    router.add_api_route(
        path,
        endpoint,
        methods=[method],
        operation_id=operation.id,
        name=operation.id,
        summary=operation.summary,
        tags=list(operation.tags) or ["commands" if operation.is_command else "questions"],
        status_code=operation.status,
        response_model=None,
        response_class=Response,
        responses={operation.status: answer},
        route_class_override=LeanRoute if operation.is_command else DoorRoute,
    )
    route = router.routes[-1]
    assert isinstance(route, DoorRoute)
    route.operation = operation


def describe(app: FastAPI) -> None:
    """Give the app its OpenAPI document, made once, when it is first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=_DESCRIPTION.strip(),
        routes=app.routes,
        openapi_version="3.1.0",
    )
    operations = {route.operation.id: route.operation for route in app.routes if isinstance(route, DoorRoute)}
    described = [
        (path, told, operations[told["operationId"]])
        for path, methods in document["paths"].items()
        for told in methods.values()
    ]
    _add_schemas(document, [operation.body for _, _, operation in described if operation.body is not None])
    for path, told, operation in described:
        _tell(path, told, operation)
    document["components"]["responses"] = {
        f"Problem{status}": _problem_response(code, params) for status, (code, params) in _PROBLEMS.items()
    }
    paths = {path.replace(":path}", "}"): told for path, told in document["paths"].items()}
    return document | {"paths": paths}


def _add_schemas(document: dict[str, Any], bodies: list[type[BaseModel]]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    models = [(model, "validation") for model in [*dict.fromkeys(bodies), ProblemOut]]
    _, made = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    schemas.update(made.get("$defs", {}))
    # FastAPI's own shape of a refused question, which no door here answers with.
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)


def _tell(path: str, told: dict[str, Any], operation: Operation) -> None:
    parameters = told.setdefault("parameters", [])
    documented = {parameter["name"] for parameter in parameters}
    for name in re.findall(r"{(\w+)(?::\w+)?}", path):
        if name not in documented:
            parameters.append(
                {
                    "name": name,
                    "in": "path",
                    "required": True,
                    "description": _PATH_PARAMETERS[name],
                    "schema": {"type": "string"},
                }
            )
    if operation.is_command and operation.takes_key:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key answers the same again; it is bound to the request it came with.",
                "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS},
            }
        )
    if operation.body is not None:
        schema: Item = {"$ref": f"#/components/schemas/{operation.body.__name__}"}
        if operation.body_from_path is not None:
            schema = _without(operation.body, operation.body_from_path)
        content = {"schema": schema, "example": operation.body_example}
        told["requestBody"] = {"required": True, "content": {operation.body_media_type: content}}
    answer = told["responses"][str(operation.status)]
    content = answer.setdefault("content", {})
    media = content.setdefault(operation.answer_media_type, content.pop("application/json", {}))
    media["example"] = operation.answer_example
    told["responses"].pop("422", None)
    problems = operation.problems
    if problems is None:
        problems = _OF_COMMANDS if operation.is_command else _OF_QUESTIONS
    for status in problems:
        told["responses"][str(status)] = {"$ref": f"#/components/responses/Problem{status}"}


def _without(body: type[BaseModel], name: str) -> Item:
    """The schema of a body whose field `name` comes from the path."""
    schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    schema["properties"].pop(name)
    required = [field for field in schema.pop("required", []) if field != name]
    return schema | {"required": required} if required else schema


def _problem_response(code: str, params: dict[str, object]) -> Item:
    problem = problem_of(code, params)
    media = {"schema": {"$ref": "#/components/schemas/ProblemOut"}, "example": problem}
    return {"description": problem["title"], "content": {"application/problem+json": media}}
