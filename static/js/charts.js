// Draws every `<canvas data-chart="id">` from the JSON script of that id: series, stepped target and alert lines, moments.
// Colours are read from the tokens when drawing, and again when the theme changes. Gaps stay gaps.
(() => {
  "use strict";
  const drawn = new Map();
  const token = (name) => {
    const probe = document.createElement("span");
    probe.className = `t-${name}`;
    document.body.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  };
  const ink = () => getComputedStyle(document.querySelector(".eyebrow") || document.body).color;
  const accent = () => {
    const probe = document.createElement("a");
    probe.className = "lk";
    document.body.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  };
  const clock = (ms, span) => {
    const date = new Date(ms);
    const two = (n) => String(n).padStart(2, "0");
    const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
    if (span < 10 * 60e3) return `${time}:${two(date.getUTCSeconds())}`;
    if (span < 2 * 86400e3) return time;
    return `${date.getUTCDate()} ${date.toLocaleString("en", { month: "short", timeZone: "UTC" })}`;
  };
  function draw(canvas) {
    const source = document.getElementById(canvas.dataset.chart);
    if (!source || !window.Chart) return;
    const data = JSON.parse(source.textContent);
    const colours = { line: accent(), grey: ink(), target: token("met"), alert: token("breached") };
    const series = data.series.map((one, index) => ({
      label: one.label, data: one.points.map(([x, y]) => ({ x, y })), borderColor: index === 0 ? colours.line : colours.grey,
      borderWidth: index === 0 ? 2 : 1.2, pointRadius: one.points.length < 40 ? 2 : 0, pointHitRadius: 8, tension: 0, spanGaps: false,
      backgroundColor: index === 0 ? colours.line : colours.grey,
    }));
    const lines = data.lines.map((one) => ({
      label: one.label, data: one.points.map(([x, y]) => ({ x, y })), borderColor: colours[one.kind], borderWidth: 1.4,
      borderDash: [6, 4], pointRadius: 0, stepped: "before", backgroundColor: colours[one.kind],
    }));
    const span = data.end - data.start;
    const annotations = {};
    (data.moments || []).forEach((moment, index) => {
      annotations[`m${index}`] = {
        type: "line", xMin: moment.at, xMax: moment.at, borderColor: colours.grey, borderWidth: 1, borderDash: [2, 3],
        label: { display: true, content: moment.label, position: "start", backgroundColor: "transparent", color: colours.grey, font: { size: 11 } },
      };
    });
    if (drawn.has(canvas)) drawn.get(canvas).destroy();
    const grid = getComputedStyle(canvas.closest(".card") || document.body).borderTopColor;
    drawn.set(canvas, new window.Chart(canvas, {
      type: "line", data: { datasets: [...series, ...lines] },
      options: {
        animation: false, responsive: true, maintainAspectRatio: false, parsing: false, normalized: true,
        interaction: { mode: "nearest", axis: "x", intersect: false },
        scales: {
          x: { type: "linear", min: data.start, max: data.end, grid: { display: false }, border: { display: false },
            ticks: { maxTicksLimit: 8, maxRotation: 0, color: colours.grey, callback: (value) => clock(value, span) } },
          y: { beginAtZero: data.zero, grid: { color: grid }, border: { display: false },
            ticks: { maxTicksLimit: 7, color: colours.grey, callback: (value, index, ticks) => index === ticks.length - 1 ? `${value.toLocaleString("en")} ${data.unit}` : value.toLocaleString("en") } },
        },
        plugins: {
          legend: { display: true, align: "start", labels: { boxWidth: 14, boxHeight: 1, color: colours.grey, font: { size: 12 } } },
          tooltip: { callbacks: { title: (items) => items.length ? `${new Date(items[0].parsed.x).toISOString().replace("T", " ").slice(0, 19)} UTC` : "",
            label: (item) => `${item.dataset.label}: ${item.parsed.y.toLocaleString("en", { maximumSignificantDigits: 4 })} ${data.unit}` } },
          annotation: { annotations },
        },
      },
    }));
  }
  const all = () => {
    for (const canvas of drawn.keys()) if (!canvas.isConnected) { drawn.get(canvas).destroy(); drawn.delete(canvas); }
    document.querySelectorAll("canvas[data-chart]").forEach(draw);
  };
  document.addEventListener("DOMContentLoaded", all);
  document.addEventListener("themechange", all);
  document.addEventListener("htmx:afterSettle", all);
})();
