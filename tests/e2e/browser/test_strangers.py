"""What strangers wrote or sent: it is shown as a text or refused in a sentence, and never runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from domain.sentences import SENTENCES
from tests.e2e.browser.conftest import NOW
from tests.e2e.browser.driver import DESKTOP, Language, visitor
from tests.e2e.cli.program import ROOT, Program, serving

pytestmark = pytest.mark.xdist_group("browser")

PORTUGUESE: dict[str, str] = json.loads((ROOT / "api/http/pages/pt.json").read_text(encoding="utf-8"))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
MARKUP = '<img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>'


@pytest.mark.parametrize("language", ["en", "pt"])
def test_what_is_no_statement_is_refused_in_the_readers_language(
    chromium: Browser, tmp_path: Path, language: Language
) -> None:
    picture = tmp_path / "statement.ofx"
    picture.write_bytes(PNG)
    sentence = (SENTENCES if language == "en" else PORTUGUESE)["file_is_picture"]
    with (
        serving(Program(tmp_path / "data", NOW)) as client,
        visitor(chromium, str(client.base_url), DESKTOP, language, "strangers") as somebody,
    ):
        somebody.page.goto("/")
        somebody.sees("#drop-zone")
        somebody.drop(picture)
        error = somebody.sees("#error", sentence)
        expect(error).to_be_focused()
        somebody.look("refused")
        somebody.leave(refused=1)


def test_a_payee_of_markup_is_shown_as_it_was_written(chromium: Browser, tmp_path: Path) -> None:
    statement = tmp_path / "statement.csv"
    quoted = MARKUP.replace('"', '""')
    statement.write_text(
        f'Date,Description,Amount\n2026-09-14,"{quoted}",-12.50\n2026-09-15,"=HYPERLINK(""x"")",-1.25\n'
        "2026-09-16,Corner Market,-10.00\n",
        encoding="utf-8",
    )
    with (
        serving(Program(tmp_path / "data", NOW)) as client,
        visitor(chromium, str(client.base_url), DESKTOP, "en", "strangers") as somebody,
    ):
        somebody.page.goto("/")
        somebody.sees("#drop-zone")
        somebody.drop(statement)
        somebody.sees("#import-rows", MARKUP)
        somebody.find("#import-commit").click()
        somebody.sees("#import-result")
        somebody.sees("#payees", MARKUP)
        assert somebody.page.title() != "taken"
        assert somebody.find("#payees img, #payees script, #import-rows img").count() == 0
        somebody.leave()
