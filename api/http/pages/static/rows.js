/**
 * Rows: every row of a file with what happens to it and why. A person may leave a row out, or have one booked on its
 * own that would be joined with something; nobody has to.
 */

import { el, fill, find, show } from "./dom.js";
import { UNCATEGORIZED, day, money, say, shortName, t, whole } from "./text.js";

/** Rows drawn at once: a browser draws these at once, and a person reads fewer. */
const PAGE = 200;

const JOINED = new Set(["transfer", "match"]);

let shown = PAGE;
let filter = "";
let file = null;
let changed = null;

/** Show a file's rows: its `preview`, `skip` and `separate` (sets of rows). `whenChanged` is called on a tick. */
export function showRows(told, whenChanged) {
  if (file !== told) [shown, filter] = [PAGE, ""];
  [file, changed] = [told, whenChanged];
  drawFilter();
  drawRows();
}

export function prepareRows() {
  find("rows-more").addEventListener("click", () => {
    shown += PAGE;
    drawRows();
  });
}

const chosen = () => file.preview.rows.filter((row) => filter === "" || row.verdict === filter);

function drawFilter() {
  const verdicts = [...new Set(file.preview.rows.map((row) => row.verdict))];
  if (!verdicts.includes(filter)) filter = "";
  const count = (verdict) => file.preview.rows.filter((row) => row.verdict === verdict).length;
  const chip = (value, text) =>
    el(
      "button",
      {
        type: "button",
        "data-filter": value,
        "aria-pressed": String(value === filter),
        onclick: () => choose(value),
      },
      text,
    );
  const all = chip("", t("filter.all", { count: whole(file.preview.rows.length) }));
  const others = verdicts.map((verdict) => chip(verdict, `${t(`verdict.${verdict}`)} ${whole(count(verdict))}`));
  const focused = document.activeElement?.dataset?.filter;
  fill(find("import-filter"), verdicts.length > 1 ? [all, ...others] : []);
  if (focused !== undefined) find("import-filter").querySelector(`[data-filter="${focused}"]`)?.focus();
}

function choose(value) {
  [filter, shown] = [value, PAGE];
  drawFilter();
  drawRows();
}

function drawRows() {
  const rows = chosen();
  const body = find("import-rows").querySelector("tbody");
  const focused = document.activeElement?.dataset?.tick;
  fill(body, rows.slice(0, shown).map(tableRow));
  if (focused !== undefined) body.querySelector(`[data-tick="${focused}"]`)?.focus();
  const more = find("rows-more");
  const facts = { shown: whole(Math.min(shown, rows.length)), total: whole(rows.length) };
  more.textContent = `${t("more")} (${t("shown", facts)})`;
  show(more, rows.length > shown);
  show(find("import-rows"), file.preview.rows.length > 0);
}

function tableRow(row) {
  const notes = [
    row.instalment ? t("instalment", row.instalment) : null,
    row.category && !UNCATEGORIZED.test(row.category) ? shortName(row.category) : null,
  ].filter(Boolean);
  const may = row.verdict === "new" || JOINED.has(row.verdict) || file.skip.has(row.row) || file.separate.has(row.row);
  const own = JOINED.has(row.verdict) || file.separate.has(row.row);
  return el(
    "tr",
    { "data-row": row.row, "data-verdict": row.verdict },
    el("td", { class: "when" }, row.date ? el("time", { datetime: row.date }, day(row.date)) : "–"),
    el(
      "td",
      { class: "what" },
      el("span", { class: "who" }, row.description),
      notes.map((note) => el("small", {}, note)),
    ),
    el("td", { class: "amount" }, row.amount === null ? "–" : money(row)),
    el(
      "td",
      { class: "why" },
      el("span", { class: "verdict", "data-code": row.reason.code }, t(`verdict.${row.verdict}`)),
      el("small", {}, say(row.reason)),
      own ? tick(row, "separate", t("row.separate"), t("row.separate.of", { row: row.row })) : null,
    ),
    el(
      "td",
      { class: "leave" },
      may ? tick(row, "skip", t("row.leave-out"), t("row.leave-out.of", { row: row.row })) : null,
    ),
  );
}

function tick(row, name, text, label) {
  const chosen = file[name];
  const box = el("input", {
    type: "checkbox",
    checked: chosen.has(row.row),
    "aria-label": label,
    "data-tick": `${name} ${row.row}`,
  });
  box.addEventListener("change", () => {
    if (box.checked) chosen.add(row.row);
    else chosen.delete(row.row);
    changed();
  });
  return el("label", { class: "tick-line" }, box, el("span", { "aria-hidden": "true" }, text));
}
