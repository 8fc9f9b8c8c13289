"""What a stranger's file could do to beancount's own parser does not get there."""

from __future__ import annotations

import tracemalloc

import pytest

from commands.imports.beancount_guard import MAX_KEPT_ERRORS, MAX_WORD_CHARS
from commands.imports.beancount_text import Beancount
from domain.errors import Rejected

ENTRY = """2026-01-02 * "Shop" "Bread" #home
  ; a comment
  place: "Market"
  #more ^link
  Expenses:Food  {} EUR
  ! Assets:Bank
"""
OPENED = "2026-01-01 open Assets:Bank\n2026-01-01 open Expenses:Food\n"


def refused(text: str) -> str:
    with pytest.raises(Rejected) as refusal:
        Beancount().read(text.encode())
    return refusal.value.code


@pytest.mark.parametrize(
    "divided",
    ["1/0", "1/00", "1 / 0.00", "1/-0", "1/- +0", "0/0", "1/(1-1)", "(1)/0", "1/-(0)", "1/0,000", "1/0*5", "2*1/0"],
)
def test_a_division_that_may_be_by_zero_never_reaches_the_parser(divided: str) -> None:
    assert refused(ENTRY.format(divided)) == "beancount_may_divide_by_zero"
    assert refused(f'2026-01-01 note Assets:Bank "\n"\n{ENTRY.format(divided)}') == "beancount_may_divide_by_zero"


@pytest.mark.parametrize("divided", ["10/4", "1/0.5", "1/00.10", "10/2/5", "1/-2", "(1+2)/3", "1/10", "100/1,000"])
def test_any_other_division_does(divided: str) -> None:
    Beancount().read((OPENED + ENTRY.format(divided)).encode())


def test_numbers_within_too_many_parentheses_are_refused() -> None:
    assert refused(ENTRY.format("( " * 20_000 + "1" + " )" * 20_000)) == "beancount_too_deep"


def test_a_run_without_spaces_is_refused_before_it_costs_quadratic_time() -> None:
    assert refused(OPENED + "option" * MAX_WORD_CHARS) == "beancount_word_too_long"
    assert len(Beancount().read((OPENED + ENTRY.format("1")).replace("Shop", "x" * 1_900).encode()).entries) == 1


@pytest.mark.parametrize("line", ["$", " $", "x", "  A:", "poptag #a", "\u00e9"])
def test_lines_that_are_no_beancount_are_counted_and_only_the_first_kept(line: str) -> None:
    count = MAX_KEPT_ERRORS * 50
    raw = f"{line}\n".encode() * count
    tracemalloc.start()
    with pytest.raises(Rejected) as refusal:
        Beancount().read(raw)
    grown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refusal.value.code == "beancount_errors"
    told = refusal.value.params["count"]
    assert isinstance(told, int)
    assert told >= count / 2  # an error may take the next line with it
    assert grown < 2_000_000 + 20 * len(raw)


def test_what_is_only_old_fashioned_is_no_error_however_often_it_stands() -> None:
    options = 'option "allow_pipe_separator" "TRUE"\n' * (MAX_KEPT_ERRORS + 1)
    assert len(Beancount().read((options + OPENED + ENTRY.format("1")).encode()).entries) == 1
