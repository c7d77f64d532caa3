// What happened, as this host's agent noticed it.

import { el, paged, setAttr, setText, show } from "./dom.js";
import { matcher, ofEvent } from "./search.js";
import { count, when } from "./text.js";

const PAGE = 100;
const KINDS = [["node", "Hosts"], ["endpoint", "Containers"], ["network", "Networks"], ["store", "Store"]];
const TROUBLE = ["lost", "cut-off", "down", "expired", "rebuilding"];

export function makeEvents(log, redraw) {
  const chosen = new Set(KINDS.map(([kind]) => kind));
  const boxes = KINDS.map(([kind, text]) => el("label", {}, el("input", {
    type: "checkbox", checked: true, on: { change: (event) => { if (event.target.checked) chosen.add(kind); else chosen.delete(kind); redraw(); } },
  }), ` ${text}`));
  const title = el("h2");
  const list = el("ol", { class: "events", reversed: true });
  const pages = paged(list, PAGE, create, null, (event) => event.key);
  const empty = el("p", { class: "empty" });
  const root = el("section", { "aria-label": "Events" },
    el("div", { class: "head" }, title, el("fieldset", {}, el("legend", { class: "unseen", text: "Which events" }), ...boxes)), list, pages.more, empty);

  return {
    root,
    draw(model, query) {
      log.need();
      const test = matcher(query);
      const found = [];
      for (const event of log.all ?? []) if (chosen.has(event.type) && (!test || test(ofEvent(event)))) found.push(event);
      found.reverse();
      setText(title, log.all ? count(found.length, "event") : "Events");
      pages.draw(found);
      setText(empty, found.length ? "" : log.failure ? `The events cannot be read: ${log.failure}` : log.all ? "No such event." : "Asking the agent…");
      show(empty, found.length === 0);
    },
  };
}

function create(event) {
  const time = el("time", { datetime: event.time, title: event.time, text: when(event.time) });
  const details = [
    event.network && `on ${event.network}`,
    event.from ? `from ${event.from} to ${event.node}` : event.node && event.node !== event.name && `at ${event.node}`,
    event.addresses?.join(", "), event.reason,
  ].filter(Boolean).join(" · ");
  const row = el("li", {}, time, el("span", { class: "what" }, `${KIND[event.type] ?? event.type} `, el("strong", { text: event.name }), ` ${(event.action ?? "").replace("-", " ")}`), el("span", { class: "where", text: details }));
  setAttr(row, "data-level", TROUBLE.includes(event.action) ? "bad" : null);
  return row;
}

const KIND = { node: "Host", endpoint: "Container", network: "Network", store: "Store" };
