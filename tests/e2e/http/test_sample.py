"""The sample household by its doors: made when asked for, gone when told to, and never mixed with a person's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.following import Following
from api.http import shapes
from tests.e2e.http.conftest import Doors, house, problem


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    """A house without any book, whose read models follow by themselves."""
    with house(tmp_path) as opened:
        following = Following(opened.parts.runner)
        following.start()
        try:
            yield opened
        finally:
            following.end()


def books(doors: Doors) -> dict[str, bool]:
    """The books by name, and whether each is the sample's."""
    return {item["name"]: item["sample"] for item in doors.get("/v1/books").json()["items"]}


def test_one_household_is_made_and_can_be_looked_at_at_once(doors: Doors) -> None:
    made = doors.post("/v1/sample", {"commodity": "BRL"})
    assert made.status_code == 201, made.text
    (item,) = made.json()["items"]
    shapes.SampleOut.model_validate(item)
    assert (item["name"], item["commodity"], item["sample"]) == ("demo", "BRL", True)
    assert books(doors) == {"demo": True}
    worth = doors.get(f"/v1/books/{item['book']}/net-worth", min_version=item["version"])
    assert worth.json()["items"][-1]["opening_unknown"] == []
    assert doors.get(f"/v1/books/{item['book']}/promised").json()["total"][0]["commodity"] == "BRL"


def test_what_stands_is_not_made_again_and_what_is_missing_is(doors: Doors) -> None:
    (first,) = doors.post("/v1/sample", {"commodity": "USD"}).json()["items"]
    both = doors.post("/v1/sample", {"commodity": None})
    assert (both.status_code, [item["name"] for item in both.json()["items"]]) == (201, ["demo", "demo-usd"])
    again = doors.post("/v1/sample", {})
    assert (again.status_code, again.json()) == (200, both.json())
    assert again.json()["items"][1] == first


def test_a_person_s_book_of_the_sample_s_name_is_neither_taken_for_it_nor_erased_with_it(doors: Doors) -> None:
    own = doors.post("/v1/books", {"name": "demo", "commodity": "BRL", "time_zone": "UTC"}).json()["book"]
    (sample,) = doors.post("/v1/sample", {"commodity": "BRL"}).json()["items"]
    assert sample["book"] != own
    assert books(doors) == {"demo": False, "demo-2": True}
    assert doors.post("/v1/sample/remove", {}).json() == {"removed": ["demo-2"]}
    doors.parts.runner.wait_for(["accounts"], sample["book"], sample["version"] + 1, 10)
    assert books(doors) == {"demo": False}
    assert doors.get(f"/v1/books/{own}").json()["name"] == "demo"


def test_a_renamed_sample_is_still_the_sample(doors: Doors) -> None:
    (sample,) = doors.post("/v1/sample", {"commodity": "BRL"}).json()["items"]
    assert doors.post(f"/v1/books/{sample['book']}/rename", {"name": "Look here"}).status_code == 200
    again = doors.post("/v1/sample", {"commodity": "BRL"})
    assert (again.status_code, again.json()["items"][0]["name"]) == (200, "Look here")
    assert doors.post("/v1/sample/remove").json() == {"removed": ["Look here"]}
    assert doors.post("/v1/sample/remove").json() == {"removed": []}
    assert doors.post("/v1/sample", {"commodity": "BRL"}).json()["items"][0]["book"] != sample["book"]


def test_another_commodity_has_no_household(doors: Doors) -> None:
    problem(doors.post("/v1/sample", {"commodity": "JPY"}), 422, "body_not_valid")
    problem(
        doors.ask("POST", "/v1/sample", json={}, headers={"Origin": "https://elsewhere.example"}), 403, "origin_refused"
    )
    assert books(doors) == {}
