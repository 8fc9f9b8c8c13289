"""Beancount: a book as text that `bean-check` of beancount 3 accepts, and whose sums are ours to the last digit.

What beancount's grammar cannot write (a space in an account's name, an accent in a tag) is written the nearest way
it can, with the original beside it as metadata.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from api.exports.content import Content, Rate, Told
from domain.ledger import FIRST_DAY, AccountId, Posting
from domain.money import Amount, Commodity, decimal_text

MAX_LABEL_CHARS = 100
"""The longest tag or link written; longer ones are cut, and whole beside it as metadata."""


def lines(content: Content) -> Iterator[str]:
    """The file, some lines at a time. Directives may come in any order: beancount sorts them by date."""
    names = account_names(content)
    yield (
        f"; {_one_line(content.name)}, at version {content.version}. Written by Finshift.\n"
        f'option "title" {quoted(content.name)}\n'
        f'option "operating_currency" "{content.base}"\n'
        # Every posting stands by its own total: no lot is looked for, none is merged.
        'option "booking_method" "NONE"\n'
        # Totals at cost become a price a unit and come back as a total: less than any minor unit may be lost on the
        # way, and must not count. The amounts themselves are exact.
        'option "inferred_tolerance_default" "*:0.0000000001"\n'
        'option "tolerance_multiplier" "0.01"\n\n'
    )
    for unit in content.commodities.values():
        yield f"{FIRST_DAY} commodity {unit.code}\n  scale: {unit.scale}\n"
    yield "\n"
    for account in content.standing:
        name = names[account.account]
        taken = " " + ",".join(account.commodities) if account.commodities else ""
        told = "" if name == account.name else f"  name: {quoted(account.name)}\n"
        yield f"{account.opened_on} open {name}{taken}\n{told}"
        if account.closed_on is not None:
            yield f"{account.closed_on} close {name}\n"
    yield "\n"
    yield from _rates(content.rates)
    yield "\n"
    for entry in content.entries:
        yield _transaction(entry, names)


def account_names(content: Content) -> dict[AccountId, str]:
    """A valid and unique beancount name for every account id; of two that come out alike the later is numbered."""
    by_standing: dict[AccountId, str] = {}
    used = {account.name for account in content.standing if account_name(account.name) == account.name}
    for account in content.standing:
        wanted = name = account_name(account.name)
        number = 1
        while name in used and name != account.name:
            number += 1
            name = f"{wanted}-{number}"
        used.add(name)
        by_standing[account.account] = name
    return {account: by_standing[standing.account] for account, standing in content.accounts.items()}


def account_name(name: str) -> str:
    """The name as beancount's grammar takes it: parts of letters, digits and hyphens that begin with a capital."""
    return ":".join([_part(part) for part in name.split(":")])


def _part(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    made = "".join([c if _is_plain(c) else "-" for c in composed]).strip("-") or "X"
    first = made[0].upper()
    if len(first) == 1 and unicodedata.category(first) in ("Lu", "Nd"):
        return first + made[1:]
    return "X" + made


def _is_plain(c: str) -> bool:
    return c == "-" or unicodedata.category(c) in ("Lu", "Ll", "Lt", "Lm", "Lo", "Nd")


def _rates(rates: Iterable[Rate]) -> Iterator[str]:
    for rate in rates:
        yield f"{rate.date} price {rate.commodity} {rate.rate:f} {rate.currency}\n"


def _transaction(entry: Told, names: dict[AccountId, str]) -> str:
    tags, links = [label(tag) for tag in entry.tags], [label(link) for link in entry.links]
    payee = f" {quoted(entry.payee)}" if entry.payee else ""
    marks = "".join([f" #{tag}" for tag in dict.fromkeys(tags)] + [f" ^{link}" for link in dict.fromkeys(links)])
    out = [f"{entry.date} *{payee} {quoted(entry.memo)}{marks}\n", f'  transaction: "{entry.transaction}"\n']
    if tuple(tags) != entry.tags:
        out.append(f"  tags: {quoted(', '.join(entry.tags))}\n")
    if tuple(links) != entry.links:
        out.append(f"  links: {quoted(', '.join(entry.links))}\n")
    if entry.corrects is not None:
        out.append(f'  corrects: "{entry.corrects}"\n')
    out += [_posting(posting, names) for posting in entry.postings]
    out.append("\n")
    return "".join(out)


def _posting(posting: Posting, names: dict[AccountId, str]) -> str:
    amount = posting.amount
    out = f"  {names[posting.account]}  {written(amount)}"
    # A total on nothing is nothing, and beancount would divide by it.
    if posting.cost is not None and amount.minor:
        lot = [_unsigned(posting.cost.total)]
        if posting.cost.date is not None:
            lot.append(posting.cost.date.isoformat())
        if posting.cost.label:
            lot.append(quoted(posting.cost.label))
        out += f" {{{{{', '.join(lot)}}}}}"
    if posting.price is not None and amount.minor:
        out += f" @@ {_unsigned(posting.price.total)}"
    return out + "\n"


def written(amount: Amount) -> str:
    return f"{decimal_text(amount.minor, amount.commodity.scale)} {_code(amount.commodity)}"


def _unsigned(total: Amount) -> str:
    """Beancount takes the sign of a total from the amount."""
    return f"{decimal_text(abs(total.minor), total.commodity.scale)} {_code(total.commodity)}"


def _code(unit: Commodity) -> str:
    return unit.code


def quoted(text: str) -> str:
    """A string literal: what stands in it comes back unchanged."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def label(text: str) -> str:
    """A tag or link in beancount's alphabet: accents go, what else does not fit becomes a hyphen.

    What has no letter of that alphabet at all is written as its code points, so that it stays one label and its own.
    """
    bare = "".join([c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)])
    made = "".join([c if c.isascii() and (c.isalnum() or c in "-_/.") else "-" for c in bare])[:MAX_LABEL_CHARS]
    if any(c.isalnum() for c in made):
        return made
    return ("u" + "-".join([f"{ord(c):x}" for c in text]))[:MAX_LABEL_CHARS]


def _one_line(text: str) -> str:
    return " ".join(text.split())
