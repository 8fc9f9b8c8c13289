"""The one page: in the reader's language, from this server alone, and small. What it does is tried in a browser."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from api.http.pages.front import front
from api.http.pages.languages import ENGLISH, LANGUAGES, PORTUGUESE, language_of, sentences, texts
from domain.sentences import SENTENCES
from tests.e2e.http.conftest import Doors, problem

PAGES = Path(__file__).parents[3] / "api" / "http" / "pages"
SCRIPTS = {path.name: path.read_text("utf-8") for path in sorted((PAGES / "static").glob("*.js"))}
TEMPLATE = (PAGES / "page.html").read_text("utf-8")

MAX_PACKED_BYTES = 60_000
"""What a first visit may weigh, in all."""

MAX_MODULE_LINES = 300

SPOKEN = ("choice.", "count.", "delimiter.", "detected.", "mark.", "problem.", "reason.", "sign.", "verdict.")
"""Texts found by what the server says."""

PART = re.compile(r'"(/page/[0-9a-f]{16}/([\w.-]+))"')
PLACE = re.compile(r"\{([\w-]+)\}")


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        (None, "", ENGLISH),
        (None, "pt-BR,pt;q=0.9,en;q=0.8", PORTUGUESE),
        (None, "de, pt;q=0.5, en;q=0.4", PORTUGUESE),
        (None, "en-GB;q=0.7, pt-PT;q=0.6", ENGLISH),
        (None, "pt;q=0, en;q=0.1", ENGLISH),
        (None, "pt;q=much", ENGLISH),
        (None, "fr", ENGLISH),
        ("pt-BR", "en", PORTUGUESE),
        ("pt", "en", PORTUGUESE),
        ("en", "pt-BR", ENGLISH),
        ("tlh", "pt-BR", PORTUGUESE),
        ("", "pt-BR", PORTUGUESE),
        (None, ",".join(["x"] * 500) + ",pt", ENGLISH),
    ],
)
def test_the_page_speaks_the_language_that_is_asked_for_or_else_the_browser_s(
    asked: str | None, accepted: str, language: str
) -> None:
    assert language_of(asked, accepted) == language


def test_the_page_is_shown_in_the_reader_s_language_with_a_way_to_the_other(doors: Doors) -> None:
    for language, other in ((ENGLISH, PORTUGUESE), (PORTUGUESE, ENGLISH)):
        shown = doors.ask("GET", "/", headers={"Accept-Language": language})
        assert shown.status_code == 200
        assert shown.headers["content-type"] == "text/html; charset=utf-8"
        assert shown.headers["content-language"] == language
        assert "accept-language" in shown.headers["vary"]
        assert f'<html lang="{language}"' in shown.text
        assert f'href="/?lang={other}"' in shown.text
        assert doors.get("/", lang=language).text == shown.text


def test_the_page_allows_nothing_inline_and_nothing_from_elsewhere(doors: Doors) -> None:
    shown = doors.get("/")
    policy = shown.headers["content-security-policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"):
        assert rule in policy.split("; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert shown.headers["x-frame-options"] == "DENY"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:", shown.text) is None


def test_every_part_of_the_page_is_there_and_may_be_kept_for_ever(doors: Doors) -> None:
    for language in LANGUAGES:
        parts = dict(PART.findall(doors.get("/", lang=language).text))
        assert {"page.css", "page.js", "mark.svg", f"texts.{language}.json"} <= set(parts.values())
        assert set(SCRIPTS) <= set(parts.values())
        for path in parts:
            answer = doors.get(path)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_who_only_asks_for_the_head_of_the_page_is_told_the_same_without_a_body(doors: Doors) -> None:
    for path in ("/", f"/page/{front().fingerprint}/page.js", "/docs", "/docs/show.js"):
        head, shown = doors.ask("HEAD", path), doors.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == shown.headers["content-type"]
        assert head.headers["content-length"] == shown.headers["content-length"]


def test_a_part_of_another_release_or_of_the_disk_is_not_there(doors: Doors) -> None:
    told = front().fingerprint
    for path in ("/page/0000000000000000/page.js", f"/page/{told}/page.html", f"/page/{told}/..%2Ffront.py", "/page"):
        problem(doors.get(path), 404, "path_unknown")


def test_what_is_loaded_is_packed_for_who_takes_it_so(doors: Doors) -> None:
    path = f"/page/{front().fingerprint}/page.js"
    for accepted, coding in (
        ("gzip, br", "gzip"),
        ("br;q=1.0, gzip;q=0.8", "gzip"),
        ("gzip;q=0", None),
        ("identity", None),
        ("", None),
    ):
        for asked in ("/", path):
            answer = doors.ask("GET", asked, headers={"Accept-Encoding": accepted})
            assert answer.headers.get("content-encoding") == coding
            assert "accept-encoding" in answer.headers["vary"]
            assert answer.text == doors.ask("GET", asked, headers={"Accept-Encoding": "identity"}).text


def test_a_first_visit_weighs_little() -> None:
    shown = front()
    for language in LANGUAGES:
        parts = [part for name, part in shown.parts.items() if name not in other_texts(language)]
        packed = [shown.pages[language].packed, *(part.packed for part in parts)]
        assert sum(map(len, packed)) < MAX_PACKED_BYTES
        assert all(gzip.decompress(part.packed) == part.body for part in parts)


def other_texts(language: str) -> set[str]:
    return {f"texts.{other}.json" for other in LANGUAGES if other != language}


def test_the_texts_of_a_language_are_its_words_and_the_server_s_sentences() -> None:
    for language in LANGUAGES:
        told = json.loads(front().parts[f"texts.{language}.json"].body)
        assert told == {"texts": texts(language), "sentences": sentences(language)}
    assert sentences(ENGLISH) == SENTENCES


def test_every_language_says_the_same_with_the_same_facts() -> None:
    english, portuguese = texts(ENGLISH), texts(PORTUGUESE)
    assert list(english) == list(portuguese)
    for name, text in english.items():
        assert sorted(PLACE.findall(portuguese[name])) == sorted(PLACE.findall(text)), name
        assert portuguese[name].strip()


def test_every_text_is_used_and_every_text_that_is_used_is_there() -> None:
    known = texts(ENGLISH)
    source = TEMPLATE + "".join(SCRIPTS.values())
    named = set(re.findall(r'(?:\bt|\bnamed)\(\s*"([\w.-]+)"', source)) | set(
        re.findall(r"t\[[\"']([\w.-]+)[\"']\]", source)
    )
    assert named <= set(known), named - set(known)
    counted = set(re.findall(r'counted\("([\w.-]+)"', source))
    for name in counted:
        assert {f"{name}.one", f"{name}.other"} <= set(known)
    families = tuple(set(re.findall(r"`([a-z_.]+\.)\$\{", source)) | set(SPOKEN))
    listed = set(re.findall(r'"([\w.-]+)"', source))
    for name in known:
        plain = re.sub(r"\.(one|other)$", "", name)
        assert name in named or plain in counted or name in listed or name.startswith(families), name


def test_no_script_makes_markup_or_code_of_a_text() -> None:
    danger = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\w\.style\b|srcdoc"
    )
    for name, script in SCRIPTS.items():
        assert danger.search(script) is None, name
        assert re.search(r"https?://(?!www\.w3\.org/2000/svg)", script) is None, name


def test_every_script_is_short_and_finds_what_it_names() -> None:
    ids = set(re.findall(r'\bid="([\w-]+)"', TEMPLATE))
    for name, script in SCRIPTS.items():
        assert len(script.splitlines()) <= MAX_MODULE_LINES, name
        missing = set(re.findall(r'\bfind\("([\w-]+)"\)', script)) - ids
        assert not missing, (name, missing)
        for imported in re.findall(r'from "\./([\w.]+)"', script):
            assert imported in SCRIPTS, name
