/**
 * Questions: what a file leaves open, as controls. A control stays as it is once it stands, so that an answer can be
 * changed, and its answer is told as soon as it is given; what is unclear is not told at all.
 */

import { el, fill, show } from "./dom.js";
import { exampleFigure, known, money, say, shortName, t, typedFigure } from "./text.js";

/** What a person may say of rows, where there are such rows, and what holds until then. */
const ABOUT_ROWS = {
  closed_rows: ["skip", "first-open-day"],
  gone: ["keep", "void"],
};
const CLOSED = new Set(["period_closed", "row_on_first_open_day"]);
const MAX_ACCOUNTS_ASKED = 3;
const OTHER = "other";
const CURRENCIES = ["BRL", "USD", "EUR", "GBP", "CHF", "CAD", "AUD", "JPY", "ARS", "CLP", "MXN", "PLN", "SEK"];

/**
 * Show what is asked of a file. `file` has `book`, `preview`, `answers` and `rebase` (null where its book has its
 * currency); `changed` is called when an answer is.
 */
export function showQuestions(form, file, changed) {
  const { preview, answers } = file;
  const asked = preview.questions.map((question) => [keyOf(question), question]);
  const standing = (key) => form.querySelector(`[data-question="${key}"]`);
  const make = (key, control) => {
    if (standing(key) === null) form.append(control(key));
  };
  if (file.rebase !== null && toldCurrency(preview) === "") make("base", () => baseControl(file));
  if (preview.detected.sign) make("sign", () => signControl(preview.detected.sign, answers, changed));
  const ofAccounts = placeOfAccounts(form, asked);
  for (const [key, question] of asked) {
    const isOptional = question.answer === "accounts" && !question.needed;
    if (standing(key) !== null) continue;
    const control = controlOf(key, question, file, changed);
    control.toggleAttribute("data-asked", true);
    (isOptional ? ofAccounts : form).append(control);
  }
  renew(form, new Map(asked));
  const rows = preview.rows;
  if (rows.some((row) => CLOSED.has(row.reason.code))) make("closed_rows", (key) => aboutRows(key, answers, changed));
  if (rows.some((row) => row.verdict === "gone")) make("gone", (key) => aboutRows(key, answers, changed));
  const open = new Set(asked.filter(([, question]) => question.needed).map(([key]) => key));
  for (const control of form.querySelectorAll("[data-question]")) {
    const isNeeded = open.has(control.dataset.question);
    control.toggleAttribute("data-needed", isNeeded);
    control.querySelector("select, input").setAttribute("aria-required", String(isNeeded));
  }
  show(form, form.children.length > 0);
}

/** Keep what is asked as it is asked by now; what is asked no more and has no answer goes. */
function renew(form, asked) {
  for (const control of form.querySelectorAll("[data-asked]")) {
    const question = asked.get(control.dataset.question);
    if (question !== undefined) control.querySelector(".text").textContent = say(question);
    else if (!("answered" in control.dataset)) control.remove();
  }
}

/** The currency that a file tells, empty where it tells none and the book's was taken for it. */
export const toldCurrency = (preview) =>
  preview.remarks.some((remark) => remark.code === "currency_assumed") ? "" : preview.detected.currency;

/** Many accounts are asked about behind one line, as each has an answer already. */
function placeOfAccounts(form, asked) {
  const standing = form.querySelector("details");
  const count = asked.filter(([, question]) => question.answer === "accounts").length;
  if (standing !== null || count <= MAX_ACCOUNTS_ASKED) return standing ?? form;
  const place = el("details", { class: "many" }, el("summary", {}, t("answer.accounts.many", { count })));
  form.append(place);
  return place;
}

/** Whether something stands in the way of recording; if so it says what is missing and goes there. */
export function isUnanswered(form) {
  const missing = form.querySelector("[data-needed] :is(select, input), [aria-invalid=true]");
  if (missing === null) return false;
  const control = missing.closest("[data-question]");
  const id = `missing-${control.dataset.question}`;
  if (missing.getAttribute("aria-invalid") !== "true") {
    missing.setAttribute("aria-invalid", "true");
    missing.setAttribute("aria-errormessage", id);
    control.append(el("p", { class: "missing", id, role: "alert" }, t("answer.needed")));
  }
  missing.focus();
  return true;
}

/** Forget what was wrong with an answer as soon as there is another. */
export function prepareQuestions(form) {
  const forget = (event) => {
    event.target.removeAttribute("aria-invalid");
    event.target.removeAttribute("aria-errormessage");
    const control = event.target.closest("[data-question]");
    control.dataset.answered = "";
    control.querySelector(".missing")?.remove();
  };
  form.addEventListener("change", forget, { capture: true });
  form.addEventListener("submit", (event) => event.preventDefault());
}

const keyOf = (question) =>
  ["accounts", "balance_today"].includes(question.answer)
    ? `${question.answer}-${question.params.statement}`
    : question.answer || question.code;

function controlOf(key, question, file, changed) {
  const { answers } = file;
  if (question.answer === "accounts") return accountControl(key, question, file, changed);
  if (question.answer === "balance_today") return figureControl(key, question, file, changed);
  const set = (value) => {
    if (value === "") delete answers[question.answer];
    else answers[question.answer] = value;
    changed();
  };
  if (question.answer === "other_book") return switchControl(key, say(question), t("answer.other_book"), false, set);
  if (question.choices?.length) {
    const choices = question.choices.map((value) => [value, choiceName(question.answer, value)]);
    return selectControl(key, say(question), [["", t("choice.none")], ...choices], "", set);
  }
  const input = el("input", { id: `answer-${key}`, autocomplete: "off", maxlength: 200 });
  input.addEventListener("change", () => set(input.value.trim()));
  return labelled(key, say(question), input);
}

function aboutRows(key, answers, changed) {
  const choices = ABOUT_ROWS[key].map((value) => [value, choiceName(key, value)]);
  return selectControl(key, t(`answer.rows.${key}`), choices, ABOUT_ROWS[key][0], (value) => {
    answers[key] = value;
    changed();
  });
}

function choiceName(answer, value) {
  const name = `choice.${answer}.${value}`;
  return known(name) ? t(name) : value;
}

function labelled(key, text, ...rest) {
  return el(
    "div",
    { class: "question", "data-question": key },
    el("label", { class: "text", for: `answer-${key}` }, text),
    rest,
  );
}

function selectControl(key, text, choices, chosen, set) {
  const options = choices.map(([value, name]) => el("option", { value, selected: value === chosen }, name));
  const select = el("select", { id: `answer-${key}` }, options);
  select.addEventListener("change", () => set(select.value));
  return labelled(key, text, select);
}

function switchControl(key, text, name, isOn, set) {
  const box = el("input", {
    id: `answer-${key}`,
    type: "checkbox",
    checked: isOn,
    "aria-describedby": `told-${key}`,
  });
  box.addEventListener("change", () => set(box.checked));
  const told = el("p", { id: `told-${key}`, class: "asked text" }, text);
  return el(
    "div",
    { class: "question", "data-question": key },
    told,
    el("label", { class: "switch" }, box, el("span", {}, name)),
  );
}

function signControl(found, answers, changed) {
  const control = switchControl(
    "sign",
    t(`answer.sign.${found}`),
    t("answer.sign.switch"),
    found === "reversed",
    (isOn) => {
      answers.sign = isOn ? "reversed" : "as-written";
      control.querySelector(".asked").textContent = t(`answer.sign.${answers.sign}`);
      changed();
    },
  );
  return control;
}

function baseControl(file) {
  const choices = CURRENCIES.map((code) => [code, code]);
  return selectControl("base", t("answer.base"), choices, file.book.commodity, (code) => file.rebase(code));
}

function figureControl(key, question, file, changed) {
  const { answers } = file;
  const input = el("input", {
    id: `answer-${key}`,
    inputmode: "decimal",
    autocomplete: "off",
    placeholder: exampleFigure(),
    "aria-describedby": `told-${key}`,
    maxlength: 40,
  });
  const hint = t(`answer.${question.code}.hint`);
  const told = el("p", { id: `told-${key}`, class: "under", role: "status" }, hint);
  const { commodity, statement } = question.params;
  input.addEventListener("change", () => {
    const written = input.value.trim();
    const amount = written === "" ? "" : typedFigure(written);
    input.setAttribute("aria-invalid", String(amount === null));
    if (amount) told.textContent = t("amount.understood", { amount: money({ amount, commodity }) });
    else if (amount === null) told.textContent = t("amount.unclear", { text: written, example: exampleFigure() });
    else told.textContent = hint;
    const { [statement]: _, ...others } = answers.balances ?? {};
    answers.balances = amount ? { ...others, [statement]: amount } : others;
    if (amount !== null) changed();
  });
  return labelled(key, say(question), input, told);
}

/** Which account a statement goes to: one that is there, the one that would be opened, or one with another name. */
function accountControl(key, question, file, changed) {
  const { answers } = file;
  const { account, statement } = question.params;
  const standing = question.choices.map((name) => [name, shortName(name)]);
  const opened = question.choices.includes(account) ? [] : [[account, t("answer.accounts.new", { account })]];
  const unsaid = question.needed ? [["", t("choice.none")]] : [];
  const other = [OTHER, t("answer.accounts.other")];
  const name = el("input", {
    id: `answer-${key}-name`,
    autocomplete: "off",
    maxlength: 200,
    value: shortName(account),
  });
  const label = el("label", { for: `answer-${key}-name` }, t("answer.accounts.name"));
  const naming = el("div", { class: "naming" }, label, name);
  show(naming, false);
  const set = (value) => {
    answers.accounts = { ...answers.accounts, [statement]: value };
    changed();
  };
  const choices = [...unsaid, ...opened, ...standing, other];
  const control = selectControl(key, say(question), choices, question.needed ? "" : account, (value) => {
    show(naming, value === OTHER);
    if (value === OTHER) name.focus();
    else if (value !== "") set(value);
  });
  name.addEventListener("change", () => {
    const told = name.value.trim().replaceAll(/\s*›\s*/g, ":");
    if (told !== "") set(/^(Assets|Liabilities):/.test(told) ? told : `${account.split(":")[0]}:${told}`);
  });
  control.append(naming);
  return control;
}

export const clearQuestions = (form) => fill(form);
