// Every kind of page, at both widths and in both colour schemes: nobody complains, nothing sticks out, anybody can use it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { paths, tenants } from "./paths.mjs";
import { DEMO, SCHEMES, SIZES, isWhole, judgedByAxe, launch, open, settled, violations } from "./support.mjs";

let browser;
let status;
before(async () => {
  status = await settled();
  browser = await launch();
});
after(() => browser?.close());

test("the pages that are looked at show everything that can be true of a tenant", () => {
  const shown = status.tenants.filter((tenant) => tenants(status).includes(tenant.name));
  const numbers = ["mdm", "phase", "level"].map((trait) => new Set(shown.map((tenant) => tenant[trait])).size);
  const findings = new Set(shown.flatMap((tenant) => tenant.findings.map(({ finding }) => finding)));
  assert.deepEqual([...numbers, findings.size], [5, 7, 4, 14]);
});

for (const scheme of SCHEMES) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    test(`every page is whole and free of complaints, ${scheme} on a ${size}`, async () => {
      const opened = await open(browser, { viewport, colorScheme: scheme });
      for (const path of paths(status)) {
        const answer = await opened.page.goto(DEMO + path);
        assert.equal(answer.status(), 200, path);
        await isWhole(opened, path);
      }
      await opened.context.close();
    });

    if (!judgedByAxe(scheme, size)) continue;
    test(`axe finds nothing on any page, ${scheme} on a ${size}`, async () => {
      const { context, page } = await open(browser, { viewport, colorScheme: scheme });
      const found = {};
      for (const path of [...paths(status), "/tenants/nobody"]) {
        await page.goto(DEMO + path);
        const here = await violations(page);
        if (here.length > 0) found[path] = here;
      }
      assert.deepEqual(found, {});
      await context.close();
    });
  }
}

test("nothing sticks out at the widths between, nor at the narrowest that people magnify to", async () => {
  const opened = await open(browser);
  for (const path of paths(status)) {
    await opened.page.goto(DEMO + path);
    for (const width of [320, 768, 1024]) {
      await opened.page.setViewportSize({ width, height: 800 });
      await isWhole(opened, `${path} at ${width}`);
    }
  }
  await opened.context.close();
});

test("a page that is not there says so, and where to go", async () => {
  const opened = await open(browser);
  const answer = await opened.page.goto(`${DEMO}/tenants/nobody`);
  assert.equal(answer.status(), 404);
  // The browser itself says so too.
  const said = opened.complaints.splice(0);
  assert.ok(said.every((line) => line.includes("404")), said.join("\n"));
  await isWhole(opened, "not found");
  await opened.page.getByRole("link", { name: "All tenants" }).click();
  await opened.page.waitForURL(`${DEMO}/`);
  await opened.context.close();
});
