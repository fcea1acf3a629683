// The renewal room: a file is dropped or chosen, and the verdict comes in words and colour.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { DEMO, certificate, isWhole, launch, open, settled, violations } from "./support.mjs";

const ROOM = `${DEMO}/tenants/acme/renewal`;
let browser;
let files;

before(async () => {
  const tenants = (await settled()).tenants;
  const topic = (name) => tenants.find((tenant) => tenant.name === name).pin.topic;
  browser = await launch();
  const renewed = certificate({ topic: topic("acme"), serial: "0C02" });
  const other = certificate({ topic: topic("shore"), serial: "0C03" });
  // Name, content, class of the verdict, its headline, and words of the reason.
  files = [
    ["renewed.pem", renewed.pem, "renewal_with_warning", /^RENEWAL, WITH A WARNING/, /its issuer does not call itself Apple/],
    ["other.pem", other.pem, "do_not_upload", /^DO NOT UPLOAD$/, /tenant shore/],
    ["key.pem", renewed.key, "do_not_upload", /^Not judged$/, /private key.*nothing was kept/i],
    ["garbage.pem", "\u0000\u0001 this is nothing", "cannot_tell", /^CANNOT TELL$/, /the file/],
  ];
});
after(() => browser?.close());

/** The verdict that is shown, and that it is in the place where the eye is. */
async function verdict(page) {
  const card = page.locator(".verdict");
  await card.waitFor();
  await page.waitForLoadState();
  return card.evaluate((card) => ({
    kind: card.className.replace("verdict ", ""),
    headline: card.querySelector("strong").textContent,
    text: card.textContent,
    colour: getComputedStyle(card).backgroundColor,
    isSeen: card.querySelector("strong").getBoundingClientRect().bottom <= innerHeight,
    role: card.getAttribute("role"),
  }));
}

async function judges(opened, send) {
  const colours = new Map();
  for (const [name, content, kind, headline, reason] of files) {
    await opened.page.goto(ROOM);
    const answered = opened.page.waitForResponse((answer) => answer.request().method() === "POST");
    await send(name, content);
    const status = (await answered).status();
    assert.equal(status, kind === "do_not_upload" && name === "key.pem" ? 422 : 200, name);
    const seen = await verdict(opened.page);
    assert.deepEqual([seen.kind, seen.role, seen.isSeen], [kind, "status", true], name);
    assert.match(seen.headline, headline, name);
    assert.match(seen.text, reason, name);
    colours.set(kind, seen.colour);
    // A refusal is no defect of the page.
    if (status === 422) opened.complaints.splice(0);
    await isWhole(opened, name);
    assert.deepEqual(await violations(opened.page), [], name);
  }
  assert.equal(new Set(colours.values()).size, 3, "each kind has a colour of its own");
}

test("a chosen file is judged", async () => {
  const opened = await open(browser);
  await judges(opened, (name, content) =>
    opened.page.locator("input[type=file]").setInputFiles({ name, mimeType: "application/x-pem-file", buffer: Buffer.from(content) }));
  await opened.context.close();
});

test("a dropped file is judged, on a phone-sized page in the dark too", async () => {
  const opened = await open(browser, { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
  await judges(opened, async (name, content) => {
    const transfer = await opened.page.evaluateHandle(([name, content]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([content], name));
      return transfer;
    }, [name, content]);
    const drop = opened.page.locator(".drop");
    await drop.dispatchEvent("dragenter", { dataTransfer: transfer });
    assert.match(await drop.getAttribute("class"), /\bover\b/);
    await drop.dispatchEvent("drop", { dataTransfer: transfer });
  });
  await opened.context.close();
});

test("the verdict stays when the page is refreshed, and a file that misses the zone does nothing", async () => {
  const { context, page } = await open(browser);
  await page.clock.install();
  await page.goto(ROOM);
  await page.locator("input[type=file]").setInputFiles({ name: "a.pem", mimeType: "text/plain", buffer: Buffer.from(files[1][1]) });
  await page.locator(".verdict").waitFor();
  const footer = await page.locator("footer").elementHandle();
  await page.clock.runFor(30000);
  await page.waitForFunction((had) => !had.isConnected, footer);
  assert.equal((await verdict(page)).headline, "DO NOT UPLOAD");
  const isPrevented = await page.evaluate(() => {
    const missed = new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: new DataTransfer() });
    return !document.querySelector("footer").dispatchEvent(missed);
  });
  assert.ok(isPrevented);
  await context.close();
});
