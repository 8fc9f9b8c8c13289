"""A visitor: one person at one browser window, on the page that the real program serves.

Whatever the visitor does, the browser is watched: nothing may be asked of another machine, break in a script, or be
held back by the page's own rules; `leave` tells what was.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect, sync_playwright

PATIENCE_MS = 30_000
"""The longest that the page may take to show what a test waits for."""

ARTEFACTS = Path(__file__).parent / "artefacts"
"""Where the photographs of every state go, to be looked at."""

Language = Literal["en", "pt"]
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LOCALES: dict[Language, str] = {"en": "en-US", "pt": "pt-BR"}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

MONEY = re.compile(r"([-\u2212]?)\s?(?:R\$|US\$|\$|€|BRL|USD|EUR)?\s?([-\u2212]?)(\d[\d.,]*)")

MAX_STEPS = 150
"""Presses of the Tab key from anywhere to anywhere: more is no way that somebody walks."""

REFUSED = re.compile(r"the server responded with a status of 4\d\d")
"""What the browser itself notes of a refusal, which the page shows as a sentence."""

_FOCUS_SHOWS = """
  (element) => {
    const shown = element.matches(".unseen") ? (element.labels?.[0] ?? element) : element;
    const style = getComputedStyle(shown);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
  }
"""

_NOTE_VIOLATIONS = """
  window.heldBack = [];
  document.addEventListener("securitypolicyviolation", (event) =>
    window.heldBack.push(`${event.violatedDirective}: ${event.blockedURI}`));
"""

_DROP = """
  (zone, [name, bytes]) => {
    const carried = new DataTransfer();
    carried.items.add(new File([Uint8Array.from(bytes)], name, { type: "text/csv" }));
    for (const step of ["dragenter", "dragover", "drop"]) {
      zone.dispatchEvent(new DragEvent(step, { dataTransfer: carried, bubbles: true, cancelable: true }));
    }
  }
"""


@dataclass(frozen=True, slots=True)
class Window:
    """A size of screen, and whether it is held in a hand."""

    name: str
    width: int
    height: int
    hand: bool


DESKTOP = Window("desktop", 1280, 900, hand=False)
PHONE = Window("phone", 360, 740, hand=True)


@dataclass(slots=True)
class Visitor:
    page: Page
    name: str
    window: Window
    language: Language
    broken: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def watch(self, address: str) -> None:
        def said(message: ConsoleMessage) -> None:
            if REFUSED.search(message.text):
                self.refused.append(message.text)
            elif message.type in ("error", "warning"):
                self.broken.append(f"console: {message.text}")

        def asked(request: Request) -> None:
            if not request.url.startswith((f"{address}/", "data:", "blob:")):
                self.elsewhere.append(request.url)

        self.page.on("console", said)
        self.page.on("pageerror", lambda error: self.broken.append(f"script: {error}"))
        self.page.on("request", asked)
        self.page.add_init_script(_NOTE_VIOLATIONS)

    def leave(self, refused: int = 0) -> None:
        """The visit was clean: no error, nothing from elsewhere, nothing held back by the page's own rules.

        `refused`: how many requests the server has turned down with a sentence, as the visit meant it to.
        """
        assert self.broken == []
        assert len(self.refused) == refused, self.refused
        assert self.elsewhere == []
        assert self.page.evaluate("window.heldBack") == []

    def find(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def sees(self, selector: str, text: str | re.Pattern[str] | None = None) -> Locator:
        """Wait until one thing is in sight, with these words in it where they are given."""
        found = self.page.locator(selector)
        expect(found).to_be_visible()
        if text is not None:
            expect(found).to_contain_text(text)
        return found

    def money(self, text: str) -> Decimal:
        """The amount in a text of the page, as a number."""
        return money(text, self.language)

    def shows(self, selector: str, amount: str) -> None:
        """Wait until a figure shows this amount, written as the page's language writes amounts."""
        written = re.escape(f"{Decimal(amount):,.2f}")
        if self.language == "pt":
            written = written.translate(str.maketrans(",.", ".,"))
        expect(self.page.locator(selector)).to_contain_text(re.compile(rf"(?<![\d.,]){written}(?!\d)"))

    def rows(self, verdict: str | None = None) -> Locator:
        """The preview's rows, all or those of one verdict."""
        narrowed = "" if verdict is None else f'[data-verdict="{verdict}"]'
        return self.page.locator(f"#import-rows tbody tr[data-row]{narrowed}")

    def bring(self, path: Path) -> None:
        """Bring a file as people do on this window, and wait for what the page makes of it."""
        self.choose(path) if self.window.hand else self.drop(path)
        self.sees("#import-detected")

    def answer(self, selector: str, text: str) -> None:
        """Type an answer and go on; the preview is the one with this answer once it stands still."""
        control = self.sees(selector)
        with self.page.expect_response(re.compile(r"/preview$")):
            control.fill(text)
            control.press("Tab")

    def press_to(self, selector: str, key: str = "Tab") -> None:
        """Walk with the Tab key alone until something has the focus, which must be seen all the way."""
        wanted = self.page.locator(selector)
        for _ in range(MAX_STEPS):
            self.page.keyboard.press(key)
            here = self.page.locator(":focus")
            assert here.count() == 1, "the focus is nowhere"
            assert here.evaluate(_FOCUS_SHOWS), f"no mark of focus on {here.evaluate('(e) => e.outerHTML')[:200]}"
            if wanted.evaluate("(element) => element === document.activeElement"):
                return
        raise AssertionError(f"{selector} is not reached by {MAX_STEPS} steps of the Tab key")

    def drop(self, path: Path) -> None:
        """Let go of a file over the drop zone, as a mouse does."""
        self.page.locator("#drop-zone").evaluate(_DROP, [path.name, list(path.read_bytes())])

    def choose(self, path: Path) -> None:
        """Choose a file, as a thumb does; the system's own window for it is the one thing that no test can press."""
        self.page.locator("#file-input").set_input_files(path)

    def look(self, state: str) -> None:
        """What stands on the screen is fit for everybody, by day and by night; a photograph of each is kept."""
        overflow_px = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow_px == 0, f"{state}: {overflow_px} px stand beyond the edge"
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)
            self.photograph(f"{state}-{scheme}")
            found = Axe().run(self.page, options={"runOnly": WCAG, "resultTypes": ["violations"]})
            assert found.violations_count == 0, f"{state}, {scheme}: {found.generate_report()}"
        self.page.emulate_media(color_scheme="light")

    def photograph(self, state: str) -> None:
        ARTEFACTS.mkdir(exist_ok=True)
        lies_over = self.page.locator("dialog[open]").count() > 0  # it lies over the window, not over the whole page
        self.page.screenshot(path=ARTEFACTS / f"{self.name}-{state}.png", full_page=not lies_over)


@contextmanager
def browser(chromium: Path) -> Iterator[Browser]:
    """The installed browser, without a screen. Root has no sandbox to put it in, as in a container of CI."""
    expect.set_options(timeout=PATIENCE_MS)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as player:
        opened = player.chromium.launch(executable_path=chromium, args=arguments)
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def visitor(browser: Browser, address: str, window: Window, language: Language, name: str) -> Iterator[Visitor]:
    """Somebody who has never been here: no cookie, nothing kept, a browser in their own language."""
    context = browser.new_context(
        base_url=address,
        viewport={"width": window.width, "height": window.height},
        is_mobile=window.hand,
        has_touch=window.hand,
        locale=LOCALES[language],
        timezone_id="America/Sao_Paulo",
        color_scheme="light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    try:
        somebody = Visitor(context.new_page(), f"{window.name}-{language}-{name}", window, language)
        somebody.watch(address)
        yield somebody
    finally:
        context.close()


def money(text: str, language: Language) -> Decimal:
    """The last amount in a text, written as people of the language write amounts."""
    found = MONEY.findall(text)
    assert found, f"no amount in {text!r}"
    *signs, digits = found[-1]
    thousands, mark = (".", ",") if language == "pt" else (",", ".")
    plain = Decimal(digits.rstrip(".,").replace(thousands, "").replace(mark, "."))
    return -plain if any(signs) else plain
