"""Viewer: the documentation of the doors, shown without a network.

Everything comes from this program itself: the viewer (Swagger UI) is installed with it, and the page's rules forbid the
browser to load anything from elsewhere.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from api.http.answering import Written
from api.http.pages.headers import page_headers

_HEADERS = page_headers(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_METHODS = ["GET", "HEAD"]

_PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Finshift: the API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<main id="doors"></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/show.js"></script>
</body>
</html>
"""

_SHOW = b"""SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#doors",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
"""

_VIEWER = {"swagger-ui.css": b"text/css", "swagger-ui-bundle.js": b"text/javascript"}


async def page(request: Request) -> Response:
    return Written(200, _PAGE, b"text/html; charset=utf-8", _HEADERS)


async def asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name == "show.js":
        return Written(200, _SHOW, b"text/javascript", [])
    if name not in _VIEWER:
        raise HTTPException(404)
    return Written(200, _viewer_file(name), _VIEWER[name], [])


@cache
def _viewer_file(name: str) -> bytes:
    return (files("fastapi_offline") / "static" / name).read_bytes()


def add_viewer(router: APIRouter) -> None:
    router.add_api_route("/docs", page, methods=_METHODS, include_in_schema=False)
    router.add_api_route("/docs/{name}", asset, methods=_METHODS, include_in_schema=False)
