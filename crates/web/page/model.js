// What is known of the cluster. Messages change it; nothing else does.

const KEYS = {
  nodes: (node) => node.name,
  networks: (network) => network.id,
  endpoints: (endpoint) => endpoint.id,
  room: (pool) => `${pool.network} ${pool.subnet}`,
  rates: (rate) => rate.endpoint,
};

export class Model {
  constructor() {
    this.known = false;
    this.at = null;
    this.away = null;
    this.status = null;
    this.store = null;
    this.nodes = new Map();
    this.networks = new Map();
    this.endpoints = new Map();
    this.room = new Map();
    // How much goes through the endpoints of this host.
    this.rates = new Map();
    // Endpoints by their host, and then by their network's id; and those of each network.
    this.onNode = new Map();
    this.onNetwork = new Map();
    this.events = [];
    // Counted up whenever the order of hosts may have changed.
    this.version = 0;
  }

  // Everything anew.
  begin(whole) {
    for (const name of Object.keys(KEYS)) this[name] = new Map();
    this.onNode = new Map();
    this.onNetwork = new Map();
    this.single(whole);
    for (const [name, key] of Object.entries(KEYS)) {
      for (const item of whole[name] ?? []) this.set(name, key(item), item);
    }
    // An agent that did not answer yet has no name.
    this.known = Boolean(this.status);
    this.version += 1;
  }

  // What is other than it was.
  change(change) {
    this.single(change);
    this.known = Boolean(this.status);
    for (const [name, key] of Object.entries(KEYS)) {
      const { gone = [], set = [] } = change[name] ?? {};
      for (const id of gone) this.remove(name, id);
      for (const item of set) this.set(name, key(item), item);
    }
    this.version += 1;
  }

  single({ at, away, status, store }) {
    this.at = at;
    this.away = away ?? null;
    if (status) this.status = status;
    if (store) this.store = store;
  }

  set(name, key, item) {
    if (name === "endpoints") {
      this.remove(name, key);
      place(place(this.onNode, item.node), item.network).set(key, item);
      place(this.onNetwork, item.network).set(key, item);
    }
    this[name].set(key, item);
  }

  remove(name, key) {
    const item = this[name].get(key);
    if (item === undefined) return;
    this[name].delete(key);
    if (name !== "endpoints") return;
    const here = this.onNode.get(item.node);
    here?.get(item.network)?.delete(key);
    if (here?.get(item.network)?.size === 0) here.delete(item.network);
    if (here?.size === 0) this.onNode.delete(item.node);
    this.onNetwork.get(item.network)?.delete(key);
  }

  // The networks that a host takes part in, by name, with what is on them there.
  on(node) {
    const all = [...(this.onNode.get(node) ?? [])].map(([id, endpoints]) => ({
      id, name: this.networks.get(id)?.name ?? endpoints.values().next().value.network_name, endpoints,
    }));
    return all.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get self() {
    return this.status && this.nodes.get(this.status.node);
  }
}

function place(map, key) {
  let inner = map.get(key);
  if (inner === undefined) map.set(key, (inner = new Map()));
  return inner;
}
