// A host as a card: what it is, how the way to it is, and what is on it, by network.

import { el, keyed, setAttr, setText, show } from "./dom.js";
import { pathTo } from "./faults.js";
import { byName, count } from "./text.js";

// Containers of a network that a card names, and networks.
const NAMED = 6;
const NETWORKS = 4;

export const hostLink = (name) => `#host/${encodeURIComponent(name)}`;
export const endpointLink = (id) => `#endpoint/${encodeURIComponent(id)}`;

export function createCard(node) {
  const card = el("li", { class: "card", "data-name": node.name });
  const parts = {
    name: el("a", { href: hostLink(node.name), text: node.name }),
    path: el("span", { class: "path" }),
    where: el("p", { class: "where" }),
    fault: el("p", { class: "fault" }),
    networks: el("ul", { class: "nets" }),
    more: el("p", { class: "rest" }),
  };
  card.parts = parts;
  card.append(el("div", { class: "head" }, el("h3", {}, parts.name), parts.path), parts.where, parts.fault, parts.networks, parts.more);
  return card;
}

export function updateCard(card, node, model) {
  const { name, path, where, fault, networks, more } = card.parts;
  const way = node.this ? { level: "self", label: "this host", words: "" } : pathTo(node);
  setAttr(card, "data-level", way.level);
  setText(name, node.name);
  setText(path, way.label);
  setAttr(path, "title", way.words);
  setText(where, node.vtep === node.advertise ? node.vtep : `${node.advertise}, receives on ${node.vtep}`);
  const broken = node.this ? null : model.status.paths?.find((one) => one.node === node.name);
  setText(fault, broken?.what ?? (way.level === "bad" ? way.words : ""));
  show(fault, fault.textContent !== "");
  const all = model.on(node.name);
  keyed(networks, all.slice(0, NETWORKS), (one) => one.id, createNetwork, updateNetwork);
  const left = all.slice(NETWORKS).reduce((sum, one) => sum + one.endpoints.size, 0);
  setText(more, left ? `and ${left} on ${count(all.length - NETWORKS, "other network")}` : all.length ? "" : "nothing on a network");
  show(more, more.textContent !== "");
}

function createNetwork() {
  return el("li", {}, el("h4", {}, el("span"), " ", el("span", { class: "number" })), el("ul", { class: "chips" }), el("span", { class: "rest" }));
}

function updateNetwork(row, { name, endpoints }) {
  const [head, chips, rest] = row.children;
  setText(head.children[0], name);
  setText(head.children[1], String(endpoints.size));
  setAttr(head.children[1], "title", count(endpoints.size, "container"));
  keyed(chips, first(endpoints), (one) => one.id, createChip, updateChip);
  const left = endpoints.size - NAMED;
  setText(rest, left > 0 ? `and ${left.toLocaleString("en")} more` : "");
}

// A few of many, in order of their names: sorting them all would cost more than is shown.
function first(endpoints) {
  if (endpoints.size > 200) return [...take(endpoints.values(), NAMED)];
  return [...endpoints.values()].sort((a, b) => byName(a.name, b.name)).slice(0, NAMED);
}

function* take(all, number) {
  for (const one of all) {
    if (number-- <= 0) return;
    yield one;
  }
}

function createChip(one) {
  return el("li", {}, el("a", { href: endpointLink(one.id) }));
}

function updateChip(chip, one) {
  setText(chip.firstChild, one.name);
  setAttr(chip.firstChild, "title", [one.ipv4, one.ipv6].filter(Boolean).join(", "));
}
