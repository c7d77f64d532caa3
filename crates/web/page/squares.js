// Many hosts at one look: a square each, in the colour of the way to it. One path for each colour, however many hosts.

import { el, setAttr, setText, show, svg } from "./dom.js";
import { pathTo } from "./faults.js";
import { hostLink } from "./hosts.js";
import { count } from "./text.js";

const LEVELS = ["bad", "warn", "down", "none", "ok"];
const WORDS = { bad: "with a bad path", warn: "that lose packets", down: "down", none: "not measured", ok: "well" };
// A square and the gap beside it, in pixels.
const STEP = 14;
const SIZE = 11;

export function makeSquares() {
  const paths = LEVELS.map((level) => svg("path", { "data-level": level }));
  const picture = svg("svg", { role: "img", class: "squares" }, ...paths);
  const words = el("p", { class: "legend" });
  const root = el("div", { class: "overview" }, picture, words);
  const all = { root, picture, paths, words, nodes: [], columns: 1, text: "" };
  // For those who point; the list below has the same for the keyboard.
  picture.addEventListener("click", (event) => {
    const node = at(all, event);
    if (node) location.hash = hostLink(node.name);
  });
  picture.addEventListener("pointermove", (event) => {
    const node = at(all, event);
    setAttr(picture, "data-over", Boolean(node));
    setText(words, node ? `${node.name}: ${node.this ? "this host" : pathTo(node).words}` : all.text);
  });
  picture.addEventListener("pointerleave", () => setText(words, all.text));
  return all;
}

function at({ picture, nodes, columns }, event) {
  const box = picture.getBoundingClientRect();
  const column = Math.floor((event.clientX - box.left) / STEP);
  const row = Math.floor((event.clientY - box.top) / STEP);
  return column < columns ? nodes[row * columns + column] : undefined;
}

// One for each of `nodes`, the worst first; none, where there are few.
export function drawSquares(all, nodes) {
  show(all.root, nodes.length > 0);
  if (nodes.length === 0) return;
  all.nodes = nodes;
  all.columns = Math.max(1, Math.floor(all.root.clientWidth / STEP));
  const shapes = Object.fromEntries(LEVELS.map((level) => [level, []]));
  nodes.forEach((node, place) => {
    const x = (place % all.columns) * STEP;
    const y = Math.floor(place / all.columns) * STEP;
    shapes[node.this ? "ok" : pathTo(node).level].push(`M${x} ${y}h${SIZE}v${SIZE}h-${SIZE}z`);
  });
  LEVELS.forEach((level, place) => setAttr(all.paths[place], "d", shapes[level].join("")));
  setAttr(all.picture, "width", all.columns * STEP);
  setAttr(all.picture, "height", Math.ceil(nodes.length / all.columns) * STEP);
  const said = LEVELS.filter((level) => shapes[level].length).map((level) => `${shapes[level].length.toLocaleString("en")} ${WORDS[level]}`);
  const text = `${count(nodes.length, "host")}, a square each: ${said.join(", ")}`;
  if (!all.picture.matches(":hover")) setText(all.words, text);
  all.text = text;
  setAttr(all.picture, "aria-label", text);
}
