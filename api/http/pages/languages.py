"""Languages: which one a reader wants, and the page's words in it.

The words of the page stand in `texts.<language>.json`, under the same names in each. The sentences that the server
makes are translated by their code: English is `domain.sentences`, the others are catalogues beside this file.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from domain.sentences import SENTENCES

ENGLISH, PORTUGUESE = "en", "pt-BR"
LANGUAGES = (ENGLISH, PORTUGUESE)

MAX_ACCEPTED = 20
"""Languages of a browser's list that are looked at; people read fewer."""

_TEXTS = {ENGLISH: "texts.en.json", PORTUGUESE: "texts.pt.json"}
_SENTENCES = {PORTUGUESE: "pt.json"}


def language_of(asked: str | None, accepted: str) -> str:
    """The language that an address asks for, else the best of a browser's list (RFC 9110), else English."""
    if asked is not None and (found := _named(asked)) is not None:
        return found
    wishes: list[tuple[float, str]] = []
    for wish in accepted.split(",")[:MAX_ACCEPTED]:
        tag, _, weight = wish.partition(";")
        found = _named(tag)
        if found is not None and (wanted := quality(weight)) > 0:
            wishes.append((wanted, found))
    return max(wishes, key=lambda wish: wish[0])[1] if wishes else ENGLISH


def _named(tag: str) -> str | None:
    """Our language of a tag such as `pt-PT`: the nearest we have is better than a foreign one."""
    primary = tag.strip().lower().partition("-")[0]
    return {"en": ENGLISH, "pt": PORTUGUESE}.get(primary)


def quality(weight: str) -> float:
    """How much something of a list is wanted (`q=0.8`): 1 where it does not say, 0 where it cannot be read."""
    name, _, value = weight.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


@cache
def texts(language: str) -> dict[str, str]:
    """The page's own words, by name."""
    return _read(_TEXTS[language])


@cache
def sentences(language: str) -> dict[str, str]:
    """Templates of what the server says, by code; what stands in braces is a fact of it."""
    return _read(_SENTENCES[language]) if language in _SENTENCES else dict(SENTENCES)


def _read(name: str) -> dict[str, str]:
    told: Any = json.loads((files("api.http.pages") / name).read_text("utf-8"))
    return {str(key): str(text) for key, text in told.items()}
