"""Problems: a refusal as RFC 9457 tells it, the same over HTTP, in a batch's results and from the command line.

The code decides the status, whichever door it comes through, so that a client can rely on either.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from api.items import plain
from commands.bus import Busy
from commands.ports import EventUnreadable, KeyGone, StoreUnavailable
from domain.errors import Rejected
from domain.sentences import sentence

TYPE_PREFIX = "urn:finshift:problem:"
"""A problem's `type` names its code and nothing to fetch: the program also runs where there is no network."""

_BAD_REQUEST = ("body_empty", "not_json", "request_not_valid", "upload_not_valid")
_FORBIDDEN = ("host_refused", "origin_refused")
_NOT_FOUND = ("book_unknown", "budget_unknown", "import_unknown", "path_unknown", "preview_unknown", "rule_unknown")
_CONFLICT = (
    # What was asked for is fine in itself; something that stands already is in its way.
    "account_id_used",
    "account_name_used",
    "account_not_empty",
    "account_used_later",
    "book_erased",
    "book_exists",
    "book_name_used",
    "budget_ended",
    "budget_id_used",
    "changed_meanwhile",
    "claim_taken",
    "commodity_declared_otherwise",
    "idempotency_key_reused",
    "import_committed",
    "import_in_closed_period",
    "import_reconciled",
    # A parked book does not heal by asking again, which is what 503 would invite to: somebody has to release it.
    "projection_parked",
    "transaction_id_used",
    "transaction_not_standing",
    "transaction_reconciled",
)
_TOO_LARGE = ("body_too_large", "file_too_large", "import_too_large")
_UNAVAILABLE = (
    "busy",
    "clock_ahead",
    "clock_behind",
    "keys_missing",
    "outcome_unknown",
    "read_models_damaged",
    "read_models_unavailable",
    "restore_unfinished",
    "store_busy",
    "store_damaged",
    "store_full",
    "store_missing",
    "store_newer",
    "store_read_only",
    "store_unreachable",
)

STATUS: dict[str, HTTPStatus] = {
    **dict.fromkeys(_BAD_REQUEST, HTTPStatus.BAD_REQUEST),
    **dict.fromkeys(_FORBIDDEN, HTTPStatus.FORBIDDEN),
    **dict.fromkeys(_NOT_FOUND, HTTPStatus.NOT_FOUND),
    "method_unknown": HTTPStatus.METHOD_NOT_ALLOWED,
    **dict.fromkeys(_CONFLICT, HTTPStatus.CONFLICT),
    **dict.fromkeys(_TOO_LARGE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    "content_encoding_unknown": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    # Asking again does not mend what is stored, which is what 503 would invite to.
    "event_unreadable": HTTPStatus.INTERNAL_SERVER_ERROR,
    "topic_diverged": HTTPStatus.INTERNAL_SERVER_ERROR,
    "topic_foreign": HTTPStatus.INTERNAL_SERVER_ERROR,
    "topic_partitions_changed": HTTPStatus.INTERNAL_SERVER_ERROR,
    "internal_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    **dict.fromkeys(_UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE),
    "min_version_not_reached": HTTPStatus.GATEWAY_TIMEOUT,
}
"""The status of a code; every other refusal is 422."""

Problem = dict[str, Any]


def status_of(code: str) -> HTTPStatus:
    return STATUS.get(code, HTTPStatus.UNPROCESSABLE_ENTITY)


def problem_of(code: str, params: Mapping[str, object]) -> Problem:
    """The problem object of a code and its facts.

    An atomic group's `index`, the place of the command at fault, stands beside the params, as the contract names it.
    """
    status = status_of(code)
    facts = {name: plain(value) for name, value in params.items() if name != "index"}
    problem: Problem = {
        "type": TYPE_PREFIX + code,
        "title": status.phrase,
        "status": int(status),
        "code": code,
        "params": facts,
        "detail": sentence(code, params),
    }
    if "index" in params:
        problem["index"] = params["index"]
    return problem


def refusal_of(error: BaseException) -> Rejected | None:
    """The refusal behind an error that somebody can act on; None for a defect, which nobody may take for one."""
    match error:
        case Rejected():
            return error
        case Busy(retry_after_s=wait):
            return Rejected("busy", retry_after_s=wait)
        case StoreUnavailable(code=code, retry_after_s=wait):
            return Rejected(code, retry_after_s=wait)
        case EventUnreadable(book=book, version=version, reason=reason):
            return Rejected("event_unreadable", book=book, version=version, reason=reason)
        case KeyGone():
            return Rejected("book_erased")
        case _:
            return None
