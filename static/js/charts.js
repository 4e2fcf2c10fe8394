// Draws every `<canvas data-chart="id">` from the JSON script of that id: series, stepped target and alert lines, moments,
// bands. Colours are read from the tokens when drawing, and again when the theme changes. Gaps stay gaps.
(() => {
  "use strict";
  const drawn = new Map();
  const MINUTE = 60e3, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
  const STEPS = [MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
    DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 84 * DAY, 364 * DAY];
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

  const probe = document.createElement("span");
  const token = (name, share = 1) => {
    probe.className = `tok-${name}`;
    document.body.append(probe);
    const [, numbers] = /\(([^)]+)\)/.exec(getComputedStyle(probe).color) || [null, "0 0 0"];
    probe.remove();
    return `rgba(${numbers.split(/[ ,/]+/).slice(0, 3).join(",")},${share})`;
  };
  const two = (n) => String(n).padStart(2, "0");
  const clock = (ms, step) => {
    const date = new Date(ms), year = date.getUTCFullYear();
    const day = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}${year === new Date().getUTCFullYear() ? "" : ` ${year}`}`;
    return step >= DAY ? day : `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  };
  const figure = (value) => value.toLocaleString("en-US", { maximumSignificantDigits: Math.abs(value) >= 1000 ? 6 : 4 });

  // No word lies on the plot, where it would hide what was measured. Lines are named at their end, right of it; names that would
  // touch are moved apart, and back up where they would leave the chart.
  const endLabels = {
    id: "endLabels",
    afterDatasetsDraw(chart) {
      const context = chart.ctx, put = [];
      chart.data.datasets.forEach((set, index) => {
        const points = chart.getDatasetMeta(index).data;
        const last = set.data.reduce((found, point, at) => (point.y === null ? found : at), -1);
        if (set.endLabel && last >= 0) put.push({ x: chart.chartArea.right, y: points[last].y, text: set.endLabel, colour: set.labelColour, bold: index === 0 });
      });
      put.sort((a, b) => a.y - b.y);
      put.forEach((one, index) => { if (index && one.y - put[index - 1].y < 14) one.y = put[index - 1].y + 14; });
      put.reverse().forEach((one, index) => { one.y = Math.min(one.y, index ? put[index - 1].y - 14 : chart.height - 8); });
      for (const one of put) {
        context.font = endFont(one.bold);
        context.fillStyle = one.colour;
        context.textAlign = "left";
        context.textBaseline = "middle";
        context.fillText(one.text, one.x + 9, one.y, ROOM - 12);
      }
    },
  };
  const ROOM = 110;
  const endFont = (bold) => `${bold ? 600 : 500} 11.5px ${window.Chart.defaults.font.family}`;

  // How much room the names at the right need.
  function room(sets, context) {
    const wide = sets.map((set, index) => { context.font = endFont(index === 0); return context.measureText(set.endLabel).width; });
    return Math.min(ROOM, Math.max(0, ...wide) + 16);
  }

  // Moments and bands are named above the plot; a stem leads from a name that stands higher down to its line.
  const ROW = 16;
  const topLabels = (labels, colours) => ({
    id: "topLabels",
    afterDraw(chart) {
      const context = chart.ctx, top = chart.chartArea.top;
      const put = labels.filter((one) => one.row !== undefined);
      context.font = `600 11px ${window.Chart.defaults.font.family}`;
      context.textBaseline = "middle";
      context.textAlign = "center";
      context.strokeStyle = colours.grey;
      context.setLineDash([2, 3]);
      for (const one of put.filter((label) => !label.band)) {
        const x = chart.scales.x.getPixelForValue(one.at);
        context.beginPath();
        context.moveTo(x, top);
        context.lineTo(x, top - one.row * ROW - 4);
        context.stroke();
      }
      context.setLineDash([]);
      for (const one of put) {
        const half = context.measureText(one.label).width / 2 + 3;
        const x = Math.min(chart.width - half, Math.max(half, chart.scales.x.getPixelForValue(one.at)));
        const y = top - one.row * ROW - 12;
        context.fillStyle = colours.surface;
        context.fillRect(x - half, y - 7, 2 * half, 14);
        context.fillStyle = one.band ? colours.bandText : colours.grey;
        context.fillText(one.label, x, y);
      }
    },
  });

  const points = (one) => one.points.map(([x, y]) => ({ x, y }));
  const last = (one) => one.points.reduce((found, [, y]) => (y === null ? found : y), null);

  // A point between two gaps has no line to be seen by.
  const alone = (all, at) => [at - 1, at + 1].every((near) => !all[near] || all[near][1] === null);

  function datasets(data, colours) {
    const series = data.series.map((one, index) => ({
      label: one.label, data: points(one), spanGaps: false, borderColor: index ? colours.quiet : colours.line,
      backgroundColor: index ? colours.quiet : colours.line, borderWidth: index ? 1.25 : 2,
      pointRadius: (at) => one.points.length < 40 || alone(one.points, at.dataIndex) ? 2 : 0, pointHitRadius: 8,
      endLabel: index ? one.short : `${one.short} ${figure(last(one) ?? 0)}`, labelColour: index ? colours.grey : colours.line,
    }));
    const lines = data.lines.map((one) => ({
      label: one.label, data: points(one), spanGaps: false, borderColor: colours[one.kind], backgroundColor: colours[one.kind],
      borderWidth: 1.5, borderDash: [5, 4], pointRadius: 0, pointHitRadius: 0,
      endLabel: last(one) === null ? "" : `${one.label} ${figure(last(one))}`, labelColour: colours[`${one.kind}Text`],
    }));
    return [...series, ...lines];
  }

  // Names that would lie on each other go up a row, up to three (on a phone two); after that only the line tells.
  function inRows(labels, data, width) {
    const ends = [], rows = innerWidth < 600 ? [0, 1] : [0, 1, 2];
    const short = (text) => (text.length > 26 ? `${text.slice(0, 25)}…` : text);
    return [...labels].sort((a, b) => a.at - b.at).map((one) => {
      const label = short(one.label), half = label.length * 3.2 + 6;
      const x = Math.max(half, (one.at - data.start) / (data.end - data.start) * width);
      const row = rows.find((at) => (ends[at] ?? -Infinity) < x - half);
      if (row !== undefined) ends[row] = x + half;
      return { ...one, label, row };
    });
  }

  // Which bands carry their name: those with room for it, and where none of a kind has, its newest. A narrow one, such as of a
  // quiet that comes back every night, is drawn stronger: as faint as a wide one it would not be seen.
  function named(data, width) {
    const bands = (data.bands || []).map((band) => ({ ...band, wide: (band.to - band.from) / (data.end - data.start) * width }));
    const fits = (band) => band.wide > band.label.length * 6 + 8;
    const newest = (one) => bands.filter((band) => band.label === one.label).reduce((a, b) => (b.from > a.from ? b : a));
    return bands.map((band) => ({
      ...band, narrow: band.wide < 24,
      named: fits(band) || (band === newest(band) && !bands.some((other) => other.label === band.label && fits(other))),
    }));
  }

  function annotations(data, bands, colours) {
    const found = {};
    data.moments.forEach((moment, index) => {
      found[`m${index}`] = { type: "line", xMin: moment.at, xMax: moment.at, borderColor: colours.grey, borderWidth: 1, borderDash: [2, 3] };
    });
    bands.forEach((band, index) => {
      found[`b${index}`] = {
        type: "box", xMin: band.from, xMax: band.to, drawTime: "beforeDatasetsDraw", borderColor: colours.narrow, borderWidth: band.narrow ? 1 : 0,
        backgroundColor: band.narrow ? colours.narrow : colours.band,
      };
    });
    return found;
  }

  function scales(data, colours) {
    const span = data.end - data.start;
    const room = innerWidth < 600 ? 4 : 8;
    const step = STEPS.find((one) => span / one <= room) || STEPS.at(-1);
    const ticks = { color: colours.grey, padding: 8, font: { size: 11.5 }, maxRotation: 0 };
    return {
      x: { type: "linear", min: data.start, max: data.end, grid: { display: false }, border: { display: false },
        afterBuildTicks: (axis) => { axis.ticks = []; for (let at = Math.ceil(data.start / step) * step; at <= data.end; at += step) axis.ticks.push({ value: at }); },
        ticks: { ...ticks, callback: (value) => clock(value, step) } },
      y: { beginAtZero: data.zero, grid: { color: colours.grid, drawTicks: false }, border: { display: false },
        ticks: { ...ticks, maxTicksLimit: 7, callback: (value, index, all) => figure(value).replace("-", "−") + (index === all.length - 1 ? ` ${data.unit}` : "") } },
    };
  }

  // What the plan did meanwhile, asked for once: tasks done and phases closed inside what the chart shows.
  const plans = new Map();
  function planned(canvas, data) {
    const address = canvas.dataset.moments;
    if (!address) return [];
    if (!plans.has(address)) {
      plans.set(address, []);
      fetch(address, { headers: { Accept: "application/json" } }).then((answer) => (answer.ok ? answer.json() : { tasks: [], phases: [] })).then((told) => {
        const closed = told.phases.filter((phase) => phase.to).map((phase) => ({ at: Date.parse(phase.to), label: `P${/\d+/.exec(phase.text)[0]} closed` }));
        plans.set(address, [...told.tasks.map((task) => ({ at: task.at, label: task.text })), ...closed]);
        all();
      }).catch(() => plans.set(address, []));
    }
    return plans.get(address).filter((moment) => moment.at >= data.start && moment.at <= data.end).slice(-6);
  }

  function draw(canvas) {
    const source = document.getElementById(canvas.dataset.chart);
    if (!source || !window.Chart) return;
    const data = JSON.parse(source.textContent);
    data.moments = [...(data.moments || []), ...planned(canvas, data)];
    const colours = {
      line: token("accent"), quiet: token("ink-3", 0.65), grey: token("ink-3"), grid: token("line-2"), surface: token("surface"),
      target: token("met-fill"), targetText: token("met"), alert: token("breached-fill"), alertText: token("breached"),
      band: token("waived-fill", 0.12), narrow: token("waived-fill", 0.3), bandText: token("waived"), raise: token("raise"), ink: token("ink"),
    };
    window.Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    drawn.get(canvas)?.destroy();
    const sets = datasets(data, colours), right = room(sets, canvas.getContext("2d"));
    const width = Math.max(100, canvas.parentElement.clientWidth - right - 50), bands = named(data, width);
    const over = bands.filter((band) => band.named).map((band) => ({ at: (band.from + band.to) / 2, label: band.label, band: true }));
    const labels = inRows([...data.moments, ...over], data, width);
    const rows = Math.max(0, ...labels.map((one) => (one.row ?? -1) + 1));
    drawn.set(canvas, new window.Chart(canvas, {
      type: "line", plugins: [endLabels, topLabels(labels, colours)], data: { datasets: sets },
      options: {
        animation: false, responsive: true, maintainAspectRatio: false, parsing: false, normalized: true,
        layout: { padding: { right, top: 8 + rows * ROW } }, interaction: { mode: "nearest", axis: "x", intersect: false }, scales: scales(data, colours),
        plugins: {
          legend: { display: false },
          annotation: { annotations: annotations(data, bands, colours) },
          tooltip: {
            backgroundColor: colours.raise, titleColor: colours.ink, bodyColor: colours.ink, borderColor: colours.grid, borderWidth: 1, padding: 10, cornerRadius: 8, boxWidth: 8, boxHeight: 2,
            callbacks: { title: (items) => items.length ? `${new Date(items[0].parsed.x).toISOString().replace("T", " ").slice(0, 19)} UTC` : "",
              label: (item) => ` ${item.dataset.label}  ${figure(item.parsed.y)} ${data.unit}` },
          },
        },
      },
    }));
  }
  function all() {
    for (const [canvas, chart] of drawn) if (!canvas.isConnected) { chart.destroy(); drawn.delete(canvas); }
    document.querySelectorAll("canvas[data-chart]").forEach(draw);
  }
  document.addEventListener("DOMContentLoaded", all);
  document.addEventListener("themechange", all);
  document.addEventListener("htmx:afterSwap", all);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
})();
