"""Events as JSON, in two parts: what sums is public, what speaks of people is private.

Three functions for each event class, made from its dataclass: field names are JSON names, dates are ISO 8601, decimals
are strings. An `Amount` field `x` becomes `"x": "12.34"` with `"commodity": "BRL"` beside it (`"x_commodity"` where the
object has more than one amount), always with as many decimal places as the commodity has. None is left out. Fields
that the domain marks private, at any depth, go into a tree of their own.

The functions are written out as Python and compiled once, as `dataclasses` does for `__init__`: every event ever
appended or replayed passes through them, and a call a field would cost three times as much.
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

from domain.money import Amount, commodity, decimal_text
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


_compiled: dict[type[Any], Codec] = {}


def codec_of(kind: type[Any]) -> Codec:
    """The codec of a dataclass, compiled once; TypeError where a field's type has no JSON form here."""
    codec = _compiled.get(kind)
    if codec is None:
        codec = _compiled[kind] = _compile(kind)
    return codec


@dataclass(slots=True)
class _Source:
    """The three functions of one dataclass, as they are being written: lines of the first two, arguments of the last.

    `names` are what the lines call.
    """

    public: list[str]
    hidden: list[str]
    build: list[str]
    names: dict[str, Any]


def _compile(kind: type[Any]) -> Codec:
    hints = typing.get_type_hints(kind)
    declared = dataclasses.fields(kind)
    amounts = sum(_unwrapped(hints[field.name])[0] is Amount for field in declared)
    source = _Source([], [], [], {"kind": kind, "nothing": types.MappingProxyType({})})
    for field in declared:
        if is_private(field):
            _private_field(source, field, hints[field.name])
            continue
        plain, optional = _unwrapped(hints[field.name])
        if plain is Amount:
            code_name = f"{field.name}_commodity" if amounts > 1 else "commodity"
            _amount_field(source, field.name, code_name, optional=optional)
        else:
            _field(source, field.name, plain, optional=optional)
    lines = [
        "def public(value):",
        "    out = {}",
        *[f"    {line}" for line in source.public],
        "    return out",
        "def hidden(value):",
        "    out = {}",
        *[f"    {line}" for line in source.hidden],
        "    return out or None",
        "def build(out, secret):",
        "    if secret is None: secret = nothing",
        f"    return kind({', '.join(source.build)})",
    ]
    exec(compile("\n".join(lines), f"<codec of {kind.__qualname__}>", "exec"), source.names)
    made = source.names
    return Codec(made["public"], made["hidden"], made["build"], bool(source.hidden))


def _field(source: _Source, name: str, kind: Any, *, optional: bool) -> None:
    form = _form(source.names, name, kind)
    if optional:
        source.public += [f"part = value.{name}", f"if part is not None: out[{name!r}] = {form.to_json('part')}"]
        from_json = form.from_json("part", f"secret.get({name!r})")
        source.build.append(f"None if (part := out.get({name!r})) is None else {from_json}")
    else:
        source.public.append(f"out[{name!r}] = {form.to_json(f'value.{name}')}")
        source.build.append(form.from_json(f"out[{name!r}]", f"secret.get({name!r})"))
    if form.hide is not None:
        source.hidden += [
            f"part = value.{name}",
            f"if part is not None and (part := {form.hide('part')}): out[{name!r}] = part",
        ]


def _amount_field(source: _Source, name: str, code_name: str, *, optional: bool) -> None:
    source.names |= {"decimal_text": decimal_text, "amount": _amount}
    write = f"out[{name!r}] = decimal_text(part.minor, part.commodity.scale); out[{code_name!r}] = part.commodity.code"
    source.public += [f"part = value.{name}", f"if part is not None: {write}" if optional else write]
    read = f"amount(out[{name!r}], out[{code_name!r}])"
    source.build.append(f"{read} if {name!r} in out else None" if optional else read)


def _amount(text: str, code: str) -> Amount:
    """An amount as `decimal_text` wrote it: its scale is the number of digits behind the point."""
    whole, _, places = text.partition(".")
    return Amount(int(whole + places), commodity(code, len(places)))


def _private_field(source: _Source, field: dataclasses.Field[Any], hint: Any) -> None:
    """A private field is a text or a tuple of texts: nothing else that people write is kept."""
    name = field.name
    source.names[f"empty_{name}"] = field.default
    source.hidden += [f"part = value.{name}", f"if part: out[{name!r}] = part"]
    read = f"secret.get({name!r}, empty_{name})"
    source.build.append(f"tuple({read})" if typing.get_origin(hint) is tuple else read)


Spelling = Callable[[str], str]
"""From an expression of a value to one of what it becomes."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How a value of a type is written, read (from its JSON and its private part), and searched for private parts."""

    to_json: Spelling
    from_json: Callable[[str, str], str]
    hide: Spelling | None = None


_AS_IT_IS = _Form(lambda value: value, lambda value, _: value)


def _form(names: dict[str, Any], name: str, kind: Any) -> _Form:
    """The form of a type. What its expressions call goes into `names`, under the name of the field it is for."""
    if kind in (str, int, bool):
        return _AS_IT_IS
    if kind is date:
        names["day"] = date.fromisoformat
        return _Form(lambda value: f"{value}.isoformat()", lambda value, _: f"day({value})")
    if kind is Decimal:
        names["decimal"] = Decimal
        return _Form(lambda value: f"format({value}, 'f')", lambda value, _: f"decimal({value})")
    if isinstance(kind, type) and issubclass(kind, Enum):
        names[f"enum_{name}"] = kind
        return _Form(lambda value: f"{value}.value", lambda value, _: f"enum_{name}({value})")
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        inner = codec_of(kind)
        names |= {f"public_{name}": inner.public, f"hidden_{name}": inner.hidden, f"build_{name}": inner.build}
        return _Form(
            lambda value: f"public_{name}({value})",
            lambda value, secret: f"build_{name}({value}, {secret})",
            (lambda value: f"hidden_{name}({value})") if inner.has_hidden else None,
        )
    if typing.get_origin(kind) is tuple and typing.get_args(kind)[1:] == (...,):
        return _tuple_of(names, name, _unwrapped(typing.get_args(kind)[0])[0])
    raise TypeError(f"no JSON form for {kind}")


def _tuple_of(names: dict[str, Any], name: str, kind: Any) -> _Form:
    """A tuple is a JSON array; its hidden parts stand under the index, as JSON object keys are texts."""
    form = _form(names, name, kind)
    if form is _AS_IT_IS:
        return _Form(lambda values: f"list({values})", lambda values, _: f"tuple({values})")
    hide = form.hide
    if hide is None:
        return _Form(
            lambda values: f"[{form.to_json('x')} for x in {values}]",
            lambda values, _: f"tuple([{form.from_json('x', 'None')} for x in {values}])",
        )
    names["parts"] = lambda values, secret: [(value, secret.get(str(place))) for place, value in enumerate(values)]
    return _Form(
        lambda values: f"[{form.to_json('x')} for x in {values}]",
        lambda values, secret: (
            f"tuple([{form.from_json('x', 's')} for x, s in parts({values}, hidden)] if (hidden := {secret})"
            f" else [{form.from_json('x', 'None')} for x in {values}])"
        ),
        lambda values: f"{{str(i): found for i, x in enumerate({values}) if (found := {hide('x')})}}",
    )


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
