"""What people may write, and what is marked as theirs."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from domain.errors import Rejected
from domain.ledger import Cost
from domain.private import MAX_LABEL_CHARS, MAX_LABELS, MAX_TEXT_CHARS, check_labels, check_text, is_private
from streams.contract import EVENT_TYPES

PEOPLES_WORDS = {
    "source",
    "profile",
    "name",
    "payee",
    "memo",
    "tags",
    "links",
    "reason",
    "file_name",
    "label",
    "note",
    "notes",
    "text",
}
"""Names of fields that hold what a person wrote, or a bank told about a person."""


@pytest.mark.parametrize(
    "text",
    [
        "", "Padaria São João", "two\nlines\tand a tab\r\n", "日本", "שכר דירה", "\u200fright to left\u200f",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
        "soft\u00adhyphen", "no\u00a0break", "\ufeffBOM", "zero\u200bwidth", "x" * MAX_TEXT_CHARS,
    ],
)  # fmt: skip
def test_a_text_takes_any_writing(text: str) -> None:
    check_text("memo", text)


@pytest.mark.parametrize("text", ["\x00", "bell\x07", "\x1b[31mred", "half \ud83d", "\x7f", "\u0080"])
def test_a_text_takes_no_controls_and_no_half_characters(text: str) -> None:
    with pytest.raises(Rejected) as refused:
        check_text("memo", text)
    assert (refused.value.code, refused.value.params) == ("text_not_printable", {"field": "memo"})


def test_a_text_has_a_longest_length() -> None:
    with pytest.raises(Rejected) as refused:
        check_text("payee", "x" * (MAX_TEXT_CHARS + 1))
    assert refused.value.code == "text_too_long"
    assert refused.value.params == {"field": "payee", "limit": MAX_TEXT_CHARS}


def test_a_transaction_takes_so_many_labels() -> None:
    check_labels("tags", ("x" * MAX_LABEL_CHARS,) * MAX_LABELS)
    with pytest.raises(Rejected) as refused:
        check_labels("tags", ("x",) * (MAX_LABELS + 1))
    assert (refused.value.code, refused.value.params) == ("too_many_labels", {"field": "tags", "limit": MAX_LABELS})


@pytest.mark.parametrize("label", ["", "x" * (MAX_LABEL_CHARS + 1), "two\nlines", "\x00", "\ud800"])
def test_a_label_is_one_short_printable_line(label: str) -> None:
    with pytest.raises(Rejected) as refused:
        check_labels("links", ("fine", label))
    assert refused.value.code == "label_not_valid"
    assert refused.value.params["field"] == "links"


@pytest.mark.parametrize("kind", [*EVENT_TYPES.values(), Cost], ids=lambda kind: kind.__name__)
def test_every_word_of_people_is_private_and_nothing_that_sums_is(kind: type[Any]) -> None:
    for field in dataclasses.fields(kind):
        assert is_private(field) == (field.name in PEOPLES_WORDS), field.name


@pytest.mark.parametrize("kind", [*EVENT_TYPES.values(), Cost], ids=lambda kind: kind.__name__)
def test_a_private_part_has_an_empty_value_for_when_the_key_is_gone(kind: type[Any]) -> None:
    assert all(field.default in ("", ()) for field in dataclasses.fields(kind) if is_private(field))
