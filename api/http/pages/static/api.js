/**
 * The doors: every figure and every command goes through here, and every refusal comes back as a `Problem`.
 */

/** A refusal as the server tells it: a code, its facts, and a sentence in English. */
export class Problem extends Error {
  constructor(code, params = {}, detail = "") {
    super(code);
    this.code = code;
    this.params = params;
    this.detail = detail;
  }
}

const PAGE_SIZE = 500;

/** The longest wait for a figure: far beyond the ten seconds for which the server itself waits. */
const LOOK_LIMIT_MS = 60_000;
/** The longest wait for what goes through a whole file or book: beyond the quarter of an hour that a server gives it. */
const WORK_LIMIT_MS = 20 * 60_000;

const bookPath = (book, path) => `/v1/books/${encodeURIComponent(book)}${path}`;

async function ask(path, options = {}, limit_ms = LOOK_LIMIT_MS) {
  let answer;
  let told = {};
  try {
    answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(limit_ms), ...options });
    told = await answer.json();
  } catch (failure) {
    if (failure.name === "TimeoutError") throw new Problem("timeout");
    if (failure.name !== "SyntaxError" || answer.ok) throw new Problem("offline");
  }
  if (!answer.ok) throw new Problem(told.code ?? "internal_error", told.params, told.detail);
  return told;
}

const withQuery = (path, query) => {
  const told = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  return told.length ? `${path}?${new URLSearchParams(told)}` : path;
};

/** A command, under a key of its own: a repeat by the network is answered and not done again. */
const command = (path, body) =>
  ask(path, posted(body), WORK_LIMIT_MS);

const posted = (body) => ({
  method: "POST",
  headers: { "content-type": "application/json", "idempotency-key": crypto.randomUUID() },
  body: JSON.stringify(body),
});

// Books

export const books = async () => (await ask("/v1/books")).items;
export const openBook = (name, commodity, time_zone) => command("/v1/books", { name, commodity, time_zone });
export const eraseBook = (book) => command(bookPath(book, "/erase"), {});
export const openSample = (commodity) => command("/v1/sample", { commodity });
export const removeSample = () => command("/v1/sample/remove", {});

// Figures

/** A list of a book. `version` is the least that the answer must hold. */
export const list = async (book, name, query = {}, version = null) =>
  (await ask(withQuery(bookPath(book, `/${name}`), { ...query, min_version: version }))).items;

/** The same with what is told beside the items. */
export const answer = (book, name, query = {}, version = null) =>
  ask(withQuery(bookPath(book, `/${name}`), { ...query, min_version: version }));

/** A page of transactions and the cursor of what follows. */
export const transactions = (book, query, limit, cursor = null) =>
  ask(withQuery(bookPath(book, "/transactions"), { ...query, limit, cursor }));

/** The transactions that are asked for, page by page. */
export async function* pagesOf(book, query) {
  let cursor = null;
  do {
    const page = await transactions(book, query, PAGE_SIZE, cursor);
    yield page.items;
    cursor = page.next;
  } while (cursor !== null);
}

/** All transactions that are asked for, up to `most`; `isWhole` tells whether there are no more. */
export async function allTransactions(book, query, most) {
  const items = [];
  for await (const page of pagesOf(book, query)) {
    if (items.length >= most) return { items, isWhole: false };
    items.push(...page);
  }
  return { items, isWhole: true };
}

// Imports

export function preview(book, file) {
  const form = new FormData();
  form.append("file", file, file.name);
  return ask(bookPath(book, "/imports"), { method: "POST", body: form }, WORK_LIMIT_MS);
}

const importPath = (book, id, step) => bookPath(book, `/imports/${encodeURIComponent(id)}/${step}`);
export const previewAgain = (book, id, said) => command(importPath(book, id, "preview"), said);
export const commit = (book, id, said) => command(importPath(book, id, "commit"), said);
export const undo = (book, id) => command(importPath(book, id, "undo"), {});

// Categories

export const openAccount = (book, account) => command(bookPath(book, "/accounts"), { account });
export const addRule = (book, category, payee) => command(bookPath(book, "/rules"), { category, payee });
export const tryRule = (book, category, payee) => command(bookPath(book, "/rules/try"), { category, payee });
export const applyRule = (book, rule) => command(bookPath(book, `/rules/${encodeURIComponent(rule)}/apply`), {});
export const removeRule = (book, rule) => command(bookPath(book, `/rules/${encodeURIComponent(rule)}/remove`), {});
export const together = (book, commands) => command(bookPath(book, "/commands"), { atomic: true, commands });
