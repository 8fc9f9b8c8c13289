/**
 * The panel: what a figure is made of. It opens beside the page over whichever figure was pressed, and its total is
 * that figure.
 */

import { allTransactions, list, transactions } from "./api.js";
import { el, fill, find } from "./dom.js";
import { byAmount, negated, signOf, sums } from "./money.js";
import { OPENING, counted, day, dayBriefly, money, month, shortName, spent, t } from "./text.js";
import { sentenceOf } from "./trouble.js";

const PAGE = 50;
/** Transactions that are looked through for one figure; of more, the part is shown and said to be one. */
const MOST = 5_000;

let turn = 0;

export const lastOf = (first) => {
  const [year, number] = first.split("-").map(Number);
  return new Date(Date.UTC(year, number, 0)).toISOString().slice(0, 10);
};

/** Open the panel. `tell` fills its body; what another figure asked for meanwhile wins. */
async function open(title, total, tell) {
  const mine = ++turn;
  const body = find("figure-body");
  find("figure-title").textContent = title;
  find("figure-total").textContent = total;
  fill(body, el("p", { class: "under" }, t("working")));
  const panel = find("figure-panel");
  if (!panel.open) panel.showModal();
  find("figure-title").focus();
  let told;
  try {
    told = await tell();
  } catch (problem) {
    told = [trouble(problem)];
  }
  if (mine === turn) fill(body, told);
}

const trouble = (problem) => el("p", { class: "problem", role: "alert" }, sentenceOf(problem));

/** A month's in or out: by category, then every transaction. `figure` is what the page shows. */
export function openMonth(house, first, side, figure) {
  const kind = side === "in" ? "Income:" : "Expenses:";
  const sign = (amount) => (side === "in" ? negated(amount) : amount);
  const title = t(`month.${side}.of`, { month: month(first) });
  return open(title, figure, async () => {
    const [flows, found] = await Promise.all([
      list(house.book, "cash-flow", { from: first, to: lastOf(first) }, house.version),
      allTransactions(house.book, { from: first, to: lastOf(first) }, MOST),
    ]);
    const categories = flows
      .filter((flow) => flow.account.startsWith(kind) && signOf(flow.amount) !== 0)
      .map((flow) => ({ ...flow, amount: sign(flow.amount) }))
      .sort((one, other) => byAmount(one.amount, other.amount));
    const isOfSide = (posting) => posting.account.startsWith(kind);
    const entries = found.items
      .map((item) => ({ item, amounts: sums(item.postings.filter(isOfSide)) }))
      .filter((entry) => entry.amounts.length > 0)
      .map(({ item, amounts }) => ({
        item,
        amounts: amounts.map((one) => ({ ...one, amount: sign(one.amount) })),
      }));
    const rows = categories.map((flow) =>
      row(shortName(flow.account), money(flow), () => openCategory(house, first, flow, sign)),
    );
    return [
      named("panel.by-category"),
      rowsOf(rows),
      named("panel.transactions"),
      table(entries),
      part(found, entries),
    ];
  });
}

function openCategory(house, first, flow, sign) {
  const query = { account: flow.account_id, from: first, to: lastOf(first) };
  return open(`${shortName(flow.account)}, ${month(first)}`, money(flow), async () => {
    const found = await allTransactions(house.book, query, MOST);
    const entries = found.items.map((item) => ({
      item,
      amounts: item.change
        .filter((one) => one.commodity === flow.commodity)
        .map((one) => ({ ...one, amount: sign(one.amount) })),
    }));
    return [table(entries.filter((entry) => entry.amounts.length)), part(found, entries)];
  });
}

/** An account's transactions, newest first, page by page, each with what stood after it. */
export function openAccount(house, account) {
  const query = { account: account.account_id };
  return open(shortName(account.account), account.amounts.map((one) => money(one)).join(" · "), () =>
    paged(house, query, (item) => ({ item, amounts: item.change, balance: item.balance })),
  );
}

/** Net worth on a day: what each account held, then what moved until then. */
export function openWorth(house, worth) {
  return open(t("panel.worth", { date: worth.date }), money(worth), async () => {
    const [held, entries] = await Promise.all([
      list(house.book, "balances", { as_of: worth.date }, house.version),
      paged(house, { to: worth.date }, (item) => ({ item, amounts: ownChange(item) })),
    ]);
    const own = held.filter(isOwn);
    const rows = own.map((balance) =>
      row(shortName(balance.account), money(balance), () => openAccount(house, { ...balance, amounts: [balance] })),
    );
    return [named("panel.by-account"), rowsOf(rows), named("panel.transactions"), entries];
  });
}

/** What is still to come of purchases in instalments, purchase by purchase. */
export function openPromised(house) {
  const { items, total } = house.promised;
  return open(t("promised.title"), total.map((one) => money(one)).join(" · "), async () => {
    const rows = items.map((one) => {
      const under = counted("promised.left", one.left, { k: one.k, n: one.n, amount: money(one) });
      const what = el(
        "span",
        {},
        el("span", { class: "who" }, one.payee || t("payees.nameless")),
        el("small", {}, under),
      );
      const promised = money({ amount: one.promised, commodity: one.commodity });
      return el("li", { class: "still" }, what, el("span", { class: "amount" }, promised));
    });
    return [el("ul", { class: "lines" }, rows)];
  });
}

/** A payee's transactions in the span that the payees are told of. */
export function openPayee(house, payee, span) {
  return open(payee.payee || t("payees.nameless"), spent(payee), async () => {
    const found = await allTransactions(house.book, { ...span, payee: payee.payee }, MOST);
    const entries = found.items
      .map((item) => ({ item, amounts: sums(item.postings.filter((posting) => isOfPayee(posting, payee))) }))
      .filter((entry) => entry.amounts.length);
    return [table(entries, spent), part(found, entries)];
  });
}

export const isOwn = (posting) => /^(Assets|Liabilities):/.test(posting.account);
export const isCategory = (posting) => /^(Income|Expenses):/.test(posting.account);

/** Whether a posting of a payee's transaction counts in the payee's figure. */
export const isOfPayee = (posting, payee) => isCategory(posting) && posting.commodity === payee.commodity;

/** What a transaction changed in what the household has; a transfer between own accounts changes nothing. */
const ownChange = (item) => sums(item.postings.filter(isOwn)).filter((one) => signOf(one.amount) !== 0);

// Parts of the panel

const named = (name) => el("h3", {}, t(name));

const rowsOf = (rows) =>
  rows.length ? el("ul", { class: "lines" }, rows) : el("p", { class: "under" }, t("panel.empty"));

const row = (name, amount, onclick) =>
  el(
    "li",
    {},
    el(
      "button",
      { type: "button", class: "line", onclick },
      el("span", {}, name),
      el("span", { class: "amount" }, amount),
    ),
  );

const part = (found, entries) =>
  found.isWhole ? null : el("p", { class: "under" }, t("panel.partly", { shown: entries.length }));

async function paged(house, query, entryOf) {
  const place = el("div");
  const more = el("button", { type: "button", class: "quiet" }, t("more"));
  let body = null;
  let cursor = null;
  const next = async () => {
    more.disabled = true;
    const page = await transactions(house.book, query, PAGE, cursor);
    cursor = page.next;
    const entries = page.items.map(entryOf);
    if (body === null) {
      const first = table(entries);
      body = first.querySelector("tbody");
      place.append(first);
    } else body.append(...entries.map((entry) => tableRow(entry)));
    more.disabled = false;
    if (cursor === null) more.remove();
    else place.append(more);
  };
  more.addEventListener("click", () => next().catch((problem) => more.replaceWith(trouble(problem))));
  await next();
  return place;
}

function table(entries, told = money) {
  if (entries.length === 0) return el("p", { class: "under" }, t("panel.empty"));
  const heads = ["row.date", "row.what"].map((name) => el("th", { scope: "col" }, t(name)));
  return el(
    "table",
    { class: "entries" },
    el("caption", { class: "unseen" }, t("panel.transactions")),
    el("thead", {}, el("tr", {}, heads, el("th", { scope: "col", class: "amount" }, t("row.amount")))),
    el(
      "tbody",
      {},
      entries.map((entry) => tableRow(entry, told)),
    ),
  );
}

function tableRow({ item, amounts, balance }, told = money) {
  const accounts = item.postings.map((posting) => shortName(posting.account));
  const isOpening = item.postings.some((posting) => posting.account === OPENING);
  const who = item.payee || t(isOpening ? "opening-balance" : "payees.nameless");
  const under = [item.memo, [...new Set(accounts)].join(" · ")].filter(Boolean);
  return el(
    "tr",
    { "data-transaction": item.transaction_id },
    el("td", { class: "when" }, el("time", { datetime: item.date, title: day(item.date) }, dayBriefly(item.date))),
    el(
      "td",
      {},
      el("span", { class: "who" }, who),
      under.map((text) => el("small", {}, text)),
    ),
    el(
      "td",
      { class: "amount" },
      amounts.length
        ? amounts.map((one) => el("span", { class: "sum" }, told(one)))
        : el("span", { class: "sum" }, t("transfer")),
      balance ? balance.map((one) => el("small", {}, money(one))) : null,
    ),
  );
}

export function preparePanel() {
  const panel = find("figure-panel");
  find("figure-close").addEventListener("click", () => panel.close());
  panel.addEventListener("close", () => (turn += 1));
  panel.addEventListener("click", (event) => {
    if (event.target === panel) panel.close();
  });
}
