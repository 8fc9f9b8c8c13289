"""A process of its own that writes into a store, for the tests that stop it, kill it or run two.

python -m tests.store_process hold URL KEYS          holds the writers' lock until a line comes in
python -m tests.store_process write URL KEYS N NAME  appends N purchases to one book, one commit each
"""

from __future__ import annotations

import sys
from pathlib import Path

from sqlalchemy import event

from commands.ports import Committed, Head, Moved
from infra.store import SqlEventStore
from tests.stores import HOME, OFFICE, append, bought, key, opened, opening, unit


def hold(store: SqlEventStore) -> None:
    """Stop inside a transaction, everything written and COMMIT not yet sent; then go on and tell how it ended."""

    def before_commit(_connection: object) -> None:
        print("holding", flush=True)
        sys.stdin.readline()

    event.listen(store.writing, "commit", before_commit)
    (outcome,) = append(store, [unit(OFFICE, 0, opening(OFFICE))], {OFFICE: None})
    print(type(outcome).__name__, flush=True)


def write(store: SqlEventStore, count: int, name: str) -> None:
    """Append, deciding again wherever the book has moved; tell every position that was acknowledged."""
    for number in range(count):
        outcome: object = Moved()
        while isinstance(outcome, Moved):
            base: Head | None = store.head(HOME)
            after = base.version if base else 0
            asked = unit(HOME, after, bought(number, f"{name} {number}"), key=key(f"{name}-{number}"))
            (outcome,) = append(store, [asked], {HOME: base})
        assert isinstance(outcome, Committed), outcome
        print(outcome.head.position, outcome.head.version, outcome.head.hash.hex(), flush=True)


def main() -> None:
    way, url, keys, *rest = sys.argv[1:]
    with opened(url, Path(keys)) as store:
        if way == "hold":
            hold(store)
        else:
            write(store, int(rest[0]), rest[1])


if __name__ == "__main__":
    main()
