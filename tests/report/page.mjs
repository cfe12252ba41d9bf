// A report in a real browser: it loads without errors and without any request, a click toggles a run, a drag zooms all panels,
// a double click shows all steps again, NaN and infinities are told, hostile names stay text. Usage:
//   node page.mjs STEPWELL TOOLS [SCREENSHOTS]
// TOOLS is a folder with node_modules/playwright-core; CHROMIUM names the browser if it is not /usr/bin/chromium.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [program, tools, screenshots] = process.argv.slice(2).map((path) => resolve(path));
const { chromium } = createRequire(join(tools, "/"))("playwright-core");
const work = mkdtempSync(join(tmpdir(), "stepwell-report-"));
const stepwell = (...args) => execFileSync(program, args, { cwd: work, stdio: ["ignore", "pipe", "inherit"], encoding: "utf8" });

// ---- folders to report on: 100 runs of 350 points, some of which diverge, with a name that would break a careless page

const HOSTILE = `</script><script>alert(1)</script> "it's" <b>&amp;`;
writeFileSync(join(work, "spec.toml"), `
title = ${JSON.stringify(HOSTILE)}
steps = 7000
model = "diagonal_linear"
loss = "half_mean_square"
[data.sparse_regression]
n = 20
d = 40
sparsity = 3
test = 50
[init.diagonal]
u = 0.1
v = 0.0
[dynamics.sgd]
[schedule]
step_size = 0.3
decay = [{ after = 0.5, divide_by = 4.0 }]
[record]
first = 1
points = 350
probes = ["train_loss", "test_loss", "gradient_norm", "parameter_norm", "nonzero", "sharpness"]
costly = ["rank"]
`);
stepwell("run", "spec.toml", "--seeds", "100", "--out", "many");
const csv = readFileSync(join(work, "many/records.csv"), "utf8").split("\n");
// three values in a row of the first seed, since a pixel is about one point wide; gives the step of the middle one
const change = (series, k, value) => {
  const rows = csv.flatMap((row, at) => (/,1,\d+,/.test(row) && row.includes(`,${series},`) ? [at] : []));
  for (const at of rows.slice(k, k + 3)) csv[at] = csv[at].replace(/[^,]*$/, value);
  return Number(csv[rows[k + 1]].split(",").at(-3));
};
const places = { NaN: change("sharpness", 100, "NaN"), "∞": change("sharpness", 200, "inf"), "−∞": change("sharpness", 300, "-inf") };
writeFileSync(join(work, "many/records.csv"), csv.join("\n"));
// the folder's own list of hashes is changed with it
const sum = createHash("sha256").update(csv.join("\n")).digest("hex");
const sums = readFileSync(join(work, "many/sha256sums.txt"), "utf8");
writeFileSync(join(work, "many/sha256sums.txt"), sums.replace(/^.*(?=  records\.csv$)/m, sum));
writeFileSync(join(work, "sweep.toml"), `base = "spec.toml"\nseeds = 4\n[grid]\nschedule.step_size = [0.1, 0.2, 0.4]\n`);
stepwell("sweep", "run", "sweep.toml", "--out", "sweep");
stepwell("report", "many", "-o", "many.html");
stepwell("report", "many", "sweep", "-o", "mixed.html");
assert(statSync(join(work, "many.html")).size < 2e6, "100 runs of 350 points stay below 2 MB");

// ---- the browser

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});

async function open(name, options = {}) {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 }, ...options });
  const address = pathToFileURL(join(work, name)).href;
  const wrong = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && wrong.push(message.text()));
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("dialog", (dialog) => { wrong.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    const url = request.url();
    if (url !== address && !url.startsWith("data:") && !url.startsWith("blob:")) wrong.push(`request: ${url}`);
  });
  await page.goto(address);
  await page.waitForSelector("html[data-ready]", { timeout: 20_000 });
  page.check = () => assert.deepEqual(wrong, []);
  return page;
}

const picture = (page, series) =>
  page.evaluate((series) => document.querySelector(`[data-series="${series}"] canvas`).toDataURL(), series);
const settle = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

async function area(page, series) {
  const over = page.locator(`[data-series="${series}"] .u-over`);
  await over.scrollIntoViewIfNeeded();
  return over.boundingBox();
}
// The step that is told when the cursor stands at a share of a panel's width.
async function stepAt(page, series, share) {
  const { x, y, width, height } = await area(page, series);
  await page.mouse.move(x + share * width, y + height / 2);
  await settle(page);
  return Number((await page.textContent("#at")).replace(/\D/g, ""));
}

const page = await open("many.html");
assert.equal(await page.textContent("h1"), HOSTILE);
assert.equal(await page.locator(".panel").count(), 8, "six series, the costly one, the schedule");
assert.equal(await page.locator(".seed").count(), 100);
assert((await page.locator(".seed.diverged").count()) > 0, "some runs diverge at this step size");

// a click hides a run, another shows it again
const before = await picture(page, "train_loss");
await page.click(".more");
const seed = page.locator(".seed").nth(4);
await seed.click();
await settle(page);
assert.equal(await seed.getAttribute("aria-pressed"), "false");
assert.notEqual(await picture(page, "train_loss"), before, "the run's line is gone");
await seed.click();
await settle(page);
assert.equal(await picture(page, "train_loss"), before, "and it is back");
await page.click(".toggle");
await settle(page);
assert.notEqual(await picture(page, "test_loss"), before, "the whole setting is gone");
await page.click(".toggle");
await page.click("#bands");
await settle(page);
assert.notEqual(await picture(page, "train_loss"), before, "the band is gone");
await page.click("#bands");
await page.click(".more");

// a drag over one panel zooms all of them, a double click shows all steps again
const { x, y, width, height } = await area(page, "train_loss");
await page.mouse.move(x + 0.25 * width, y + height / 2);
await page.mouse.down();
await page.mouse.move(x + 0.5 * width, y + height / 2, { steps: 5 });
await page.mouse.up();
await settle(page);
for (const series of ["train_loss", "nonzero", "schedule"]) {
  const [left, right] = [await stepAt(page, series, 0.02), await stepAt(page, series, 0.98)];
  assert(Math.abs(left - 1785) < 60 && Math.abs(right - 3465) < 60, `${series} shows steps ${left} to ${right}`);
}
const panel = await area(page, "nonzero");
await page.mouse.dblclick(panel.x + panel.width / 2, panel.y + panel.height / 2);
await settle(page);
for (const series of ["train_loss", "nonzero"]) {
  assert((await stepAt(page, series, 0.98)) > 6700, `${series} shows all steps`);
}
await page.mouse.move(2, 2);
assert.equal(await picture(page, "train_loss"), before, "and the picture is the first one");

// what is no number is told as it is
for (const [word, step] of Object.entries(places)) {
  await stepAt(page, "sharpness", (step + 10) / 6980);
  const told = await page.textContent('[data-series="sharpness"] .readout');
  assert(told.includes(`seed 1 ${word}`), `${word} at step ${step}: ${told}`);
}

// logarithmic axes
await page.click('[data-series="train_loss"] .log');
assert.equal(await page.getAttribute('[data-series="train_loss"] .log', "aria-pressed"), "false");
await page.click("#log-steps");
assert((await stepAt(page, "train_loss", 0.5)) < 100, "half of the width is the root of the steps");
await page.locator(".copy").first().click();
await page.waitForSelector("text=copied");
page.check();

// ---- all widths, light and dark

if (screenshots) mkdirSync(screenshots, { recursive: true });
for (const name of ["many", "mixed"]) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1400, 400]) {
      const page = await open(`${name}.html`, { colorScheme, viewport: { width, height: 900 }, deviceScaleFactor: width === 400 ? 2 : 1 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert(wide <= width, `${name} is ${wide} pixels wide at ${width}`);
      if (screenshots) await page.screenshot({ path: join(screenshots, `${name}-${colorScheme}-${width}.png`), fullPage: true });
      page.check();
      await page.close();
    }
  }
}
await browser.close();
rmSync(work, { recursive: true });
console.log("reports: no errors, no requests, runs toggle, panels zoom together, light and dark at 1400 and 400 pixels");
