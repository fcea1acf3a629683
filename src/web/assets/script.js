// The pages work without this. It refreshes them without losing the place, filters while one types, and takes a
// certificate that is dropped.
"use strict";
(() => {
  const partsOf = (page) => [...page.querySelectorAll("[data-part]")];
  const names = (parts) => parts.map((part) => part.dataset.part).join(" ");

  // Whatever the keyboard can stand on, and how it is found again in a newer page.
  const STOPS = "a, button, input, select, textarea, summary";
  // A button is what its form says: after "I saw it" comes another "I saw it", which says something else.
  const says = (stop) => stop.localName === "button" && stop.form ? [stop.form.action, ...new FormData(stop.form).values()] : [];
  const sign = (stop) => [stop.tagName, stop.id, stop.getAttribute("name"), stop.getAttribute("href") ?? stop.textContent, ...says(stop)].join("\n");
  const alike = (part, stop) => [...part.querySelectorAll(STOPS)].filter((other) => sign(other) === sign(stop));

  // Whether somebody fills in a form that a refresh would take away.
  const isWriting = () => partsOf(document).some((part) => {
    const fields = [...part.querySelectorAll("input, textarea, select")];
    const differs = (field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked;
    return fields.some((field) => field === document.activeElement || (field.localName !== "select" && differs(field)));
  });

  // Where this page is found again; it may be the answer to a form.
  const address = document.body.dataset.address;
  const here = () => address || location.pathname + location.search;
  // The answer to a form that was refused takes the address of its page, so that a reload does not send the form again.
  if (address && address !== location.pathname) history.replaceState(null, "", address);

  // Takes the parts of a page that was fetched: all of them, or none would be of the same moment. Where the eye or the
  // keyboard is stays as it is.
  const swap = (text) => {
    const fresh = partsOf(new DOMParser().parseFromString(text, "text/html"));
    const old = partsOf(document);
    if (names(fresh) !== names(old)) {
      // The answer to a form must not be asked for again, which would send the form once more.
      location.assign(here());
      return;
    }
    const active = document.activeElement;
    fresh.forEach((part, index) => {
      const at = old[index].contains(active) ? alike(old[index], active).indexOf(active) : -1;
      const unfolded = [...old[index].querySelectorAll("details[open] > summary")].map((summary) => summary.textContent);
      for (const summary of part.querySelectorAll("details > summary")) {
        summary.parentElement.open = unfolded.includes(summary.textContent);
      }
      old[index].replaceWith(document.adoptNode(part));
      if (at < 0) return;
      const again = alike(part, active);
      (again[at] ?? again[0])?.focus({ preventScroll: true });
    });
  };

  // What is shown grows old when nobody answers any more, and must not look like news.
  const old = document.createElement("p");
  old.className = "alarm";
  old.setAttribute("role", "alert");
  let asOf = new Date();
  const tell = (isFresh) => {
    if (isFresh) {
      asOf = new Date();
      old.remove();
    } else if (!old.isConnected) {
      old.textContent = `This page could not be refreshed. What it shows is of ${asOf.toISOString().slice(0, 19).replace("T", " ")} UTC, and may not be true any more.`;
      document.querySelector("main").prepend(old);
    }
  };

  // The latest question counts: an answer to an earlier one must not come after it.
  let asking;
  const load = async (address) => {
    if (asking) asking.abort();
    const mine = new AbortController();
    asking = mine;
    const patience = setTimeout(() => mine.abort(), 20000);
    try {
      const answer = await fetch(address, { credentials: "same-origin", cache: "no-store", signal: mine.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      if (asking !== mine || isWriting()) return;
      swap(text);
      tell(true);
    } catch {
      if (asking === mine) tell(false);
    } finally {
      clearTimeout(patience);
    }
  };

  const every = Number(document.body.dataset.refresh || 0);
  if (every > 0) {
    const refresh = () => {
      if (document.visibilityState === "visible") load(here());
    };
    setInterval(refresh, every * 1000);
    // A page that was out of sight was not refreshed meanwhile.
    document.addEventListener("visibilitychange", refresh);
    window.addEventListener("pageshow", (event) => { if (event.persisted) refresh(); });
  }

  const form = document.querySelector("form.filter");
  if (form) {
    let timer;
    const apply = () => {
      const given = [...new FormData(form)].filter(([, value]) => value !== "");
      const query = new URLSearchParams(given).toString();
      const address = form.action.split("?")[0] + (query ? "?" + query : "");
      history.replaceState(null, "", address);
      load(address);
    };
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 200); });
    form.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  }

  // A file that misses the zone must not replace the page in which one works.
  if (document.querySelector(".drop")) {
    for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
  }
  for (const drop of document.querySelectorAll(".drop")) {
    const input = drop.querySelector("input[type=file]");
    // To be judged is sent at once; to be kept is a person's word, and needs the button.
    const send = () => { if ("judge" in drop.dataset) drop.requestSubmit(); };
    // The zone looks as if it took whatever is dropped; so what it does not take is said.
    const not = document.createElement("p");
    not.className = "alarm";
    not.setAttribute("role", "alert");
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
    }
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      const { files } = event.dataTransfer;
      if (files.length === 1) {
        not.remove();
        input.files = files;
        send();
        return;
      }
      const what = files.length > 1 ? `${files.length} files were dropped` : "What was dropped is no file";
      not.textContent = `${what}. Drop one file, the new certificate: nothing was taken.`;
      drop.append(not);
    });
    input.addEventListener("change", () => { not.remove(); send(); });
  }
})();
