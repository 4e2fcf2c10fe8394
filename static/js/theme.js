// Before the first paint: the theme that this browser chose; without a choice the system's.
(() => {
  "use strict";
  const root = document.documentElement;
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* storage may be closed */ }
  if (chosen === "light" || chosen === "dark") root.dataset.bsTheme = chosen;
  const dark = () => root.dataset.bsTheme ? root.dataset.bsTheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        root.dataset.bsTheme = dark() ? "light" : "dark";
        try { localStorage.setItem("theme", root.dataset.bsTheme); } catch { /* storage may be closed */ }
        document.dispatchEvent(new Event("themechange"));
      });
    }
  });
})();
