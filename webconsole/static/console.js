// The little that pages cannot say themselves: the reader's time zone, and a confirm that closes again.
"use strict";
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  const known = document.cookie.split("; ").includes("console_zone=" + encodeURIComponent(zone));
  if (zone && !known) {
    document.cookie = "console_zone=" + encodeURIComponent(zone) + "; path=/; max-age=31536000; SameSite=Lax";
  }
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      document.querySelectorAll("details.confirm[open]").forEach((box) => {
        box.open = false;
        box.querySelector("summary").focus();
      });
    }
  });
})();
