// Renews figures in place: `data-live="10"` on an element with `hx-trigger="refresh"` renews it every 10 s,
// paused in hidden tabs, and says when it last did.
(() => {
  "use strict";
  const last = new Map();
  setInterval(() => {
    if (document.hidden) return;
    for (const element of document.querySelectorAll("[data-live]")) {
      const every = Number(element.dataset.live) * 1000;
      const id = element.id;
      if (!last.has(id)) last.set(id, Date.now());
      if (Date.now() - last.get(id) < every || element.contains(document.activeElement) && element.querySelector(":focus:is(input,textarea,select)")) continue;
      last.set(id, Date.now());
      if (window.htmx) window.htmx.trigger(element, "refresh");
    }
  }, 1000);
  document.addEventListener("DOMContentLoaded", () => {
    const shown = document.querySelector("[data-renewed]");
    if (!shown || !document.querySelector("[data-live]")) return;
    shown.dataset.good = new Date().toLocaleTimeString([], { hour12: false });
    shown.textContent = `as of ${shown.dataset.good}`;
  });
  // What somebody has opened stays open.
  let open = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    open = [...event.target.querySelectorAll("details[open][id]")].map((element) => element.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    open = [];
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const status = event.detail.xhr && event.detail.xhr.status;
    // The element that asked: by now it may be replaced by its successor.
    if (!event.detail.requestConfig?.elt?.matches?.("[data-live]")) return;
    const shown = document.querySelector("[data-renewed]");
    if (!shown) return;
    const now = new Date().toLocaleTimeString([], { hour12: false });
    if (status === 200 || status === 304) shown.textContent = `renewed ${now}`;
    else shown.textContent = `not renewed since ${shown.dataset.good || "the page was opened"}`;
    if (status === 200 || status === 304) shown.dataset.good = now;
  });
})();
