/**
 * Questions: what a file leaves open, as controls. A control stays as it is once it stands, so that an answer can be
 * changed, and its answer is told as soon as it is given; what is unclear is not told at all.
 */

import { el, fill, show } from "./dom.js";
import { exampleFigure, known, money, say, shortName, t, typedFigure } from "./text.js";

const YES_OR_NO = new Set(["pending", "other_book"]);
const CURRENCIES = ["BRL", "USD", "EUR", "GBP", "CHF", "CAD", "AUD", "JPY", "ARS", "CLP", "MXN", "PLN", "SEK"];

/**
 * Show what is asked of a file. `file` has `preview`, `answers`, `accounts` and `rebase` (null where its book has its
 * currency); `changed` is called when an answer is.
 */
export function showQuestions(form, file, changed) {
  const { preview, answers } = file;
  const asked = preview.questions.map((question) => [keyOf(question), question]);
  const make = (key, control) => {
    if (form.querySelector(`[data-question="${key}"]`) === null) form.append(control(key));
  };
  if (file.rebase !== null && !preview.detected?.currency) make("base", () => baseControl(file));
  if (preview.detected?.sign) make("sign", () => signControl(preview.detected.sign, answers, changed));
  for (const [key, question] of asked) make(key, () => controlOf(key, question, file, changed));
  const open = new Set(asked.filter(([, question]) => question.needed).map(([key]) => key));
  for (const control of form.children) control.toggleAttribute("data-needed", open.has(control.dataset.question));
  show(form, form.children.length > 0);
}

/** The first control that must be answered and is not; null where nothing is in the way. */
export const unanswered = (form) => form.querySelector("[data-needed] :is(select, input), [aria-invalid=true]");

const keyOf = (question) =>
  question.answer === "accounts" ? `accounts-${question.params.statement}` : question.answer || question.code;

function controlOf(key, question, file, changed) {
  const { answers } = file;
  if (question.answer === "accounts") return accountControl(key, question, file, changed);
  if (question.answer === "balance_today") return figureControl(key, question, file, changed);
  const set = (value) => {
    if (value === "") delete answers[question.answer];
    else answers[question.answer] = value;
    changed();
  };
  if (YES_OR_NO.has(question.answer)) return switchControl(key, say(question), t(`answer.${question.answer}`), false, set);
  if (question.choices?.length) {
    const choices = question.choices.map((value) => [value, choiceName(question.answer, value)]);
    return selectControl(key, say(question), [["", t("choice.none")], ...choices], "", set);
  }
  const input = el("input", { id: `answer-${key}`, autocomplete: "off", maxlength: 200 });
  input.addEventListener("change", () => set(input.value.trim()));
  return labelled(key, say(question), input);
}

function choiceName(answer, value) {
  const name = `choice.${answer}.${value}`;
  return known(name) ? t(name) : value;
}

function labelled(key, text, ...rest) {
  return el("div", { class: "question", "data-question": key }, el("label", { for: `answer-${key}` }, text), rest);
}

function selectControl(key, text, choices, chosen, set) {
  const options = choices.map(([value, name]) => el("option", { value, selected: value === chosen }, name));
  const select = el("select", { id: `answer-${key}` }, options);
  select.addEventListener("change", () => set(select.value));
  return labelled(key, text, select);
}

function switchControl(key, text, name, isOn, set) {
  const box = el("input", { id: `answer-${key}`, type: "checkbox", checked: isOn, "aria-describedby": `told-${key}` });
  box.addEventListener("change", () => set(box.checked));
  const told = el("p", { id: `told-${key}`, class: "asked" }, text);
  return el("div", { class: "question", "data-question": key }, told, el("label", { class: "switch" }, box, el("span", {}, name)));
}

function signControl(found, answers, changed) {
  const control = switchControl("sign", t(`answer.sign.${found}`), t("answer.sign.switch"), found === "reversed", (isOn) => {
    answers.sign = isOn ? "reversed" : "as-written";
    control.querySelector(".asked").textContent = t(`answer.sign.${answers.sign}`);
    changed();
  });
  return control;
}

function baseControl(file) {
  const choices = CURRENCIES.map((code) => [code, code]);
  return selectControl("base", t("answer.base"), choices, file.book.commodity, (code) => file.rebase(code));
}

function figureControl(key, question, file, changed) {
  const { answers, preview } = file;
  const input = el("input", {
    id: `answer-${key}`,
    inputmode: "decimal",
    autocomplete: "off",
    placeholder: exampleFigure(),
    "aria-describedby": `told-${key}`,
    maxlength: 40,
  });
  const told = el("p", { id: `told-${key}`, class: "under", role: "status" }, t("answer.balance_today.hint"));
  const commodity = preview.statements[0]?.currency || preview.detected?.currency || file.book.commodity;
  input.addEventListener("change", () => {
    const written = input.value.trim();
    const amount = written === "" ? "" : typedFigure(written);
    input.setAttribute("aria-invalid", String(amount === null));
    if (amount) told.textContent = t("amount.understood", { amount: money({ amount, commodity }) });
    else if (amount === null) told.textContent = t("amount.unclear", { text: written, example: exampleFigure() });
    else told.textContent = t("answer.balance_today.hint");
    if (amount) answers.balance_today = amount;
    else delete answers.balance_today;
    if (amount !== null) changed();
  });
  return labelled(key, t("answer.balance_today"), input, told);
}

function accountControl(key, question, file, changed) {
  const { answers } = file;
  const { account, statement } = question.params;
  const standing = file.accounts.map((one) => [one.account, shortName(one.account)]);
  const made = file.accounts.some((one) => one.account === account) ? [] : [[account, t("answer.accounts.new", { account: shortName(account) })]];
  const other = ["", t("answer.accounts.other")];
  const name = el("input", { id: `answer-${key}-name`, autocomplete: "off", maxlength: 200, value: account });
  const naming = el("div", { class: "naming" }, el("label", { for: `answer-${key}-name` }, t("answer.accounts.name")), name);
  const set = (value) => {
    answers.accounts = { ...answers.accounts, [statement]: value };
    changed();
  };
  const control = selectControl(key, t("answer.accounts", { account: shortName(account) }), [...made, ...standing, other], account, (value) => {
    show(naming, value === "");
    if (value === "") name.focus();
    else set(value);
  });
  show(naming, false);
  name.addEventListener("change", () => {
    const told = name.value.trim();
    if (told !== "") set(/^(Assets|Liabilities):/.test(told) ? told : `${account.split(":")[0]}:${told}`);
  });
  control.append(naming);
  return control;
}

export const clearQuestions = (form) => fill(form);
