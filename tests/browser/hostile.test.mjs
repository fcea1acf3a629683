// Names and texts from outside that are full of markup: they are read, and do nothing.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { room } from "./paths.mjs";
import { DAY, SIZES, certificate, eventually, isWhole, launch, open, serve } from "./support.mjs";

const NAME = '"><script>alert(1)</script>';
const LOST = "<img src=x onerror=alert(2)>";
const LONG = "W".repeat(128);
const ACCOUNT = "<svg onload=alert(3)>@example.com";
const TOKEN = "<script>alert(4)</script>";
const ISSUER = "<iframe src=javascript:alert(5)>";
const DENIAL = "<img src=/x onerror=alert(6)></td></table><script>alert(6)</script>";
const TOPIC = "com.apple.mgmt.External.00000000-0000-4000-8000-0000000000ac";
const DIRECTORY = "00000000-0000-4000-8000-0000000000d1";
const DENIED = "00000000-0000-4000-8000-0000000000d2";

/** A vendor that is out for mischief, in the manner of Microsoft Graph. */
async function vendor() {
  const end = (days) => new Date(Date.now() + days * DAY).toISOString();
  const lists = {
    applePushNotificationCertificate: {
      appleIdentifier: ACCOUNT, topicIdentifier: TOPIC, expirationDateTime: end(20), certificateSerialNumber: "0A01",
      certificateUploadFailureReason: DENIAL,
    },
    depOnboardingSettings: { value: [{ id: "1", tokenName: TOKEN, tokenType: "dep", tokenExpirationDateTime: end(9) }] },
    vppTokens: { value: [] },
    managedDevices: { value: [] },
  };
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://vendor").pathname;
    const answer = (status, body) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    request.resume().on("end", () => {
      const directory = path.match(/^\/([^/]+)\/oauth2\//)?.[1];
      if (directory) return answer(200, { token_type: "Bearer", expires_in: 3600, access_token: `made-up-${directory}` });
      if (request.headers.authorization?.endsWith(DENIED)) return answer(403, { error: { code: DENIAL, message: DENIAL } });
      const list = lists[path.split("/").at(-1)];
      return list ? answer(200, list) : answer(404, { error: { code: DENIAL, message: DENIAL } });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

let browser;
let daemon;
let microsoft;
before(async () => {
  microsoft = await vendor();
  const url = `http://127.0.0.1:${microsoft.address().port}`;
  const renewed = certificate({ topic: TOPIC, serial: "0A02" }).pem;
  const filed = certificate({ topic: `${TOPIC.slice(0, -1)}d`, serial: "0A03", issuer: ISSUER }).pem;
  const yaml = `poll: { interval: 1s, timeout: 900ms }
defaults:
  intune: { client_id: 00000000-0000-4000-8000-0000000000a9, client_secret_file: FOLDER/secret, login_url: '${url}', graph_url: '${url}' }
tenants:
  - name: '${NAME}'
    mdm: { kind: intune, directory: ${DIRECTORY} }
    certificate: { files: ['FOLDER/a.pem'] }
  - name: '${LOST}'
    mdm: { kind: none }
    certificate: { files: ['FOLDER/${LOST}.pem'] }
  - name: filed
    mdm: { kind: none }
    certificate: { files: ['FOLDER/b.pem'] }
  - name: '${LONG}'
    mdm: { kind: intune, directory: ${DENIED} }
`;
  daemon = await serve(yaml, { secret: "made-up", "a.pem": renewed, "b.pem": filed });
  browser = await launch();
  await eventually("the finding stands", async () => (await fetch(`${daemon.origin}/findings`).then((answer) => answer.text())).includes("renewal_not_uploaded"));
});
after(async () => {
  await browser?.close();
  await daemon?.stop();
  microsoft?.close();
});

for (const [size, viewport] of Object.entries(SIZES)) {
  test(`markup in names and texts is read and does nothing, on a ${size}`, async () => {
    const opened = await open(browser, { viewport });
    const { context, page } = opened;
    const cases = [
      ["/", [NAME, LOST, LONG]],
      ["/findings", [NAME]],
      ["/ahead", [NAME]],
      ["/network", []],
      [room(NAME), [NAME, ACCOUNT, TOKEN]],
      [`${room(NAME)}/renewal`, [NAME]],
      [room(LOST), [LOST, `${LOST}.pem`]],
      [`${room(LOST)}/renewal`, [LOST]],
      [room("filed"), [ISSUER]],
      [room(LONG), [LONG]],
      [`${room(LONG)}/renewal`, [LONG]],
      [`/?q=${encodeURIComponent(NAME)}`, [NAME]],
    ];
    for (const [path, texts] of cases) {
      await page.goto(daemon.origin + path);
      const isHarmless = async () => {
        for (const text of texts) assert.ok(await page.getByText(text).first().isVisible(), `${path}: ${text}`);
        assert.equal(await page.locator("script").count(), 1, path);
        assert.equal(await page.locator("main :is(img, iframe, script, [onload], [onerror])").count(), 0, path);
        await isWhole(opened, path);
      };
      await isHarmless();
      // The refresh makes the page anew, by another way.
      const footer = await page.locator("footer").elementHandle();
      await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
      await eventually(`${path} is refreshed`, () => footer.evaluate((had) => !had.isConnected));
      await isHarmless();
    }
    await context.close();
  });
}

test("markup in a certificate that is dropped is read and does nothing", async () => {
  const opened = await open(browser);
  const { context, page } = opened;
  await page.goto(`${daemon.origin}${room(NAME)}/renewal`);
  const topic = "com.apple.mgmt.External.<img src=x onerror=alert(7)>";
  const { pem } = certificate({ topic, serial: "0A04", issuer: ISSUER });
  await page.locator("input[type=file]").setInputFiles({ name: `${LOST}.pem`, mimeType: "text/plain", buffer: Buffer.from(pem) });
  assert.ok((await page.locator(".verdict").innerText()).includes(topic));
  assert.equal(await page.locator("main :is(img, iframe, [onerror])").count(), 0);
  await isWhole(opened, "judged");
  await context.close();
});
