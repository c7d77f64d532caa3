// Networks, and how many of their addresses are used.

import { el, facts, keyed, paged, setAttr, setText, show, svg } from "./dom.js";
import { matcher, ofNetwork } from "./search.js";
import { amount, byName, count, when } from "./text.js";

const PAGE = 30;

export function makeNetworks() {
  const title = el("h2");
  const list = el("ul", { class: "networks" });
  let model = null;
  const pages = paged(list, PAGE, create, (card, network) => update(card, network, model), (network) => network.id);
  const empty = el("p", { class: "empty" });
  const root = el("section", { "aria-label": "Networks" }, title, list, pages.more, empty);
  return {
    root,
    draw(now, query) {
      model = now;
      const test = matcher(query);
      const found = [...model.networks.values()].filter((one) => !test || test(ofNetwork(one))).sort((a, b) => byName(a.name, b.name));
      setText(title, count(found.length, "network"));
      pages.draw(found);
      setText(empty, found.length ? "" : query ? "No network matches." : "There is no network yet: weft network create overlay makes one.");
      show(empty, found.length === 0);
    },
  };
}

function create() {
  const parts = { name: el("h3"), flags: el("span", { class: "flags" }), on: el("p", { class: "where" }), pools: el("ul", { class: "pools" }), more: el("dl", { class: "pairs" }) };
  const card = el("li", { class: "card" }, el("div", { class: "head" }, parts.name, parts.flags), parts.on, parts.pools, parts.more);
  card.parts = parts;
  return card;
}

function update(card, network, model) {
  const { name, flags, on, pools, more } = card.parts;
  setText(name, network.name);
  setText(flags, [network.encrypted && "encrypted", network.internal && "internal"].filter(Boolean).join(", "));
  const endpoints = model.onNetwork.get(network.id) ?? new Map();
  const hosts = new Set([...endpoints.values()].map((one) => one.node)).size;
  setText(on, endpoints.size ? `${count(endpoints.size, "container")} on ${count(hosts, "host")}` : "nothing on it");
  const all = network.subnets.map((subnet) => ({ ...subnet, room: model.room.get(`${network.id} ${subnet.Subnet}`) }));
  keyed(pools, all, (pool) => pool.Subnet, createPool, updatePool);
  const pairs = (map) => Object.entries(map).map(([key, value]) => `${key}=${value}`).join(", ");
  facts(more, [["Made", when(network.created)], ["Options", pairs(network.options)], ["Labels", pairs(network.labels)], ["Id", network.id.slice(0, 12)]]);
}

function createPool() {
  const bar = svg("svg", { class: "room", "aria-hidden": "true", width: "100%", height: "6", preserveAspectRatio: "none" },
    svg("rect", { class: "all", width: "100%", height: "6", rx: "3" }), svg("rect", { class: "used", height: "6", rx: "3" }));
  return el("li", {}, el("p", {}, el("strong"), " ", el("span")), bar, el("p", { class: "where" }));
}

function updatePool(row, { Subnet, Gateway, IPRange, room }) {
  const [head, bar, words] = row.children;
  setText(head.children[0], Subnet);
  setText(head.children[1], [IPRange && `from ${IPRange}`, Gateway && `gateway ${Gateway}`].filter(Boolean).join(", "));
  setText(words, room ? `${amount(room.used)} used, ${amount(room.free)} free` : "how much is used is not known yet");
  const part = room ? room.used / Math.max(1, room.used + room.free) : 0;
  setAttr(bar.children[1], "width", `${(part * 100).toFixed(1)}%`);
  setAttr(row, "data-level", !room ? "none" : room.free === 0 ? "bad" : part > 0.9 ? "warn" : "ok");
}
