/**
 * Import: a file is dropped, shown row by row, recorded when a person says so, and taken back as a whole.
 *
 * Nothing is recorded before that. Only the very first file makes a book, as a preview needs one; it is gone again when
 * that file is not recorded after all, or taken up by the next visit where this one just ends.
 */

import { commit, eraseBook, list, preview, previewAgain, transactions, undo } from "./api.js";
import { el, fill, fillNotes, find, goTo, show, tell } from "./dom.js";
import { isOwn } from "./panel.js";
import { clearQuestions, isUnanswered, prepareQuestions, showQuestions, toldCurrency } from "./questions.js";
import { prepareRows, showRows } from "./rows.js";
import { counted, known, say, shortName, span, t } from "./text.js";
import { calm, complain, guarded } from "./trouble.js";

/** What the page does for an import: `target`, `makeBook`, `isOurs`, `recorded`, `gone`, `back`. */
let house = null;
/** The file that is being shown. */
let file = null;
const waiting = [];

const MAX_NAMED = 3;

export function prepareImport(told) {
  house = told;
  prepareRows();
  find("file-input").addEventListener("change", (event) => {
    take([...event.target.files]);
    event.target.value = "";
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    find("drop-zone").classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) find("drop-zone").classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    find("drop-zone").classList.remove("over");
    take([...event.dataTransfer.files]);
  });
  prepareQuestions(find("import-questions"));
  find("import-commit").addEventListener("click", guarded(record));
  find("import-cancel").addEventListener("click", guarded(cancel));
  find("result-dismiss").addEventListener("click", () => {
    show(find("import-result"), false);
    find("file-input").focus();
  });
}

function take(files) {
  waiting.push(...files);
  if (file === null && waiting.length > 0) next();
}

const next = guarded(async () => {
  const chosen = waiting.shift();
  tell(t("reading", { file: chosen.name }));
  const target = house.target();
  try {
    // A book that a visit left behind empty is taken up again as if it had been made now.
    const isFresh = target === null || (house.isOurs(target) && (await isEmpty(target)));
    await read(chosen, target ?? (await house.makeBook(null)), isFresh, target === null);
  } catch (problem) {
    waiting.length = 0; // what was dropped with a refused file is dropped again once that is mended
    throw problem;
  }
});

/** Read a file into a book's preview. A book made for it takes the file's currency, and goes where it is refused. */
async function read(chosen, book, isFresh, isMade = isFresh) {
  let shown;
  try {
    shown = await preview(book.book, chosen);
  } catch (problem) {
    if (isMade) await unmake(book);
    throw problem;
  }
  const currency = toldCurrency(shown);
  if (isFresh && currency && currency !== book.commodity) {
    await unmake(book);
    return read(chosen, await house.makeBook(currency), true);
  }
  const rebase = isFresh
    ? guarded(async (code) => {
        close();
        await unmake(book);
        await house.back();
        await read(chosen, await house.makeBook(code), true);
      })
    : null;
  file = {
    chosen,
    book,
    isMade,
    rebase,
    preview: shown,
    answers: {},
    skip: new Set(),
    separate: new Set(),
  };
  clearQuestions(find("import-questions"));
  find("import-title").textContent = chosen.name;
  find("import-into").textContent = t("import.into", { book: book.name });
  find("title").textContent = book.name;
  document.body.toggleAttribute("data-importing", true);
  show(find("import"));
  draw();
  goTo(find("import-title"));
}

/** Erase a book that was made for a file and holds nothing. */
async function unmake(book) {
  if (!(await isEmpty(book))) return;
  await eraseBook(book.book);
  house.gone(book);
}

async function isEmpty(book) {
  const [accounts, page] = await Promise.all([list(book.book, "accounts"), transactions(book.book, {}, 1)]);
  return !accounts.some(isOwn) && page.items.length === 0;
}

// What is shown

function draw() {
  const shown = file.preview;
  fill(
    find("import-detected"),
    detected(shown).map(([name, value]) =>
      el(
        "li",
        { "data-detected": name },
        el("span", { class: "name" }, t(`detected.${name}`)),
        " ",
        el("span", {}, value),
      ),
    ),
  );
  const remarks = find("import-remarks");
  fillNotes(remarks, shown.remarks.map(say));
  [...remarks.children].forEach((item, n) => (item.dataset.code = shown.remarks[n].code));
  showQuestions(find("import-questions"), file, again);
  find("import-counts").textContent = inWords(shown.counts);
  Object.assign(find("import-counts").dataset, dataOf(shown.counts));
  agreement(find("import-expected"), shown.agreement, shown.agreement.code !== "agreement_unknown");
  showRows(file, again);
}

/** What was found out about the file, name by name, in the order in which a person checks it. */
function detected(shown) {
  const found = shown.detected;
  const wordOf = (group, value) => (known(`${group}.${value}`) ? t(`${group}.${value}`) : value);
  const period = shown.period;
  return [
    ["bank", found.bank],
    ["account", accountsOf(shown)],
    ["period", period ? span(period.first, period.last) : ""],
    ["currency", found.currency],
    ["format", [shown.format.toUpperCase(), shown.profile].filter(Boolean).join(", ")],
    ["encoding", found.encoding.toUpperCase()],
    ["delimiter", found.delimiter ? wordOf("delimiter", found.delimiter) : ""],
    ["decimal_mark", found.decimal_mark ? wordOf("mark", found.decimal_mark) : ""],
    ["date_order", found.date_order ? wordOf("choice.date_order", found.date_order) : ""],
    ["sign", found.sign ? wordOf("sign", file.answers.sign ?? found.sign) : ""],
  ].filter(([, value]) => value);
}

/** The accounts of a file by name, the first few where there are many. */
function accountsOf(shown) {
  const names = shown.account ? [shown.account] : shown.statements.map((one) => one.account);
  const few = names.slice(0, MAX_NAMED).map(shortName).join(", ");
  const count = names.length - MAX_NAMED;
  return count > 0 ? t("detected.more", { few, count }) : few;
}

/** Counts as a sentence: what is always told first, then whatever else there is. */
function inWords(counts) {
  const order = ["new", "duplicate", "transfer", "match", "instalments", "left-out"];
  const names = [...order, ...Object.keys(counts).filter((name) => !order.includes(name))];
  const told = names.filter((name) => counts[name] > 0 || (name === "new" && name in counts));
  return told
    .map((name) =>
      known(`count.${name}.one`) ? counted(`count.${name}`, counts[name] ?? 0) : `${counts[name]} ${name}`,
    )
    .join(", ");
}

const dataOf = (counts) =>
  Object.fromEntries(
    Object.entries(counts).map(([name, count]) => [name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase()), count]),
  );

/** How the books stand beside what the bank says: a mark, a word and the sentence. */
function agreement(place, told, isShown = true) {
  show(place, isShown && told !== null);
  if (told === null) return;
  const kind = told.code.startsWith("differs") ? "differs" : told.code === "agreement_unknown" ? "unknown" : "agrees";
  place.dataset.code = told.code;
  place.dataset.agreement = kind;
  fill(place, el("strong", {}, t(`agreement.${kind}`)), el("span", {}, say(told)));
}

let isStale = false;
let asking = null;

/** Show the same preview with what was answered since; answers given meanwhile are told in one more turn. */
function again() {
  isStale = true;
  asking ??= askAgain(file).finally(() => {
    asking = null;
    if (isStale && file !== null) again();
  });
}

async function askAgain(asked) {
  try {
    while (isStale) {
      isStale = false;
      calm();
      const shown = await previewAgain(asked.book.book, asked.preview.import_id, said(asked));
      if (file !== asked) return;
      file.preview = shown;
      draw();
    }
  } catch (problem) {
    if (file === asked) complain(problem);
  }
}

const ascending = (rows) => [...rows].sort((one, other) => one - other);

function said({ answers, skip, separate }) {
  const told = separate.size ? { ...answers, separate: ascending(separate) } : answers;
  return { answers: told, skip: ascending(skip) };
}

// What is done

async function record() {
  if (isUnanswered(find("import-questions"))) return;
  await asking;
  tell(t("committing"));
  const { chosen, book, preview: shown } = file;
  const answer = await commit(book.book, shown.import_id, said(file));
  close();
  await house.recorded(book, answer.version);
  showResult(book, answer, chosen.name);
  if (waiting.length > 0) setTimeout(next);
}

async function cancel() {
  const { book, isMade } = file;
  close();
  if (isMade) await unmake(book);
  await house.back();
  tell(t("canceled"));
  find("file-input").focus();
  if (waiting.length > 0) setTimeout(next);
}

function close() {
  file = null;
  document.body.toggleAttribute("data-importing", false);
  show(find("import"), false);
}

function showResult(book, answer, name) {
  find("result-title").textContent = t("result.done", { file: name });
  find("result-counts").textContent = inWords(answer.counts);
  Object.assign(find("result-counts").dataset, dataOf(answer.counts));
  agreement(find("import-agreement"), answer.agreement);
  const button = find("import-undo");
  show(button);
  button.onclick = () => takeBack(book, answer.import_id, name);
  show(find("import-result"));
  goTo(find("result-title"));
}

/** Take an import back, from its result or from the list of files. */
export const takeBack = guarded(async (book, importId, name) => {
  tell(t("undoing"));
  const answer = await undo(book.book, importId);
  await house.recorded(book, answer.version);
  find("result-title").textContent = t("result.undone", { file: name });
  find("result-counts").textContent = inWords(answer.counts);
  show(find("import-agreement"), false);
  show(find("import-undo"), false);
  show(find("import-result"));
  goTo(find("result-title"));
});
