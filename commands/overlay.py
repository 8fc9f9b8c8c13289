"""Overlays: a unit of work decided on top of committed state, and dropped or kept as a whole.

Copying a book's state for each command is out of the question, and undoing writes is easy to get wrong. A state is
flat maps of immutable values; an overlay is the same maps, each with its changes apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Final, TypeVar, cast

from domain.book import Book
from domain.budgets import Budgets
from domain.ledger import Ledger
from domain.rules import Rules

K = TypeVar("K")
V = TypeVar("V")

_GONE: Final = object()
_MISSING: Final = object()


class Layer(MutableMapping[K, V]):
    """A map laid over another: reads fall through, writes stay here until `fold`.

    Its order is that of a dict with the same history, also where a key went and came back: what is decided on an
    overlay is decided the same after a replay.
    """

    __slots__ = ("base", "changes", "returned")

    def __init__(self, base: MutableMapping[K, V]) -> None:
        self.base = base
        self.changes: dict[Any, Any] = {}
        self.returned: set[Any] = set()
        """Keys of the map below that were deleted and set again: they stand at the end now."""

    def __getitem__(self, key: K) -> Any:
        value = self.changes.get(key, _MISSING)
        if value is _MISSING:
            return self.base[key]
        if value is _GONE:
            raise KeyError(key)
        return value

    def get(self, key: K, default: Any = None) -> Any:
        value = self.changes.get(key, _MISSING)
        if value is _MISSING:
            return self.base.get(key, default)
        return default if value is _GONE else value

    def __contains__(self, key: object) -> bool:
        value = self.changes.get(key, _MISSING)
        return key in self.base if value is _MISSING else value is not _GONE

    def __setitem__(self, key: K, value: V) -> None:
        changes = self.changes
        if changes.get(key) is _GONE:
            del changes[key]
            if key in self.base:
                self.returned.add(key)
        changes[key] = value

    def __delitem__(self, key: K) -> None:
        if key not in self:
            raise KeyError(key)
        self.changes[key] = _GONE

    def clear(self) -> None:
        self.changes = dict.fromkeys(self.base, _GONE)
        self.returned = set()

    def __iter__(self) -> Iterator[K]:
        changes = self.changes
        if not changes:
            yield from self.base
            return
        returned = self.returned
        for key in self.base:
            if changes.get(key) is not _GONE and key not in returned:
                yield key
        for key, value in changes.items():
            if value is not _GONE and (key not in self.base or key in returned):
                yield key

    def __len__(self) -> int:
        if not self.changes:
            return len(self.base)
        new = sum(value is not _GONE and key not in self.base for key, value in self.changes.items())
        gone = sum(value is _GONE and key in self.base for key, value in self.changes.items())
        return len(self.base) + new - gone

    def fold(self) -> None:
        """Write the changes into the map below."""
        base, returned = self.base, self.returned
        for key, value in self.changes.items():
            if value is _GONE:
                base.pop(key, None)
                continue
            if key in returned:
                del base[key]
            base[key] = value
        self.changes = {}
        self.returned = set()


_ROOMS: Mapping[str, type[Any]] = {"ledger": Ledger, "budgets": Budgets, "rules": Rules}
"""The parts of a book's state; every other field of `Book` is a flat map itself."""


def laid_over(base: Book) -> Book:
    """A state that reads as `base` does and keeps its own writes apart."""
    return Book(Layer(base.facts), *[_layers(room, getattr(base, name)) for name, room in _ROOMS.items()])


def _layers(room: type[Any], state: Any) -> Any:
    return room(*[Layer(getattr(state, name)) for name in room.__slots__])


def fold(overlay: Book) -> None:
    """Write an overlay's changes into the state it lies over."""
    for layer in _layers_of(overlay):
        layer.fold()


def _layers_of(overlay: Book) -> Iterator[Layer[Any, Any]]:
    yield cast(Layer[Any, Any], overlay.facts)
    for name, room in _ROOMS.items():
        state = getattr(overlay, name)
        for field in room.__slots__:
            yield getattr(state, field)
