"""The codec on random values of every event: nothing is lost with the key, and no word of people without it."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.book import BookEvent
from domain.private import is_private
from streams.contract import EVENT_TYPES, decode, encode
from tests.strategies import events


def seal(plain: bytes) -> bytes:
    """Turned round: no word is left as it was, and sealing twice opens."""
    return plain[::-1]


def forgotten(value: Any) -> Any:
    """The same value with every private part empty, at any depth: told by the domain's marks alone."""
    if isinstance(value, tuple):
        return tuple(forgotten(part) for part in value)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    return dataclasses.replace(
        value,
        **{
            part.name: part.default if is_private(part) else forgotten(getattr(value, part.name))
            for part in dataclasses.fields(value)
        },
    )


@pytest.mark.parametrize("name", EVENT_TYPES)
@given(data=st.data())
def test_an_event_comes_back_whole_with_the_key_and_without_a_word_of_people_when_it_is_gone(
    name: str, data: st.DataObject
) -> None:
    event: BookEvent = data.draw(events(EVENT_TYPES[name]))
    type_name, stored = encode(event, seal)
    assert type_name == name

    back = decode(type_name, stored, seal)
    assert back == event
    assert encode(back, seal) == (type_name, stored)

    blind = decode(type_name, stored, lambda sealed: None)
    assert blind == forgotten(event)

    public = orjson.loads(stored)
    sealed = public.pop("private", None)
    assert orjson.dumps(public) == encode(blind, seal)[1], "what is public says nothing of people"
    assert (sealed is None) == (blind == event)
    assert sealed is None or all(orjson.loads(seal(base64.b64decode(sealed))).values()), "nothing empty is sealed"
