// How things are written for people.

const collator = new Intl.Collator("en", { numeric: true });

// host2 before host10.
export const byName = (a, b) => collator.compare(a, b);

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

// The time of day, with the day if it was another.
export function when(text) {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return text ?? "";
  const clock = time.toLocaleTimeString("en-GB");
  if (time.toDateString() === new Date().toDateString()) return clock;
  return `${time.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" })}, ${clock}`;
}

// How long ago, roughly.
export function ago(text) {
  const seconds = Math.max(0, (Date.now() - new Date(text).getTime()) / 1000);
  if (Number.isNaN(seconds)) return "";
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

export function milliseconds(micros) {
  const ms = micros / 1000;
  return ms >= 100 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

// Bytes a second, in three digits: kB is 1000, as `weft top` has it.
export function rate(bytes) {
  const units = ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${unit === 0 || value >= 100 ? Math.floor(value) : Math.floor(value * 10) / 10} ${units[unit]}`;
}

// With an end, if it has none.
export const sentence = (text) => (/[.?!]$/.test(text) ? text : `${text}.`);

// A long id, short as docker writes it.
export const short = (id) => (/^[0-9a-f]{13,}$/.test(id ?? "") ? id.slice(0, 12) : id ?? "");

// More addresses than a number here can count are said in words.
export const amount = (number) => (number >= 2 ** 53 ? "very many" : number.toLocaleString("en"));

export const addresses = (endpoint) => [endpoint.ipv4, endpoint.ipv6].filter(Boolean);
