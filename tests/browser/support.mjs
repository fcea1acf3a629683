// What the tests of the browser share: a browser that reaches loopback alone, what a page complains of, daemons of the
// tests' own, certificates made on the spot.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { chromium } from "playwright-core";

/** Where the demo listens; scripts/browser starts it. */
export const DEMO = process.env.DEMO;

/** Where the demo listens on whose pages people speak, and how they log in there. */
export const DESK = process.env.DESK;
const [username, password] = process.env.DESK_LOGIN.split(":");
export const LOGIN = { username, password };

/** For what takes a moment, in milliseconds. Generous, for it is waited for only when something is wrong. */
export const SOON = 20000;

/** The widths at which every page is looked at: a phone and a desk. */
export const SIZES = { phone: { width: 390, height: 844 }, desk: { width: 1440, height: 900 } };

/** Both colour schemes. */
export const SCHEMES = ["light", "dark"];

/** Where axe looks: each scheme once and each width once, for neither changes what the other does, and axe takes its time. */
export const judgedByAxe = (scheme, size) => (scheme === "light") === (size === "phone");

const FLAGS = [
  "--headless",
  // In which order the pieces of a day are typed.
  "--lang=en-US",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Whatever asks for a name gets none, and whatever asks for an address elsewhere has no way to it.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  "--proxy-server=direct://",
];

/** Starts a browser with an empty profile, which goes with it. */
export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS, headless: true });

/**
 * Opens a page whose complaints are collected: what the console says, what fails, what is forbidden, what is asked
 * elsewhere. `options` are those of a browser context.
 */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: SIZES.desk, ...options });
  const complaints = [];
  const origins = new Set();
  context.on("request", (request) => origins.add(new URL(request.url()).origin));
  const page = await context.newPage();
  page.setDefaultTimeout(SOON);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", async (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("requestfailed", (request) => {
    // A question that a newer one overtook is ended on purpose.
    if (request.failure()?.errorText !== "net::ERR_ABORTED") complaints.push(`failed: ${request.url()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`status ${response.status()}: ${response.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  return { context, page, complaints, origins };
}

/** The page is there whole, and nobody complains. */
export async function isWhole({ page, complaints, origins }, what) {
  // The text of an answer is there before its style is, and then everything is too wide.
  await page.waitForLoadState();
  const seen = await page.evaluate(() => ({
    title: document.title,
    headings: [...document.querySelectorAll("h1")].map((heading) => heading.textContent.trim()),
    width: [document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth],
    // What scrolls by itself is out of reach of the keyboard, and what is cut off out of everybody's.
    // What is there for the ear alone has the size of a pixel.
    cut: [...document.querySelectorAll("main *")]
      .filter((piece) => piece.clientWidth > 1)
      .filter((piece) => piece.scrollWidth > piece.clientWidth + 1 && getComputedStyle(piece).overflowX !== "visible")
      .map((piece) => `${piece.outerHTML.slice(0, 120)}: ${piece.scrollWidth} in ${piece.clientWidth}`),
  }));
  assert.match(seen.title, /. · apnswatch$/, what);
  assert.ok(seen.headings.length === 1 && seen.headings[0] !== "", `${what}: headings ${JSON.stringify(seen.headings)}`);
  assert.ok(seen.width[0] <= seen.width[1], `${what}: ${seen.width[0]} pixels in ${seen.width[1]}`);
  assert.deepEqual(seen.cut.filter((piece) => !/^<(input|select)/.test(piece)), [], what);
  assert.deepEqual(complaints.splice(0), [], what);
  assert.deepEqual([...origins], [new URL(page.url()).origin], what);
}

/** Asks again and again until there is something. */
export async function eventually(what, ask) {
  const end = Date.now() + SOON;
  for (;;) {
    const found = await ask();
    if (found) return found;
    assert.ok(Date.now() < end, `not within ${SOON} ms: ${what}`);
    await pause(50);
  }
}

/** Asks a daemon as somebody who may; where nobody has to log in, that is not looked at. */
export const ask = (address, login = LOGIN) => fetch(address, { headers: header(login) });

/** The header of a login. */
export const header = (login) => ({ authorization: `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}` });

/** Does something upon which the page is refreshed, and waits until that is done. */
export async function refreshes(page, act) {
  const footer = await page.locator("footer").elementHandle();
  await act();
  await eventually("the page is refreshed", () => footer.evaluate((had) => !had.isConnected));
}

/** The status of a daemon. */
export const status = async (origin, login = LOGIN) => (await ask(`${origin}/api/v1/status`, login)).json();

/** Whatever a demo shows late it has shown after this many seconds; what people said in another test may have ended it since. */
const LATE = 30;

/** Waits until a demo shows everything: the last findings come with the third answer, and some sources fail by then. */
export async function settled(origin = DEMO) {
  const late = ["removed", "rolled_back", "renewal_unconfirmed"];
  return eventually("the demo shows everything", async () => {
    const [document, metrics] = await Promise.all([status(origin), ask(`${origin}/metrics`).then((answer) => answer.text())]);
    const isShown = (finding) => metrics.includes(`finding="${finding}"} 1`);
    const fails = /^apns_source_up\{tenant="valley".*source="api"\} 0$/m.test(metrics);
    const started = Number(/^process_start_time_seconds (\S+)$/m.exec(metrics)[1]);
    return fails && (late.every(isShown) || Date.now() / 1000 - started > LATE) ? document : null;
  });
}

/** Runs a daemon of the test's own until `stop`: `yaml` is its configuration, `files` are written beside it, `headers` let in. */
export async function serve(yaml, files = {}, headers = {}) {
  const folder = mkdtempSync(join(tmpdir(), "daemon-"));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  writeFileSync(join(folder, "apnswatch.yaml"), `store: sqlite://${folder}/state.db\n${yaml.replaceAll("FOLDER", folder)}`);
  const child = spawn(process.env.APNSWATCH, ["-c", join(folder, "apnswatch.yaml"), "serve", "--listen", "127.0.0.1:0"], {
    env: { PATH: process.env.PATH },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "exit");
  let log = "";
  for (const output of [child.stdout, child.stderr]) output.on("data", (text) => { log += text; });
  const stop = async () => {
    child.kill();
    await ended;
  };
  try {
    const origin = await eventually("the daemon listens", () => {
      assert.equal(child.exitCode, null, log);
      return log.match(/http:\/\/127\.0\.0\.1:\d+/)?.[0];
    });
    await eventually("the daemon is ready", async () => (await fetch(`${origin}/-/ready`, { headers })).ok);
    return { origin, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A day, in milliseconds. */
export const DAY = 86400000;

/**
 * A push certificate as PEM, in the manner of Apple's: the topic is the UID of its subject, and it is issued by an
 * authority of this name that nobody trusts.
 */
export function certificate({ topic, serial, days = 365, issuer = "Simulated Application Integration CA" }) {
  const folder = mkdtempSync(join(tmpdir(), "certificate-"));
  const at = (name) => join(folder, name);
  const openssl = (...rest) => execFileSync("openssl", rest, { stdio: ["ignore", "pipe", "pipe"] });
  const escape = (text) => text.replaceAll(/[\\/+]/g, "\\$&");
  openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-utf8", "-days", "400",
    "-subj", `/CN=${escape(issuer)}`, "-keyout", at("ca.key"), "-out", at("ca.pem"));
  openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
    "-subj", `/UID=${escape(topic)}/CN=APSP:${escape(topic.split(".").at(-1))}/C=US`, "-keyout", at("key"), "-out", at("request"));
  writeFileSync(at("extensions"), "keyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n1.2.840.113635.100.6.3.2=DER:0500\n");
  openssl("x509", "-req", "-in", at("request"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-set_serial", `0x${serial}`,
    "-days", String(days), "-extfile", at("extensions"), "-out", at("leaf.pem"));
  return { pem: readFileSync(at("leaf.pem"), "utf8"), key: readFileSync(at("key"), "utf8") };
}

/** The script of axe, as text: the pages forbid to load it. */
export const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe has to say against a page, in one line each. */
export async function violations(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await window.axe.run(document, { runOnly: { type: "tag", values: tags } });
    return violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map((node) => node.html.slice(0, 160)) }));
  });
  return found.map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.length} times, as ${nodes[0]}`);
}
