// Fetches each card of a dashboard by itself; one that fails says so in its own place.
"use strict";

(() => {
  function fail(place) {
    const state = place.querySelector("[data-card-state]");
    state.textContent = state.dataset.failed;
    state.setAttribute("role", "alert");
  }

  async function load(place) {
    try {
      const response = await fetch(place.dataset.card, { credentials: "same-origin", redirect: "error" });
      if (!response.ok) throw new Error(String(response.status));
      place.innerHTML = await response.text();
      document.dispatchEvent(new CustomEvent("paygate:card"));
    } catch {
      fail(place);
    } finally {
      place.removeAttribute("aria-busy");
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-card]").forEach(load);
  });
})();
