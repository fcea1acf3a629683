// What the tests share in which people speak: who logs in, what is kept, which forms a page has.

import assert from "node:assert/strict";

import { room } from "./paths.mjs";
import { DESK, LOGIN, ask, open } from "./support.mjs";

/** Opens a page as somebody who logs in, and counts what is sent. */
export async function speak(browser, options = {}) {
  const opened = await open(browser, { httpCredentials: LOGIN, ...options });
  const sent = [];
  opened.page.on("request", (request) => {
    if (request.method() === "POST") sent.push(new URL(request.url()).pathname);
  });
  return { ...opened, sent };
}

/** What is remembered of a tenant: what happened, the latest first, and all else that the API tells. */
export async function remembered(name, origin = DESK, login = LOGIN) {
  const answer = await ask(`${origin}/api/v1${room(name)}`, login);
  assert.equal(answer.status, 200, name);
  return answer.json();
}

/** What people said of a tenant, the latest first. */
export async function said(name, origin, login) {
  return (await remembered(name, origin, login)).history.filter((event) => event.by);
}

/** Unfolds everything, as somebody does who looks for a form. */
export const unfold = (page) =>
  page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));

/** Sends a form by its button and waits for the answer, which is at `path`. */
export async function press(page, button, path) {
  await button.click();
  await page.waitForURL((url) => decodeURIComponent(url.pathname) === decodeURIComponent(path));
  await page.waitForLoadState();
}

/** A refusal is no defect of the page, and the browser speaks of it all the same. */
export function forgive(complaints, status) {
  const found = complaints.splice(0);
  assert.ok(found.length > 0 && found.every((line) => line.includes(String(status))), found.join("\n"));
}
