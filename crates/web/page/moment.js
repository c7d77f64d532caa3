// Goes back in time, from one thing that happened to the one before.

import { el, setAttr, setText, show } from "./dom.js";
import { before } from "./history.js";
import { when } from "./text.js";

export function makeMoment(log, redraw) {
  const slider = el("input", { type: "range", id: "moment", min: 0, max: 0, on: { input: turn } });
  const said = el("output", { for: "moment" });
  const back = el("button", { type: "button", text: "Now", on: { click: () => { pinned = null; redraw(); } } });
  const root = el("div", { class: "moment" }, el("label", { for: "moment", text: "As it was" }), slider, said, back);
  // The key of the last thing that had happened then; null: now; 0: before all that is remembered.
  let pinned = null;
  let happened = [];

  function turn() {
    const at = Number(slider.value);
    pinned = at >= happened.length ? null : at === 0 ? 0 : happened[at - 1].key;
    redraw();
  }

  return {
    root,
    // The endpoints to show.
    endpoints(model) {
      log.need();
      happened = (log.all ?? []).filter((event) => event.type === "endpoint" && ["attached", "detached", "moved"].includes(event.action));
      show(root, happened.length > 0);
      const last = happened.findIndex((event) => event.key === pinned);
      // What it was at may have been forgotten meanwhile.
      if (pinned && last < 0) pinned = null;
      const at = pinned === null ? happened.length : last + 1;
      setAttr(slider, "max", happened.length);
      if (slider.value !== String(at)) slider.value = String(at);
      const words = pinned === null ? "now" : at === 0 ? "before all that is remembered" : `${when(happened[last].time)}, ${happened[last].name} ${happened[last].action}`;
      setText(said, words);
      setAttr(slider, "aria-valuetext", words);
      show(back, pinned !== null);
      return pinned === null ? model.endpoints : before(model.endpoints, happened.slice(at));
    },
  };
}
