"""What one event changes of a transaction: the one place that knows which events take back and put in place.

Every figure and every rule that follows money reads events through `change_of`, so that all count the same.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from domain.ledger.categorizing import TransactionCategorized
from domain.ledger.joining import TransactionJoined, TransactionParted
from domain.ledger.transactions import TransactionAmended, TransactionRecorded, TransactionVoided
from domain.ledger.vocabulary import Posting, TransactionId


class Standing(NamedTuple):
    """What an event leaves standing of a transaction, or took back of it: no postings where the newer of two files does
    not tell it any more, until that file is undone.
    """

    day: date
    postings: tuple[Posting, ...]


class Change(NamedTuple):
    """What one event made of a transaction: `was` is taken back, `becomes` stands from now on; None for nothing."""

    transaction: TransactionId
    was: Standing | None
    becomes: Standing | None


def change_of(event: object) -> Change | None:
    """What an event changes of a transaction; None where it moves nothing: it speaks of something else, or a row
    joined what told the same already.
    """
    match event:
        case TransactionRecorded():
            return Change(event.transaction, None, Standing(event.date, event.postings))
        case TransactionVoided():
            return Change(event.transaction, Standing(event.was_date, event.was_postings), None)
        case TransactionAmended():
            # Though day and postings may be as they were: the words are new.
            was, becomes = Standing(event.was_date, event.was_postings), Standing(event.date, event.postings)
            return Change(event.transaction, was, becomes)
        case TransactionJoined() | TransactionParted():
            was, becomes = Standing(event.was_date, event.was_postings), Standing(event.date, event.postings)
            return None if was == becomes else Change(event.transaction, was, becomes)
        case TransactionCategorized():
            was, becomes = Standing(event.date, event.was_postings), Standing(event.date, event.postings)
            return Change(event.transaction, was, becomes)
        case _:
            return None
