"""The Portuguese of every code: nobody meets another language than asked for, nor a sentence without its facts.

Whoever adds a code to `domain/sentences.py` adds its Portuguese to `api/http/pages/pt.json` in the same change.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.sentences import SENTENCES

CATALOGUE = Path(__file__).parents[2] / "api" / "http" / "pages" / "pt.json"
WORDS_FOR_MACHINES = re.compile(r"`[^`]+`|--[a-z-]+|FINSHIFT_\w+|/docs|pip install '[^']+'")
"""What a person has to type or look up exactly: it is the same in every language."""

MAX_CHARACTERS = 320


def once_each(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    told = dict(pairs)
    assert len(told) == len(pairs), "a code stands twice"
    return told


PORTUGUESE: dict[str, str] = json.loads(CATALOGUE.read_text(encoding="utf-8"), object_pairs_hook=once_each)


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_every_code_has_its_portuguese_and_there_is_none_more() -> None:
    assert set(SENTENCES) - set(PORTUGUESE) == set(), "add their Portuguese to api/http/pages/pt.json"
    assert set(PORTUGUESE) - set(SENTENCES) == set(), "no code has these sentences any more: take them out"


def test_the_catalogue_stands_in_the_order_of_its_codes() -> None:
    assert list(PORTUGUESE) == sorted(PORTUGUESE)


@pytest.mark.parametrize("code", sorted(set(PORTUGUESE) & set(SENTENCES)))
def test_the_portuguese_tells_the_same_facts_as_the_english(code: str) -> None:
    english, portuguese = SENTENCES[code], PORTUGUESE[code]
    assert placeholders(portuguese) == placeholders(english)
    assert set(WORDS_FOR_MACHINES.findall(portuguese)) == set(WORDS_FOR_MACHINES.findall(english))


@pytest.mark.parametrize("code", sorted(PORTUGUESE))
def test_the_portuguese_is_one_or_more_whole_sentences(code: str) -> None:
    text = PORTUGUESE[code]
    assert text != SENTENCES.get(code)
    assert text == " ".join(text.split())
    assert text.endswith((".", "?"))
    assert len(text) <= MAX_CHARACTERS
