"""Events as JSON, in two parts: what sums is public, what speaks of people is private.

One compiled pair of functions for each event class, made from its dataclass: field names are JSON names, dates are
ISO 8601, decimals are strings. An `Amount` field `x` becomes `"x": "12.34"` with `"commodity": "BRL"` beside it
(`"x_commodity"` where the object has more than one amount), always with as many decimal places as the commodity has.
None is left out. Fields that the domain marks private, at any depth, go into a tree of their own.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

from domain.money import Amount, commodity, decimal_text, parse_decimal
from domain.private import is_private


@dataclass(frozen=True, slots=True)
class Codec:
    """How one dataclass becomes JSON values and comes back.

    `public(value)` is a JSON object; `hidden(value)` the tree of its private parts, None where it has none;
    `build(public, hidden)` the value again, with empty private parts where `hidden` is None.
    """

    public: Callable[[Any], dict[str, Any]]
    hidden: Callable[[Any], dict[str, Any] | None]
    build: Callable[[Mapping[str, Any], Mapping[str, Any] | None], Any]
    has_hidden: bool


@dataclass(frozen=True, slots=True)
class _Field:
    """One field: how it is written into a public object, and read from the public and hidden objects."""

    name: str
    write: Callable[[Any, dict[str, Any]], None] | None
    hide: Callable[[Any], Any] | None
    read: Callable[[Mapping[str, Any], Mapping[str, Any]], Any]


_compiled: dict[type[Any], Codec] = {}


def codec_of(kind: type[Any]) -> Codec:
    """The codec of a dataclass, compiled once; TypeError where a field's type has no JSON form here."""
    codec = _compiled.get(kind)
    if codec is None:
        codec = _compiled[kind] = _compile(kind)
    return codec


def _compile(kind: type[Any]) -> Codec:
    hints = typing.get_type_hints(kind)
    declared = dataclasses.fields(kind)
    amounts = sum(_unwrapped(hints[field.name])[0] is Amount for field in declared)
    fields = [_field(field, hints[field.name], several_amounts=amounts > 1) for field in declared]
    writers = [(field.name, field.write) for field in fields if field.write is not None]
    hiders = [(field.name, field.hide) for field in fields if field.hide is not None]
    readers = [field.read for field in fields]
    nothing: Mapping[str, Any] = {}

    def public(value: Any) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, write in writers:
            write(getattr(value, name), out)
        return out

    def hidden(value: Any) -> dict[str, Any] | None:
        out = {}
        for name, hide in hiders:
            part = hide(getattr(value, name))
            if part:
                out[name] = part
        return out or None

    def build(out: Mapping[str, Any], secret: Mapping[str, Any] | None) -> Any:
        secret = secret or nothing
        return kind(*[read(out, secret) for read in readers])

    return Codec(public, hidden, build, bool(hiders))


def _field(field: dataclasses.Field[Any], hint: Any, *, several_amounts: bool) -> _Field:
    name = field.name
    if is_private(field):
        return _private_field(field, hint)
    kind, optional = _unwrapped(hint)
    if kind is Amount:
        return _amount_field(name, f"{name}_commodity" if several_amounts else "commodity", optional)
    to_json, from_json, hide = _value(kind)

    def write(value: Any, out: dict[str, Any]) -> None:
        if value is not None:
            out[name] = to_json(value) if to_json is not None else value

    def read(out: Mapping[str, Any], secret: Mapping[str, Any]) -> Any:
        value = out.get(name) if optional else out[name]
        if value is None:
            return None
        return from_json(value, secret.get(name)) if from_json is not None else value

    if hide is None:
        return _Field(name, write, None, read)
    return _Field(name, write, lambda value: None if value is None else hide(value), read)


def _amount_field(name: str, code_name: str, optional: bool) -> _Field:
    def write(value: Any, out: dict[str, Any]) -> None:
        if value is not None:
            unit = value.commodity
            out[name] = decimal_text(value.minor, unit.scale)
            out[code_name] = unit.code

    def read(out: Mapping[str, Any], secret: Mapping[str, Any]) -> Any:
        text = out.get(name)
        if text is None and optional:
            return None
        minor, scale = parse_decimal(out[name])
        return Amount(minor, commodity(out[code_name], scale))

    return _Field(name, write, None, read)


def _private_field(field: dataclasses.Field[Any], hint: Any) -> _Field:
    """A private field is a text or a tuple of texts: nothing else that people write is kept."""
    name, empty = field.name, field.default
    is_tuple = typing.get_origin(hint) is tuple

    def read(out: Mapping[str, Any], secret: Mapping[str, Any]) -> Any:
        value = secret.get(name)
        if value is None:
            return empty
        return tuple(value) if is_tuple else value

    return _Field(name, None, lambda value: value or None, read)


ToJson = Callable[[Any], Any] | None
FromJson = Callable[[Any, Any], Any] | None
Hide = Callable[[Any], Any] | None


def _value(kind: Any) -> tuple[ToJson, FromJson, Hide]:
    """How a value of a type is written, read and searched for private parts; None for as it is, or none."""
    if kind in (str, int, bool):
        return None, None, None
    if kind is date:
        return date.isoformat, lambda text, _: date.fromisoformat(text), None
    if kind is Decimal:
        return lambda value: format(value, "f"), lambda text, _: Decimal(text), None
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: value.value, lambda text, _: kind(text), None
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        inner = codec_of(kind)
        return inner.public, inner.build, inner.hidden if inner.has_hidden else None
    if typing.get_origin(kind) is tuple and typing.get_args(kind)[1:] == (...,):
        return _tuple_of(_unwrapped(typing.get_args(kind)[0])[0])
    raise TypeError(f"no JSON form for {kind}")


def _tuple_of(kind: Any) -> tuple[ToJson, FromJson, Hide]:
    """A tuple is a JSON array; its hidden parts stand under the index, as JSON object keys are texts."""
    to_json, from_json, hide = _value(kind)

    def write(values: Any) -> list[Any]:
        return list(values) if to_json is None else [to_json(value) for value in values]

    def read(values: Any, secret: Any) -> Any:
        if from_json is None:
            return tuple(values)
        if not secret:
            return tuple([from_json(value, None) for value in values])
        return tuple([from_json(value, secret.get(str(place))) for place, value in enumerate(values)])

    def hidden(values: Any) -> Any:
        assert hide is not None
        found = {str(place): part for place, value in enumerate(values) if (part := hide(value))}
        return found or None

    return write, read, hidden if hide is not None else None


def _unwrapped(hint: Any) -> tuple[Any, bool]:
    """The type behind NewType and `X | None`, and whether None is allowed."""
    optional = False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        rest = [part for part in typing.get_args(hint) if part is not type(None)]
        if len(rest) != 1:
            raise TypeError(f"no JSON form for {hint}")
        optional, hint = True, rest[0]
    while isinstance(hint, typing.NewType):
        hint = hint.__supertype__
    return hint, optional
