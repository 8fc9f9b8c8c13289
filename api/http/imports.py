"""Import doors: a file comes in, is shown before anything is recorded, and is taken back as a whole.

The service keeps the file, sealed, and decides; here it is only received, within its limit, and nothing of it is worked
on by the loop.
"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.responses import Response
from starlette.types import Message

from api.http import bodies, shapes
from api.http.answering import REPLAYED, Written, json_response, version_header
from api.http.asking import asked, is_id, principal
from api.http.commands import book_of
from api.http.describing import Operation, add_operation
from api.http.lanes import Lane
from api.http.reading import Disconnected, drain, fingerprint, idempotency_key, parse_json, read_body
from api.items import import_answer_item, preview_item
from api.parts import Parts
from commands.imports import MAX_IMPORT_BYTES, MAX_IMPORT_ROWS, Answers, Hints, ImportAnswer
from domain.errors import Rejected
from domain.ledger import ImportId

MAX_UPLOAD_BYTES = MAX_IMPORT_BYTES + 64 * 1024
"""A file of the largest size, its fields and what multipart puts around them."""

MAX_NUMBER_DIGITS = 6
"""Digits of a statement's number: a file has not so many."""

MAX_FIELDS = 8
MAX_FIELD_BYTES = 4 * 1024

MAX_AT_ONCE = 2
"""Imports worked on at once: each may hold its whole file, and a core."""

MAX_TAKEN = 8
"""Imports being worked on or in line; one more is answered "busy"."""

_FIELDS = ("account", "format", "profile")


class AnswersIn(bodies.Body):
    """What a person says to a preview's questions, and of what it found out."""

    balance_today: bodies.DecimalText | None = Field(
        None, description="What the bank shows today; of a card or a loan what is owed."
    )
    balances: dict[str, bodies.DecimalText] = Field(
        default_factory=dict, description="The same for a statement's number, where the file has several without one."
    )
    accounts: dict[str, bodies.AccountRef] = Field(
        default_factory=dict,
        description="For a statement's number in the file, the account it goes to; one that is not there is opened.",
    )
    decimal_mark: Literal[".", ","] | None = Field(None, description="What stands before the cents.")
    date_order: Literal["ymd", "dmy", "mdy"] | None = Field(None, description="The order of day, month and year.")
    sign: Literal["as-written", "reversed"] | None = Field(
        None, description="Reversed where the file writes what goes out as positive."
    )
    separate: list[int] = Field(
        default_factory=list,
        max_length=MAX_IMPORT_ROWS,
        description="Transfers and matches that are to be booked on their own.",
    )
    closed_rows: Literal["skip", "first-open-day"] = Field(
        "skip", description="What becomes of rows in a closed period."
    )
    other_book: bool = Field(False, description="Go on though the file's account belongs to another book.")
    gone: Literal["keep", "void"] = Field(
        "keep", description="What becomes of entries that an edited ledger has no more."
    )


class CommitIn(bodies.Body):
    """Also what a preview is asked again with."""

    answers: AnswersIn | None = Field(None, description="Answers to the preview's questions.")
    skip: list[int] = Field(default_factory=list, max_length=MAX_IMPORT_ROWS, description="Rows to leave out.")


def add_import_doors(router: APIRouter, parts: Parts, lane: Lane) -> None:
    async def preview(request: Request) -> Response:
        await principal(request)
        idempotency_key(request)
        form = await _received(request)
        try:
            upload, fields = _parts_of(form)
            book = await book_of(parts, request.path_params["book"])
            raw = await upload.read()
        finally:
            await form.close()

        def work() -> Written:
            shown = parts.imports.preview(
                book, raw, upload.filename or "", fields["account"], fields["format"], fields["profile"]
            )
            return json_response(preview_item(shown), [], 201)

        return await lane.turn(work)

    async def commit(request: Request) -> Response:
        who = await principal(request)
        key = idempotency_key(request)
        body = await read_body(request)
        said = CommitIn.model_validate(parse_json(body, may_be_empty=True))
        book = await book_of(parts, request.path_params["book"])
        import_id = _import_id(request, "preview_unknown")
        ask = asked(parts, who, book, key, fingerprint(request, body))
        answers = _answers(said.answers)
        return await lane.turn(lambda: _answered(parts.imports.commit(book, import_id, ask, answers, said.skip)))

    async def preview_again(request: Request) -> Response:
        await principal(request)
        body = await read_body(request)
        said = CommitIn.model_validate(parse_json(body, may_be_empty=True))
        book = await book_of(parts, request.path_params["book"])
        import_id = _import_id(request, "preview_unknown")
        answers = _answers(said.answers)

        def work() -> Written:
            return json_response(preview_item(parts.imports.preview_again(book, import_id, answers, said.skip)), [])

        return await lane.turn(work)

    async def undo(request: Request) -> Response:
        who = await principal(request)
        key = idempotency_key(request)
        body = await read_body(request)
        bodies.Body.model_validate(parse_json(body, may_be_empty=True))
        book = await book_of(parts, request.path_params["book"])
        import_id = _import_id(request, "import_unknown")
        ask = asked(parts, who, book, key, fingerprint(request, body))
        return await lane.turn(lambda: _answered(parts.imports.undo(book, import_id, ask)))

    for path, endpoint, operation in (
        ("", preview, _PREVIEW),
        ("/{import_id}/preview", preview_again, _AGAIN),
        ("/{import_id}/commit", commit, _COMMIT),
        ("/{import_id}/undo", undo, _UNDO),
    ):
        add_operation(router, "POST", f"/v1/books/{{book}}/imports{path}", endpoint, operation)


def _import_id(request: Request, unknown: str) -> ImportId:
    """The import that the path means; what is no id is none, and no store is asked for it."""
    text = request.path_params["import_id"]
    if not is_id(text):
        raise Rejected(unknown, import_id=text[:100])
    return ImportId(text)


async def _received(request: Request) -> FormData:
    """The parts of an upload, large ones on disk; refused as soon as it is beyond its limit."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Rejected("upload_not_valid", reason="it is not multipart/form-data")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_UPLOAD_BYTES:
        if request.headers.get("expect", "").lower() != "100-continue":
            await drain(request.receive)
        raise Rejected("body_too_large", limit_bytes=MAX_IMPORT_BYTES)
    size_bytes = 0

    async def counted() -> Message:
        nonlocal size_bytes
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        size_bytes += len(message.get("body", b""))
        if size_bytes > MAX_UPLOAD_BYTES:
            await drain(request.receive)
            raise Rejected("body_too_large", limit_bytes=MAX_IMPORT_BYTES)
        return message

    try:
        return await Request(request.scope, counted).form(
            max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES
        )
    except HTTPException as error:
        raise Rejected("upload_not_valid", reason=str(error.detail)[:200]) from None
    except MultiPartException as error:
        raise Rejected("upload_not_valid", reason=error.message[:200]) from None


def _parts_of(form: FormData) -> tuple[UploadFile, dict[str, str | None]]:
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        raise Rejected("upload_not_valid", reason="the field `file` is missing")
    unknown = {name: "this door does not take it" for name in form if name not in ("file", *_FIELDS)}
    if unknown:
        raise Rejected("body_not_valid", fields=list(unknown), reasons=unknown)
    fields: dict[str, str | None] = {}
    for name in _FIELDS:
        value = form.get(name)
        fields[name] = value if isinstance(value, str) and value else None
    return upload, fields


def _answers(said: AnswersIn | None) -> Answers:
    if said is None:
        return Answers()
    hints = Hints("", said.decimal_mark or "", said.date_order or "", said.sign or "")
    return Answers(
        said.balance_today,
        _by_statement("balances", said.balances),
        _by_statement("accounts", said.accounts),
        hints,
        frozenset(said.separate),
        said.closed_rows,
        said.other_book,
        said.gone,
    )


def _by_statement(name: str, said: dict[str, str]) -> dict[int, str]:
    """Answers by the number of the statement that they are for."""
    if not all(number.isdecimal() and len(number) <= MAX_NUMBER_DIGITS for number in said):
        field = f"answers.{name}"
        raise Rejected("body_not_valid", fields=[field], reasons={field: "a statement's number is expected"})
    return {int(number): text for number, text in said.items()}


def _answered(answer: ImportAnswer) -> Written:
    headers = [version_header(answer.version), *([REPLAYED] if answer.replayed else [])]
    return json_response(import_answer_item(answer), headers)


_UPLOAD_EXAMPLE = {"file": "(the bank's file)", "account": "Assets:Checking"}


class UploadIn(bodies.Body):
    """A form: `file`, and what is known about it."""

    file: bytes = Field(description="The bank's file, or another ledger's journal.")
    account: str | None = Field(None, description="The account it belongs to; made from the file where left out.")
    format: str | None = Field(None, description="Its format; found out where left out.")
    profile: str | None = Field(None, description="How its columns are to be read.")


_PROBLEMS = (400, 403, 404, 409, 413, 422, 503, 504)
"""Of what waits for the read models too: what is likely the same is told by the words that they keep."""

_PREVIEW = Operation(
    "preview_import",
    "Show what a file would bring, and keep it until it is committed",
    201,
    shapes.PreviewOut.EXAMPLE,
    shapes.PreviewOut,
    body=UploadIn,
    body_example=_UPLOAD_EXAMPLE,
    body_media_type="multipart/form-data",
    is_command=True,
    takes_key=False,
    tags=["imports"],
    problems=_PROBLEMS,
)
_AGAIN = Operation(
    "preview_import_again",
    "Show what a previewed file would bring with these answers",
    200,
    shapes.PreviewOut.EXAMPLE,
    shapes.PreviewOut,
    body=CommitIn,
    body_example={"answers": {"balance_today": "2317.60"}},
    is_command=True,
    takes_key=False,
    tags=["imports"],
    problems=_PROBLEMS,
)
_COMMIT = Operation(
    "commit_import",
    "Record what a preview showed, all of it or none",
    200,
    shapes.ImportAnswerOut.EXAMPLE,
    shapes.ImportAnswerOut,
    body=CommitIn,
    body_example={"answers": {"balance_today": "2317.60"}, "skip": [3]},
    is_command=True,
    tags=["imports"],
    problems=_PROBLEMS,
)
_UNDO = Operation(
    "undo_import",
    "Take back all that an import recorded",
    200,
    shapes.ImportAnswerOut.EXAMPLE | {"counts": {"voided": 212}, "agreement": None},
    shapes.ImportAnswerOut,
    body=bodies.Body,
    body_example={},
    is_command=True,
    tags=["imports"],
)
