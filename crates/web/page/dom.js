// Making and changing elements. What comes from the agent goes in as text alone: nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

// An element. `props`: class, text, on (listeners), and attributes.
export function el(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name === "on") for (const [event, does] of Object.entries(value)) node.addEventListener(event, does);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Each of these touches the page only where it says something else already: reading is cheap, changing is not.

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttr(node, name, value) {
  if (value === undefined || value === null || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
}

export function show(node, is) {
  if (node.hidden === is) node.hidden = !is;
}

// Has `parent` hold one child for each of `items`, in their order. A child stays the same element for as long as its item's
// key is there, so that what has the focus keeps it.
export function keyed(parent, items, key, create, update) {
  const before = parent.kept ?? new Map();
  const kept = new Map();
  let at = parent.firstChild;
  for (const item of items) {
    const id = key(item);
    if (kept.has(id)) continue;
    let child = before.get(id);
    if (child === undefined) {
      child = create(item);
      parent.insertBefore(child, at);
    } else {
      before.delete(id);
      if (child === at) at = at.nextSibling;
      else parent.insertBefore(child, at);
    }
    kept.set(id, child);
    if (update) update(child, item);
  }
  for (const child of before.values()) {
    if (child === at) at = at.nextSibling;
    child.remove();
  }
  parent.kept = kept;
}

// A list of terms with what is said of each: [[term, text or node]…]; those with nothing to say are left out.
export function facts(parent, pairs) {
  const said = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== false);
  keyed(parent, said, ([term]) => term,
    ([term]) => el("div", {}, el("dt", { text: term }), el("dd")),
    (row, [, value]) => {
      const place = row.lastChild;
      if (value instanceof Node) {
        if (place.firstChild !== value) place.replaceChildren(value);
      } else setText(place, String(value));
    });
}

// The first `shown` of many, and a button for more. Returns what is to be called with the items.
export function paged(list, step, create, update, key) {
  let shown = step;
  let last = [];
  const more = el("button", { type: "button", class: "more", hidden: true, on: { click: () => { shown += step; draw(last); } } });
  function draw(items) {
    last = items;
    keyed(list, items.slice(0, shown), key, create, update);
    const left = items.length - shown;
    show(more, left > 0);
    if (left > 0) setText(more, `Show ${Math.min(step, left)} more of ${left.toLocaleString("en")}`);
  }
  return { more, draw, reset: () => { shown = step; } };
}
