// Draws the charts a page describes in <script type="application/json"> blocks.
"use strict";

(() => {
  const drawn = [];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = (value) => Number(value).toLocaleString("en", { maximumFractionDigits: 6 });
  const palette = () => ["--color-primary-600", "--pg-warn", "--pg-good", "--pg-muted"].map(colour);

  function options(chart) {
    const isRanking = chart.kind === "ranking";
    const value = {
      beginAtZero: true,
      grid: { color: colour("--pg-line") },
      border: { display: false },
      ticks: { color: colour("--pg-muted"), maxTicksLimit: 6, callback: (tick) => number(tick), precision: chart.unit === "USD" ? undefined : 0 },
      title: { display: !isRanking, text: chart.unit, color: colour("--pg-muted") },
    };
    const category = {
      grid: { display: false },
      ticks: { color: colour("--pg-muted"), maxRotation: 0, autoSkipPadding: 12 },
    };
    return {
      animation: false,
      maintainAspectRatio: false,
      indexAxis: isRanking ? "y" : "x",
      interaction: { mode: "index", intersect: false, axis: isRanking ? "y" : "x" },
      scales: isRanking ? { x: value, y: category } : { x: category, y: value },
      plugins: {
        legend: { display: chart.series.length > 1, labels: { color: colour("--pg-text") } },
        tooltip: { callbacks: { label: (item) => ` ${item.dataset.label}: ${number(item.raw)} ${chart.unit}` } },
      },
    };
  }

  function draw(box) {
    const chart = JSON.parse(document.getElementById(box.dataset.chart).textContent);
    if (chart.kind === "ranking") box.style.height = `${Math.max(9, 3 + chart.labels.length * 2)}rem`;
    const colours = palette();
    const datasets = chart.series.map((series, index) => ({
      label: series.label,
      data: series.values.map(Number),
      backgroundColor: colours[index % colours.length],
      borderRadius: 3,
      maxBarThickness: 28,
      minBarLength: 0,
    }));
    const config = { type: "bar", data: { labels: chart.labels, datasets }, options: options(chart) };
    drawn.push(new Chart(box.querySelector("canvas"), config));
  }

  function redraw() {
    drawn.splice(0).forEach((chart) => chart.destroy());
    document.querySelectorAll("[data-chart]").forEach(draw);
  }

  document.addEventListener("DOMContentLoaded", () => {
    redraw();
    document.addEventListener("paygate:card", redraw);
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["class"] });
  });
})();
