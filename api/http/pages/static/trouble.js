/**
 * Trouble: a refusal is shown as its sentence, which says how to mend it, and the reader is taken there.
 */

import { el, fill, find, goTo, show } from "./dom.js";
import { known, say, t } from "./text.js";

/** A way to do something that may be refused: one at a time, the page busy meanwhile, a refusal shown. */
export function guarded(work) {
  let isBusy = false;
  return async (...facts) => {
    if (isBusy) return;
    isBusy = true;
    document.body.toggleAttribute("data-busy", true);
    calm();
    try {
      return await work(...facts);
    } catch (problem) {
      complain(problem);
    } finally {
      isBusy = false;
      document.body.toggleAttribute("data-busy", false);
    }
  };
}

/** Show a refusal. What is no refusal is a defect of this page: it is shown as one and told to the console. */
export function complain(problem) {
  const code = problem.code ?? "internal_error";
  if (problem.code === undefined) console.error(problem);
  const sentence = known(`problem.${code}`)
    ? t(`problem.${code}`)
    : say({ code, params: problem.params ?? {}, detail: problem.detail || String(problem) });
  const place = find("error");
  const close = el(
    "button",
    { type: "button", class: "quiet", onclick: () => (calm(), find("main").focus()) },
    t("dismiss"),
  );
  fill(place, el("p", {}, sentence), close);
  place.dataset.code = code;
  show(place);
  goTo(place);
}

export function calm() {
  show(find("error"), false);
  fill(find("error"));
}
