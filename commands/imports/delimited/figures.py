"""Amounts as a file writes them: each distinct text is read once, and what it leaves open is kept as its reason."""

from __future__ import annotations

import re
from collections.abc import Iterable

from commands.imports.delimited.profile import folded
from commands.imports.reading import Reason
from commands.imports.texts import clean, currency_in, decimal_mark_of, read_money
from domain.errors import Rejected
from domain.money import ISO_4217, MAX_AMOUNT_MINOR

Figure = tuple[int, int, str]
"""Minor units, decimal places, and the currency that stands beside the figure."""

DEFAULT_SCALE = 2
"""Decimal places of a currency that is not known."""

_UNSIGNED = frozenset("0123456789., ")
_SIGN = re.compile(r"[+(−–﹣－-]")
_NOT_ZERO = re.compile("[1-9]")
_WORDS = {
    -1: "saida saidas debito debit debited d db dr out soll s belastung af dare uscita debe cargo",
    1: "entrada entradas credito credit credited c cr in haben h gutschrift bij avere entrata haber abono",
}
_DIRECTIONS = {word: way for way, words in _WORDS.items() for word in words.split()}


def scale_of(currency: str) -> int:
    """Decimal places of a currency, by its code."""
    known = ISO_4217.get(currency)
    return known.scale if known is not None else DEFAULT_SCALE


def direction_of(word: str) -> int:
    """-1 for a word that says out, 1 for one that says in, 0 for any other."""
    return _DIRECTIONS.get(folded(word), 0)


def is_figure(text: str, mark: str = "") -> bool:
    """Whether a text is a figure, be it one that can be read in two ways."""
    try:
        read_money(text, DEFAULT_SCALE, mark)
    except Rejected as rejected:
        return rejected.code == "amount_ambiguous"
    return True


def stands(text: str) -> bool:
    """Whether a cell has a figure other than zero: banks fill the others with dashes and noughts."""
    return _NOT_ZERO.search(text) is not None


def is_signed(text: str) -> bool:
    """Whether a figure says itself which way it goes."""
    return _SIGN.search(text) is not None and stands(text) and is_figure(text)


def mark_of(texts: Iterable[str]) -> str:
    """The decimal mark of all figures that tell one; empty where none does, or some differ."""
    marks = {mark for text in texts if (mark := decimal_mark_of(text))}
    return marks.pop() if len(marks) == 1 else ""


def code_in_name(name: str) -> str:
    """The currency that a column's name tells: `Betrag (EUR)`, `Valor (R$)`, `Bedrag EUR`."""
    found = re.search(r"\(([^()]{1,4})\)\s*\Z", name) or re.search(r"\s([A-Z]{3})\s*\Z", name)
    if found is None:
        return ""
    try:
        return currency_in(f"{found[1]}1")
    except Rejected:
        return ""


def codes_in(texts: Iterable[str]) -> set[str]:
    """The currencies that stand beside figures."""
    codes = set()
    for text in texts:
        if not _UNSIGNED.issuperset(text.strip("-")):
            try:
                codes.add(currency_in(text))
            except Rejected:
                continue
    return codes - {""}


class Figures(dict[str, "Figure | Reason"]):
    """What each text means as a figure of a currency of `scale` places, or why it cannot be told."""

    def __init__(self, mark: str, scale: int) -> None:
        super().__init__()
        self._mark = mark
        self._scale = scale

    def __missing__(self, text: str) -> Figure | Reason:
        figure = self[text] = self._read(text)
        return figure

    def _read(self, text: str) -> Figure | Reason:
        try:
            figure = read_money(text, self._scale, self._mark)
        except Rejected as rejected:
            return Reason(rejected.code, rejected.params)
        minor, places, _ = figure
        if abs(minor) > MAX_AMOUNT_MINOR and abs(minor) > MAX_AMOUNT_MINOR * 10 ** max(0, places - self._scale):
            return Reason("amount_out_of_range", {"limit_minor": MAX_AMOUNT_MINOR})
        return figure


def told(text: str) -> str:
    """A text as a question or a reason shows it."""
    return clean(text)[:40]
