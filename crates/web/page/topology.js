// Hosts, and the ways between them: this host in the middle, the others around it, those with trouble first. Of many, the
// first are drawn with their lines, all are squares of one picture, and the others open as a list.

import { el, keyed, paged, setAttr, setText, show, svg } from "./dom.js";
import { pathTo, rank } from "./faults.js";
import { createCard, hostLink, updateCard } from "./hosts.js";
import { drawLinks } from "./links.js";
import { drawSquares, makeSquares } from "./squares.js";
import { matcher, ofEndpoint, ofNode } from "./search.js";
import { byName, count } from "./text.js";

// Hosts that have a card and a line. Up to FEW, all are on one side.
const DRAWN = 12;
const FEW = 3;
const PAGE = 60;
// From this width on, in pixels, there is room for lines beside the cards.
const WIDE = 840;
// From this on also on both sides.
const WIDEST = 1150;

export function makeTopology() {
  const canvas = svg("svg", { class: "links", "aria-hidden": "true", focusable: "false" });
  const hub = el("ul", { class: "side hub", "aria-label": "This host" });
  const sides = [
    el("ul", { class: "side right", "aria-label": "Other hosts" }),
    el("ul", { class: "side left", "aria-label": "More hosts" }),
  ];
  const map = el("div", { class: "map" }, canvas, hub, ...sides);
  const squares = makeSquares();
  const tiles = el("ul", { class: "tiles" });
  const pages = paged(tiles, PAGE, createTile, updateTile, (node) => node.name);
  const head = el("h2");
  const rest = el("details", { class: "others" }, el("summary", {}, head), tiles, pages.more);
  const empty = el("p", { class: "empty" });
  const root = el("section", { class: "topology", "aria-label": "Hosts" }, squares.root, map, empty, rest);
  let last = null;
  let size = "";

  function draw(model, query) {
    last = [model, query];
    const test = matcher(query);
    const others = sorted(model).filter((node) => !node.this && (!test || isMeant(model, node, test)));
    const self = model.self && (!test || isMeant(model, model.self, test) || others.length) ? [model.self] : [];
    const drawn = others.slice(0, DRAWN);
    const left = others.slice(DRAWN);
    keyed(hub, self, (node) => node.name, createCard, (card, node) => updateCard(card, node, model));
    const wide = map.clientWidth >= WIDE;
    const few = drawn.length <= FEW || map.clientWidth < WIDEST;
    setAttr(map, "data-sides", wide && (few ? "one" : "both"));
    const parts = few ? [drawn, []] : [drawn.filter((_, at) => at % 2 === 0), drawn.filter((_, at) => at % 2 === 1)];
    sides.forEach((side, at) => {
      keyed(side, parts[at], (node) => node.name, createCard, (card, node) => updateCard(card, node, model));
      show(side, parts[at].length > 0);
    });
    setText(empty, self.length + others.length ? "" : query ? "No host, and no container on one, matches." : "No host yet.");
    show(empty, empty.textContent !== "");
    drawSquares(squares, left.length ? [...self, ...others] : []);
    show(rest, left.length > 0);
    setText(head, `${count(left.length, "more host")}${summary(left)}`);
    if (rest.open) pages.draw(left);
    connect();
  }

  // Where the cards are is known once they are laid out.
  function connect() {
    const area = map.getBoundingClientRect();
    const center = hub.firstChild?.getBoundingClientRect();
    const cards = center ? sides.flatMap((side) => [...side.children]) : [];
    drawLinks(canvas, area, center, cards.map((card) => ({
      key: card.dataset.name, level: card.dataset.level, label: card.parts.path.textContent, box: card.getBoundingClientRect(),
    })), map.hasAttribute("data-sides"));
  }

  rest.addEventListener("toggle", () => last && draw(...last));
  new ResizeObserver(() => {
    const now = `${map.clientWidth} ${map.clientHeight}`;
    if (now === size || !last || !root.isConnected) return;
    size = now;
    draw(...last);
  }).observe(map);
  return { root, draw };
}

// All hosts, the worst first, then by name. Sorting a thousand names takes longer than all else: it is done when some came or went.
let order = { nodes: null, names: [] };
function sorted(model) {
  const key = [...model.nodes.keys()].join("\n");
  if (order.nodes !== key) order = { nodes: key, names: [...model.nodes.keys()].sort(byName) };
  const levels = [[], [], [], [], []];
  for (const name of order.names) {
    const node = model.nodes.get(name);
    levels[rank(pathTo(node).level)].push(node);
  }
  return levels.flat();
}

function isMeant(model, node, test) {
  if (test(ofNode(node))) return true;
  for (const endpoints of model.onNode.get(node.name)?.values() ?? []) {
    for (const one of endpoints.values()) if (test(ofEndpoint(one))) return true;
  }
  return false;
}

function summary(nodes) {
  const bad = nodes.filter((node) => ["bad", "warn"].includes(pathTo(node).level)).length;
  const down = nodes.filter((node) => !node.up).length;
  if (bad + down === 0) return ", all well";
  return [bad && `${bad} with a bad path`, down && `${down} down`].filter(Boolean).map((text) => `, ${text}`).join("");
}

function createTile(node) {
  return el("li", { class: "tile" }, el("a", { href: hostLink(node.name), text: node.name }), el("span", { class: "path" }), el("span", { class: "number" }));
}

function updateTile(tile, node) {
  const { level, label, words } = pathTo(node);
  setAttr(tile, "data-level", level);
  setText(tile.children[1], label);
  setAttr(tile.children[1], "title", words);
  setText(tile.children[2], count(node.endpoints, "container"));
}
