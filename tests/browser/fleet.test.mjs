// The list of tenants: filter, order, pages, the refresh that disturbs nobody, the keyboard alone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { DAY, DEMO, eventually, isWhole, launch, open, refreshes, serve, settled } from "./support.mjs";

let browser;
let status;
before(async () => {
  status = await settled();
  browser = await launch();
});
after(() => browser?.close());

const names = (page) => page.locator("li.tenant .name a").allTextContents();

/** Waits until the address ends so and the list has these names. */
async function shows(page, end, expected) {
  await page.waitForURL((url) => url.href.endsWith(end));
  await eventually(`${end} shows ${expected}`, async () => (await names(page)).join() === expected.join());
}

/** Marks the page, so that a reload would be noticed. */
const mark = (page) => page.evaluate(() => { window.isMarked = true; });
const isMarked = (page) => page.evaluate(() => window.isMarked === true);
const focused = (page) => page.evaluate(() => document.activeElement.name ?? document.activeElement.id);

test("typing filters the list, changes the address and takes nothing away from under the fingers", async () => {
  const opened = await open(browser);
  const { context, page } = opened;
  await page.goto(DEMO);
  await mark(page);
  assert.equal((await names(page)).length, status.tenants.length);
  await page.getByRole("searchbox").focus();
  await page.keyboard.type("BANK");
  await shows(page, "/?q=BANK", ["bank"]);
  assert.ok(await isMarked(page));
  assert.equal(await focused(page), "q");
  for (let letter = 0; letter < 4; letter += 1) await page.keyboard.press("Backspace");
  await page.keyboard.type("nobody is called so");
  await shows(page, "/?q=nobody+is+called+so", []);
  await page.getByText("None fits this filter.").waitFor();
  await isWhole(opened, "filtered");
  await context.close();
});

test("MDM, phase and finding are chosen, and the way back leads to the same list", async () => {
  const opened = await open(browser);
  const { context, page } = opened;
  await page.goto(DEMO);
  await mark(page);
  const meant = (is) => status.tenants.filter(is).map((tenant) => tenant.name).toSorted().join();
  const cases = [
    ["MDM", "kandji", (tenant) => tenant.mdm === "kandji"],
    ["Phase", "expired", (tenant) => tenant.phase === "expired"],
    ["Finding", "files_disagree", (tenant) => tenant.findings.some(({ finding }) => finding === "files_disagree")],
  ];
  for (const [label, value, is] of cases) {
    await page.getByLabel(label).selectOption(value);
    await page.waitForURL((url) => url.href.endsWith(`/?${label.toLowerCase()}=${value}`));
    await eventually(`${label} ${value}`, async () => (await names(page)).toSorted().join() === meant(is));
    assert.ok(await isMarked(page));
    await page.getByLabel(label).selectOption("");
    await eventually("all", async () => (await names(page)).length === status.tenants.length);
  }
  await page.getByLabel("MDM").selectOption("mosyle");
  await shows(page, "/?mdm=mosyle", ["garden"]);
  await page.getByRole("link", { name: "garden", exact: true }).click();
  await page.waitForURL(`${DEMO}/tenants/garden`);
  await page.goBack();
  await shows(page, "/?mdm=mosyle", ["garden"]);
  assert.equal(await page.getByLabel("MDM").inputValue(), "mosyle");
  await isWhole(opened, "back");
  await context.close();
});

test("the list is put in order by name and by end", async () => {
  const { context, page } = await open(browser);
  await page.goto(DEMO);
  const all = status.tenants.map((tenant) => tenant.name);
  await page.getByLabel("Order").selectOption("name");
  await shows(page, "/?sort=name", all.toSorted());
  await page.getByLabel("Order").selectOption("end");
  await page.waitForURL(`${DEMO}/?sort=end`);
  const end = new Map(status.tenants.map((tenant) => [tenant.name, tenant.certificate?.not_after ?? "no end"]));
  await eventually("by end", async () => {
    const ends = (await names(page)).map((name) => end.get(name));
    return ends.join() === ends.toSorted().join();
  });
  await context.close();
});

test("many tenants come page by page, and a refresh stays on the page", async () => {
  const day = (days) => new Date(Date.now() + days * DAY).toISOString().slice(0, 10);
  const tenant = (_, index) =>
    `  - name: t${String(index).padStart(3, "0")}\n    mdm: { kind: none }\n    certificate: { declared: { not_after: ${day(40 + index)} } }\n`;
  const daemon = await serve(`tenants:\n${Array.from({ length: 205 }, tenant).join("")}`);
  try {
    const opened = await open(browser);
    const { context, page } = opened;
    await page.clock.install();
    await page.goto(daemon.origin);
    await page.getByRole("link", { name: "Next" }).click();
    await page.waitForURL(`${daemon.origin}/?page=2`);
    await page.getByRole("link", { name: "Next" }).click();
    await shows(page, "/?page=3", ["t200", "t201", "t202", "t203", "t204"]);
    await refreshes(page, () => page.clock.runFor(30000));
    await shows(page, "/?page=3", ["t200", "t201", "t202", "t203", "t204"]);
    await page.getByRole("searchbox").fill("t003");
    await page.clock.runFor(1000);
    await shows(page, "/?q=t003", ["t003"]);
    await isWhole(opened, "page");
    await context.close();
  } finally {
    await daemon.stop();
  }
});

test("the refresh keeps the place, the filter, what is unfolded and where the keyboard is", async () => {
  const opened = await open(browser);
  const { context, page } = opened;
  await page.clock.install();
  await page.goto(`${DEMO}/?mdm=intune`);
  await mark(page);
  const before = await names(page);
  const link = page.getByRole("link", { name: before.at(-1), exact: true });
  await link.focus();
  const place = await page.evaluate(() => window.scrollY);
  assert.ok(place > 0);
  await refreshes(page, () => page.clock.runFor(30000));
  assert.deepEqual(await names(page), before);
  assert.equal(await page.evaluate(() => window.scrollY), place);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), before.at(-1));
  assert.equal(page.url(), `${DEMO}/?mdm=intune`);

  await page.goto(`${DEMO}/tenants/bank`);
  await mark(page);
  const summary = page.locator("summary", { hasText: "Remarks of source file" });
  await summary.focus();
  await page.keyboard.press("Enter");
  await refreshes(page, () => page.clock.runFor(30000));
  assert.ok(await page.locator("details", { hasText: "Remarks of source file" }).evaluate((details) => details.open));
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Remarks of source file");

  // Somebody who fills in a form is not disturbed at all: nothing is taken away until that is sent or given up.
  await page.evaluate(() => document.querySelector("[data-part=tenant]").insertAdjacentHTML("beforeend", "<input id='note'>"));
  await page.locator("#note").fill("half a sent");
  const answered = page.waitForResponse(`${DEMO}/tenants/bank`);
  await page.clock.runFor(30000);
  await (await answered).finished();
  await page.clock.runFor(1000);
  assert.equal(await page.locator("#note").inputValue(), "half a sent");
  await page.locator("#note").fill("");
  await page.evaluate(() => document.activeElement.blur());

  // Whoever comes back to a page that was out of sight sees news at once.
  await refreshes(page, () => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))));
  assert.ok(await isMarked(page));
  await isWhole(opened, "refreshed");
  await context.close();
});

test("a page that cannot be refreshed says so, until it can", async () => {
  const { context, page } = await open(browser);
  await page.clock.install();
  await page.goto(DEMO);
  const banner = page.getByRole("alert");
  assert.equal(await banner.count(), 0);
  await page.route("**/*", (route) => route.abort("connectionrefused"));
  await page.clock.runFor(30000);
  await banner.waitFor();
  assert.match(await banner.textContent(), /could not be refreshed.*of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, and may not be true/);
  assert.ok((await names(page)).length > 0, "what was known stays");
  await page.unroute("**/*");
  await page.clock.runFor(30000);
  await banner.waitFor({ state: "detached" });

  // Nobody refuses, and nobody answers either.
  await page.route("**/*", () => {});
  await page.clock.runFor(30000);
  assert.equal(await banner.count(), 0);
  await page.clock.runFor(21000);
  await banner.waitFor();
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await context.close();
});

test("the keyboard alone reaches the filter and the first tenant, and shows where it is", async () => {
  const opened = await open(browser);
  const { context, page } = opened;
  await page.goto(DEMO);
  const here = () =>
    page.evaluate(() => {
      const active = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(active);
      const box = active.getBoundingClientRect();
      const isSeen = box.width > 0 && box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight;
      return { text: active.textContent.trim(), name: active.name, isSeen, outline: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 };
    });
  await page.keyboard.press("Tab");
  assert.deepEqual(await here(), { text: "To the content", name: "", isSeen: true, outline: true });
  const way = [];
  const tab = async () => {
    await page.keyboard.press("Tab");
    const at = await here();
    assert.ok(at.isSeen && at.outline, JSON.stringify(at));
    way.push(at.name || at.text);
    return at;
  };
  for (let steps = 0; steps < 30 && way.at(-1) !== "q"; steps += 1) await tab();
  assert.deepEqual(way.slice(0, 5), ["apnswatch", "Tenants", "Findings", "Ahead", "Network"]);
  assert.equal(way.at(-1), "q");
  const first = (await names(page))[0];
  for (let steps = 0; steps < 12 && way.at(-1) !== first; steps += 1) await tab();
  assert.equal(way.at(-1), first);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${DEMO}/tenants/${first}`);

  // The short way: past the menu at once.
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal((await here()).text, "Renewal: step by step");
  await isWhole(opened, "by keyboard");
  await context.close();
});
