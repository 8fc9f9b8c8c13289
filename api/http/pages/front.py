"""Front: the household's one page at `/`, rendered once a language, with all its parts under one fingerprint.

The page itself holds no figure: its scripts ask the doors, as any client does. A part's address changes with the
content of any part, so that a browser may keep it for ever and never mixes two releases.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

import orjson
from fastapi import APIRouter, HTTPException, Request
from jinja2 import Environment, StrictUndefined
from starlette.responses import Response

from api.http.answering import Written
from api.http.pages.headers import page_headers
from api.http.pages.languages import LANGUAGES, language_of, quality, sentences, texts

FINGERPRINT_CHARS = 16

_HEADERS = page_headers(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_METHODS = ["GET", "HEAD"]
_VARIES = (b"vary", b"accept-encoding, accept-language")
_KEPT = [(b"cache-control", b"public, max-age=31536000, immutable"), (b"vary", b"accept-encoding")]

_MEDIA_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".svg": b"image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Something a browser loads, as it is and packed."""

    body: bytes
    packed: bytes
    media_type: bytes

    def answer(self, request: Request, headers: list[tuple[bytes, bytes]]) -> Written:
        if _takes_gzip(request.headers.get("accept-encoding", "")):
            return Written(200, self.packed, self.media_type, [*headers, (b"content-encoding", b"gzip")])
        return Written(200, self.body, self.media_type, headers)


@dataclass(frozen=True, slots=True)
class Front:
    """All that the page is made of: its HTML by language, and its parts by name."""

    fingerprint: str
    pages: dict[str, Part]
    parts: dict[str, Part]


@cache
def front() -> Front:
    """Made once a process, when the app is made: no request waits for it."""
    static = files("api.http.pages") / "static"
    bodies = {file.name: file.read_bytes() for file in static.iterdir() if _suffix(file.name) in _MEDIA_TYPES}
    for language in LANGUAGES:
        told = {"texts": texts(language), "sentences": sentences(language)}
        bodies[f"texts.{language}.json"] = orjson.dumps(told)
    digest = hashlib.sha256()
    for name, body in sorted(bodies.items()):
        digest.update(b"%s %d\n" % (name.encode(), len(body)) + body)
    fingerprint = digest.hexdigest()[:FINGERPRINT_CHARS]
    modules = sorted(name for name in bodies if name.endswith(".js"))
    pages = {language: _rendered(language, fingerprint, modules) for language in LANGUAGES}
    parts = {name: _part(body, _MEDIA_TYPES[_suffix(name)]) for name, body in bodies.items()}
    return Front(fingerprint, pages, parts)


def _rendered(language: str, fingerprint: str, modules: list[str]) -> Part:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string((files("api.http.pages") / "page.html").read_text("utf-8"))
    other = next(known for known in LANGUAGES if known != language)
    at = f"/page/{fingerprint}"
    html = template.render(language=language, other=other, at=at, modules=modules, t=texts(language))
    return _part(html.encode(), b"text/html; charset=utf-8")


def _part(body: bytes, media_type: bytes) -> Part:
    return Part(body, gzip.compress(body, 9, mtime=0), media_type)


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix


def _takes_gzip(accepted: str) -> bool:
    for wish in accepted.split(","):
        coding, _, weight = wish.partition(";")
        if coding.strip().lower() == "gzip":
            return quality(weight) > 0
    return False


async def show_page(request: Request) -> Response:
    language = language_of(request.query_params.get("lang"), request.headers.get("accept-language", ""))
    told = (b"content-language", language.encode())
    return front().pages[language].answer(request, [*_HEADERS, _VARIES, told])


async def show_part(request: Request) -> Response:
    """A part of the page as it is now; a part of another release is not there."""
    shown = front()
    part = shown.parts.get(request.path_params["name"])
    if part is None or request.path_params["fingerprint"] != shown.fingerprint:
        raise HTTPException(404)
    return part.answer(request, _KEPT)


def add_front(router: APIRouter) -> None:
    front()
    router.add_api_route("/", show_page, methods=_METHODS, include_in_schema=False)
    router.add_api_route("/page/{fingerprint}/{name}", show_part, methods=_METHODS, include_in_schema=False)
