"""The documentation is true: every door is in it, with examples that fit what it takes and answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi.routing import APIRoute

from api.http.describing import DoorRoute, Operation
from api.http.doors import DOORS
from api.http.shapes import ProblemOut
from tests.e2e.http.conftest import Doors, Home

NOT_DESCRIBED = {"/", "/page/{fingerprint}/{name}", "/docs", "/docs/{name}", "/openapi.json"}


def operations(doors: Doors) -> Iterator[Operation]:
    yield from (route.operation for route in doors.app.routes if isinstance(route, DoorRoute))


def document(doors: Doors) -> dict[str, Any]:
    answer = doors.get("/openapi.json")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def test_every_door_is_described(doors: Doors) -> None:
    told = document(doors)
    described = {(path, method.upper()) for path, methods in told["paths"].items() for method in methods}
    standing = {
        (route.path.replace(":path}", "}"), method)
        for route in doors.app.routes
        if isinstance(route, APIRoute) and route.path not in NOT_DESCRIBED
        for method in route.methods or ()
    }
    assert described == standing
    assert len(described) >= len(DOORS) + 15


def test_every_operation_has_an_example_of_request_and_answer_that_fits(doors: Doors) -> None:
    for operation in operations(doors):
        if operation.answer is not None:
            operation.answer.model_validate(operation.answer_example)
        else:
            assert operation.answer_example
        if operation.body is not None and operation.body_media_type == "application/json":
            example = dict(operation.body_example)
            if operation.body_from_path is not None:
                assert operation.body_from_path not in example
                example[operation.body_from_path] = "from-the-path"
            operation.body.model_validate(example)


def test_the_document_carries_the_examples_the_problems_and_the_parameters(doors: Doors) -> None:
    told = document(doors)
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            success = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
            (media,) = success["content"].values()
            assert "example" in media, (method, path)
            if method == "post":
                (content,) = operation["requestBody"]["content"].values()
                assert "example" in content, path
                assert {"403", "413", "422", "503"} <= set(operation["responses"])
            named = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"}
            assert named == {step.strip("{}") for step in path.split("/") if step.startswith("{")}
            assert operation["summary"]
    for response in told["components"]["responses"].values():
        ProblemOut.model_validate(response["content"]["application/problem+json"]["example"])


def test_every_reference_of_the_document_leads_somewhere(doors: Doors) -> None:
    told = document(doors)

    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            for inner in part.values():
                yield from references(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from references(inner)

    for reference in set(references(told)):
        place: Any = told
        for step in reference.removeprefix("#/").split("/"):
            assert step in place, reference
            place = place[step]


def test_the_examples_of_commands_are_accepted_by_their_doors(home: Home) -> None:
    """In the order in which a household could send them."""
    home.post("/accounts", {"account": "Expenses:Food:Market"})
    home.post("/accounts", {"account": "Assets:Savings"})
    by_name = {door.name: door for door in DOORS}
    opening = by_name["set-opening-balance"].example
    made: dict[str, str] = {}
    order = [
        "open-account", "set-opening-balance", "record-transaction", "amend-transaction", "categorize-transaction",
        "void-transaction", "set-rule", "remove-rule",
        "assert-balance", "withdraw-assertion", "declare-commodity", "record-price", "set-budget", "change-budget",
        "end-budget", "close-account", "merge-account", "rename-account", "close-period", "rename-book",
    ]  # fmt: skip
    assert sorted(order) == sorted(by_name)
    paths = {
        "close-account": "Assets:Savings",
        "merge-account": "Expenses:Food:Market",
        "rename-account": "Income:Salary",
    }
    for name in order:
        door = by_name[name]
        path = door.path.replace("{account:path}", paths.get(name, ""))
        for id_name, value in made.items():
            path = path.replace(f"{{{id_name}}}", value)
        body = dict(door.example)
        if name == "rename-account":
            body["name"] = "Income:Wages"
        answer = home.post(path, body)
        assert answer.status_code == (201 if door.makes else 200), (name, answer.text)
        if door.makes:
            made[door.makes] = answer.json()[door.makes]
    assert opening["amount"] == home.balances()["Assets:Checking"]
