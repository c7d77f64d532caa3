// The lines from this host to the others. Where the cards are is asked once, then all is drawn.

import { keyed, setAttr, setText, svg } from "./dom.js";

// The label of a line is this far from the card, in pixels.
const BESIDE = 8;
// The straight end of a line, in pixels.
const STRAIGHT = 64;

// `cards`: [{key, level, label, box}]; `hub`: the box of this host's card; all within `area`. `wide`: lines go to both sides.
export function drawLinks(canvas, area, hub, cards, wide) {
  setAttr(canvas, "width", Math.round(area.width));
  setAttr(canvas, "height", Math.round(area.height));
  const shape = wide ? curve : branch;
  keyed(canvas, cards, (card) => card.key, create, (group, { level, label, box }) => {
    setAttr(group, "data-level", level);
    const { path, x, y, anchor } = shape(relative(hub, area), relative(box, area));
    const [line, text] = group.children;
    setAttr(line, "d", path);
    setAttr(text, "x", x);
    setAttr(text, "y", y);
    setAttr(text, "text-anchor", anchor);
    setText(text, wide ? label : "");
  });
}

function create() {
  return svg("g", {}, svg("path"), svg("text"));
}

function relative(box, area) {
  return {
    left: Math.round(box.left - area.left), right: Math.round(box.right - area.left),
    top: Math.round(box.top - area.top), bottom: Math.round(box.bottom - area.top),
  };
}

// From the side of the hub to the side of the card that faces it.
function curve(hub, card) {
  const isRight = card.left >= hub.right;
  const from = isRight ? hub.right : hub.left;
  const to = isRight ? card.left : card.right;
  // Lines leave the hub in the order in which they arrive.
  const aim = card.top + 24;
  const y = Math.max(hub.top + 16, Math.min(hub.bottom - 16, hub.top + 24 + (aim - hub.top - 24) * 0.2));
  // The end is straight: the label stands on it.
  const end = isRight ? to - STRAIGHT : to + STRAIGHT;
  const middle = (from + end) / 2;
  return {
    path: `M${from} ${y.toFixed(0)}C${middle} ${y.toFixed(0)} ${middle} ${aim} ${end} ${aim}H${to}`,
    x: isRight ? to - BESIDE : to + BESIDE, y: aim - 6, anchor: isRight ? "end" : "start",
  };
}

// One line down beside the cards, with a branch to each.
function branch(hub, card) {
  const x = hub.left + 12;
  const y = card.top + 24;
  return { path: `M${x} ${hub.bottom}V${y - 8}Q${x} ${y} ${x + 8} ${y}H${card.left}`, x: 0, y: 0, anchor: "start" };
}
