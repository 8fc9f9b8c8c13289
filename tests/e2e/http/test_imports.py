"""Imports over HTTP: a bank's file is shown, recorded, not recorded twice, and taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from api.http import imports, shapes
from api.http.app import create_app
from infra import words
from infra.bootstrap import open_parts
from infra.settings import Settings
from tests.e2e.http.conftest import Doors, Home, problem

SAMPLE = Path(__file__).parents[2] / "samples" / "made-up" / "banco-fitid-repetido-2026-09.ofx"


def upload(home: Home, content: bytes, **fields: str) -> httpx.Response:
    return home.post("/imports", files={"file": ("september.ofx", content)}, data=fields)


def preview(home: Home, content: bytes | None = None, **fields: str) -> dict[str, Any]:
    answer = upload(home, SAMPLE.read_bytes() if content is None else content, **fields)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    shapes.PreviewOut.model_validate(told)
    return told


def test_a_file_is_shown_recorded_and_taken_back(home: Home) -> None:
    before = home.version()
    shown = preview(home)
    assert home.version() == before
    assert shown["counts"]["new"] == 5
    path = f"/imports/{shown['import_id']}"
    done = home.post(f"{path}/commit", key="c")
    assert done.status_code == 200, done.text
    shapes.ImportAnswerOut.model_validate(done.json())
    assert int(done.headers["finshift-version"]) == done.json()["version"] == home.version()
    assert home.balances()["Assets:Banco-Modelo-3456"] == "558.20"
    again = home.post(f"{path}/commit", key="c")
    assert (again.json(), again.headers["idempotency-replayed"]) == (done.json(), "true")
    second = preview(home)
    assert (second["counts"]["new"], second["counts"]["duplicate"]) == (0, 5)
    undone = home.post(f"{path}/undo")
    assert undone.status_code == 200, undone.text
    assert home.balances() == {}
    listed = home.get("/imports").json()["items"]
    for item in listed:
        shapes.ImportedOut.model_validate(item)
    assert [(item["file_name"], item["recorded"], item["undone"]) for item in listed] == [("september.ofx", 5, True)]
    assert home.get("/imports", known_on="2026-09-14").json()["items"] == []
    assert home.doors.get(f"{home.path}/imports", min_version=undone.json()["version"]).json()["items"] == listed
    problem(home.get("/imports", min_version=home.version() + 1), 422, "min_version_beyond_end")


def test_rows_can_be_left_out_and_the_account_chosen(home: Home) -> None:
    shown = preview(home, account="Assets:Checking")
    done = home.post(f"/imports/{shown['import_id']}/commit", {"skip": [1]})
    assert done.status_code == 200, done.text
    assert len(home.get("/transactions", account="Assets:Checking", to="2026-12-31").json()["items"]) >= 4


def test_what_a_commit_does_not_understand_is_named(home: Home) -> None:
    path = f"/imports/{preview(home)['import_id']}/commit"
    problem(home.post(path, {"answers": {"balance_today": 5}}), 422, "amount_not_decimal_string")
    problem(home.post(path, {"answers": {"accounts": {"x": "Assets:A"}}}), 422, "body_not_valid")
    problem(home.post(path, {"skip": ["1"]}), 422, "body_not_valid")
    problem(home.post("/imports/none/commit"), 404, "preview_unknown")
    problem(home.post("/imports/none/undo"), 404, "import_unknown")


def test_an_upload_that_is_none_is_refused(home: Home) -> None:
    problem(home.post("/imports", {"file": "x"}), 400, "upload_not_valid")
    problem(home.post("/imports", files={"other": b"x"}), 400, "upload_not_valid")
    problem(home.post("/imports", data={"file": "text"}, files={"f": b"x"}), 400, "upload_not_valid")
    problem(home.post("/imports", files=[("file", b"a"), ("file", b"b")]), 400, "upload_not_valid")
    broken = {"Content-Type": "multipart/form-data"}
    problem(home.doors.ask("POST", f"{home.path}/imports", content=b"x", headers=broken), 400, "upload_not_valid")
    refused = upload(home, b"x", colour="red")
    problem(refused, 422, "body_not_valid")


def test_an_empty_file_and_half_a_file_bring_nothing(home: Home) -> None:
    before = home.version()
    problem(upload(home, b""), 422, "import_empty")
    whole = SAMPLE.read_bytes()
    half = upload(home, whole[: len(whole) // 2])
    assert half.status_code == 422, half.text
    assert home.version() == before


def test_a_file_beyond_the_limit_is_refused_while_it_comes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MAX_UPLOAD_BYTES", 100_000)
    problem(upload(home, b"x" * 100_001), 413, "body_too_large")

    async def chunks() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        for _ in range(20):
            yield b"x" * 10_000

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    problem(home.doors.ask("POST", f"{home.path}/imports", content=chunks(), headers=headers), 413, "body_too_large")


def test_too_many_imports_at_once_are_told_to_wait(home: Home) -> None:
    lane = home.doors.app.state.importing
    lane._max_taken = 0
    try:
        answer = upload(home, SAMPLE.read_bytes())
        problem(answer, 503, "busy")
    finally:
        lane._max_taken = imports.MAX_TAKEN


def test_what_is_no_id_is_no_import_whatever_it_holds(tmp_path: Path, postgres_url: Callable[[], str]) -> None:
    """PostgreSQL keeps no NUL in a text, and fails where it is asked for one."""
    with open_parts(Settings(data_dir=tmp_path, store_url=SecretStr(postgres_url()))) as parts:
        doors = Doors(parts, create_app(parts))
        home = Home(doors)
        for text in ("%00", "none%00", "x" * 300):
            problem(home.post(f"/imports/{text}/commit"), 404, "preview_unknown")
            problem(home.post(f"/imports/{text}/undo"), 404, "import_unknown")
        doors.close()


def test_a_preview_waits_for_the_words_of_what_was_just_committed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    told = b"Date,Payee,Amount\n2026-09-01,Mercado,-7.00\n2026-09-05,Padaria,-8.50\n"
    monkeypatch.setattr(words, "MAX_WAIT_S", 0.05)
    assert home.spend("8.50", date="2026-09-03", payee="Padaria").status_code == 201
    problem(upload(home, told, account="Assets:Checking", format="csv"), 504, "min_version_not_reached")
    home.doors.follow()
    shown = upload(home, told, account="Assets:Checking", format="csv").json()
    assert [row["verdict"] for row in shown["rows"]] == ["new", "match"]
