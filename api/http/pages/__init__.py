"""Pages: what the server shows to people: the household's one page, and the documentation of the doors."""

from __future__ import annotations

from fastapi import APIRouter

from api.http.pages.front import add_front
from api.http.pages.viewer import add_viewer


def add_pages(router: APIRouter) -> None:
    add_front(router)
    add_viewer(router)
