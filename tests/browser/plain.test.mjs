// Without the script, and on paper.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { paths } from "./paths.mjs";
import { DEMO, SIZES, certificate, isWhole, launch, open, settled } from "./support.mjs";

let browser;
let status;
before(async () => {
  status = await settled();
  browser = await launch();
});
after(() => browser?.close());

test("without the script every page says everything that it says with it", async () => {
  const plain = await open(browser, { viewport: SIZES.phone, javaScriptEnabled: false });
  const scripted = await open(browser, { viewport: SIZES.phone });
  // Ages and moments go on between two looks.
  const words = async ({ page }) =>
    (await page.locator("main").innerText()).replaceAll(/\d+/g, "N").replaceAll(/less than a minute|N minutes?/g, "N");
  for (const path of paths(status)) {
    await plain.page.goto(DEMO + path);
    await scripted.page.goto(DEMO + path);
    const text = await words(plain);
    assert.ok(text.length > 100, path);
    assert.equal(text, await words(scripted), path);
    await isWhole(plain, path);
  }
  await plain.context.close();
  await scripted.context.close();
});

test("without the script the filter works by its button", async () => {
  const opened = await open(browser, { javaScriptEnabled: false });
  const { context, page } = opened;
  await page.goto(DEMO);
  await page.getByRole("searchbox").fill("bank");
  await page.getByLabel("MDM").selectOption("intune");
  assert.equal(await page.locator("li.tenant").count(), status.tenants.length);
  await page.getByRole("button", { name: "Show" }).click();
  await page.waitForURL((url) => url.searchParams.get("q") === "bank" && url.searchParams.get("mdm") === "intune");
  assert.deepEqual(await page.locator("li.tenant .name a").allTextContents(), ["bank"]);
  assert.equal(await page.getByRole("searchbox").inputValue(), "bank");
  await isWhole(opened, "filtered");
  await context.close();
});

test("without the script a certificate is sent by the button", async () => {
  const opened = await open(browser, { javaScriptEnabled: false });
  const { context, page } = opened;
  await page.goto(`${DEMO}/tenants/acme/renewal`);
  const topic = status.tenants.find((tenant) => tenant.name === "shore").pin.topic;
  const { pem } = certificate({ topic, serial: "0C04" });
  await page.locator("input[type=file]").setInputFiles({ name: "new.pem", mimeType: "text/plain", buffer: Buffer.from(pem) });
  assert.equal(await page.locator(".verdict").count(), 0);
  await page.getByRole("button", { name: "Is it a renewal?" }).click();
  assert.match(await page.locator(".verdict.do_not_upload").innerText(), /DO NOT UPLOAD/);
  await isWhole(opened, "judged");
  await context.close();
});

test("on paper a tenant is there whole, and what only works on a screen is not", async () => {
  // The printable width of A4, in the dark: paper is white all the same.
  const opened = await open(browser, { viewport: { width: 718, height: 1047 }, colorScheme: "dark" });
  const { context, page } = opened;
  for (const path of ["/tenants/bank", "/tenants/orchard", "/tenants/attic", "/tenants/bank/renewal", "/network"]) {
    await page.emulateMedia({ media: "print" });
    await page.goto(DEMO + path);
    const seen = await page.evaluate(() => {
      const height = (piece) => piece.getBoundingClientRect().height;
      const onScreenOnly = [...document.querySelectorAll("header.top, form.filter, .drop, .button")];
      const folded = [...document.querySelectorAll("details > :not(summary)")];
      return {
        onScreenOnly: onScreenOnly.filter((piece) => height(piece) > 0).length,
        folded: folded.filter((piece) => !piece.checkVisibility({ contentVisibilityAuto: true }) || height(piece) === 0).length,
        colours: [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color],
      };
    });
    assert.deepEqual(seen, { onScreenOnly: 0, folded: 0, colours: ["rgb(255, 255, 255)", "rgb(0, 0, 0)"] }, path);
    await isWhole(opened, path);
    assert.ok((await page.pdf({ format: "A4" })).length > 10000, path);
  }
  await context.close();
});
