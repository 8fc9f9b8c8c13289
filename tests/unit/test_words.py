"""The words of a text, as searches and rules compare them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.words import words
from projections.register.words import words_column


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" - ... ", []),
        ("Padaria SÃO João", ["padaria", "sao", "joao"]),
        ("pão-de-queijo, pão", ["pao", "de", "queijo"]),
        ("STRASSE Straße", ["strasse"]),
        ("ﬁnal № 5", ["final", "no", "5"]),
        ("ΚΑΦΈΣ καφές", ["καφεσ"]),
        ("Łódź Œuvre", ["łodz", "œuvre"]),
        ("e_mail 12,50", ["e_mail", "12", "50"]),
        ("東京 Café", ["東京", "cafe"]),
    ],
)
def test_words_are_alike_whatever_their_case_and_accents(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text())
def test_a_text_has_the_same_words_in_any_case_form_and_composition(text: str) -> None:
    assert words(unicodedata.normalize("NFD", text)) == words(unicodedata.normalize("NFC", text)) == words(text)
    assert words(text.casefold()) == words(text)
    assert all(words(word) == [word] for word in words(text))


def test_the_words_of_payee_memo_and_tags_stand_once_each_after_a_space() -> None:
    assert words_column("Café", "café com leite", ("com açúcar",)) == " cafe com leite acucar"
    assert words_column("", "", ()) == ""
