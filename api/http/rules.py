"""Rule doors: what a rule would categorize is shown before it is set, and done when it is asked for.

Setting and removing are commands like any other, see the table of doors; here is what reads a whole book.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.http import bodies, shapes
from api.http.answering import REPLAYED, Written, json_response, version_header
from api.http.asking import asked, is_id, principal
from api.http.commands import book_of
from api.http.describing import Operation, add_operation
from api.http.doors import RULE, written_rule
from api.http.lanes import Lane
from api.http.reading import fingerprint, idempotency_key, parse_json, read_body
from api.items import applied_item, trial_item
from api.parts import Parts
from domain.errors import Rejected
from domain.ledger import RuleId
from domain.private import MAX_ID_CHARS


def add_rule_doors(router: APIRouter, parts: Parts, lane: Lane) -> None:
    """`lane`: that of the imports, whose rows are as many."""

    async def try_rule(request: Request) -> Response:
        await principal(request)
        idempotency_key(request)
        body = bodies.RuleIn.model_validate(parse_json(await read_body(request)))
        book = await book_of(parts, request.path_params["book"])

        def work() -> Written:
            trial = parts.rules.try_rule(book, written_rule(body))
            return json_response(trial_item(trial), [version_header(trial.version)])

        return await lane.turn(work)

    async def apply_rule(request: Request) -> Response:
        who = await principal(request)
        key = idempotency_key(request)
        body = await read_body(request)
        bodies.Body.model_validate(parse_json(body, may_be_empty=True))
        book = await book_of(parts, request.path_params["book"])
        rule = _rule_id(request)
        ask = asked(parts, who, book, key, fingerprint(request, body))

        def work() -> Written:
            applied = parts.rules.apply(book, rule, ask)
            headers = [version_header(applied.version), *([REPLAYED] if applied.replayed else [])]
            return json_response(applied_item(applied), headers)

        return await lane.turn(work)

    add_operation(router, "POST", "/v1/books/{book}/rules/try", try_rule, _TRY)
    add_operation(router, "POST", "/v1/books/{book}/rules/{rule_id}/apply", apply_rule, _APPLY)


def _rule_id(request: Request) -> RuleId:
    """The rule that the path means; what is no id is none."""
    text = request.path_params["rule_id"]
    if not is_id(text):
        raise Rejected("rule_unknown", rule=text[:MAX_ID_CHARS])
    return RuleId(text)


_TRY = Operation(
    "try_rule",
    "Show what a rule would categorize of what nobody has categorized yet; nothing changes",
    200,
    shapes.TrialOut.EXAMPLE,
    shapes.TrialOut,
    body=bodies.RuleIn,
    body_example=RULE,
    is_command=True,
    takes_key=False,
    problems=(400, 403, 404, 409, 413, 422, 503, 504),
)
_APPLY = Operation(
    "apply_rule",
    "Categorize what nobody has categorized yet and the rule is the first to fit",
    200,
    shapes.AppliedOut.EXAMPLE,
    shapes.AppliedOut,
    body=bodies.Body,
    body_example={},
    is_command=True,
    problems=(400, 403, 404, 409, 413, 422, 503, 504),
)
