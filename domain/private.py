"""What speaks of people is marked where it is declared.

A private field of an event (payee, memo, a name: any free text) is stored encrypted under the book's key, apart from
what sums. It has an empty default, which is what is read when the key is gone.
"""

from __future__ import annotations

import re
from dataclasses import Field, field
from typing import Any
from unicodedata import category

from domain.errors import Rejected

MAX_TEXT_CHARS = 2_000
"""The longest free text an event keeps: a memo with the bank's whole remittance information."""

MAX_LABELS = 50
"""The most tags, and the most links, of one transaction."""

MAX_LABEL_CHARS = 100

MAX_ID_CHARS = 64
"""The longest id or fingerprint: these are stored as they are, so nobody can write in them."""

_ID = re.compile(f"[A-Za-z0-9-]{{1,{MAX_ID_CHARS}}}")


def private(default: Any = "") -> Any:
    """A dataclass field whose value is a private part; `default` is what remains of it after an erasure."""
    return field(default=default, metadata={"private": True})


def is_private(of: Field[Any]) -> bool:
    return bool(of.metadata.get("private"))


def check_id(name: str, text: str | None) -> None:
    """Refuse what has not the form of an id; ids are public, and no free text gets in by their fields."""
    if text is not None and _ID.fullmatch(text) is None:
        raise Rejected("id_not_valid", field=name, limit=MAX_ID_CHARS)


def check_text(name: str, text: str) -> None:
    """Refuse a text too long, or with characters that no person types (controls, lone surrogates)."""
    if len(text) > MAX_TEXT_CHARS:
        raise Rejected("text_too_long", field=name, limit=MAX_TEXT_CHARS)
    # Format characters stay, printable or not: they join emoji and turn the direction of writing.
    if not text.isprintable() and any(category(c) in ("Cc", "Cs") and not c.isspace() for c in text):
        raise Rejected("text_not_printable", field=name)


def check_labels(name: str, labels: tuple[str, ...]) -> None:
    if len(labels) > MAX_LABELS:
        raise Rejected("too_many_labels", field=name, limit=MAX_LABELS)
    for label in labels:
        if not label or len(label) > MAX_LABEL_CHARS or not label.isprintable():
            raise Rejected("label_not_valid", field=name, label=label[:MAX_LABEL_CHARS])
