"""Profiles are data: what one says is checked when it is read, and what it says is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.imports.delimited import Delimited, Profile, built_in, read_profile
from commands.imports.reading import AccountType, Hints
from domain.errors import Rejected
from domain.money import decimal_text

MINE = """
name = "my-bank"
bank = "My Bank"
type = "card"
currency = "EUR"
decimal_mark = ","
date_order = "dmy"
sign = "reversed"
headers = [["Tag", "Wo", "Wieviel", "Stand"]]

[columns]
date = "Tag"
payee = "Wo"
amount = "Wieviel"
state = "Stand"

[states]
booked = "gebucht"
pending = "vorgemerkt"
dropped = ["storniert"]
"""
FILE = b"Tag;Wo;Wieviel;Stand\n03/04/2026;Laden;1.000;gebucht\n04/04/2026;Kiosk;2,50;vorgemerkt\n05/04/2026;X;1;neu\n"


def wrong(text: str) -> dict[str, object]:
    with pytest.raises(Rejected) as refusal:
        read_profile(text)
    assert refusal.value.code == "profile_not_valid"
    return refusal.value.params


def test_the_built_in_profiles_are_those_that_are_promised() -> None:
    assert [profile.name for profile in built_in()] == [
        "banco-do-brasil",
        "chase",
        "inter",
        "itau",
        "nubank-account",
        "nubank-card",
        "revolut",
        "wise",
        "generic",
    ]


def test_a_profile_that_a_person_adds_reads_their_banks_file() -> None:
    found = Delimited([read_profile(MINE)]).read(FILE)
    (statement,) = found.statements
    assert (found.detected.profile, statement.bank, statement.type) == ("my-bank", "My Bank", AccountType.CARD)
    assert found.questions == ()
    first, second, third = statement.rows
    assert first.amount is not None
    assert decimal_text(first.amount.minor, first.amount.commodity.scale) == "-1000"
    assert [row.left_out.code if row.left_out else "" for row in (first, second, third)] == [
        "",
        "row_pending",
        "row_state_unknown",
    ]
    assert second.pending


def test_a_profile_of_a_persons_own_stands_before_the_built_in_one_of_its_name() -> None:
    mine = read_profile(MINE.replace("my-bank", "inter"))
    formats = Delimited([mine])
    assert formats.profiles["inter"] == mine
    assert len(formats.profiles) == len(built_in())
    assert list(formats.profiles)[-1] == "generic"


def test_a_profile_that_is_named_is_used_even_where_the_header_has_more() -> None:
    text = b"date,card,title,amount\n2026-09-04,1234,Loja,104.17\n"
    assert Delimited().read(text).detected.profile == "generic"
    forced = Delimited().read(text, Hints(profile="nubank-card"))
    assert (forced.detected.profile, forced.detected.sign, forced.statements[0].bank) == (
        "nubank-card",
        "reversed",
        "Nubank",
    )


def test_a_profile_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(Rejected) as refusal:
        Delimited().read(FILE, Hints(profile="my-bank"))
    assert (refusal.value.code, refusal.value.params["profile"]) == ("profile_unknown", "my-bank")
    assert refusal.value.params["profiles"] == [profile.name for profile in built_in()]


def test_a_profile_whose_columns_the_file_lacks_reads_nothing() -> None:
    with pytest.raises(Rejected) as refusal:
        Delimited().read(FILE, Hints(profile="wise"))
    assert refusal.value.code == "columns_not_found"


def test_a_file_without_names_is_no_banks_whose_days_it_contradicts() -> None:
    assert Delimited().read(b"09/13/2026;A;-1,00\n09/14/2026;B;-2,00\n").detected.profile == "generic"
    assert Delimited().read(b"13/09/2026;A;-1,00\n14/09/2026;B;-2,00\n").detected.profile == "itau"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("name = ", "its text"),
        ('bank = "B"', "name"),
        ('name = "No Spaces"', "name"),
        ('name = "x"\ncolour = "red"', "colour"),
        ('name = "x"', "columns.date"),
        ('name = "x"\n[columns]\ndate = "D"', "columns.amount"),
        ('name = "x"\n[columns]\ndate = "D"\namount = "A"\ndebit = "O"', "columns.debit"),
        ('name = "x"\n[columns]\ndate = "D"\namount = "A"\nwhat = "W"', "columns.what"),
        ('name = "x"\n[columns]\ndate = "D"\namount = 3', "columns"),
        ('name = "x"\n[columns]\ndate = 1\namount = 2', "width"),
        ('name = "x"\nwidth = 2\n[columns]\ndate = 1\namount = 2', "date_order"),
        ('name = "x"\n[columns]\ndate = 0\namount = 2', "columns.date"),
        ('name = "x"\n[columns]\ndate = []\namount = 2', "columns.date"),
        ('name = "x"\ntype = "purse"', "type"),
        ('name = "x"\ncurrency = "euro"', "currency"),
        ('name = "x"\ndelimiter = ":"', "delimiter"),
        ('name = "x"\ndecimal_mark = "x"', "decimal_mark"),
        ('name = "x"\ndate_order = "ydm"', "date_order"),
        ('name = "x"\nsign = true', "sign"),
        ('name = "x"\nheaders = ["Date"]', "headers"),
        ('name = "x"\nmore_columns = 1', "more_columns"),
        ('name = "x"\nwidth = 1', "width"),
        ('name = "x"\nstates = "x"', "states"),
        ('name = "x"\n[states]\nlost = "x"', "states.lost"),
        ('name = "x"\n[parts]\nPot = "jar"', "parts.Pot"),
        ('name = "x"\n[columns]\ndate = "D"\namount = "A"\nstate = "S"', "states.booked"),
        ("x" * 70_000, "its text"),
    ],
)
def test_a_profile_that_is_wrong_names_the_field(text: str, field: str) -> None:
    params = wrong(text)
    assert params["field"] == field
    assert params["reason"]


def test_a_profile_says_only_what_its_text_says() -> None:
    bare = read_profile('name = "x"\n[columns]\ndate = "Day"\namount = ["Sum", "Total"]\n')
    assert bare == Profile("x", columns={"date": ("day",), "amount": ("sum", "total")})


def test_the_profile_of_the_documentation_is_one() -> None:
    text = (Path(__file__).parents[3] / "docs" / "profiles.md").read_text("utf-8")
    profile = read_profile(text.split("```toml\n")[1].split("```")[0])
    assert (profile.name, profile.sign, profile.parts) == (
        "banco-modelo-card",
        "reversed",
        {"cofrinho": AccountType.SAVINGS},
    )
    assert profile.is_balance("SALDO EM 30/09/2026")
    assert not profile.is_balance("Saldo devedor")
