// The answer to the one question: is everything well, and if not, what is not.

import { el, facts, paged, setAttr, setText, show } from "./dom.js";
import { faults } from "./faults.js";
import { ago, amount, count, milliseconds, sentence, when } from "./text.js";

const FEW = 4;

export function makeVerdict(place) {
  const title = el("h2");
  const words = el("p", { class: "words" });
  const list = el("ul", { class: "faults" });
  const pages = paged(list, FEW, create, update, (fault) => fault.text);
  place.append(title, words, list, pages.more);

  // `lost`: since when nothing is told any more.
  return (model, lost) => {
    if (lost || !model.known) {
      const why = lost ? unheard(model, lost) : unknown(model);
      setAttr(place, "data-level", why.level);
      setText(title, why.title);
      setText(words, why.words);
      show(words, true);
      pages.draw([]);
      return;
    }
    const found = faults(model);
    const bad = found.filter((fault) => fault.level === "bad").length;
    setAttr(place, "data-level", bad ? "bad" : found.length ? "warn" : "ok");
    setText(title, titleOf(model, found.length, bad));
    setText(words, found.length ? "" : well(model));
    show(words, found.length === 0);
    pages.draw(found);
  };
}

function unheard(model, lost) {
  const shown = model.known ? " What is shown is how it was." : "";
  return {
    level: "bad", title: "weft web does not answer",
    words: `Since ${when(lost)}: it ended, or the way to it did, as that through ssh.${shown} This page tries again by itself.`,
  };
}

function unknown({ away }) {
  if (!away) return { level: "none", title: "Asking the agent…", words: "" };
  return { level: "bad", title: "The agent does not answer", words: `Since ${when(away.since)}: ${sentence(away.why)} This page tries again by itself.` };
}

function well(model) {
  const others = model.nodes.size - 1;
  if (others < 1) return "This host is the only one of the cluster so far.";
  const works = [...model.nodes.values()].filter((node) => node.path?.state === "works").length;
  const passes = works === others ? "packets pass between this one and all others" : "the paths between them are being measured";
  return `${count(others + 1, "host is", "hosts are")} up, and ${passes}.`;
}

function titleOf(model, all, bad) {
  if (model.away) return `The agent does not answer, since ${when(model.away.since)}`;
  if (all === 0) return "All is well";
  const what = count(all, "thing needs a look", "things need a look");
  return bad ? what : `${what}, and what runs goes on`;
}

function create(fault) {
  const row = el("li", { "data-level": fault.level });
  row.append(el("span", { class: "mark", text: fault.level === "bad" ? "Fault" : "Note" }), el("span"));
  return row;
}

function update(row, fault) {
  const place = row.lastChild;
  if (place.said === fault.text) return;
  place.said = fault.text;
  place.replaceChildren(fault.text);
  if (fault.host) place.append(" ", el("a", { href: `#host/${encodeURIComponent(fault.host)}`, text: `See ${fault.host}` }));
}

// The numbers below it.
export function drawFacts(place, model) {
  if (!model.known) return;
  const down = model.status.down?.length ?? 0;
  let used = 0;
  let free = 0;
  for (const pool of model.room.values()) {
    used += pool.used;
    free += pool.free;
  }
  const nodes = [...model.nodes.values()];
  facts(place, [
    ["Hosts", `${amount(nodes.length)}${down ? `, ${down} down` : ""}`],
    ["Networks", amount(model.networks.size)],
    ["Containers", amount(model.endpoints.size)],
    ["Addresses", model.room.size ? `${amount(used)} used, ${amount(free)} free` : ""],
    ["Store", storeWords(model.store)],
  ]);
}

function storeWords(store) {
  if (!store) return "";
  if (store.refused) return "another cluster's";
  if (store.error) return `does not answer, for ${ago(store.since)}`;
  if (store.lost) return "being put back";
  if (store.remembered) return "from memory";
  const kind = /^[a-z+]{1,16}(?=:)/.exec(store.url)?.[0] ?? store.url;
  return `${kind}, ${store.latency_us === undefined ? "answers" : milliseconds(store.latency_us)}`;
}
