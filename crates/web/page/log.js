// What happened, as the agent remembers it and as it is told. Asked for when somebody wants to see it.

import { remembered } from "./stream.js";

// What the page keeps in memory at most.
const KEPT = 50000;

export class Log {
  constructor(changed) {
    this.changed = changed;
    // Oldest first; null before it was asked for.
    this.all = null;
    this.failure = "";
    this.asking = false;
    this.arrived = [];
    this.number = 0;
  }

  // Has it be there soon.
  async need() {
    if (this.all || this.asking || this.failure) return;
    this.asking = true;
    try {
      const told = await remembered();
      // Those that came on the stream meanwhile are among them, as a rule.
      const known = new Set(told.map((event) => JSON.stringify(event)));
      this.all = [...told, ...this.arrived.filter((event) => !known.has(event.said))].slice(-KEPT);
      for (const event of this.all) event.key ??= this.number += 1;
    } catch (error) {
      this.failure = error.message;
      // Not again at once.
      setTimeout(() => { this.failure = ""; }, 3000);
    }
    this.arrived = [];
    this.asking = false;
    this.changed();
  }

  // Something happened.
  add(event) {
    Object.assign(event, { said: JSON.stringify(event), key: (this.number += 1) });
    if (!this.all) {
      if (this.asking) this.arrived.push(event);
      return;
    }
    this.all.push(event);
    if (this.all.length > KEPT) this.all = this.all.slice(-KEPT);
  }

  // The agent was away: what it noticed meanwhile was not told.
  forget() {
    this.all = null;
    this.failure = "";
  }
}
