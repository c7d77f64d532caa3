// Everything that is on a network, as a table.

import { el, paged, setAttr, setText, show } from "./dom.js";
import { endpointLink, hostLink } from "./hosts.js";
import { makeMoment } from "./moment.js";
import { matcher, ofEndpoint } from "./search.js";
import { addresses, byName, count, short, when } from "./text.js";

const PAGE = 100;
const HEADINGS = ["Name", "Network", "Addresses", "Host", "MAC", "Container", "Since"];

export function makeTable(log, redraw) {
  const moment = makeMoment(log, redraw);
  const title = el("h2", { id: "containers-title" });
  const body = el("tbody");
  const pages = paged(body, PAGE, createRow, updateRow, (one) => one.id);
  const table = el("table", { "aria-labelledby": "containers-title" },
    el("thead", {}, el("tr", {}, ...HEADINGS.map((text) => el("th", { scope: "col", text })))), body);
  const empty = el("p", { class: "empty" });
  const root = el("section", {}, el("div", { class: "head" }, title, moment.root), table, pages.more, empty);
  let before = "";

  return {
    root,
    draw(model, query) {
      if (query !== before) pages.reset();
      before = query;
      const endpoints = moment.endpoints(model);
      const test = matcher(query);
      const found = sorted(endpoints).filter((one) => !test || test(ofEndpoint(one)));
      setText(title, test ? `${count(found.length, "container")} of ${endpoints.size.toLocaleString("en")}` : count(found.length, "container"));
      pages.draw(found);
      show(table, found.length > 0);
      setText(empty, found.length ? "" : query ? "Nothing matches." : "Nothing is on a network yet. weft run, weft attach or docker run --net put something there.");
      show(empty, found.length === 0);
    },
  };
}

const inOrder = (a, b) => byName(a.name, b.name) || (a.id < b.id ? -1 : 1);

// By name. Ten thousand are sorted once; then those that came are put where they belong.
let order = [];
function sorted(endpoints) {
  const known = new Set(order);
  const news = [];
  for (const one of endpoints.values()) if (!known.has(one)) news.push(one);
  if (news.length === 0 && order.length === endpoints.size) return order;
  order = order.filter((one) => endpoints.get(one.id) === one);
  if (news.length > 100) order = [...order, ...news].sort(inOrder);
  else for (const one of news) order.splice(place(one), 0, one);
  return order;
}

function place(one) {
  let [from, to] = [0, order.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (inOrder(order[middle], one) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

function createRow(one) {
  const cell = (label, ...inner) => el("td", { "data-label": label }, ...inner);
  return el("tr", {},
    el("th", { scope: "row" }, el("a", { href: endpointLink(one.id) })),
    cell("Network"), cell("Addresses"), cell("Host", el("a")), cell("MAC"), cell("Container"), cell("Since"));
}

function updateRow(row, one) {
  if (row.shown === one) return;
  row.shown = one;
  const [name, network, where, host, mac, container, since] = row.children;
  setText(name.firstChild, one.name);
  setText(network, one.network_name);
  setText(where, addresses(one).join(", "));
  setText(host.firstChild, one.node);
  setAttr(host.firstChild, "href", hostLink(one.node));
  setText(mac, one.mac);
  setText(container, short(one.container));
  setText(since, one.created ? when(one.created) : "");
}
