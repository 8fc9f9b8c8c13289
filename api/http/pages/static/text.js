/**
 * Texts: the page's words and the server's sentences in the reader's language, with figures and days as they are
 * written there. A sentence is found by its code; its English stands in where a newer server says something new.
 */

import { negated, signOf, typed } from "./money.js";

export const language = document.documentElement.lang;

let texts = {};
let sentences = {};

export async function loadTexts() {
  const answer = await fetch(document.documentElement.dataset.texts, { mode: "cors", credentials: "same-origin" });
  ({ texts, sentences } = await answer.json());
}

/** A text of the page by its name, with what stands in braces put in. */
export function t(name, facts = {}) {
  return filled(texts[name] ?? name, facts);
}

export const known = (name) => name in texts;

/** A text that counts. */
export function counted(name, count, facts = {}) {
  const form = plural.select(count) === "one" ? "one" : "other";
  return t(`${name}.${form}`, { count: number.format(count), ...facts });
}

/** What the server says, `{code, params, text_en}` or a problem's `{code, params, detail}`, for the reader. */
export function say(told) {
  const template = texts[`reason.${told.code}`] ?? sentences[told.code];
  if (template === undefined) return told.text_en ?? told.detail ?? told.code;
  return filled(template, told.params ?? {});
}

function filled(template, facts) {
  return template.replace(/\{([\w-]+)\}/g, (whole, name) => (name in facts ? fact(facts[name], name) : whole));
}

/** A fact of a sentence: an amount, a day, an account, a list or a word. */
function fact(value, name) {
  if (value === null || value === undefined) return "–";
  if (Array.isArray(value)) return listed.format(value.map((one) => fact(one, name)));
  if (typeof value === "object")
    return "commodity" in value
      ? money(value)
      : Object.values(value)
          .map((one) => fact(one, name))
          .join(", ");
  if (typeof value === "string" && /^\d{4}-\d\d-\d\d$/.test(value)) return day(value);
  return name === "account" ? shortName(String(value)) : String(value);
}

// Figures

const plural = new Intl.PluralRules(language);
const number = new Intl.NumberFormat(language);
const share = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
const listed = new Intl.ListFormat(language);
const formats = new Map();

function formatOf(commodity, places) {
  const name = `${commodity} ${places}`;
  if (!formats.has(name)) formats.set(name, made(commodity, places));
  return formats.get(name);
}

function made(commodity, places) {
  const digits = { minimumFractionDigits: places, maximumFractionDigits: places };
  if (/^[A-Z]{3}$/.test(commodity)) {
    const currency = new Intl.NumberFormat(language, { style: "currency", currency: commodity, ...digits });
    return (text) => currency.format(text);
  }
  const plain = new Intl.NumberFormat(language, digits);
  return (text) => `${plain.format(text)} ${commodity}`;
}

/** An amount in its commodity; a real minus sign, so that it is seen. `isSigned` also shows a plus. */
export function money({ amount, commodity }, isSigned = false) {
  const places = amount.includes(".") ? amount.length - amount.indexOf(".") - 1 : 0;
  const sign = signOf(amount);
  const shown = formatOf(commodity, places)(sign < 0 ? negated(amount) : amount);
  return (sign < 0 ? "−" : isSigned && sign > 0 ? "+" : "") + shown;
}

/** What was spent, as a plain amount; what came in instead, with a plus. */
export const spent = ({ amount, commodity }) =>
  signOf(amount) < 0 ? money({ amount: negated(amount), commodity }, true) : money({ amount, commodity });

/** A rounded amount for an axis. */
export function brief(value, commodity) {
  const style = /^[A-Z]{3}$/.test(commodity) ? { style: "currency", currency: commodity } : {};
  const format = new Intl.NumberFormat(language, {
    ...style,
    notation: "compact",
    maximumFractionDigits: Math.abs(value) < 1 ? 2 : 1,
    minimumFractionDigits: 0,
  });
  return format.format(value).replace("-", "−");
}

export const whole = (count) => number.format(count);
export const percent = (part, all) => share.format(all === 0 ? 1 : Math.floor((part * 100) / all) / 100);

const marks = new Intl.NumberFormat(language, { useGrouping: true }).formatToParts(12345.6);
const markOf = (kind) => marks.find((part) => part.type === kind).value;

/** What a person typed as a figure, as decimal text; null where it is none for sure. */
export const typedFigure = (written) => typed(written, markOf("decimal"), markOf("group"));

/** How a figure is written here. */
export const exampleFigure = () => new Intl.NumberFormat(language, { minimumFractionDigits: 2 }).format(1234.56);

// Days

const utc = (options) => new Intl.DateTimeFormat(language, { timeZone: "UTC", ...options });
const dayFormat = utc({ day: "numeric", month: "short", year: "numeric" });
const briefDay = utc({ day: "2-digit", month: "2-digit", year: "2-digit" });
const monthFormat = utc({ month: "long", year: "numeric" });
const shortMonth = utc({ month: "short" });
const localDay = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", year: "numeric" });
const dateOf = (iso) => new Date(`${iso.slice(0, 10)}T00:00:00Z`);

export const day = (iso) => dayFormat.format(dateOf(iso));
export const dayBriefly = (iso) => briefDay.format(dateOf(iso));
export const month = (iso) => monthFormat.format(dateOf(iso));
/** The day of an instant where the reader is. */
export const moment = (iso) => localDay.format(new Date(iso));
export const monthBriefly = (iso) => shortMonth.format(dateOf(iso)).replace(".", "");
export const span = (first, last) => dayFormat.formatRange(dateOf(first), dateOf(last));

export const capital = (text) => text.charAt(0).toLocaleUpperCase(language) + text.slice(1);

// Names

/** An account's name without its kind: `Expenses:Food:Market` is Food:Market. */
export function shortName(account) {
  if (UNCATEGORIZED.test(account)) return t("uncategorized");
  if (account === OPENING) return t("opening-balance");
  return account.replace(/^[^:]+:/, "").replaceAll(":", " › ");
}

/** What an account held before its first row comes from here. */
export const OPENING = "Equity:Opening-Balances";

/** The categories of what nobody has said a word about. */
export const UNCATEGORIZED = /^(Income|Expenses):Uncategorized$/;
