/**
 * Payees: where the money goes, and what it was for. The offer names the share that really is done when these payees
 * have a category; a category given here can become a rule for what comes.
 */

import { addRule, applyRule, openAccount, pagesOf, removeRule, together, tryRule } from "./api.js";
import { el, fill, find, goTo, show, tell } from "./dom.js";
import { signOf } from "./money.js";
import { isCategory, isOfPayee, openPayee } from "./panel.js";
import { UNCATEGORIZED, counted, percent, shortName, spent, t, whole } from "./text.js";
import { complain, guarded } from "./trouble.js";

const OFFERED = 10;

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
  const fits = el("small", { role: "status" });
  const says = t("categorize.always", { words: payee.words.join(" ") });
  const offer = el("label", { class: "always" }, always, el("span", {}, says, " ", fits));
  show(offer, false);
  const isPossible = () => input.value.trim() !== "" && payee.words.length > 0;
  input.addEventListener("input", () => show(offer, isPossible()));
  let turn = 0;
  const measure = async () => {
    const mine = ++turn;
    fits.textContent = "";
    if (!always.checked || !isPossible()) return;
    try {
      const count = await fitting(house, meant(house, input.value.trim(), payee), payee);
      if (mine === turn && count !== null) fits.textContent = counted("categorize.fits", count);
    } catch (problem) {
      if (mine === turn) complain(problem);
    }
  };
  for (const control of [always, input]) control.addEventListener("change", measure);
  const assign = guarded(async () => {
    const told = input.value.trim();
    if (told === "") return input.focus();
    const category = await categoryOf(house, told, payee);
    const isRule = payee.words.length > 0 && always.checked;
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
function meant(house, told, payee) {
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
  return { name: known?.account ?? name, isNew: known === undefined };
}

async function categoryOf(house, told, payee) {
  const { name, isNew } = meant(house, told, payee);
  if (isNew) await openAccount(house.book, name);
  return name;
}

/**
 * How many transactions a rule would categorize now. What goes to a category that is not there yet is counted by one
 * that is and takes everything, or by the two uncategorized, each of which leaves out its own; null where none is.
 */
async function fitting(house, { name, isNew }, payee) {
  const takesAll = (one) =>
    isCategory(one) &&
    one.opened_on === null &&
    one.closed_on === null &&
    one.merged_into === null &&
    one.commodities.length === 0;
  const others = house.accounts.filter(takesAll).map((one) => one.account);
  const untold = others.filter((one) => UNCATEGORIZED.test(one));
  const told = others.find((one) => !UNCATEGORIZED.test(one));
  const tried = !isNew ? [name] : told !== undefined ? [told] : untold;
  if (isNew && told === undefined && untold.length < 2) return null;
  const trials = await Promise.all(tried.map((one) => tryRule(house.book, one, payee.words.join(" "))));
  return trials.reduce((count, trial) => count + trial.count, 0);
}

async function byRule(house, payee, category) {
  const rule = await addRule(house.book, category, payee.words.join(" "));
  const applied = await applyRule(house.book, rule.rule_id);
  return { count: applied.counts.categorized ?? 0, version: applied.version };
}

/** What has no category yet of this payee gets this one, all or none of a page. */
async function byHand(house, payee, category) {
  let [count, version] = [0, house.version];
  for await (const items of pagesOf(house.book, { ...spanOf(house), payee: payee.payee })) {
    const open = items.filter(
      ({ postings }) =>
        postings.some((posting) => isOfPayee(posting, payee)) &&
        postings.some((posting) => UNCATEGORIZED.test(posting.account)),
    );
    if (open.length === 0) continue;
    const commands = open.map(({ transaction_id }) => ({
      type: "categorize-transaction",
      data: { transaction_id, category },
    }));
    version = (await together(house.book, commands)).version;
    count += open.length;
  }
  return { count, version };
}
