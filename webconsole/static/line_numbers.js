// Number the lines of a text that is edited.
"use strict";
(() => {
  for (const box of document.querySelectorAll(".numbered")) {
    const text = box.querySelector("textarea");
    const gutter = document.createElement("div");
    gutter.className = "gutter";
    gutter.setAttribute("aria-hidden", "true");
    box.prepend(gutter);
    const number = () => {
      const count = text.value.split("\n").length;
      gutter.textContent = Array.from({ length: count }, (_, index) => index + 1).join("\n");
      gutter.style.height = text.clientHeight + "px";
      gutter.scrollTop = text.scrollTop;
    };
    text.addEventListener("input", number);
    text.addEventListener("scroll", number);
    new ResizeObserver(number).observe(text);
    number();
  }
})();
