// Everything about one host, or one container.

import { el, facts, paged, setText, show } from "./dom.js";
import { pathTo } from "./faults.js";
import { endpointLink, hostLink } from "./hosts.js";
import { addresses, ago, byName, count, milliseconds, rate, when } from "./text.js";

const PAGE = 50;

export function makeDetail(place, close) {
  const kind = el("p", { class: "kind" });
  const title = el("h2", { tabindex: "-1" });
  const gone = el("p", { class: "empty" });
  const said = el("dl", { class: "pairs" });
  const head = el("h3");
  const list = el("ul", { class: "rows" });
  const pages = paged(list, PAGE, (one) => el("li", {}, el("a", { href: endpointLink(one.id) }), " ", el("span", { class: "where" })), updateRow, (one) => one.id);
  const button = el("button", { type: "button", class: "close", "aria-label": "Close details", text: "Close", on: { click: close } });
  place.append(button, kind, title, gone, said, head, list, pages.more);
  let shown = "";

  // `what`: ["host", name] or ["endpoint", id], or null.
  return (model, what) => {
    show(place, what !== null);
    if (!what) {
      shown = "";
      return;
    }
    const id = what.join("/");
    const isNew = id !== shown;
    if (isNew) pages.reset();
    shown = id;
    if (what[0] === "host") host(model, what[1]);
    else endpoint(model, what[1]);
    // Who opened it by the keyboard goes on there.
    if (isNew) title.focus({ preventScroll: matchMedia("(min-width: 60rem)").matches });
  };

  function host(model, name) {
    const node = model.nodes.get(name);
    setText(kind, "Host");
    setText(title, name);
    setText(gone, node ? "" : "There is no such host, or not any more.");
    show(gone, !node);
    const way = node && !node.this ? pathTo(node) : null;
    const broken = model.status?.paths?.find((path) => path.node === name);
    facts(said, !node ? [] : [
      ["State", `${node.up ? "up" : "down"}${node.since ? ` for ${ago(node.since)}, since ${when(node.since)}` : ""}`],
      ["Path from here", way && way.words],
      ["What is wrong", broken?.what],
      ["Largest packet", node.path?.mtu ? `${node.path.mtu} of ${node.path.full_mtu} bytes` : ""],
      ["Given up", node.expires && `at ${when(node.expires)}, if it does not come back`],
      ["Address", node.advertise],
      ["Receives at", `${node.vtep}, UDP port ${node.vxlan_port}`],
      ["MTU of its network", node.underlay_mtu && `${node.underlay_mtu} bytes`],
      ["Version", node.version],
      // A host without an engine is sound.
      ["Engine", node.this && engineWords(model.status.engine)],
      ["Kernel", node.this && model.status.agrees !== null && (model.status.agrees ? "as it should be" : "being brought up to date")],
      ["Store", node.this && model.store.url],
      ["Its state", node.this && storeState(model.store)],
      ["Cluster", node.this && model.store.cluster],
      ["Id", node.id],
      ["Key", node.fingerprint],
    ]);
    const all = node ? model.on(name).flatMap((one) => [...one.endpoints.values()]).sort((a, b) => byName(a.name, b.name)) : [];
    setText(head, node ? count(all.length, "container") : "");
    pages.draw(all);
  }

  function endpoint(model, id) {
    const one = model.endpoints.get(id);
    setText(kind, "Container");
    setText(title, one?.name ?? "Gone");
    setText(gone, one ? "" : "It is not on a network any more: events say when it left.");
    show(gone, !one);
    const fenced = model.status?.fenced?.find((cut) => cut.id === id);
    // Each host counts what goes through its own.
    const flow = model.rates.get(id);
    const link = one && (said.querySelector("a") ?? el("a"));
    if (link) {
      link.href = hostLink(one.node);
      setText(link, one.node);
    }
    facts(said, !one ? [] : [
      ["Cut off", fenced?.why],
      ["Network", one.network_name],
      ["Addresses", addresses(one).join(", ")],
      ["MAC", one.mac],
      ["Other names", one.aliases?.join(", ")],
      ["Host", link],
      ["Receives", flow && rate(flow.receives)],
      ["Sends", flow && rate(flow.sends)],
      ["Container id", one.container],
      ["Since", `${when(one.created)}, ${ago(one.created)}`],
      ["Id", one.id],
    ]);
    setText(head, "");
    pages.draw([]);
  }
}

function storeState(store) {
  if (store.error) return `${store.error}, since ${when(store.since)}`;
  const time = store.latency_us === undefined ? "" : `, within ${milliseconds(store.latency_us)}`;
  return `it answers, since ${when(store.since)}${time}${store.lost ? "; what it lost is being put back" : ""}`;
}

function engineWords(engine) {
  if (!engine) return "";
  return engine.version ? `${engine.version} at ${engine.address}, for ${ago(engine.since)}` : engine.error;
}

function updateRow(row, one) {
  setText(row.firstChild, one.name);
  setText(row.lastChild, `${one.network_name} · ${addresses(one).join(", ")}`);
}
