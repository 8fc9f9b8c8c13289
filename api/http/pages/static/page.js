/**
 * The page: which book is shown, what stands at the door, and how the parts fit together. Sample and own books never
 * mix: a file goes into a book of one's own, whatever is being looked at.
 */

import { books as listBooks, openBook, openSample, removeSample } from "./api.js";
import { el, fill, find, goTo, show, tell } from "./dom.js";
import { prepareFigures, showFigures } from "./figures.js";
import { prepareImport, takeBack } from "./import.js";
import { preparePanel } from "./panel.js";
import { language, loadTexts, t } from "./text.js";
import { calm, complain, guarded } from "./trouble.js";

const EURO = new Set("AT BE CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK".split(" "));
const CURRENCY_OF = {
  BR: "BRL",
  US: "USD",
  GB: "GBP",
  CH: "CHF",
  CA: "CAD",
  AU: "AUD",
  JP: "JPY",
  AR: "ARS",
  MX: "MXN",
};

let books = [];
let shown = null;

const own = () => books.filter((book) => !book.sample);

/** The currency that a reader most likely thinks in, where no file tells one. */
function likelyCurrency() {
  for (const tag of [...navigator.languages, language]) {
    const region = new Intl.Locale(tag).region;
    if (region !== undefined) return CURRENCY_OF[region] ?? (EURO.has(region) ? "EUR" : "USD");
  }
  return language.startsWith("pt") ? "BRL" : "USD";
}

const nameOf = (book) => (book.sample ? t("book.sample", { commodity: book.commodity }) : book.name);

/** The book to begin with: the one asked for, one's own, or the sample in the reader's own currency. */
function firstBook() {
  const asked = new URLSearchParams(location.search).get("book");
  const theirs = language.startsWith("pt") ? "BRL" : "USD";
  return (
    books.find((book) => book.book === asked) ??
    own()[0] ??
    books.find((book) => book.commodity === theirs) ??
    books[0] ??
    null
  );
}

/** Show a book, or the door where there is none, at `version` or later. */
async function open(book, version = null) {
  shown = book;
  drawAround();
  const isEmpty = book === null || !(await showFigures(book, version));
  if (book === null) show(find("house"), false);
  const name = book === null ? t("start.title") : nameOf(book);
  find("title").textContent = book !== null && isEmpty ? t("title.empty", { book: name }) : name;
  document.title = book === null ? "Finshift" : `${name} · Finshift`;
  document.body.dataset.state = book === null ? "start" : isEmpty ? "empty" : "house";
  show(find("lead"), book === null);
}

/** Everything around the figures: the switch, the banner, the doors and the address. */
function drawAround() {
  const choices = books.map((book) => el("option", { value: book.book, selected: book === shown }, nameOf(book)));
  fill(find("book-switch"), choices);
  show(find("book-switch").parentElement, books.length > 1);
  show(find("sample-banner"), shown !== null && shown.sample);
  show(find("doors"));
  show(find("sample-choice"), books.length === 0);
  const mine = own();
  find("drop-where").textContent = shown !== null && shown.sample ? t("drop.own") : t("drop.formats");
  const isAsked = shown !== null && shown.sample && mine.length > 1;
  show(find("into"), isAsked);
  fill(
    find("into-book"),
    mine.map((book) => el("option", { value: book.book }, book.name)),
  );
  const query = new URLSearchParams(location.search);
  if (shown === null) query.delete("book");
  else query.set("book", shown.book);
  const other = find("lang-switch");
  history.replaceState(null, "", query.size ? `/?${query}` : "/");
  query.set("lang", other.hreflang);
  other.href = `/?${query}`;
}

// What an import asks of the page

/** The book that a file goes into: never a sample, null where there is none of one's own yet. */
function target() {
  if (shown !== null && !shown.sample) return shown;
  const mine = own();
  return mine.find((book) => book.book === find("into-book").value) ?? mine[0] ?? null;
}

async function makeBook(commodity) {
  const taken = new Set(books.map((book) => book.name));
  let name = t("book.own");
  for (let n = 2; taken.has(name); n += 1) name = `${t("book.own")} ${n}`;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
  const base = commodity ?? likelyCurrency();
  const made = await openBook(name, base, zone);
  const book = { book: made.book, name, commodity: base, time_zone: zone, sample: false };
  books.push(book);
  return book;
}

/** Whether a book has a name that this page gives. */
const isOurs = (book) => book.name.startsWith(t("book.own")) && /^( \d+)?$/.test(book.name.slice(t("book.own").length));

async function recorded(book, version) {
  await open(books.find((one) => one.book === book.book) ?? book, version);
}

function gone(book) {
  books = books.filter((one) => one.book !== book.book);
}

// The sample household

async function lookAround(event) {
  const commodity = event.currentTarget.dataset.commodity;
  tell(t("working"));
  const [made] = (await openSample(commodity)).items;
  books = [made, ...books];
  await open(made, made.version);
  goTo(find("title"));
}

async function dropSample() {
  await removeSample();
  shown = null;
  books = (await listBooks()).filter((book) => !book.sample);
  await open(own()[0] ?? null);
  tell(t("sample.removed"));
  goTo(find("title"));
}

async function begin() {
  try {
    await loadTexts();
    preparePanel();
    prepareFigures((importId, name) => takeBack(shown, importId, name));
    prepareImport({ target, makeBook, isOurs, recorded, gone, back: () => open(shown) });
    find("sample-remove").addEventListener("click", guarded(dropSample));
    for (const button of document.querySelectorAll("[id^=sample-open-]")) {
      button.addEventListener(
        "click",
        guarded((event) => lookAround(event)),
      );
    }
    const choose = guarded((id) => open(books.find((book) => book.book === id)));
    find("book-switch").addEventListener("change", (event) => choose(event.target.value));
    books = await listBooks();
    await open(firstBook());
    calm();
  } catch (problem) {
    complain(problem);
  }
}

await begin();
