"""Books as a whole: opened with a key of their own, found by id or name, erased by destroying that key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from uuid import UUID
from zoneinfo import available_timezones

from commands.answers import Answer
from commands.bus import Busy, CommandBus
from commands.ports import BOOK_NAMES, Asked, EventStore, EventUnreadable, Ids, Keys, StoreUnavailable
from domain.book import BookCommand, BookErased, BookId, EraseBook, OpenBook
from domain.errors import Rejected
from domain.ledger import AccountId

_SAMPLE = b"sampl".hex()
"""With the sample's number behind it this stands in a sample book's id for the last 48 random bits of a UUIDv7: another
id ends so by chance once in 2.8e14 times.
"""


def sample_id(ids: Ids, number: int) -> BookId:
    """A new id for a book of the sample household, which says which sample it is (1 to 255)."""
    return BookId(f"{ids.new()[:-12]}{_SAMPLE}{number:02x}")


def sample_number(book: BookId) -> int | None:
    """Which sample a book's id says that it is; None for a book of a person's."""
    return int(book[-2:], 16) if book[-12:-2] == _SAMPLE else None


def open_book(
    bus: CommandBus,
    ids: Ids,
    asked: Asked,
    name: str,
    base: str,
    time_zone: str,
    then: Sequence[BookCommand] = (),
    book: BookId | None = None,
) -> Future[Answer]:
    """Open a book under a name that no other book has, with what `then` happens to it, whole or not at all.

    `book`: the new id it gets, where that is to say something; else one that says nothing. Its key is made first, and
    unmade where the book was surely not opened: a key that nothing uses does no harm, a book without its key is lost.
    """
    if time_zone not in available_timezones():
        raise Rejected("time_zone_unknown", time_zone=time_zone[:100])
    book = book or BookId(ids.new())
    bus.keys.create(book)

    def unmake_key(answer: Future[Answer]) -> None:
        failure = answer.exception()
        if failure is None:
            surely_not = answer.result().book != book
        else:
            surely_not = isinstance(failure, Rejected | Busy) or (
                isinstance(failure, StoreUnavailable) and failure.code != "outcome_unknown"
            )
        if surely_not:
            bus.keys.destroy(book)

    try:
        opening = OpenBook(book, base, time_zone, AccountId(ids.new()), name)
        answer = bus.submit(book, [opening, *then], asked)
    except BaseException:
        bus.keys.destroy(book)
        raise
    return _behind(answer, unmake_key)


def erase_book(bus: CommandBus, asked: Asked, book: BookId, reason: str = "") -> Future[Answer]:
    """End a book for ever: the event first, then its key, so that nothing it hid can be read again."""

    def destroy_key(answer: Future[Answer]) -> None:
        if answer.exception() is None and answer.result().book == book:
            bus.keys.destroy(book)

    return _behind(bus.submit(book, [EraseBook(reason)], asked), destroy_key)


def _behind(answer: Future[Answer], last: Callable[[Future[Answer]], None]) -> Future[Answer]:
    """The same answer, told once `last` is done: a future's own callbacks run when its waiters have heard already."""
    told: Future[Answer] = Future()
    told.set_running_or_notify_cancel()

    def tell(done: Future[Answer]) -> None:
        try:
            last(done)
            told.set_result(done.result())
        except BaseException as failure:
            told.set_exception(failure)

    answer.add_done_callback(tell)
    return told


def finish_erasures(store: EventStore, keys: Keys) -> None:
    """Destroy the keys of books whose erasure was recorded when the program ended. Called at every start.

    `StoreUnavailable("keys_missing")` where a book that was never erased has no key: the key file is an older one.
    """
    heads = store.heads()
    known = set(keys.books())  # behind the heads: a key is there before its book's first event
    lost = sum(_is_lost(store, book) for book in heads.keys() - known)
    if lost:
        raise StoreUnavailable("keys_missing", f"the key file has no key for {lost} of {len(heads)} books")
    for book in known:
        head = heads.get(book)
        if head is None:
            continue
        try:
            last = store.read_book(book, head.version - 1, 1)
        except EventUnreadable:
            continue  # no erasure, or one of a release to come: the other books go on, and this one tells when asked
        if last and isinstance(last[0].event, BookErased):
            keys.destroy(book)


def _is_lost(store: EventStore, book: BookId) -> bool:
    """Whether a book without a key was never erased, as the store has it by now."""
    head = store.head(book)
    if head is None:
        return False
    try:
        last = store.read_book(book, head.version - 1, 1)
    except EventUnreadable:
        return False  # nobody can tell: it tells itself when asked
    return bool(last) and not isinstance(last[0].event, BookErased)


def resolve_book(store: EventStore, keys: Keys, text: str) -> BookId:
    """The book that an id or a name means; `book_unknown` where none does."""
    try:
        is_id = str(UUID(text)) == text
    except ValueError:
        is_id = False
    if is_id and store.head(BookId(text)) is not None:
        return BookId(text)
    fingerprint = keys.fingerprint(BOOK_NAMES, text)
    holder = store.held(BOOK_NAMES, [fingerprint]).get(fingerprint)
    if not holder:
        raise Rejected("book_unknown", book=text[:100])
    return BookId(holder)
