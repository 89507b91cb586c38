// Send a dropped or chosen file in parts, with its progress; convert the columns again after each change.
"use strict";
(() => {
  const PART_BYTES = 2 * 1024 * 1024;
  const form = document.getElementById("add");
  if (form) {
    const input = form.querySelector("input[type=file]");
    const bar = form.querySelector("progress");
    const state = form.querySelector(".drop-state span");
    let isSending = false;
    const ask = async (method, path, body, type) => {
      const headers = { "X-CSRF-Token": form.dataset.token };
      if (type) headers["Content-Type"] = type;
      const answer = await fetch(path, { method, body, headers });
      if (answer.redirected || answer.status === 401) throw new Error("The session has expired. Sign in again, then add the file.");
      const values = await answer.json();
      if (!answer.ok) throw new Error([values.error || values.detail, values.hint].filter(Boolean).join(". "));
      return values;
    };
    const send = async (file) => {
      if (isSending || !file) return;
      isSending = true;
      bar.hidden = false;
      try {
        state.textContent = file.name;
        const config = form.querySelector("select").value;
        let draft = await ask("POST", "/files", JSON.stringify({ name: file.name, size: file.size, import: config }), "application/json");
        while (draft.received < file.size) {
          const part = file.slice(draft.received, draft.received + PART_BYTES);
          const path = "/files/" + draft.id + "?offset=" + draft.received;
          draft = await ask("PUT", path, part, "application/octet-stream");
          bar.value = (100 * draft.received) / file.size;
        }
        window.location.assign("/console/add/" + draft.id);
      } catch (error) {
        bar.hidden = true;
        state.textContent = error.message;
        state.className = "bad-text";
        isSending = false;
        input.value = "";
      }
    };
    input.addEventListener("change", () => send(input.files[0]));
    for (const name of ["dragover", "dragleave", "drop"]) {
      document.addEventListener(name, (event) => {
        event.preventDefault();
        form.classList.toggle("over", name === "dragover");
        if (name === "drop") send(event.dataTransfer.files[0]);
      });
    }
  }
  const edit = document.getElementById("edit");
  const columns = document.getElementById("columns");
  if (edit && columns) {
    let latest = 0;
    const cells = (row) => [...row.querySelectorAll(".samples, td.number, .column-fault")];
    columns.addEventListener("change", async () => {
      const mine = (latest += 1);
      document.getElementById("trial").parentElement.classList.add("outdated");
      const body = new URLSearchParams(new FormData(edit));
      const answer = await fetch(columns.dataset.path, { method: "POST", body });
      if (!answer.ok || answer.redirected || mine !== latest) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const rows = [...columns.querySelectorAll("tbody tr")];
      [...page.querySelectorAll("tbody tr")].forEach((row, index) => {
        // only what is shown: what a person types meanwhile stays
        const [now, then] = [cells(rows[index]), cells(row)];
        now.forEach((cell, place) => cell.replaceChildren(...then[place].childNodes));
        now.forEach((cell, place) => { cell.className = then[place].className; });
        rows[index].className = row.className;
      });
    });
  }
})();
