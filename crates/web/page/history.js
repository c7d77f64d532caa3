// What was on the networks at a time: what is there now, with what happened since taken back, as `weft history` does it.

// `endpoints`: those of now, by id. `events`: what happened since, oldest first.
export function before(endpoints, events) {
  const then = new Map(endpoints);
  for (let at = events.length - 1; at >= 0; at -= 1) {
    const { action, id, node, from } = events[at];
    if (action === "attached") then.delete(id);
    else if (action === "detached") then.set(id, was(events[at], node));
    else if (action === "moved") then.set(id, { ...(then.get(id) ?? was(events[at], node)), node: from });
  }
  return then;
}

function was({ id, name, network, addresses = [], mac, container }, node) {
  return {
    id, name, network_name: network, node, mac, container,
    ipv4: addresses.find((one) => !one.includes(":")), ipv6: addresses.find((one) => one.includes(":")),
  };
}
