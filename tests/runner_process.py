"""A projection runner in a process of its own: `python -m tests.runner_process ADDRESS BOOKS EVENTS BATCH`.

It follows the log of `made_log` to its end and prints a line a batch, and one whenever it was overtaken.
"""

from __future__ import annotations

import logging
import sys

from domain.book import BookId
from infra.read_models import open_read_models
from streams import runner
from tests.fakes import MemoryLog
from tests.tally import Tally, opened, spent


def made_log(books: int, events: int) -> MemoryLog:
    """`events` in all, spread over the books; the same in every process."""
    log = MemoryLog()
    names = [BookId(f"b-{number}") for number in range(books)]
    for book in names:
        log.append(book, opened(book))
    for number in range(events - books):
        log.append(names[(number * number) % books], spent(number + 1))
    return log


def models() -> list[Tally]:
    return [Tally("tally"), Tally("other")]


def main(address: str, books: str, events: str, batch: str) -> None:
    runner.BATCH_EVENTS = int(batch)
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    logging.getLogger(runner.__name__).setLevel(logging.DEBUG)
    read_models = models()
    database = open_read_models(address, read_models)
    following = runner.ProjectionRunner(made_log(int(books), int(events)), database, read_models)
    print("ready", flush=True)
    sys.stdin.readline()
    following.catch_up(lambda position, end: print(position, flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
