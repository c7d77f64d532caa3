// What is not as it should be, as sentences; and how the path to a host is.

import { ago, milliseconds, sentence } from "./text.js";

// Of a thousand packets, as many lost as are worth a word.
const LOSSY = 20;

// "bad": something does not work; "warn": somebody should know.
export function faults(model) {
  if (!model.known) return [];
  const { status, store, away } = model;
  const found = [];
  const say = (level, text, host) => {
    if (!found.some((one) => one.text === text)) found.push({ level, text, host });
  };
  if (away) say("bad", `The agent of this host does not answer: ${sentence(away.why)} What is shown is how it was before.`);
  if (store?.error) say("bad", `The store cannot be used: ${store.error}`);
  if (store?.lost) say("bad", "The store lost what it had; it is being put back.");
  for (const text of status.problems) {
    say("bad", text, status.paths?.find((path) => path.what === text)?.node);
  }
  for (const path of status.paths ?? []) say("bad", path.what, path.node);
  for (const { name, network, why } of status.fenced ?? []) {
    if (!status.problems.some((text) => text.includes(name))) say("bad", `${name} on ${network} is cut off: ${why}`);
  }
  for (const down of status.down ?? []) {
    const since = down.since ? `, since ${ago(down.since)}` : "";
    say("warn", `${down.node} is down${since}: its agent is not in touch with the store. What runs there goes on.`, down.node);
  }
  return found;
}

// What the path from this host to another is like: {level, label, words}.
export function pathTo(node) {
  if (!node.up) return { level: "down", label: "down", words: node.since ? `down for ${ago(node.since)}` : "down" };
  const path = node.path;
  if (!path) return { level: "none", label: "not measured", words: "the path is not measured" };
  const time = path.round_trip_us === undefined ? "" : milliseconds(path.round_trip_us);
  const loss = path.lost_permille / 10;
  switch (path.state) {
    case "works":
      if (path.lost_permille >= LOSSY) {
        return { level: "warn", label: `${time} · ${loss} % lost`, words: `round trip ${time}, ${loss} % lost` };
      }
      return { level: "ok", label: time || "works", words: `round trip ${time || "not known yet"}, nothing lost` };
    case "narrow":
      return { level: "bad", label: `≤ ${path.mtu} bytes`, words: `only packets of up to ${path.mtu} bytes pass` };
    case "lost":
      return { level: "bad", label: "nothing arrives", words: "no packets arrive from there" };
    case "one-way":
      return { level: "bad", label: "one way only", words: "packets pass from there to here, and not back" };
    default:
      return { level: "none", label: "measuring", words: "the path is being measured" };
  }
}

// How bad something is, the worst first.
export const rank = (level) => ({ bad: 0, warn: 1, down: 2, none: 3, ok: 4 })[level];
