/**
 * Figures: the household at a glance. Net worth, the months, the accounts and the files, each of them a way to what it
 * is made of. All of one showing is asked for at once, and holds what the last command recorded.
 */

import { answer, list } from "./api.js";
import { barChart, kept, lineChart } from "./chart.js";
import { el, fill, fillNotes, find, show } from "./dom.js";
import { minus, negated, signOf, sums } from "./money.js";
import { isOwn, openAccount, openMonth, openPromised, openWorth } from "./panel.js";
import { showPayees } from "./payees.js";
import { capital, counted, day, moment, money, month, shortName, t } from "./text.js";

/** Points of the line at least: two tell of no way. */
const FEWEST = 3;

/** What is shown: the book, the version asked for, and the figures as they came. */
let house = null;
let chosenMonth = null;
let drawWorth = null;
let drawMonths = null;
let whenUndone = null;

/** Show a book's figures, at `version` or later. Returns whether there is anything in it. */
export async function showFigures(book, version = null) {
  const asked = book.book;
  const [worth, flows, balances, accounts, payees, imports, promised, rules] = await Promise.all([
    list(asked, "net-worth", {}, version),
    list(asked, "cash-flow", {}, version),
    list(asked, "balances", {}, version),
    list(asked, "accounts", {}, version),
    answer(asked, "payees", {}, version),
    list(asked, "imports", {}, version),
    answer(asked, "promised", {}, version),
    list(asked, "rules", {}, version),
  ]);
  if (house?.book !== asked) chosenMonth = null;
  const months = monthsOf(worth, flows, book.commodity);
  house = {
    book: asked,
    commodity: book.commodity,
    version,
    worth: sinceSomething(worth),
    flows,
    balances,
    accounts,
    payees,
    imports,
    promised,
    rules,
    months,
  };
  if (!months.some((one) => one.month === chosenMonth)) chosenMonth = latestLively(months);
  const isEmpty = !accounts.some(isOwn);
  show(find("house"), !isEmpty);
  if (isEmpty) return false;
  showWorth();
  showMonth();
  showAccounts();
  showPayees(house, (since) => showFigures(book, since));
  showImports();
  return true;
}

export function prepareFigures(undone) {
  whenUndone = undone;
  drawWorth = kept(find("net-worth-chart"), drawWorthChart);
  drawMonths = kept(find("month-chart"), drawMonthChart);
  find("net-worth-now").addEventListener("click", () => openWorth(house, house.worth.at(-1)));
  find("promised").addEventListener("click", () => openPromised(house));
  for (const side of ["in", "out"]) {
    find(`month-${side}`).addEventListener("click", () => openSide(chosenMonth, side));
  }
  find("month-before").addEventListener("click", () => step(-1));
  find("month-after").addEventListener("click", () => step(1));
}

// Net worth

/** Net worth from the first month on in which there was any: before that the books know nothing, which is not zero. */
function sinceSomething(worth) {
  const first = worth.findIndex((one) => signOf(one.amount) !== 0 || one.partial);
  return worth.slice(Math.min(first < 0 ? worth.length : first, worth.length - FEWEST));
}

function showWorth() {
  const now = house.worth.at(-1);
  const first = house.worth[0];
  find("net-worth-now").textContent = money(now);
  const change = { amount: minus(now.amount, first.amount), commodity: now.commodity };
  find("net-worth-change").textContent = t("worth.since", { change: money(change, true), date: first.date });
  showPromised(now);
  const notes = [];
  if (now.unpriced.length) notes.push(t("worth.unpriced", { commodities: now.unpriced }));
  if (now.stale.length) notes.push(t("worth.stale", { commodities: now.stale }));
  for (const account of now.opening_unknown ?? []) notes.push(t("opening.unknown", { account: shortName(account) }));
  fillNotes(find("net-worth-notes"), notes);
  drawWorth();
  const rows = house.worth.map((worth) => {
    const button = el(
      "button",
      { type: "button", class: "link", onclick: () => openWorth(house, worth) },
      money(worth),
    );
    return el("tr", {}, el("th", { scope: "row" }, day(worth.date)), el("td", { class: "amount" }, button));
  });
  fill(find("net-worth-table").querySelector("tbody"), rows.reverse());
}

/** What is left once the instalments that are still to come are paid; they are no debt yet. */
function showPromised(now) {
  const { total } = house.promised;
  const own = total.find((one) => one.commodity === now.commodity);
  const after = own === undefined ? null : { amount: minus(now.amount, own.amount), commodity: now.commodity };
  const facts = { promised: total.map((one) => money(one)), after: after === null ? "" : money(after) };
  find("promised").textContent = t(after === null ? "promised.only" : "promised.after", facts);
  show(find("promised"), total.length > 0);
}

function drawWorthChart(width) {
  if (house === null || house.worth.length === 0) return;
  const [first, last] = [house.worth[0], house.worth.at(-1)];
  const facts = { first: money(first), "first-date": first.date, last: money(last), "last-date": last.date };
  const title = t("worth.chart", { months: house.worth.length });
  const told = t("worth.chart.told", facts);
  lineChart(find("net-worth-chart"), width, house.worth, { title, told, open: (worth) => openWorth(house, worth) });
}

// Months

/** In and out of every month, in the book's commodity, and `others` by commodity beside it. */
function monthsOf(worth, flows, commodity) {
  return worth.map(({ date }) => {
    const first = `${date.slice(0, 7)}-01`;
    const own = flows.filter((flow) => flow.period === first);
    const side = (kind) => own.filter((flow) => flow.account.startsWith(kind));
    const ins = sums(side("Income:")).map((one) => ({ ...one, amount: negated(one.amount) }));
    const outs = sums(side("Expenses:"));
    const base = (all) => all.find((one) => one.commodity === commodity)?.amount ?? "0.00";
    const others = (all) => all.filter((one) => one.commodity !== commodity && signOf(one.amount) !== 0);
    return {
      month: first,
      in: base(ins),
      out: base(outs),
      others: { in: others(ins), out: others(outs) },
      isLively: own.length > 0,
    };
  });
}

/** The last month in which something moved; this month where nothing did. */
const latestLively = (months) => (months.findLast((one) => one.isLively) ?? months.at(-1))?.month ?? null;

function step(by) {
  const at = house.months.findIndex((one) => one.month === chosenMonth) + by;
  if (house.months[at] === undefined) return;
  chosenMonth = house.months[at].month;
  showMonth();
}

function openSide(first, side) {
  const one = house.months.find((candidate) => candidate.month === first);
  return openMonth(house, first, side, sideText(one, side));
}

const sideText = (one, side) =>
  [{ amount: one[side], commodity: house.commodity }, ...one.others[side]].map((sum) => money(sum)).join(" · ");

function showMonth() {
  const at = house.months.findIndex((one) => one.month === chosenMonth);
  const one = house.months[at];
  const commodity = house.commodity;
  find("month-title").textContent = capital(month(one.month));
  find("month-title").dataset.month = one.month.slice(0, 7);
  find("month-in").textContent = money({ amount: one.in, commodity });
  find("month-out").textContent = money({ amount: one.out, commodity });
  find("month-left").textContent = money({ amount: minus(one.in, one.out), commodity });
  const others = one.others;
  const told = (all) => (all.length ? all.map((sum) => money(sum)) : "0");
  const hasOthers = others.in.length + others.out.length > 0;
  fillNotes(find("month-notes"), hasOthers ? [t("month.other", { in: told(others.in), out: told(others.out) })] : []);
  stepTo("month-before", at > 0);
  stepTo("month-after", at < house.months.length - 1);
  drawMonths();
  const rows = house.months.map((row) => {
    const cell = (side) => {
      const press = { type: "button", class: "link", onclick: () => openSide(row.month, side) };
      return el("td", { class: "amount" }, el("button", press, sideText(row, side)));
    };
    return el("tr", {}, el("th", { scope: "row" }, capital(month(row.month))), cell("in"), cell("out"));
  });
  fill(find("month-table").querySelector("tbody"), rows.reverse());
}

/** A step stays in reach of the keyboard at the end of its way, and says that it goes no further. */
function stepTo(id, isPossible) {
  find(id).setAttribute("aria-disabled", String(!isPossible));
}

function drawMonthChart(width) {
  if (house === null || house.months.length === 0) return;
  const words = { title: t("month.chart"), told: t("month.chart.told") };
  const shown = { ...words, commodity: house.commodity, chosen: chosenMonth, open: openSide };
  barChart(find("month-chart"), width, house.months, shown);
}

// Accounts

function showAccounts() {
  const kinds = ["Assets", "Liabilities"].map((kind) => {
    const open = house.accounts.filter((one) => one.kind === kind && one.merged_into === null);
    const held = open.map((account) => {
      const amounts = house.balances.filter((balance) => balance.account_id === account.account_id);
      const nothing = { amount: "0.00", commodity: account.commodities[0] ?? house.commodity };
      return { ...account, amounts: amounts.length ? amounts : [nothing] };
    });
    const shown = held.filter(
      (one) => one.closed_on === null || one.amounts.some(({ amount }) => signOf(amount) !== 0),
    );
    if (shown.length === 0) return null;
    const rows = shown.map((account) => {
      const amounts = account.amounts.map((one) => el("span", { class: "sum" }, money(one)));
      const press = { type: "button", class: "line", onclick: () => openAccount(house, account) };
      // Among what is owed, an amount above zero is easily taken for one that is.
      const isInFavour = kind === "Liabilities" && account.amounts.some((one) => signOf(one.amount) > 0);
      const note = isInFavour ? el("small", {}, t("account.in-favour")) : null;
      return el(
        "li",
        {},
        el("button", press, el("span", {}, shortName(account.account)), el("span", { class: "amount" }, amounts, note)),
      );
    });
    return [el("h3", {}, t(`account.kind.${kind}`)), el("ul", { class: "lines" }, rows)];
  });
  fill(find("accounts"), kinds.flat());
}

// Files

function showImports() {
  const rows = house.imports.toReversed().map((one) => {
    const file = one.file_name || one.format;
    const told = [
      one.account === null ? null : shortName(one.account),
      counted("imports.of", one.recorded, { date: moment(one.recorded_at) }),
    ];
    const undo = el(
      "button",
      {
        type: "button",
        "aria-label": t("imports.undo", { file }),
        onclick: () => whenUndone(one.import_id, file),
      },
      t("undo"),
    );
    return el(
      "li",
      { "data-import": one.import_id },
      el("span", {}, el("span", { class: "who" }, file), el("small", {}, told.filter(Boolean).join(" · "))),
      one.undone ? el("span", { class: "under" }, t("imports.undone")) : undo,
    );
  });
  fill(find("imports-list"), rows);
  show(find("imports"), rows.length > 0);
}
