// Takes the pictures of docs/images from the demo on whose pages people speak, for `scripts/browser --screenshots`.

import { mkdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { speak } from "./desk.mjs";
import { room } from "./paths.mjs";
import { DESK, SIZES, certificate, launch, settled } from "./support.mjs";

const FOLDER = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const WIDE = { width: 1200, height: 800 };

/** Drops the certificate of another tenant: the mistake against which the room is there. */
async function dropWrong(page, status) {
  const { topic } = status.tenants.find((tenant) => tenant.name === "shore").pin;
  const { pem } = certificate({ topic, serial: "0C03" });
  await page.locator("input[type=file]").setInputFiles({ name: "new.pem", mimeType: "text/plain", buffer: Buffer.from(pem) });
  await page.locator(".verdict").waitFor();
}

/** Says of a renewed certificate what is said after the upload. */
async function sayUploaded(page, status) {
  const { topic } = status.tenants.find((tenant) => tenant.name === "desk").pin;
  const { pem } = certificate({ topic, serial: "0C05" });
  await page.locator("#file").setInputFiles({ name: "new.pem", mimeType: "text/plain", buffer: Buffer.from(pem) });
  await page.locator(".verdict").getByRole("button", { name: "Keep it" }).click();
  await page.getByRole("status").waitFor();
  await page.getByLabel("Second admin").fill("second admin");
  await page.getByLabel("Ticket").fill("CHG-4711");
  await page.locator("#after").evaluate((heading) => heading.scrollIntoView());
}

// Name, path, options of the browser, what is done before.
const PICTURES = [
  ["fleet", "/", { viewport: WIDE, colorScheme: "light" }],
  ["fleet-phone-dark", "/?mdm=intune", { viewport: { ...SIZES.phone, height: 1160 }, colorScheme: "dark" }],
  ["tenant", room("bank"), { viewport: { ...WIDE, height: 880 }, colorScheme: "light" }],
  ["renewal", `${room("acme")}/renewal`, { viewport: WIDE, colorScheme: "light" }, dropWrong],
  ["upload", `${room("desk")}/renewal`, { viewport: { ...WIDE, height: 760 }, colorScheme: "light" }, sayUploaded],
  ["network", "/network", { viewport: { ...WIDE, height: 720 }, colorScheme: "light" }],
];

mkdirSync(FOLDER, { recursive: true });
const status = await settled(DESK);
const browser = await launch();
for (const [name, path, options, before] of PICTURES) {
  const { context, page } = await speak(browser, options);
  await page.goto(DESK + path);
  await before?.(page, status);
  const file = `${FOLDER}${name}.png`;
  await page.screenshot({ path: file });
  process.stdout.write(`docs/images/${name}.png: ${Math.round(statSync(file).size / 1024)} KiB\n`);
  await context.close();
}
await browser.close();
