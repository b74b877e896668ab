// A key in full must not get into an address: such a search is posted instead.
"use strict";

document.addEventListener("submit", (event) => {
  const find = document.getElementById("pg-find");
  const search = event.target.querySelector?.('input[name="q"]');
  if (!find || !search || !/pg_[0-9A-Za-z]{16,}/.test(search.value)) return;
  event.preventDefault();
  find.elements.key.value = search.value.match(/pg_[0-9A-Za-z]{16,}/)[0];
  find.submit();
}, true);
