// What people say on the pages, from the form to the timeline, with the script and without it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { forgive, press, said, speak, unfold } from "./desk.mjs";
import { room } from "./paths.mjs";
import { DAY, DESK, SIZES, certificate, eventually, isWhole, launch, refreshes, settled } from "./support.mjs";

let browser;
let status;
before(async () => {
  status = await settled(DESK);
  browser = await launch();
});
after(() => browser?.close());

const topicOf = (name) => status.tenants.find((tenant) => tenant.name === name).pin.topic;
const file = (name, pem) => ({ name, mimeType: "application/x-pem-file", buffer: Buffer.from(pem) });
const kept = (page) => page.getByRole("status").filter({ hasText: /^Kept: / });
const day = (days) => new Date(Date.now() + days * DAY).toISOString().slice(0, 10);

/** Somebody says something of a tenant on whom nothing else is tried, so that both ways may be gone at a time. */
const WAYS = [
  ["with the script", {}, { pin: "bridge", renew: "market", wrong: "desk", undated: "moor", duty: "ferry", plan: "south" }],
  ["without the script", { javaScriptEnabled: false, viewport: SIZES.phone },
    { pin: "tower", renew: "lodge", wrong: "gate", undated: "fog", duty: "castle", plan: "cellar" }],
];

/** Gives a file to the zone of a page: it is sent at once where there is the script. */
async function judge(opened, options, pem) {
  const { page } = opened;
  await page.locator("#file").setInputFiles(file("new.pem", pem));
  if (options.javaScriptEnabled === false) await page.getByRole("button", { name: "Is it a renewal?" }).click();
  await page.locator(".verdict").waitFor();
  await page.waitForLoadState();
}

for (const [way, options, names] of WAYS) {
  test(`a wrong topic is refused in words and the right one confirmed, ${way}`, async () => {
    const opened = await speak(browser, options);
    const { context, page, complaints } = opened;
    const [right, wrong] = [topicOf(names.pin), topicOf("shore")];
    const path = room(names.pin);
    await page.goto(DESK + path);
    const button = page.getByRole("button", { name: "An enrolled device listens on this" });
    await page.getByLabel("The topic as the Mac prints it").fill(wrong);
    await button.click();
    const alert = page.getByRole("alert");
    await alert.waitFor();
    forgive(complaints, 409);
    const why = await alert.innerText();
    assert.ok(why.startsWith("Nothing was kept. ") && why.includes(right) && why.includes(wrong), why);
    await isWhole(opened, "refused");
    assert.deepEqual(await said(names.pin), []);

    await page.getByLabel("The topic as the Mac prints it").fill(` ${right} `);
    await press(page, button, path);
    assert.match(await kept(page).innerText(), new RegExp(`^Kept: an enrolled device listens on ${right}, says demo, `));
    assert.equal(await page.getByRole("alert").count(), 0);
    assert.equal(await button.count(), 0, "there is nothing left to confirm");
    assert.match(await page.locator("[data-part=pin]").innerText(), /Confirmed by demo/);
    assert.match(await page.locator("ol.timeline li").first().innerText(), new RegExp(`demo: an enrolled device listens on ${right}`));
    await isWhole(opened, "confirmed");
    await context.close();
  });

  test(`a renewed certificate is judged, kept, uploaded and seen, ${way}`, async () => {
    const opened = await speak(browser, options);
    const { context, page } = opened;
    const serial = way === WAYS[0][0] ? "0E01" : "0E02";
    const path = `${room(names.renew)}/renewal`;
    await page.goto(DESK + path);
    await judge(opened, options, certificate({ topic: topicOf(names.renew), serial }).pem);
    assert.match(await page.locator(".verdict.renewal_with_warning").innerText(), /^RENEWAL, WITH A WARNING/);
    assert.deepEqual(await said(names.renew), [], "to be judged is not to be kept");
    await press(page, page.locator(".verdict").getByRole("button", { name: "Keep it" }), path);
    assert.match(await kept(page).innerText(), /a certificate was handed over/);

    await page.getByLabel("Second admin").fill("sam");
    await page.getByLabel("Ticket").fill("CHG-4711");
    await page.getByLabel("Note", { exact: true }).fill("the old file is in the vault");
    assert.equal(await page.getByLabel("Serial number").inputValue(), serial, "the newest file is proposed");
    await press(page, page.getByRole("button", { name: "The MDM has it, says demo" }), path);
    assert.match(await kept(page).innerText(), new RegExp(`the certificate with serial ${serial} was uploaded to the MDM`));
    const note = await page.locator("pre", { hasText: "Renewed " }).innerText();
    assert.match(note, /^Second admin: sam$/m);
    assert.match(note, /^Ticket: CHG-4711$/m);

    const rows = page.locator("[data-part=verification] tr");
    for (const what of ["console shows the new end", "one iPhone or iPad answered", "one Mac answered"]) {
      const row = rows.filter({ hasText: what });
      assert.match(await row.innerText(), /open/);
      await press(page, row.getByRole("button", { name: "I saw it" }), path);
      assert.match(await row.innerText(), /said[\s\S]*says demo on /);
    }
    assert.equal(await page.getByRole("button", { name: "I saw it" }).count(), 0);
    await isWhole(opened, "verified");

    await eventually("the new end counts", async () => {
      await page.goto(DESK + room(names.renew));
      return (await page.locator("dl.facts").first().innerText()).includes(serial);
    });
    const story = (await page.locator("ol.timeline li").allInnerTexts()).filter((event) => event.includes("demo: "));
    const expected = [/one Mac answered/, /one iPhone or iPad answered/, /console shows the new end/,
      /was uploaded to the MDM, sam looked on, ticket CHG-4711 \(the old file is in the vault\)/, /a certificate was handed over/];
    assert.equal(story.length, expected.length, story.join("\n"));
    expected.forEach((words, index) => assert.match(story[index], words));
    await context.close();
  });

  test(`a wrong certificate is not to be uploaded, and there is no way to keep it, ${way}`, async () => {
    const opened = await speak(browser, options);
    const { context, page, complaints } = opened;
    const path = room(names.wrong);
    const wrong = certificate({ topic: topicOf("shore"), serial: "0E03" }).pem;
    await page.goto(`${DESK}${path}/renewal`);
    await judge(opened, options, wrong);
    assert.match(await page.locator(".verdict.do_not_upload").innerText(), /^DO NOT UPLOAD[\s\S]*tenant shore/);
    await unfold(page);
    assert.equal(await page.getByRole("button", { name: "Keep it" }).count(), 0);
    assert.equal(await page.locator("input[name=der]").count(), 0);
    await isWhole(opened, "judged");

    // Nor by the other door.
    await page.goto(DESK + path);
    await page.getByText("Hand over a certificate").click();
    await page.getByLabel("Drop the certificate here").setInputFiles(file("wrong.pem", wrong));
    await page.getByRole("button", { name: "Keep it" }).click();
    await page.getByRole("alert").waitFor();
    forgive(complaints, 409);
    assert.match(await page.getByRole("alert").innerText(), /^Nothing was kept\. .*it is no renewal, and must not be uploaded/i);
    assert.deepEqual(await said(names.wrong), []);
    await context.close();
  });

  test(`a certificate is handed over for a tenant that nobody can date, and taken away, ${way}`, async () => {
    const opened = await speak(browser, options);
    const { context, page, complaints } = opened;
    const path = room(names.undated);
    const serial = way === WAYS[0][0] ? "0E04" : "0E05";
    const guid = `com.apple.mgmt.External.00000000-0000-4000-8000-00000000${serial.toLowerCase()}`;
    const { pem, key } = certificate({ topic: guid, serial, days: 77 });
    await page.goto(DESK + path);
    assert.match(await page.locator("main > div[data-part=tenant] > p").first().innerText(), /^Unknown: nobody can say when it ends; /);
    const field = page.getByLabel("Drop the certificate here");
    assert.ok(await field.isVisible(), "where nobody knows the end, the zone is not folded");
    const keep = page.getByRole("button", { name: "Keep it" });
    await field.setInputFiles(file("key.pem", pem + key));
    await keep.click();
    await page.getByRole("alert").waitFor();
    forgive(complaints, 422);
    assert.match(await page.getByRole("alert").innerText(), /private key/);

    await field.setInputFiles(file("push.pem", pem));
    await press(page, keep, path);
    assert.match(await kept(page).innerText(), /a certificate was handed over/);
    const row = page.locator("form.row", { hasText: `Serial ${serial}` });
    await eventually("the end is known", async () => {
      await page.reload();
      return (await page.locator(".days").innerText()).includes("76");
    });
    await unfold(page);
    assert.match(await row.innerText(), /handed over by demo on /);
    await isWhole(opened, "handed over");
    await press(page, row.getByRole("button", { name: "Take it away" }), path);
    assert.match(await kept(page).innerText(), /a certificate was taken away/);
    assert.equal(await row.count(), 0);
    await eventually("nobody knows the end", async () => {
      await page.reload();
      return (await page.locator(".days").innerText()).includes("no date");
    });
    await isWhole(opened, "taken away");
    await context.close();
  });

  test(`a duty is done, ${way}`, async () => {
    const opened = await speak(browser, options);
    const { context, page } = opened;
    const path = room(names.duty);
    await page.goto(DESK + path);
    const duty = page.locator("tr", { hasText: "sign_in" });
    assert.ok(!(await duty.innerText()).includes("by demo"));
    await press(page, duty.getByRole("button", { name: "Done today" }), path);
    assert.match(await duty.innerText(), new RegExp(`${day(0)} by demo`));
    assert.ok(!(await duty.innerText()).includes("due\n"));
    await isWhole(opened, "done");
    await context.close();
  });

  test(`a renewal is planned and the plan withdrawn, ${way}`, async () => {
    const opened = await speak(browser, options);
    const { context, page } = opened;
    const path = `${room(names.plan)}/renewal`;
    await page.goto(DESK + path);
    const fold = page.locator("summary", { hasText: "Plan the renewal" });
    assert.ok(!(await page.getByLabel("Day").isVisible()), "it is folded");
    await fold.click();
    await page.getByLabel("Day").fill(day(4));
    assert.equal(await page.getByLabel("Who renews").inputValue(), "demo");
    await page.getByLabel("Who renews").fill("kim");
    await press(page, page.getByRole("button", { name: "Plan the renewal" }), path);
    assert.match(await page.locator("[data-part=plan]").innerText(), new RegExp(`Planned for ${day(4)} by kim, says demo`));
    assert.equal(await fold.count(), 0);
    await isWhole(opened, "planned");
    await press(page, page.getByRole("button", { name: "Nobody will: withdraw the plan" }), path);
    assert.equal(await page.locator("[data-part=plan]").innerText(), "");
    assert.equal(await fold.count(), 1);
    assert.equal((await said(names.plan)).length, 2);
    await isWhole(opened, "withdrawn");
    await context.close();
  });
}

test("the refresh takes away nothing that somebody typed or chose, nor why it was refused", async () => {
  const { context, page, complaints } = await speak(browser);
  await page.clock.install();
  const topic = page.getByLabel("The topic as the Mac prints it");
  await page.goto(`${DESK}/tenants/quarry`);
  await page.getByText("Hand over a certificate").click();
  await page.getByLabel("Drop the certificate here").setInputFiles(file("chosen.pem", "chosen"));
  await topic.fill("com.apple.mgmt.Ext");
  const refresh = () => refreshes(page, () => page.clock.runFor(30000));
  await refresh();
  assert.equal(await topic.inputValue(), "com.apple.mgmt.Ext");
  assert.ok(await topic.evaluate((field) => field === document.activeElement));
  assert.equal(await page.getByLabel("Drop the certificate here").evaluate((field) => field.files[0]?.name), "chosen.pem");
  await topic.fill(topicOf("shore"));
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  forgive(complaints, 409);
  await topic.fill("and again");
  await refresh();
  await refresh();
  assert.match(await page.getByRole("alert").innerText(), /^Nothing was kept\./);
  assert.equal(await topic.inputValue(), "and again");

  await page.goto(`${DESK}/tenants/cellar/renewal`);
  await page.locator("summary", { hasText: "Plan the renewal" }).click();
  const typed = { "Who renews": "kim", "Day": day(3), "Second admin": "sam", "Ticket": "CHG", "Serial number": "0A", "Note": "half a sent" };
  for (const [label, text] of Object.entries(typed)) await page.getByLabel(label, { exact: true }).fill(text);
  await refresh();
  await page.evaluate(() => document.activeElement.blur());
  await refresh();
  for (const [label, text] of Object.entries(typed)) assert.equal(await page.getByLabel(label, { exact: true }).inputValue(), text, label);
  assert.ok(await page.getByLabel("Day").isVisible(), "what is unfolded stays so");
  await context.close();
});

test("who clicks twice says it once", async () => {
  const { context, page } = await speak(browser);
  const path = `${room("orchard")}/renewal`;
  await page.goto(DESK + path);
  await page.locator("tr", { hasText: "one Mac answered" }).getByRole("button", { name: "I saw it" }).dblclick();
  await page.waitForURL((url) => url.pathname === path);
  await kept(page).waitFor();
  assert.equal((await said("orchard")).length, 1);
  await page.goto(DESK + room("orchard"));
  await page.getByLabel("The topic as the Mac prints it").fill(topicOf("orchard"));
  await page.getByRole("button", { name: "An enrolled device listens on this" }).dblclick();
  await page.waitForURL((url) => url.pathname === room("orchard"));
  await kept(page).waitFor();
  assert.equal((await said("orchard")).length, 2);
  assert.equal(await page.getByRole("alert").count(), 0);
  await context.close();
});

test("neither a reload nor the way back sends a form again", async () => {
  const { context, page, sent, complaints } = await speak(browser);
  const path = room("tunnel");
  await page.goto(`${DESK}/`);
  await page.goto(DESK + path);
  const topic = page.getByLabel("The topic as the Mac prints it");
  const button = page.getByRole("button", { name: "An enrolled device listens on this" });
  await topic.fill(topicOf("shore"));
  await button.click();
  await page.getByRole("alert").waitFor();
  assert.equal(sent.length, 1);
  assert.equal(page.url(), DESK + path, "the refusal has the address of its page");
  await page.reload();
  assert.equal(await page.getByRole("alert").count(), 0);
  assert.equal(sent.length, 1);
  await topic.fill(topicOf("tunnel"));
  await press(page, button, path);
  await kept(page).waitFor();
  for (const go of ["reload", "goBack", "goForward", "goBack", "goBack", "goForward"]) {
    await page[go]();
    await page.waitForLoadState();
  }
  assert.equal(sent.length, 2, sent.join());
  assert.equal((await said("tunnel")).length, 1);
  forgive(complaints, 409);
  await context.close();
});

test("two files at once are taken by no zone, and it is said", async () => {
  const opened = await speak(browser);
  const { context, page, sent } = opened;
  const drop = async (zone, count) => {
    const transfer = await page.evaluateHandle((count) => {
      const transfer = new DataTransfer();
      if (count === 0) transfer.setData("text/plain", "no file");
      for (let index = 0; index < count; index += 1) transfer.items.add(new File(["x"], `${index}.pem`));
      return transfer;
    }, count);
    await zone.dispatchEvent("drop", { dataTransfer: transfer });
  };
  const pages = [["/tenants/cove/renewal", "Before the upload"], ["/tenants/mist", "Drop the certificate here"]];
  for (const [path, label] of pages) {
    await page.goto(DESK + path);
    const zone = page.locator(".drop", { hasText: label });
    const alert = page.getByRole("alert");
    await drop(zone, 2);
    assert.equal(await alert.innerText(), "2 files were dropped. Drop one file, the new certificate: nothing was taken.");
    await drop(zone, 0);
    assert.equal(await alert.innerText(), "What was dropped is no file. Drop one file, the new certificate: nothing was taken.");
    assert.equal(await zone.locator("input[type=file]").evaluate((field) => field.files.length), 0);
    await isWhole(opened, path);
  }
  assert.deepEqual(sent, []);
  // To keep is a person's word: one file is only taken up by its zone.
  await drop(page.locator(".drop"), 1);
  assert.equal(await page.getByRole("alert").count(), 0);
  assert.equal(await page.getByLabel("Drop the certificate here").evaluate((field) => field.files[0].name), "0.pem");
  assert.deepEqual(sent, []);
  await context.close();
});
