/**
 * Charts: drawn as SVG to the width there is. They show what the table beside them tells, and say so; whatever can be
 * pressed in them can also be pressed in that table.
 */

import { fill, svg } from "./dom.js";
import { brief, day, money, month, monthBriefly } from "./text.js";

const MARGIN = { top: 18, right: 6, bottom: 26, left: 6 };
const NARROW = 520;
const FEW = 6;
const ROUND_STEPS = [1, 2, 2.5, 5, 10];
const GRID_LINES = 4;

/** Keep a chart drawn to the width of its place. Returns what draws it anew. */
export function kept(place, draw) {
  let width = 0;
  const redraw = () => {
    width = place.clientWidth;
    if (width > 0) draw(width);
  };
  new ResizeObserver(() => {
    if (place.clientWidth !== width) redraw();
  }).observe(place);
  return redraw;
}

/** Round values that span what is shown, at most a few. */
function grid(low, high) {
  const rough = (high - low) / GRID_LINES || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ROUND_STEPS.map((one) => one * power).find((one) => one >= rough);
  const lines = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step)
    lines.push(Math.abs(at) < step / 1e6 ? 0 : at);
  return lines;
}

function frame(place, width, height, title, told) {
  const id = place.id;
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-labelledby": `${id}-name ${id}-told` },
    svg("title", { id: `${id}-name` }, title),
    svg("desc", { id: `${id}-told` }, told),
  );
  fill(place, drawing);
  return drawing;
}

function gridOf(drawing, lines, y, width, commodity) {
  for (const value of lines) {
    drawing.append(
      svg("line", { class: value === 0 ? "axis" : "grid", x1: 0, x2: width, y1: y(value), y2: y(value) }),
      svg("text", { class: "scale", x: 0, y: y(value) - 5 }, brief(value, commodity)),
    );
  }
}

/** Net worth over time: `items` are days with amounts; `open` is called with the item that is pressed. */
export function lineChart(place, width, items, { title, told, open }) {
  const height = width < NARROW ? 190 : 260;
  const drawing = frame(place, width, height, title, told);
  const values = items.map((item) => Number(item.amount));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const isNothing = low === 0 && high === 0;
  const room = isNothing ? 1 : (high - low || Math.abs(high)) * 0.18;
  const [bottom, top] = [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
  const label = width < NARROW ? 58 : 66;
  const x = (n) => label + ((width - label - MARGIN.right - 8) * n) / Math.max(1, items.length - 1);
  const y = (value) =>
    height - MARGIN.bottom - ((height - MARGIN.top - MARGIN.bottom) * (value - bottom)) / (top - bottom);
  gridOf(drawing, isNothing ? [0] : grid(bottom, top), y, width, items[0].commodity);
  const points = values.map((value, n) => `${x(n).toFixed(1)},${y(value).toFixed(1)}`);
  const floor = height - MARGIN.bottom;
  const last = items.length - 1;
  // A filled area would overstate a change where its floor is not zero.
  if (bottom === 0)
    drawing.append(svg("path", { class: "area", d: `M${x(0)},${floor}L${points.join("L")}L${x(last)},${floor}Z` }));
  drawing.append(svg("path", { class: "curve", d: `M${points.join("L")}` }));
  const every = width < NARROW && items.length > FEW ? 3 : 1;
  items.forEach((item, n) => {
    if ((last - n) % every === 0)
      drawing.append(svg("text", { class: "tick", x: x(n), y: height - 6 }, monthBriefly(item.date)));
  });
  const dot = svg("circle", { class: "dot", r: 5, cx: x(last), cy: y(values[last]) });
  const rule = svg("line", { class: "rule", y1: MARGIN.top, y2: floor, visibility: "hidden" });
  const readout = svg("text", { class: "readout", y: MARGIN.top - 4 });
  drawing.append(rule, dot, readout);
  const nearest = (event) => {
    const at = event.clientX - drawing.getBoundingClientRect().left;
    return Math.max(0, Math.min(last, Math.round(((at - label) / (x(last) - label || 1)) * last)));
  };
  const point = (n, isRead) => {
    dot.setAttribute("cx", x(n));
    dot.setAttribute("cy", y(values[n]));
    rule.setAttribute("x1", x(n));
    rule.setAttribute("x2", x(n));
    rule.setAttribute("visibility", isRead ? "visible" : "hidden");
    readout.textContent = isRead ? `${day(items[n].date)}   ${money(items[n])}` : "";
    const side = n < last / 3 ? "start" : n > (2 * last) / 3 ? "end" : "middle";
    readout.setAttribute("text-anchor", side);
    readout.setAttribute("x", x(n));
  };
  drawing.addEventListener("pointermove", (event) => point(nearest(event), true));
  drawing.addEventListener("pointerleave", () => point(last, false));
  drawing.addEventListener("click", (event) => open(items[nearest(event)]));
}

/** In and out beside each other: `months` have `month`, `in` and `out`; `open` is called with month and side. */
export function barChart(place, width, months, { title, told, commodity, chosen, open }) {
  const height = width < NARROW ? 170 : 200;
  const drawing = frame(place, width, height, title, told);
  const values = months.flatMap((one) => [Number(one.in), Number(one.out)]);
  const isNothing = values.every((value) => value === 0);
  const [low, high] = [Math.min(0, ...values), isNothing ? 1 : Math.max(0, ...values) * 1.12];
  const label = width < NARROW ? 58 : 66;
  const slot = (width - label) / months.length;
  const bar = Math.min(16, slot * 0.34);
  const y = (value) => height - MARGIN.bottom - ((height - MARGIN.top - MARGIN.bottom) * (value - low)) / (high - low);
  gridOf(drawing, isNothing ? [0] : grid(low, high), y, width, commodity);
  const at = months.findIndex((one) => one.month === chosen);
  months.forEach((one, n) => {
    const middle = label + slot * (n + 0.5);
    const isChosen = one.month === chosen;
    const group = svg("g", { class: isChosen ? "bars chosen" : "bars" });
    for (const [side, left] of [
      ["in", middle - bar - 1],
      ["out", middle + 1],
    ]) {
      const [from, to] = [y(0), y(Number(one[side]))];
      const box = {
        x: left,
        y: Math.min(from, to),
        width: bar,
        height: Math.max(Math.abs(from - to), 1),
        rx: 2,
      };
      const reach = {
        class: "reach",
        x: side === "in" ? middle - slot / 2 : middle,
        y: 0,
        width: slot / 2,
        height,
      };
      const name = svg("title", {}, `${month(one.month)}: ${money({ amount: one[side], commodity })}`);
      if (from !== to) group.append(svg("rect", { class: `bar ${side}`, ...box }));
      group.append(svg("rect", { ...reach, onclick: () => open(one.month, side) }, name));
    }
    const isTold = width >= NARROW || (n - at) % 3 === 0;
    if (isTold) group.append(svg("text", { class: "tick", x: middle, y: height - 6 }, monthBriefly(one.month)));
    drawing.append(group);
  });
}
