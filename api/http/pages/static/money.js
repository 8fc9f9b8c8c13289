/**
 * Money: decimal texts as the server tells them, summed as whole numbers and never as fractions of two.
 */

const SIGNED = /^(-?)(\d+)(?:\.(\d+))?$/;

/** A decimal text as a whole number of its smallest unit, and its decimal places. */
function units(text) {
  const [, sign, whole, part = ""] = SIGNED.exec(text);
  return { number: BigInt(sign + whole + part), places: part.length };
}

/** The decimal text of a whole number of smallest units. */
function text(number, places) {
  const digits = (number < 0n ? -number : number).toString().padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  return (number < 0n ? "-" : "") + whole + (places ? `.${digits.slice(digits.length - places)}` : "");
}

/** The exact sum of decimal texts, with as many places as the longest of them. */
export function sum(amounts) {
  const all = amounts.map(units);
  const places = Math.max(0, ...all.map((one) => one.places));
  const total = all.reduce((held, one) => held + one.number * 10n ** BigInt(places - one.places), 0n);
  return text(total, places);
}

export const negated = (amount) => {
  const { number, places } = units(amount);
  return text(-number, places);
};

export const minus = (amount, other) => sum([amount, negated(other)]);

/** -1, 0 or 1. */
export const signOf = (amount) => {
  const { number } = units(amount);
  return number < 0n ? -1 : number > 0n ? 1 : 0;
};

/** Larger amounts first. */
export const byAmount = (one, other) => signOf(minus(other, one));

/** Sums by commodity of items with `amount` and `commodity`, in the order in which the commodities come. */
export function sums(items) {
  const found = new Map();
  for (const { amount, commodity } of items) {
    if (!found.has(commodity)) found.set(commodity, []);
    found.get(commodity).push(amount);
  }
  return [...found].map(([commodity, amounts]) => ({ commodity, amount: sum(amounts) }));
}

const CURRENCY = "(R\\$|US\\$|[$€£]|[A-Z]{3})";
const FIGURE = new RegExp(`^([-+]?)\\s*${CURRENCY}?\\s*([-+]?)\\s*([\\d.,\\s]*\\d[.,]?)\\s*${CURRENCY}?$`);
const SPACED = /^(\d{1,3}(?:\s\d{3})+)[.,](\d{1,2})$/;

/**
 * The decimal text of what a person typed, or null where it could mean two things or nothing.
 *
 * Taken are figures in the reader's own marks, with groups of three where there are any, and a lone mark with one or
 * two digits behind it, which is none of thousands in any language. One sign and one currency may stand around a
 * figure. Spaces part groups of three only where cents end the figure: else there may be two of them.
 */
export function typed(written, decimal, group) {
  const found = FIGURE.exec(written.trim().replace(/[−–]/g, "-"));
  if (found === null || (found[1] && found[3]) || (found[2] && found[5])) return null;
  const sign = found[1] === "-" || found[3] === "-" ? "-" : "";
  const digits = found[4];
  const spaced = SPACED.exec(digits);
  if (spaced !== null) return `${sign}${spaced[1].replace(/\s/g, "")}.${spaced[2]}`;
  const own = new RegExp(`^(\\d+|\\d{1,3}(?:\\${group}\\d{3})+)(?:\\${decimal}(\\d*))?$`).exec(digits);
  const isClear = own !== null && !(own[2] !== undefined && own[2].length === 3 && !own[1].includes(group));
  if (isClear) return sign + own[1].replaceAll(group, "") + (own[2] ? `.${own[2]}` : "");
  const lone = /^(\d+)[.,](\d{1,2})$/.exec(digits);
  return lone === null ? null : `${sign}${lone[1]}.${lone[2]}`;
}
