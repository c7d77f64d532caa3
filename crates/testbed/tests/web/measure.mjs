// How fast the page is: measure.mjs URL MODULES [TIMES]. For a large cluster:
//   cargo run --release -p weft-web --example big -- 1000 10000 127.0.0.1:4781

import { createRequire } from "node:module";
import { resolve } from "node:path";

const [url, modules, times = "5"] = process.argv.slice(2);
const { chromium } = createRequire(resolve(modules, "none.js"))("playwright-core");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
});
const median = (all) => all.sort((a, b) => a - b)[all.length >> 1];
const found = { paint: [], picture: [], update: [], slowest: [] };
for (let time = 0; time < Number(times); time += 1) {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(url);
  await page.waitForFunction(() => performance.getEntriesByName("weft-first").length);
  await page.waitForTimeout(6000);
  const seen = await page.evaluate(() => ({
    paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    picture: performance.getEntriesByName("weft-first")[0].startTime,
    // The first is the whole.
    updates: performance.getEntriesByName("weft-update").slice(1).map((one) => one.duration),
  }));
  found.paint.push(seen.paint);
  found.picture.push(seen.picture);
  found.update.push(median(seen.updates));
  found.slowest.push(Math.max(...seen.updates));
  await page.close();
}
await browser.close();
for (const [name, all] of Object.entries(found)) console.log(`${name}: ${Math.round(median(all))} ms (${all.map(Math.round).join(", ")})`);
