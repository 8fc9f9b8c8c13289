/**
 * Elements: made from names and texts, never from markup. What a bank or a stranger wrote is a text and stays one.
 */

const SVG = "http://www.w3.org/2000/svg";

export const find = (id) => document.getElementById(id);

/** An element with attributes (`onclick: f` listens; null and false are left out) and children, texts among them. */
export function el(name, attributes = {}, ...children) {
  return built(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return built(document.createElementNS(SVG, name), attributes, children);
}

function built(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** Put these children, and nothing else, into an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export function show(element, isShown = true) {
  element.hidden = !isShown;
}

/** Notes under a figure; the list is away where there are none. */
export function fillNotes(list, notes) {
  fill(
    list,
    notes.map((note) => el("li", {}, note)),
  );
  show(list, notes.length > 0);
}

/** Say something to who listens instead of looking. */
export function tell(text) {
  find("status").textContent = text;
}

/** Move to what has just opened. */
export function goTo(element) {
  element.focus({ preventScroll: true });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
}
