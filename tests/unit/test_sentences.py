"""Every code the program can answer with has a sentence, and every sentence has its facts."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from domain.money import parse_amount
from domain.sentences import SENTENCES, sentence

ROOT = Path(__file__).parents[2]
FLOORS = ("domain", "commands", "projections", "streams", "api", "infra")
CARRIERS = {"Rejected", "Reason", "Question", "StoreUnavailable", "problem_response"}
"""What takes a code as its first argument."""

TOLD_BY_THE_DOOR = {"StoreUnavailable": {"retry_after_s"}}
"""Facts that the carrier itself brings, beside those of the call."""


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            yield path, ast.parse(path.read_text())


def uses() -> list[tuple[str, str, set[str] | None]]:
    """Every code in the source: where it is used, and the facts given with it (None: not to be told from the text)."""
    found: list[tuple[str, str, set[str] | None]] = []
    for path, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in CARRIERS:
                continue
            if not node.args or not isinstance(node.args[0], ast.Constant) or not isinstance(node.args[0].value, str):
                continue
            place = f"{path.relative_to(ROOT)}:{node.lineno}"
            found.append((node.args[0].value, place, facts_of(node, node.func.id)))
    return found


def facts_of(call: ast.Call, carrier: str) -> set[str] | None:
    names = set(TOLD_BY_THE_DOOR.get(carrier, set()))
    for keyword in call.keywords:
        if keyword.arg is None:
            return None
        names.add(keyword.arg)
    place = {"Reason": 1, "problem_response": 1, "Question": 2}.get(carrier)
    if place is not None and len(call.args) > place:
        facts = call.args[place]
        if not isinstance(facts, ast.Dict) or not all(isinstance(key, ast.Constant) for key in facts.keys):
            return None
        names |= {str(key.value) for key in facts.keys if isinstance(key, ast.Constant)}
    return names


def asked_for(code: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(SENTENCES[code]) if name is not None}


def test_every_code_in_the_source_has_a_sentence() -> None:
    assert {code: place for code, place, _ in uses() if code not in SENTENCES} == {}


def test_every_sentence_belongs_to_a_code_in_use() -> None:
    spoken: set[str] = set()
    for path, tree in sources():
        if path.name != "sentences.py":
            spoken |= {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    assert set(SENTENCES) - spoken == set()


def test_a_sentence_asks_only_for_facts_that_every_use_of_its_code_gives() -> None:
    missing = {
        f"{code} at {place}": asked_for(code) - facts
        for code, place, facts in uses()
        if code in SENTENCES and facts is not None and asked_for(code) - facts
    }
    assert missing == {}


def test_sentences_stand_in_the_order_of_their_codes() -> None:
    assert list(SENTENCES) == sorted(SENTENCES)


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_a_sentence_is_one_or_more_whole_sentences(code: str) -> None:
    text = SENTENCES[code]
    assert text.strip() == text
    assert text.endswith((".", "?"))
    assert len(text) <= 300


def test_facts_are_told_as_people_write_them() -> None:
    params = {"account": "Assets:Checking", "date": date(2026, 9, 1)}
    params |= {"held": parse_amount("1.50", "BRL"), "stated": parse_amount("2.00", "BRL")}
    told = sentence("balance_differs", params | {"difference": parse_amount("0.50", "BRL")})
    assert told.startswith("On 2026-09-01 Assets:Checking holds 1.50 BRL, not 2.00 BRL: 0.50 BRL is missing.")


def test_a_long_list_is_told_by_its_beginning() -> None:
    told = sentence("body_not_valid", {"fields": [f"f{number}" for number in range(8)]})
    assert "f0, f1, f2, f3, f4 and 3 more" in told


def test_a_fact_that_is_missing_or_odd_never_breaks_a_sentence() -> None:
    assert "(rate)" in sentence("price_not_positive", {})
    assert "{0}" in sentence("price_not_positive", {"rate": "{0}"})
    assert "none" in sentence("price_not_positive", {"rate": None})
    assert "1E" not in sentence("price_not_positive", {"rate": Decimal("1E+3")})


def test_a_code_of_another_release_is_told_as_it_is() -> None:
    assert sentence("reason_of_tomorrow", {"x": 1}) == "reason_of_tomorrow"
