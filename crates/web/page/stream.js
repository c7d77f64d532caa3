// What `weft web` tells, for as long as the page is there. A browser connects again by itself, but waits long, and not always.

const SOON = 500;
const LATEST = 5000;

// `hears`: state, change, event, lost(since), open.
export function listen(hears) {
  let pause = SOON;
  let lost = null;
  function connect() {
    const source = new EventSource("/api/stream");
    const on = (name, does) => source.addEventListener(name, (message) => {
      const heard = performance.now();
      does(JSON.parse(message.data), heard);
    });
    source.addEventListener("open", () => { pause = SOON; });
    on("state", (whole, heard) => { lost = null; hears.state(whole, heard); });
    on("change", hears.change);
    on("event", hears.event);
    source.addEventListener("error", () => {
      source.close();
      lost ??= new Date();
      hears.lost(lost);
      setTimeout(connect, pause);
      pause = Math.min(pause * 2, LATEST);
    });
  }
  connect();
}

// What the agent remembers, oldest first.
export async function remembered() {
  const answer = await fetch("/api/events");
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.message);
  return told;
}
