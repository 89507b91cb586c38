// The little that pages cannot say themselves: the reader's time zone, boxes that close again, rows that open.
"use strict";
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  const known = document.cookie.split("; ").includes("console_zone=" + encodeURIComponent(zone));
  if (zone && !known) {
    document.cookie = "console_zone=" + encodeURIComponent(zone) + "; path=/; max-age=31536000; SameSite=Lax";
  }
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  // where the focus was before the panel of a row opened
  let opener = null;
  const closePanel = () => {
    const panel = document.querySelector("#panel:not(:empty)");
    if (panel) {
      panel.replaceChildren();
      document.querySelectorAll("tr.chosen").forEach((row) => row.classList.remove("chosen"));
      opener?.focus();
    }
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      closePanel();
      document.querySelectorAll("details:is(.confirm, .choose)[open]").forEach((box) => {
        box.open = false;
        box.querySelector("summary").focus();
      });
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) {
      closePanel();
    }
    document.querySelectorAll("details.choose[open]").forEach((box) => {
      box.open = box.contains(event.target);
    });
    // a click anywhere on a row opens what its link opens, unless text is being selected
    const row = event.target.closest("tr[data-open]");
    if (row && !event.target.closest("a, button, input") && !String(getSelection())) {
      row.querySelector("td.lineage a")?.click();
    }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "panel") {
      const link = event.detail.requestConfig.elt;
      opener = link;
      document.querySelectorAll("tr.chosen").forEach((row) => row.classList.remove("chosen"));
      link.closest("tr")?.classList.add("chosen");
      document.querySelector("#panel [data-close]")?.focus();
    }
  });
  // an address holds only what was chosen
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb === "get") {
      for (const [name, value] of Object.entries(event.detail.parameters)) {
        if (value === "") {
          delete event.detail.parameters[name];
        }
      }
    }
  });
  document.addEventListener("change", (event) => {
    const next = event.target.closest(".filter-line")?.nextElementSibling;
    if (next?.matches(".filter-line[hidden]")) {
      next.hidden = next.disabled = false;
    }
  });
  // ticks beside a field with names: the field is what is sent, and keeps its order
  document.addEventListener("change", (event) => {
    const ticks = event.target.closest("[data-ticks]");
    if (ticks) {
      const field = document.getElementById(ticks.dataset.ticks);
      const ticked = [...ticks.querySelectorAll("input")].filter((box) => box.checked).map((box) => box.value);
      const before = field.value.split(",").map((name) => name.trim());
      const kept = before.filter((name) => ticked.includes(name));
      // all columns are the usual ones, so they need not be named
      const all = field.id === "columns" && ticked.length === ticks.querySelectorAll("input").length;
      field.value = all ? "" : [...kept, ...ticked.filter((name) => !kept.includes(name))].join(", ");
    }
  }, true);
})();
