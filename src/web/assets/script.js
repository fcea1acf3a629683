// The pages work without this. It refreshes them without losing the place, filters while one types, and takes a
// certificate that is dropped.
"use strict";
(() => {
  const main = () => document.querySelector("main");

  // Takes the main part of a page that was fetched. What a person is at stays as it is.
  const swap = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("main");
    const old = main();
    if (!fresh || !old) return;
    const active = document.activeElement;
    const isBusy = active && old.contains(active) && active !== document.body;
    for (const part of fresh.querySelectorAll("[data-part]")) {
      const target = old.querySelector(`[data-part="${part.dataset.part}"]`);
      if (target && !(isBusy && target.contains(active))) target.replaceWith(document.adoptNode(part));
    }
  };

  const load = async (address) => {
    const answer = await fetch(address, { credentials: "same-origin" });
    if (answer.ok) swap(await answer.text());
  };

  const every = Number(document.body.dataset.refresh || 0);
  if (every > 0) {
    setInterval(() => {
      if (document.visibilityState === "visible") load(location.href).catch(() => {});
    }, every * 1000);
  }

  const form = document.querySelector("form.filter");
  if (form) {
    let timer;
    const apply = () => {
      const given = [...new FormData(form)].filter(([, value]) => value !== "");
      const query = new URLSearchParams(given).toString();
      const address = form.action.split("?")[0] + (query ? "?" + query : "");
      history.replaceState(null, "", address);
      load(address).catch(() => {});
    };
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 200); });
    form.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  }

  const drop = document.querySelector(".drop");
  const input = drop && drop.querySelector("input[type=file]");
  if (input) {
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
    }
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      if (event.dataTransfer.files.length === 1) {
        input.files = event.dataTransfer.files;
        input.form.requestSubmit();
      }
    });
    input.addEventListener("change", () => input.form.requestSubmit());
  }
})();
