// Forms that somebody else made: changed ones, those of other sites, those of tenants with hostile names.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { forgive, press, remembered, said, speak, unfold } from "./desk.mjs";
import { room } from "./paths.mjs";
import { DESK, SIZES, certificate, eventually, header, isWhole, launch, open, serve, settled, status as statusOf } from "./support.mjs";

let browser;
let status;
before(async () => {
  status = await settled(DESK);
  browser = await launch();
});
after(() => browser?.close());

const topicOf = (name) => status.tenants.find((tenant) => tenant.name === name).pin.topic;

test("a form whose token was changed or left out is refused in words", async () => {
  const opened = await speak(browser);
  const { context, page, complaints } = opened;
  for (const change of ["another", ""]) {
    await page.goto(DESK + room("meadow"));
    const form = page.locator("form.say", { has: page.getByLabel("The topic as the Mac prints it") });
    await page.getByLabel("The topic as the Mac prints it").fill(topicOf("meadow"));
    await form.locator("input[name=token]").evaluate((field, change) => (change ? (field.value = change) : field.remove()), change);
    await form.getByRole("button").click();
    await page.getByRole("heading", { name: "Not done" }).waitFor();
    forgive(complaints, 403);
    assert.match(await page.getByRole("alert").innerText(), /this form is an old one, or not of this server.*load the page again/i);
    await isWhole(opened, "refused");
  }
  assert.deepEqual(await said("meadow"), []);
  await context.close();
});

/** Another site: each of its pages holds a form that sends itself to the daemon. */
async function site(token) {
  const hidden = (name, value) => `<input type="hidden" name="${name}" value="${value}">`;
  const form = (enctype, action, fields) =>
    `<!DOCTYPE html><form method="post" enctype="${enctype}" action="${DESK}${action}">${fields}</form><script>document.forms[0].submit()</script>`;
  const server = createServer((request, response) => {
    const asked = new URL(request.url, "http://site");
    const { enctype, token: given, word } = Object.fromEntries(asked.searchParams);
    const credential = given === "right" ? token : "0".repeat(token.length);
    const pages = {
      pin: ["/tenants/meadow/said/pin", hidden("room", "tenant") + hidden("topic", topicOf("meadow"))],
      duty: ["/accounts/apns-castle/duties/second_factor_audit", hidden("tenant", "castle")],
    };
    const [action, fields] = pages[word] ?? pages.pin;
    // What is sandboxed has no origin that it could tell.
    const policy = asked.pathname === "/sandboxed" ? { "content-security-policy": "sandbox allow-forms allow-scripts" } : {};
    response.writeHead(200, { "content-type": "text/html", ...policy });
    response.end(form(enctype, action, hidden("token", credential) + fields));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { origin: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

test("a form of another site does nothing, whatever it is made of, though the browser sends the login along", async () => {
  const { context, page } = await speak(browser);
  await page.goto(DESK + room("meadow"));
  const token = await page.locator("input[name=token]").first().inputValue();
  const other = await site(token);
  try {
    for (const word of ["pin", "duty"]) {
      for (const enctype of ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]) {
        // Even somebody who had the token, as nobody can, is no page of this server.
        for (const given of ["guessed", "right"]) {
          for (const path of ["/", "/sandboxed"]) {
            const what = `${word} ${enctype} ${given} ${path}`;
            const answered = page.waitForResponse((answer) => answer.request().method() === "POST" && answer.status() !== 401);
            await page.goto(`${other.origin}${path}?${new URLSearchParams({ word, enctype, token: given })}`).catch(() => {});
            const answer = await answered;
            // The login was there: without it the answer is 401.
            assert.equal(answer.status(), 403, what);
            await page.waitForLoadState();
            assert.match(await page.getByRole("alert").innerText(), /this form does not come from a page of this server/i, what);
          }
        }
      }
    }
  } finally {
    other.stop();
  }
  assert.deepEqual(await said("meadow"), []);
  await page.goto(DESK + room("castle"));
  assert.ok(!(await page.locator("tr", { hasText: "second_factor_audit" }).innerText()).includes("by demo"));
  await context.close();
});

// Who logs in to the daemon of these tests: bcrypt of the password, as cheap as it may be.
const KIM = { username: "kim", password: "s3cret" };
const WEB = "basic_auth_users: { kim: '$2b$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG' }\n";
const NAMES = ['"><script>alert(1)</script>', "../x", "a/b", "ü %2f"];

test("the forms of tenants with hostile names do nothing but what they say, and of the right tenant", async () => {
  const topic = (index) => `com.apple.mgmt.External.00000000-0000-4000-8000-0000000000e${index}`;
  const files = Object.fromEntries(NAMES.map((_, index) => [`${index}.pem`, certificate({ topic: topic(index), serial: `0F0${index}`, days: 25 }).pem]));
  const yaml = `web: { config_file: FOLDER/web.yml, actions: true }
poll: { interval: 1s, timeout: 900ms }
accounts: [{ id: shared, address: it@example.com, duties: { 'a/b "><i>': { every: 90d } } }]
tenants:
${NAMES.map((name, index) => `  - { name: '${name}', mdm: { kind: none }, account: shared, certificate: { files: ['FOLDER/${index}.pem'] } }`).join("\n")}
`;
  const daemon = await serve(yaml, { "web.yml": WEB, ...files }, header(KIM));
  const words = (name) => said(name, daemon.origin, KIM);
  try {
    await eventually("the topics are pinned", async () => (await statusOf(daemon.origin, KIM)).tenants.every(({ pin }) => pin));
    const opened = await open(browser, { httpCredentials: KIM, viewport: SIZES.phone });
    const { context, page } = opened;
    const isHarmless = async (name) => {
      assert.ok((await page.locator("h1").innerText()).includes(name), name);
      assert.equal(await page.locator("script").count(), 1, name);
      await isWhole(opened, name);
    };
    for (const [index, name] of NAMES.entries()) {
      const path = room(name);
      await page.goto(daemon.origin + path);
      await unfold(page);
      await isHarmless(name);
      await page.getByLabel("The topic as the Mac prints it").fill(topic(index));
      await press(page, page.getByRole("button", { name: "An enrolled device listens on this" }), path);
      await isHarmless(name);
      await page.goto(`${daemon.origin}${path}/renewal`);
      await unfold(page);
      await isHarmless(name);
      await page.getByLabel("Day").fill(new Date(Date.now() + 5 * 86400000).toISOString().slice(0, 10));
      await page.getByLabel("Who renews").fill(NAMES[0]);
      await page.getByRole("button", { name: "Plan the renewal" }).click();
      await page.locator("[data-part=plan] .note").waitFor();
      await isHarmless(name);
      assert.ok((await page.locator("[data-part=plan]").innerText()).includes(NAMES[0]));
      for (const [at, other] of NAMES.entries()) assert.equal((await words(other)).length, at <= index ? 2 : 0, `${name}: ${other}`);
      assert.equal((await remembered(name, daemon.origin, KIM)).tenant.pin.origin, "confirmed");
    }
    // A duty leads back to the tenant on whose page it was done.
    const name = NAMES.at(-1);
    await page.goto(daemon.origin + room(name));
    await page.getByRole("button", { name: "Done today" }).click();
    await page.getByText(`by ${KIM.username}`).first().waitFor();
    await page.locator("tr", { hasText: 'a/b "><i>' }).getByText("by kim").waitFor();
    await isHarmless(name);
    await context.close();
  } finally {
    await daemon.stop();
  }
});
