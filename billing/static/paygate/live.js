// Keeps the live figures of the dashboard current, and says so when it cannot.
"use strict";

(() => {
  const FIRST_WAIT = 1000;
  const LONGEST_WAIT = 30000;
  const SILENCE = 10000; // the server speaks every two seconds
  const FINAL = new Map([
    [4401, "Signed out. Reload the page to sign in."],
    [4402, "Second factor missing. Reload the page to enter it."],
    [4403, "Not allowed for this account."],
  ]);

  function start(box) {
    const state = box.querySelector("[data-live-state]");
    let wait = FIRST_WAIT;
    let silence;

    function show(name, text) {
      state.dataset.state = name;
      state.textContent = text;
      box.toggleAttribute("data-stale", name !== "live");
    }

    function fill(figures) {
      for (const place of box.querySelectorAll("[data-live]")) {
        const value = figures[place.dataset.live];
        const money = { minimumFractionDigits: 2, maximumFractionDigits: 6 };
        const isMoney = typeof value === "string";
        place.textContent = isMoney ? `${Number(value).toLocaleString("en", money)} USD` : value.toLocaleString("en");
      }
    }

    function connect() {
      const scheme = location.protocol === "https:" ? "wss" : "ws";
      const socket = new WebSocket(`${scheme}://${location.host}/ws/live/`);
      const watch = () => {
        clearTimeout(silence);
        silence = setTimeout(() => socket.close(), SILENCE);
      };
      watch();
      socket.onmessage = (message) => {
        watch();
        wait = FIRST_WAIT;
        fill(JSON.parse(message.data));
        show("live", "● Live");
      };
      socket.onclose = (event) => {
        clearTimeout(silence);
        if (FINAL.has(event.code)) {
          show("lost", `○ ${FINAL.get(event.code)}`);
          return;
        }
        show("lost", "○ Disconnected, reconnecting…");
        setTimeout(connect, wait);
        wait = Math.min(wait * 2, LONGEST_WAIT);
      };
    }

    connect();
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-live-box]").forEach(start);
  });
})();
