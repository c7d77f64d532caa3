// Drives a browser on a host of the test: page.mjs URL MODULES. Prints what it saw, and fails at the first that is not so.

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const [url, modules] = process.argv.slice(2);
const load = createRequire(join(modules, "none.js"));
const { chromium } = load("playwright-core");
const axe = load.resolve("axe-core/axe.min.js");
const run = promisify(execFile);

// How long a thing may take that is to be seen within a second; and one that has to be measured first.
const SECOND = 1000;
const TOLD = 15000;
// A browser that looks for nothing but the page: this host has nobody else.
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const CUT = "table inet cut { chain output { type filter hook output priority 0; udp dport 4789 drop; }; "
  + "chain input { type filter hook input priority 0; udp dport 4789 drop; }; }";

function check(is, what) {
  if (!is) throw new Error(`not so: ${what}`);
  console.log(`so: ${what}`);
}

const home = await mkdtemp(join(tmpdir(), "weft-page-"));
const browser = await chromium.launchPersistentContext(home, { executablePath: process.env.CHROMIUM, args: FLAGS, viewport: { width: 1280, height: 900 } });
const said = [];
const page = await browser.newPage();
try {
  await test(page);
} catch (error) {
  console.log(`it showed:\n${await page.locator("body").innerText()}\nand said: ${said.join("; ")}`);
  throw error;
} finally {
  await browser.close();
  await rm(home, { recursive: true, force: true });
}

async function test(page) {
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && said.push(message.text()));
  page.on("pageerror", (error) => said.push(error.message));
  page.on("request", (request) => { if (!request.url().startsWith(url)) said.push(`asked for ${request.url()}`); });

  await page.goto(url);
  await page.getByRole("heading", { name: "All is well" }).waitFor({ timeout: TOLD });
  await page.getByRole("list", { name: "Other hosts" }).getByRole("link", { name: "host2" }).waitFor();
  await page.locator(".links text").filter({ hasText: /\d ms/ }).waitFor({ timeout: TOLD });
  check(true, "the line to host2 has a round trip");

  await run("weft", ["run", "-d", "--net", "overlay", "--name", "seen", "--", "sleep", "infinity"]);
  const began = Date.now();
  await page.getByRole("list", { name: "This host" }).getByRole("link", { name: "seen", exact: true }).waitFor({ timeout: SECOND });
  console.log(`so: a container is seen ${Date.now() - began} ms after weft run`);

  await blocked(page);
  await everyView(page);
  check(said.length === 0, `no error in the console: ${said.join("; ")}`);
}

async function blocked(page) {
  await run("nft", [CUT]);
  const verdict = page.getByRole("region", { name: "How the cluster is" });
  await verdict.getByText("host2").first().waitFor({ timeout: TOLD });
  check(/needs? a look/.test(await verdict.getByRole("heading").textContent()), "a blocked path needs a look");
  check((await verdict.textContent()).includes("4789/udp"), "the sentence says what to open");
  await page.locator('.links [data-level="bad"] text').waitFor();
  await faultless(page, "with a fault");
  await run("nft", ["delete table inet cut"]);
  await page.getByRole("heading", { name: "All is well" }).waitFor({ timeout: TOLD });
  check(true, "it is gone when it is mended");
}

async function everyView(page) {
  for (const [width, colorScheme] of [[1280, "light"], [1280, "dark"], [390, "light"], [390, "dark"]]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 844 });
    for (const view of ["Hosts", "Containers", "Networks", "Events"]) {
      await page.getByRole("navigation").getByRole("link", { name: view }).click();
      await page.locator(`main[data-view=${view.toLowerCase()}]`).waitFor();
      await faultless(page, `${view}, ${width} pixels, ${colorScheme}`);
      check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than the screen");
    }
  }
  // Somebody called a network's label that.
  const hostile = '<img src="/x" onerror="console.error(1)">';
  await run("weft", ["network", "create", "--label", `who=${hostile}`, "hostile"]);
  await page.getByRole("navigation").getByRole("link", { name: "Networks" }).click();
  await page.getByText(hostile).waitFor();
  check(await page.locator("img").count() === 0, "what is no markup is shown as it is");
  await page.getByRole("navigation").getByRole("link", { name: "Containers" }).click();
  await page.keyboard.press("/");
  await page.keyboard.type("nobody");
  await page.getByText("Nothing matches.").waitFor();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("seen");
  await page.getByRole("row").getByRole("link", { name: "seen" }).press("Enter");
  await page.getByRole("complementary").getByText("10.0.0.").first().waitFor();
  await page.getByRole("complementary").getByText("Sends").waitFor();
  await faultless(page, "with details");
  const row = page.getByRole("row").getByRole("link", { name: "seen" });
  await page.getByRole("slider", { name: "As it was" }).press("Home");
  await row.waitFor({ state: "hidden" });
  await faultless(page, "of another time");
  await page.getByRole("button", { name: "Now" }).click();
  await row.waitFor();
  check(true, "it goes back to before the container was there, and to now");
  await page.locator("#detail h2").press("Escape");
  await page.getByRole("complementary").waitFor({ state: "hidden" });
  check(true, "it is used by the keyboard");
}

// The policy of the page lets no script in that did not come with it, so axe comes by the debugger.
async function faultless(page, what) {
  if (!(await page.evaluate(() => typeof globalThis.axe === "object"))) {
    const { readFile } = await import("node:fs/promises");
    await page.evaluate(await readFile(axe, "utf8"));
  }
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const grave = violations.filter((one) => ["serious", "critical"].includes(one.impact));
  const told = grave.map((one) => `${one.id} (${one.help}): ${one.nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", ")}`);
  check(grave.length === 0, `axe finds nothing serious ${what}: ${told.join("; ")}`);
}
