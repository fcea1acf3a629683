// What people say on the page, with the keyboard and while the page refreshes itself.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { certificate, eventually, launch, open, serve } from "./support.mjs";

// bcrypt of "s3cret", as cheap as it may be.
const HASH = "$2b$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG";
const LOGIN = { username: "kim", password: "s3cret" };
const HEADERS = { authorization: `Basic ${Buffer.from("kim:s3cret").toString("base64")}` };
const TOPIC = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

let browser;
let daemon;

before(async () => {
  browser = await launch();
  const yaml = `web: { config_file: FOLDER/web.yml, actions: true }
poll: { interval: 1s, timeout: 900ms }
tenants:
  - name: acme
    mdm: { kind: none }
    certificate: { files: [FOLDER/acme.pem] }
`;
  const files = {
    "web.yml": `basic_auth_users: { kim: '${HASH}' }\n`,
    "acme.pem": certificate({ topic: TOPIC, serial: "0C01", days: 20 }).pem,
  };
  daemon = await serve(yaml, files, HEADERS);
});
after(async () => {
  await browser?.close();
  await daemon?.stop();
});

const room = () => `${daemon.origin}/tenants/acme/renewal`;

/** Says something from elsewhere. */
async function say(word, parts) {
  const page = await (await fetch(room(), { headers: HEADERS })).text();
  const form = new FormData();
  form.set("token", page.match(/name="token" value="([^"]*)"/)[1]);
  for (const [name, value] of Object.entries(parts)) form.set(name, value);
  const to = `${daemon.origin}/tenants/acme/said/${word}`;
  const answer = await fetch(to, { method: "POST", headers: HEADERS, body: form, redirect: "manual" });
  assert.equal(answer.status, 303);
}

/** Lets the page refresh itself, and waits until that is done. */
async function refreshed(page) {
  const footer = await page.locator("footer").elementHandle();
  await page.clock.runFor(30000);
  await eventually("the page is refreshed", () => footer.evaluate((had) => !had.isConnected));
}

test("the keyboard stays on its button when the one before it goes", async () => {
  const { context, page } = await open(browser, { httpCredentials: LOGIN });
  await page.clock.install();
  await page.goto(room());
  const mac = page.locator("form:has(input[value=mac]) button");
  await page.locator("form:has(input[value=mobile]) button").waitFor();
  await mac.focus();
  await refreshed(page);
  const focused = () => page.evaluate(() => document.activeElement.form?.elements.step?.value);
  assert.equal(await focused(), "mac");
  await say("verified", { step: "console" });
  await refreshed(page);
  assert.equal(await focused(), "mac");
  // The button that is gone hands the keyboard to no other one, which would say something else.
  await say("verified", { step: "mac" });
  await refreshed(page);
  assert.equal(await focused(), undefined);
  await context.close();
});

test("why something was not kept stays, and its page goes on being refreshed", async () => {
  const { context, page } = await open(browser, { httpCredentials: LOGIN });
  await page.clock.install();
  await page.goto(`${daemon.origin}/tenants/acme`);
  await page.locator("input[name=topic]").fill("nonsense");
  await page.getByRole("button", { name: "An enrolled device listens on this" }).click();
  const alert = page.getByRole("alert");
  await alert.waitFor();
  await refreshed(page);
  assert.equal(await alert.count(), 1);
  assert.match(await alert.textContent(), /^Nothing was kept\./);
  await context.close();
});
