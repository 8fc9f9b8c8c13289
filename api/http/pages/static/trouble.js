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

/** What a refusal says and how to mend it. What is none is a defect of this page: it is told to the console as well. */
export function sentenceOf(problem) {
  if (problem.code === undefined) console.error(problem);
  const { code = "internal_error", params = {}, detail = String(problem) } = problem;
  return known(`problem.${code}`) ? t(`problem.${code}`) : say({ code, params, detail });
}

/** Show a refusal, and go there. */
export function complain(problem) {
  const place = find("error");
  const dismiss = () => {
    calm();
    find("main").focus();
  };
  const close = el("button", { type: "button", class: "quiet", onclick: dismiss }, t("dismiss"));
  fill(place, el("p", {}, sentenceOf(problem)), close);
  place.dataset.code = problem.code ?? "internal_error";
  show(place);
  goTo(place);
}

export function calm() {
  show(find("error"), false);
  fill(find("error"));
}
