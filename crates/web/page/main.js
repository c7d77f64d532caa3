// Puts it together: what is told changes the model, and what is on the screen follows, once a frame.

import { makeDetail } from "./detail.js";
import { setAttr, setText, show } from "./dom.js";
import { makeEvents } from "./events.js";
import { Model } from "./model.js";
import { makeNetworks } from "./networks.js";
import { Log } from "./log.js";
import { listen } from "./stream.js";
import { makeTable } from "./table.js";
import { when } from "./text.js";
import { makeTopology } from "./topology.js";
import { drawFacts, makeVerdict } from "./verdict.js";

const at = (id) => document.getElementById(id);
const model = new Model();
const search = at("search");
const log = new Log(redraw);
const verdict = makeVerdict(at("verdict"));
const views = {
  hosts: makeTopology(), containers: makeTable(log, redraw), networks: makeNetworks(), events: makeEvents(log, redraw),
};
let view = "hosts";
let open = null;
let lost = null;
let waits = false;
let heardAt = null;
let measured = 0;

const detail = makeDetail(at("detail"), () => { location.hash = `#${view}`; });

function redraw() {
  if (waits) return;
  waits = true;
  requestAnimationFrame(draw);
}

function draw() {
  waits = false;
  verdict(model, lost);
  drawFacts(at("facts"), model);
  drawTop();
  show(at("bar"), model.known);
  const place = at("view");
  const root = views[view].root;
  if (model.known) {
    if (place.firstChild !== root) place.replaceChildren(root);
    views[view].draw(model, search.value.trim());
    setAttr(place, "data-view", view);
    detail(model, open);
  }
  measure();
}

// How long it took from what was told to what is shown, for those who measure it.
function measure() {
  if (!model.known || heardAt === null) return;
  if (measured === 0) performance.mark("weft-first");
  if (measured % 1000 === 999) performance.clearMeasures("weft-update");
  performance.measure("weft-update", { start: heardAt, end: performance.now() });
  measured += 1;
  heardAt = null;
}

function drawTop() {
  const name = model.status?.node;
  setText(at("where"), name ? `as ${name} sees it` : "");
  document.title = name ? `${mark()}weft · ${name}` : "weft";
  const isLive = !lost && !model.away && model.known;
  setAttr(document.body, "data-live", isLive || !model.known && !lost && !model.away ? "yes" : "no");
  if (lost) setText(at("live"), `weft web does not answer, since ${when(lost)}`);
  else if (model.away) setText(at("live"), model.known ? `as it was at ${when(model.away.since)}` : "nothing known yet");
  else setText(at("live"), model.known ? "live" : "Asking the agent…");
}

// For a tab that nobody looks at.
const mark = () => ({ bad: "● ", warn: "○ " })[at("verdict").dataset.level] ?? "";

// #hosts, #containers, #networks, #events; #host/NAME and #endpoint/ID open beside what was shown.
function go() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  if (Object.hasOwn(views, name)) {
    view = name;
    open = null;
  } else if ((name === "host" || name === "endpoint") && rest.length) {
    open = [name, decode(rest.join("/"))];
  }
  for (const link of document.querySelectorAll("nav a")) {
    setAttr(link, "aria-current", link.hash === `#${view}` ? "page" : null);
  }
  redraw();
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

addEventListener("hashchange", go);
search.addEventListener("input", redraw);
addEventListener("keydown", (event) => {
  const writes = event.target instanceof HTMLInputElement && event.target.type !== "checkbox";
  if (event.key === "/" && !writes && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.select();
    search.focus();
  } else if (event.key === "Escape" && open) {
    location.hash = `#${view}`;
    at("view").focus({ preventScroll: true });
  }
});

listen({
  state(whole, heard) { lost = null; heardAt ??= heard; model.begin(whole); log.forget(); redraw(); },
  change(change, heard) { heardAt ??= heard; model.change(change); redraw(); },
  event(event) { log.add(event); if (view === "events") redraw(); },
  lost(since) { lost = since; redraw(); },
});
// What says how long ago something was grows old.
setInterval(redraw, 10000);
go();
