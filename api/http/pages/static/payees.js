/**
 * Payees: where the money goes, and what it was for. The offer names the share that really is done when these payees
 * have a category; a category given here can become a rule for what comes.
 */

import { addRule, applyRule, openAccount, removeRule, together } from "./api.js";
import { el, fill, find, goTo, show, tell } from "./dom.js";
import { signOf } from "./money.js";
import { isCategory, openPayee, payeeTransactions } from "./panel.js";
import { UNCATEGORIZED, counted, percent, shortName, spent, t, whole } from "./text.js";
import { guarded } from "./trouble.js";

const OFFERED = 10;
/** Commands of one batch. */
const MAX_TOGETHER = 1_000;

export function showPayees(house, refresh) {
  const { items, categorized } = house.payees;
  const open = items.filter((payee) => payee.uncategorized > 0).slice(0, OFFERED);
  const offered = open.length > 0 ? open : items.slice(0, OFFERED);
  const total = categorized.transactions;
  const done = open.reduce((count, payee) => count + payee.uncategorized, categorized.done);
  const title = open.length
    ? t("categorized.offer", { count: open.length, percent: percent(Math.min(done, total), total) })
    : t("payees.title");
  find("payees-title").textContent = title;
  const soFar = { percent: percent(categorized.done, total), total: whole(total) };
  find("payees-done").textContent = open.length
    ? t("categorized.so-far", soFar)
    : t(total ? "categorized.all" : "payees.none");
  fill(
    find("payees-list"),
    offered.map((payee) => payeeRow(house, payee, refresh)),
  );
  const categories = house.accounts.filter(
    (one) => isCategory(one) && one.closed_on === null && one.merged_into === null,
  );
  const names = [
    ...new Set(categories.filter((one) => !UNCATEGORIZED.test(one.account)).map((one) => plainName(one.account))),
  ];
  fill(
    find("categories"),
    names.map((value) => el("option", { value })),
  );
  showRules(house, refresh);
}

/** What is always done, each with a way to stop it. */
function showRules(house, refresh) {
  const rows = house.rules.map((rule) => {
    const told = [rule.payee, rule.memo, rule.account && shortName(rule.account)].filter(Boolean).join(" · ");
    const stop = guarded(async () => {
      const { version } = await removeRule(house.book, rule.rule_id);
      await refresh(version);
      goTo(find("payees-title"));
    });
    const label = t("rules.remove.of", { payee: told });
    const button = el("button", { type: "button", "aria-label": label, onclick: () => stop() }, t("rules.remove"));
    const name = el("span", {}, el("span", { class: "who" }, told), el("small", {}, shortName(rule.category)));
    return el("li", { "data-rule": rule.rule_id }, name, button);
  });
  fill(find("rules-list"), rows);
  show(find("rules"), rows.length > 0);
}

const plainName = (account) => account.replace(/^[^:]+:/, "");

const spanOf = (house) => ({ from: house.months[0].month, to: house.worth.at(-1).date });

function payeeRow(house, payee, refresh) {
  const name = payee.payee || t("payees.nameless");
  const press = { type: "button", class: "line", onclick: () => openPayee(house, payee, spanOf(house)) };
  const button = el(
    "button",
    press,
    el("span", {}, el("span", { class: "who" }, name), el("small", {}, counted("payees.count", payee.count))),
    el("span", { class: "amount" }, spent(payee)),
  );
  const row = el("li", { "data-payee": payee.payee, "data-uncategorized": payee.uncategorized }, button);
  if (payee.uncategorized > 0) row.append(categoryForm(house, payee, name, refresh));
  return row;
}

function categoryForm(house, payee, name, refresh) {
  const input = el("input", {
    list: "categories",
    "aria-label": t("categorize.label", { payee: name }),
    placeholder: t("categorize.place"),
    autocomplete: "off",
    required: true,
    maxlength: 200,
  });
  const always = el("input", { type: "checkbox" });
  const offer = el("label", { class: "always" }, always, el("span", {}, t("categorize.always", { payee: name })));
  show(offer, false);
  input.addEventListener("input", () => show(offer, input.value.trim() !== "" && payee.payee !== ""));
  const assign = guarded(async () => {
    const told = input.value.trim();
    if (told === "") return input.focus();
    const category = await categoryOf(house, told, payee);
    const isRule = payee.payee !== "" && always.checked;
    const { count, version } = isRule ? await byRule(house, payee, category) : await byHand(house, payee, category);
    await refresh(version);
    tell(counted("categorized", count));
    goTo(find("payees-list").querySelector("input") ?? find("payees-title"));
  });
  const submit = (event) => {
    event.preventDefault();
    assign();
  };
  return el(
    "form",
    { class: "category", onsubmit: submit, novalidate: true },
    input,
    el("button", {}, t("categorize")),
    offer,
  );
}

/** The category that is meant: a known one however it is spelt, or a new one, spending where money went out. */
async function categoryOf(house, told, payee) {
  const kind = /^(Income|Expenses):/.exec(told)?.[1] ?? (signOf(payee.amount) < 0 ? "Income" : "Expenses");
  const parts = told
    .replace(/^(Income|Expenses):/, "")
    .split(/\s*[:›>]\s*/)
    .filter(Boolean);
  const name = `${kind}:${parts.map((one) => one.charAt(0).toLocaleUpperCase() + one.slice(1)).join(":")}`.normalize(
    "NFC",
  );
  const folded = (text) => text.toLocaleLowerCase();
  const known = house.accounts.find((one) => folded(one.account) === folded(name) && one.merged_into === null);
  if (known !== undefined) return known.account;
  await openAccount(house.book, name);
  return name;
}

async function byRule(house, payee, category) {
  const rule = await addRule(house.book, category, payee.payee);
  const applied = await applyRule(house.book, rule.rule_id);
  return { count: applied.counts.categorized ?? 0, version: applied.version };
}

/** What has no category yet of this payee gets this one, all or none of a batch. */
async function byHand(house, payee, category) {
  const found = await payeeTransactions(house, payee.payee, spanOf(house));
  const open = found.items.filter((item) => item.postings.some((posting) => UNCATEGORIZED.test(posting.account)));
  let version = house.version;
  for (let from = 0; from < open.length; from += MAX_TOGETHER) {
    const commands = open.slice(from, from + MAX_TOGETHER).map(({ transaction_id }) => ({
      type: "categorize-transaction",
      data: { transaction_id, category },
    }));
    version = (await together(house.book, commands)).version;
  }
  return { count: open.length, version };
}
