// The pages on which people speak: whole, labelled and within reach of the keyboard, like all the others.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { forgive, said, speak, unfold } from "./desk.mjs";
import { room } from "./paths.mjs";
import { DAY, DESK, SCHEMES, SIZES, isWhole, judgedByAxe, launch, settled, violations } from "./support.mjs";

let browser;
let status;
before(async () => {
  status = await settled(DESK);
  browser = await launch();
});
after(() => browser?.close());

// Every form there is: a topic to confirm, a certificate for a tenant with and without one, a duty, a plan to make and one to
// withdraw, an upload with and without a file, what only people see.
const KINDS = [
  ...["acme", "moor", "ferry", "island"].map(room),
  ...["south", "north", "cellar", "moor", "market", "orchard", "garden"].map((name) => `${room(name)}/renewal`),
  "/handover",
  "/letter",
];

for (const scheme of SCHEMES) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    test(`every kind of page with forms is whole, ${scheme} on a ${size}`, async () => {
      const opened = await speak(browser, { viewport, colorScheme: scheme });
      const found = {};
      for (const path of KINDS) {
        const answer = await opened.page.goto(DESK + path);
        assert.equal(answer.status(), 200, path);
        await unfold(opened.page);
        await isWhole(opened, path);
        if (!judgedByAxe(scheme, size)) continue;
        const here = await violations(opened.page);
        if (here.length > 0) found[path] = here;
      }
      assert.deepEqual(found, {});
      await opened.context.close();
    });
  }
}

test("no form sticks out at the narrowest width, and every field has a label that is seen", async () => {
  const opened = await speak(browser, { viewport: { width: 320, height: 800 } });
  const { context, page } = opened;
  const labels = new Set();
  for (const path of KINDS) {
    await page.goto(DESK + path);
    await unfold(page);
    await isWhole(opened, path);
    const fields = await page.evaluate(() =>
      [...document.querySelectorAll("main :is(input:not([type=hidden]), select, textarea)")].map((field) => {
        const seen = [...field.labels].filter((label) => label.getBoundingClientRect().height > 0);
        return seen.map((label) => label.textContent.trim()).join(" ");
      }));
    assert.ok(fields.every((label) => label !== ""), `${path}: ${fields}`);
    // A link within the page leads to the first one of this name.
    const ids = await page.evaluate(() => [...document.querySelectorAll("[id]")].map((piece) => piece.id));
    assert.deepEqual(ids, [...new Set(ids)], path);
    for (const label of fields) labels.add(label.split(":")[0].split(",")[0]);
  }
  const expected = [
    "Before the upload", "Day", "Drop the certificate here", "Note", "Second admin", "Serial number", "The topic as the Mac prints it", "Ticket", "Who renews",
  ];
  assert.deepEqual([...labels].toSorted(), expected);
  await context.close();
});

/** Goes on by the tabulator until the keyboard stands on what is called so; it is seen on every step of the way. */
async function tabTo(page, name) {
  // The text of an answer is there before its style is.
  await page.waitForLoadState();
  for (let steps = 0; steps < 60; steps += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const { activeElement: active } = document;
      const { outlineStyle, outlineWidth } = getComputedStyle(active);
      const name = active.labels?.[0]?.textContent ?? active.textContent;
      return { name: name.trim(), hasOutline: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 };
    });
    assert.ok(at.hasOutline, `${at.name} shows where the keyboard is`);
    if (at.name.startsWith(name)) return;
  }
  assert.fail(`the keyboard does not come to ${name}`);
}

test("a topic is confirmed by the keyboard alone, and the refusal of a wrong one is heard first", async () => {
  const { context, page, complaints } = await speak(browser);
  const { topic } = status.tenants.find((tenant) => tenant.name === "chapel").pin;
  await page.goto(`${DESK}/tenants/chapel`);
  await tabTo(page, "The topic as the Mac prints it");
  await page.keyboard.type(topic.slice(0, -1) + (topic.endsWith("e") ? "f" : "e"));
  await page.keyboard.press("Enter");
  const alert = page.getByRole("alert");
  await alert.waitFor();
  forgive(complaints, 409);
  assert.ok(await alert.evaluate((alert) => alert === document.querySelector("main").querySelector("p, h1")), "it stands first");
  await tabTo(page, "The topic as the Mac prints it");
  await page.keyboard.type(topic);
  await tabTo(page, "An enrolled device listens on this");
  await page.keyboard.press("Enter");
  await page.getByText(/^Kept: /).waitFor();
  assert.match((await said("chapel"))[0].sentence, new RegExp(`listens on ${topic}`));
  await context.close();
});

test("a renewal is planned and said by the keyboard alone", async () => {
  const { context, page } = await speak(browser);
  await page.goto(`${DESK}/tenants/drawer/renewal`);
  await tabTo(page, "Not today?");
  await page.keyboard.press("Enter");
  await tabTo(page, "Day");
  const day = new Date(Date.now() + 3 * DAY).toISOString().slice(0, 10);
  const [year, ...rest] = day.split("-");
  await page.keyboard.type([...rest, year].join(""));
  assert.equal(await page.getByLabel("Day").inputValue(), day);
  await tabTo(page, "Who renews");
  await page.keyboard.type("kim");
  await tabTo(page, "Plan the renewal");
  await page.keyboard.press("Space");
  await page.getByText(`Planned for ${day} by kim, says demo`).waitFor();
  await tabTo(page, "Ticket");
  await page.keyboard.type("CHG-7");
  await page.keyboard.press("Enter");
  await page.getByText(/^Kept: the certificate with serial .* was uploaded/).waitFor();
  assert.equal((await said("drawer"))[0].ticket, "CHG-7");
  await context.close();
});
