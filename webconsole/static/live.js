// Parts that refresh themselves: say when the connection or the session is lost, and go on after;
// leave alone what someone is using, and keep the focus.
"use strict";
(() => {
  const LIVE = "[hx-get][hx-trigger^=every]";
  let note = null;
  const clock = () => new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const say = (text, link) => {
    if (note && note.dataset.text === text) return;
    forget();
    note = document.createElement("p");
    note.className = "note warn live-note";
    note.setAttribute("role", "status");
    note.dataset.text = text;
    note.textContent = text + " What you see is from " + clock() + ". ";
    if (link) {
      const anchor = document.createElement("a");
      anchor.href = "/console/sign-in?next=" + encodeURIComponent(location.pathname + location.search);
      anchor.textContent = "Sign in";
      note.append(anchor);
    }
    document.getElementById("main").prepend(note);
  };
  const forget = () => {
    note?.remove();
    note = null;
  };
  const isLive = (event) => event.detail.elt instanceof Element && event.detail.elt.matches(LIVE);
  const isInUse = (part) =>
    part.querySelector("details.confirm[open]") || (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));
  let focused = null;
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isLive(event) && isInUse(event.detail.elt)) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!isLive(event)) return;
    // someone may have opened it while the answer was on its way
    if (isInUse(event.detail.elt)) event.detail.shouldSwap = false;
    const all = [...event.detail.elt.querySelectorAll("a, button, summary")];
    focused = all.indexOf(document.activeElement) < 0 ? null : { id: event.detail.elt.id, index: all.indexOf(document.activeElement) };
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (focused) document.getElementById(focused.id)?.querySelectorAll("a, button, summary")[focused.index]?.focus({ preventScroll: true });
    focused = null;
  });
  // before the swap: after it the part that asked is gone from the page, and its events reach no one
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (isLive(event) && event.detail.xhr.status < 400) forget();
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, () => say("The connection to the console is lost; trying again."));
  }
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) say("Your session has ended.", true);
    else say("The console cannot answer at the moment; trying again.");
  });
})();
