"""Hledger: a book as a journal that `hledger` reads, strictly, and whose balances are ours to the cent.

What decides a balance is exact: amounts, and totals as `@@`. The words around it (payees, tags) are written the
nearest way that a journal can hold.
"""

from __future__ import annotations

from collections.abc import Iterator

from api.exports.content import Content, Told
from domain.ledger import AccountId, Posting
from domain.money import Amount, decimal_text


def lines(content: Content) -> Iterator[str]:
    """The journal, some lines at a time."""
    names = account_names(content)
    yield f"; {_words(content.name)}, at version {content.version}. Written by Finshift.\n\n"
    for unit in content.commodities.values():
        # The sample number must have a decimal mark, even where there is nothing behind it.
        places = "0" * unit.scale
        yield f"commodity 1000.{places} {symbol(unit.code)}\n"
    yield "\n"
    for account in content.standing:
        yield f"account {names[account.account]}\n"
    yield "\n"
    for rate in content.rates:
        yield f"P {rate.date} {symbol(rate.commodity)} {rate.rate:f} {symbol(rate.currency)}\n"
    yield "\n"
    for entry in content.entries:
        yield _transaction(entry, names)


def account_names(content: Content) -> dict[AccountId, str]:
    """A name for every account id that a journal reads as one; of two that come out alike the later is numbered."""
    by_standing: dict[AccountId, str] = {}
    used: set[str] = set()
    for account in content.standing:
        # Two spaces end an account's name, and a semicolon begins a comment.
        wanted = name = " ".join(account.name.replace(";", ",").split())
        number = 1
        while name in used:
            number += 1
            name = f"{wanted} {number}"
        used.add(name)
        by_standing[account.account] = name
    return {account: by_standing[standing.account] for account, standing in content.accounts.items()}


def _transaction(entry: Told, names: dict[AccountId, str]) -> str:
    payee, memo = _words(entry.payee).replace("|", "/"), _words(entry.memo)
    described = f"{payee} | {memo}" if payee and memo else payee or memo
    # A status and an empty code first, so that no payee is taken for either.
    out = [f"{entry.date} * () {described}".rstrip() + "\n", f"    ; id:{entry.transaction}\n"]
    if entry.tags:
        out.append("    ; " + ", ".join([f"{_tag(tag)}:" for tag in entry.tags]) + "\n")
    out += [f"    ; link:{_tag_value(link)}\n" for link in entry.links]
    if entry.corrects is not None:
        out.append(f"    ; corrects:{entry.corrects}\n")
    out += [_posting(posting, names) for posting in entry.postings]
    out.append("\n")
    return "".join(out)


def _posting(posting: Posting, names: dict[AccountId, str]) -> str:
    total = posting.cost.total if posting.cost is not None else posting.price.total if posting.price else None
    out = f"    {names[posting.account]}  {written(posting.amount)}"
    # A total on nothing is nothing: hledger reads it, and takes its sign for the amount's.
    if total is not None and posting.amount.minor:
        out += f" @@ {written(Amount(abs(total.minor), total.commodity))}"
    notes = []
    if posting.cost is not None:
        notes.append("cost")
        if posting.cost.date is not None:
            notes.append(f"of {posting.cost.date}")
        if posting.cost.label:
            notes.append(_words(posting.cost.label).replace(":", " "))
        if posting.price is not None:
            notes.append(f"(price @@ {written(posting.price.total)})")
    return out + (f"  ; {' '.join(notes)}" if notes else "") + "\n"


def written(amount: Amount) -> str:
    return f"{decimal_text(amount.minor, amount.commodity.scale)} {symbol(amount.commodity.code)}"


def symbol(code: str) -> str:
    """A commodity's code, quoted where it is more than letters."""
    return code if code.isalpha() else f'"{code}"'


def _words(text: str) -> str:
    """Free text on one line, without what begins a comment."""
    return " ".join(text.replace(";", ",").split())


def _tag(text: str) -> str:
    return "".join(["-" if c.isspace() or c in ":,;" else c for c in text])


def _tag_value(text: str) -> str:
    return " ".join(text.replace(",", " ").split())
