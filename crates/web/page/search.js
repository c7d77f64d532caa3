// What is searched for: every word has to be somewhere in a thing.

import { addresses } from "./text.js";

const texts = new WeakMap();

function textOf(thing, words) {
  let text = texts.get(thing);
  if (text === undefined) texts.set(thing, (text = words().filter(Boolean).join("\n").toLowerCase()));
  return text;
}

export const ofEndpoint = (one) => textOf(one, () => [
  one.name, ...(one.aliases ?? []), one.network_name, ...addresses(one), one.mac, one.node, one.container, one.id,
]);
export const ofNode = (one) => textOf(one, () => [one.name, one.advertise, one.vtep, one.version, one.id]);
export const ofNetwork = (one) => textOf(one, () => [
  one.name, one.id, ...one.subnets.map((subnet) => subnet.Subnet), ...Object.entries(one.labels).map((pair) => pair.join("=")),
]);
export const ofEvent = (one) => textOf(one, () => [
  one.type, one.action, one.name, one.network, one.node, one.from, ...(one.addresses ?? []), one.container, one.reason,
]);

// A test for texts; with nothing to look for, null.
export function matcher(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  return (text) => words.every((word) => text.includes(word));
}
