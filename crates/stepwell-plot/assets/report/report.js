// Draws the panels of a report: one per series, their steps linked. It reads two elements of the page, #model (JSON: what there
// is to draw) and #words (numbers), and asks nothing of the network.
"use strict";
(async () => {
  const find = (id) => document.getElementById(id);
  const model = JSON.parse(find("model").textContent);
  const values = await numbers(find("words").textContent.trim());
  const dark = matchMedia("(prefers-color-scheme: dark)");

  // What is shown. A line is a run that is drawn by itself.
  const shown = {
    groups: model.groups.map(() => true),
    lines: model.groups.map((group) => group.lines.map(() => true)),
    runs: true,
    bands: true,
    logSteps: false,
    logValues: model.series.map((series) => series.log).concat(false),
  };
  let zoom = null;
  let panels = [];

  // Base 64 -> inflated -> the upper halves of doubles, their first bytes first.
  async function numbers(text) {
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const planes = new Uint8Array(await new Response(stream).arrayBuffer());
    const n = planes.length / 4;
    const view = new DataView(new ArrayBuffer(8));
    return Float64Array.from({ length: n }, (_, k) => {
      for (let plane = 0; plane < 4; plane++) view.setUint8(plane, planes[plane * n + k]);
      return view.getFloat64(0);
    });
  }

  // ---- words and numbers for people

  const superscript = (n) => String(n).replace(/[-0-9]/g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]));
  const whole = (n) => n.toLocaleString("en-US");
  const times = (v) => {
    const exponent = Math.floor(Math.log10(Math.abs(v)) + 1e-12);
    const digit = Number((v / 10 ** exponent).toPrecision(3));
    return (digit === 1 ? "" : `${digit}·`) + `10${superscript(exponent)}`;
  };
  function short(v) {
    if (v === undefined) return "–";
    if (Number.isNaN(v)) return "NaN";
    if (!Number.isFinite(v)) return v > 0 ? "∞" : "−∞";
    if (v === 0 || (Number.isInteger(v) && Math.abs(v) < 1e6)) return whole(v);
    const size = Math.abs(v);
    return size < 1e-3 || size >= 1e5 ? v.toExponential(3).replace("e+", "e") : String(Number(v.toPrecision(4)));
  }
  function tick(v) {
    const size = Math.abs(v);
    if (v === 0) return "0";
    if (size >= 1e6 || size < 1e-3) return times(v);
    return size >= 1e4 ? `${Number((v / 1e3).toPrecision(4))}k` : String(Number(v.toPrecision(6)));
  }
  const stepTick = (v) => (v >= 1e6 ? `${Number((v / 1e6).toPrecision(4))}M` : tick(v));

  // ---- colors

  const color = (g) => model.groups[g].color[dark.matches ? 1 : 0];
  const pale = (c, share) =>
    c.startsWith("#") ? c + Math.round(255 * share).toString(16).padStart(2, "0") : c.replace(")", ` / ${share})`);
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // ---- curves of a panel

  // Each curve: group, line (-1: of the group), what it is, its grid and where its values are.
  function curves(s) {
    const out = [];
    const of = (list) => list.find((entry) => entry[0] === s);
    if (s === model.series.length) {
      model.groups.forEach((group, g) => {
        if (group.schedule) {
          const [grid, count, at] = group.schedule;
          out.push({ g, l: -1, kind: "median", grid, count, at });
        }
      });
      return out;
    }
    model.groups.forEach((group, g) => {
      const band = of(group.bands);
      if (band) {
        const [, grid, count, median, low, high] = band;
        out.push({ g, l: -1, kind: "low", grid, count, at: low }, { g, l: -1, kind: "high", grid, count, at: high });
        out.push({ g, l: -1, kind: "median", grid, count, at: median });
      }
      group.lines.forEach((line, l) => {
        const series = of(line.series);
        if (series) {
          const [, grid, count, at] = series;
          out.push({ g, l, kind: band || group.runs > 1 ? (line.counts ? "run" : "published") : "alone", grid, count, at });
        }
      });
    });
    const order = { low: 0, high: 0, run: 1, published: 2, alone: 3, median: 3 };
    return out.map((c, k) => [order[c.kind], k, c]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((entry) => entry[2]);
  }

  const isShown = (c) =>
    shown.groups[c.g] &&
    (c.l < 0 || shown.lines[c.g][c.l]) &&
    (c.kind === "run" ? shown.runs : c.kind === "low" || c.kind === "high" ? shown.bands : true);

  // Values on common steps: `null` breaks a line (NaN, infinite, not positive on a logarithmic axis), `undefined` does not.
  function aligned(list, log) {
    const first = shown.logSteps ? 1 : 0;
    const grids = new Set(list.map((c) => c.grid));
    const steps = [...new Set([...grids].flatMap((grid) => model.grids[grid]))].filter((t) => t >= first).sort((a, b) => a - b);
    const place = new Map(steps.map((t, k) => [t, k]));
    const column = (c) => {
      const out = new Array(steps.length);
      for (let k = 0; k < c.count; k++) {
        const v = values[c.at + k];
        const at = place.get(model.grids[c.grid][k]);
        if (at !== undefined) out[at] = Number.isFinite(v) && (!log || v > 0) ? v : null;
      }
      return out;
    };
    return [steps, ...list.map(column)];
  }

  // The value of a curve at a step, or the one before it.
  function valueAt(c, step) {
    const grid = model.grids[c.grid];
    let [low, high] = [0, c.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (grid[middle] <= step) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : values[c.at + low - 1];
  }

  // ---- axes

  const logTicks = (low, high, most) => {
    const decades = Math.log10(high / low);
    const out = [];
    const stride = Math.max(1, Math.ceil(decades / most));
    const digits = decades < 1.2 ? [1, 1.5, 2, 3, 4, 5, 6, 8] : decades < 2.5 ? [1, 2, 5] : [1];
    for (let k = Math.floor(Math.log10(low)); k <= Math.log10(high); k++) {
      if (digits.length === 1 && k % stride !== 0) continue;
      for (const digit of digits) {
        const v = Number(`${digit}e${k}`);
        if (v >= low * (1 - 1e-9) && v <= high * (1 + 1e-9)) out.push(v);
      }
    }
    return out;
  };
  const padded = (log) => (u, low, high) => {
    if (!Number.isFinite(low) || !Number.isFinite(high)) return log ? [0.1, 10] : [0, 1];
    if (log) {
      const margin = Math.max(Math.log10(high / low), 0.3) * 0.05;
      return [low * 10 ** -margin, high * 10 ** margin];
    }
    const margin = (high - low || Math.abs(high) || 1) * 0.06;
    return [low - margin, high + margin];
  };
  const full = () => [shown.logSteps ? 1 : 0, Math.max(model.last_step, 2)];

  // ---- marks on a panel: where the step size is divided, where runs diverged

  function under(panel) {
    return (u) => {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.lineWidth = devicePixelRatio;
      ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
      model.groups.forEach((group, g) => {
        if (!shown.groups[g] || model.groups.length > 12) return;
        ctx.strokeStyle = pale(color(g), 0.55);
        for (const t of group.decays) {
          const x = Math.round(u.valToPos(t, "x", true));
          if (x < bbox.left || x > bbox.left + bbox.width) continue;
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
        }
      });
      ctx.restore();
    };
  }

  function over(panel) {
    return (u) => {
      if (panel.schedule) return;
      const { ctx, bbox } = u;
      const r = devicePixelRatio;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left - 5 * r, bbox.top - 5 * r, bbox.width + 10 * r, bbox.height + 10 * r);
      ctx.clip();
      // all that diverged, as a row of strokes along the upper edge
      model.groups.forEach((group, g) => {
        if (!shown.groups[g]) return;
        ctx.strokeStyle = pale(color(g), 0.7);
        ctx.lineWidth = r;
        for (const t of group.diverged) {
          const x = u.valToPos(t, "x", true);
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + 7 * r);
          ctx.stroke();
        }
      });
      // and each that is drawn, as a cross at its step and at its last finite value
      panel.list.forEach((c, k) => {
        const line = c.l < 0 ? null : model.groups[c.g].lines[c.l];
        if (!line || line.diverged === null || !isShown(c)) return;
        let last = null;
        for (const v of u.data[k + 1]) if (v != null) last = v;
        const x = u.valToPos(Math.max(line.diverged, full()[0]), "x", true);
        let y = last === null ? bbox.top : u.valToPos(last, "y", true);
        y = Math.min(Math.max(y, bbox.top + 3 * r), bbox.top + bbox.height - 3 * r);
        const a = 3.2 * r;
        ctx.strokeStyle = color(c.g);
        ctx.lineWidth = 1.6 * r;
        ctx.beginPath();
        ctx.moveTo(x - a, y - a);
        ctx.lineTo(x + a, y + a);
        ctx.moveTo(x - a, y + a);
        ctx.lineTo(x + a, y - a);
        ctx.stroke();
      });
      ctx.restore();
    };
  }

  // ---- panels

  function element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "class") node.className = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (key === "color") node.style.setProperty("--c", value);
      else node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  }

  function build() {
    for (const panel of panels) panel.plot.destroy();
    panels = [];
    const root = find("panels");
    root.replaceChildren();
    for (let s = 0; s <= model.series.length; s++) {
      const list = curves(s);
      if (list.length > 0) panels.push(makePanel(s, list, root));
    }
  }

  function makePanel(s, list, root) {
    const schedule = s === model.series.length;
    const unit = model.step_size_unit ? `, ${model.step_size_unit}` : "";
    const title = schedule ? `Step size${unit}` : model.series[s].title;
    const toggle = element("button", { class: "log", type: "button", title: "Logarithmic or linear values" }, "log");
    toggle.setAttribute("aria-pressed", String(shown.logValues[s]));
    toggle.addEventListener("click", () => {
      shown.logValues[s] = !shown.logValues[s];
      build();
    });
    const runs = schedule ? null : model.series[s].rests_on;
    const note = runs ? [element("p", { class: "rests-on" }, runs)] : [];
    const readout = element("div", { class: "readout" });
    const place = element("div", { class: "plot" });
    const box = element("section", { class: "panel" }, element("div", { class: "head" }, element("h3", {}, title), toggle), ...note, readout, place);
    box.dataset.series = schedule ? "schedule" : model.series[s].name;
    root.append(box);
    const panel = { s, schedule, list, readout, place, focus: null };
    panel.plot = new uPlot(options(panel), aligned(list, shown.logValues[s]), place);
    return panel;
  }

  const height = (width) => Math.round(Math.min(300, Math.max(210, width * 0.58)));

  function options(panel) {
    const { list, s } = panel;
    const log = shown.logValues[s];
    const [quiet, grid] = [style("--quiet"), style("--grid")];
    const font = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
    const axis = { stroke: quiet, font, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 } };
    const hasDiverged = (c) => (c.l < 0 ? model.groups[c.g].none_left : model.groups[c.g].lines[c.l].diverged !== null);
    const survived = list.some((c) => !hasDiverged(c));
    const series = list.map((c) => {
      // what diverges must not flatten the others
      const auto = panel.schedule || !(hasDiverged(c) && survived);
      const base = { show: isShown(c), spanGaps: false, points: { show: false }, auto };
      if (c.kind === "low" || c.kind === "high") return { ...base, stroke: "transparent", width: 0 };
      const crowd = model.groups[c.g].lines.length;
      const stroke = c.kind === "run" ? pale(color(c.g), crowd > 30 ? 0.22 : 0.38) : color(c.g);
      const dash = c.kind === "published" ? [5, 3] : undefined;
      return { ...base, stroke, width: c.kind === "run" ? 1 : c.kind === "published" ? 1.3 : 2, dash };
    });
    const bands = [];
    list.forEach((c, k) => {
      if (c.kind === "low") bands.push({ series: [k + 2, k + 1], fill: pale(color(c.g), 0.17), dir: -1 });
    });
    const [first, last] = zoom || full();
    const width = panel.place.clientWidth;
    return {
      width,
      height: height(width),
      legend: { show: false },
      padding: [8, 12, 0, 0],
      focus: { alpha: 0.35 },
      cursor: {
        sync: { key: "steps" },
        focus: { prox: 14 },
        points: { one: true, size: 6 },
        hover: { prox: 12 },
        drag: { x: true, y: false, dist: 5 },
        bind: { dblclick: () => () => { setZoom(null); return null; } },
      },
      scales: {
        x: { time: false, distr: shown.logSteps ? 3 : 1, range: (u, low, high) => (low == null ? [first, last] : [low, high]), min: first, max: last },
        y: { distr: log ? 3 : 1, range: padded(log) },
      },
      axes: [
        {
          ...axis, size: 28, space: 58, values: (u, ticks) => ticks.map(stepTick),
          ...(shown.logSteps ? { splits: (u, a, low, high) => logTicks(low, high, 7), filter: (u, ticks) => ticks } : {}),
        },
        {
          ...axis, size: 54, space: 34, values: (u, ticks) => ticks.map(tick),
          ...(log ? { splits: (u, a, low, high) => logTicks(low, high, 6), filter: (u, ticks) => ticks } : {}),
        },
      ],
      series: [{}, ...series],
      bands,
      hooks: {
        drawAxes: [under(panel)],
        draw: [over(panel)],
        setScale: [(u, key) => key === "x" && follow(u)],
        setCursor: [(u) => read(panel, u)],
        setSeries: [(u, k, change) => {
          if (change.show === undefined) {
            panel.focus = k == null || k === 0 ? null : list[k - 1];
            read(panel, u);
          }
        }],
      },
    };
  }

  // The steps of one panel are those of all.
  function follow(u) {
    const { min, max } = u.scales.x;
    const [first, last] = full();
    zoom = min <= first && max >= last ? null : [min, max];
    find("reset").disabled = zoom === null;
    for (const { plot } of panels) {
      if (plot !== u && (plot.scales.x.min !== min || plot.scales.x.max !== max)) plot.setScale("x", { min, max });
    }
  }

  function setZoom(range) {
    const [min, max] = range || full();
    for (const { plot } of panels) plot.setScale("x", { min, max });
  }

  // What lies under the cursor: medians, and the run that is nearest.
  function read(panel, u) {
    const inside = u.cursor.left >= 0;
    const step = inside ? Math.round(u.posToVal(u.cursor.left, "x")) : null;
    find("at").textContent = step === null ? "" : `step ${whole(Math.max(0, step))}`;
    if (step === null) {
      panel.readout.replaceChildren();
      return;
    }
    const parts = [];
    const focus = panel.focus && panel.focus.l >= 0 && panel.focus.kind !== "alone" ? panel.focus : null;
    if (focus) {
      const { name, diverged } = model.groups[focus.g].lines[focus.l];
      const end = diverged === null ? "" : `, diverged at step ${whole(diverged)}`;
      const words = element("span", { color: color(focus.g) }, element("b", {}, name), ` ${short(valueAt(focus, step))}${end}`);
      parts.push(words);
    }
    // no cursor comes near to what is no number
    const isOdd = (c) =>
      (c.kind === "run" || c.kind === "published") && isShown(c) && step <= model.grids[c.grid][c.count - 1] &&
      !Number.isFinite(valueAt(c, step) ?? 0);
    for (const c of panel.list.filter(isOdd).slice(0, 3)) {
      const name = element("b", {}, model.groups[c.g].lines[c.l].name);
      parts.push(element("span", { color: color(c.g) }, name, ` ${short(valueAt(c, step))}`));
    }
    for (const c of panel.list) {
      if ((c.kind !== "median" && c.kind !== "alone") || !isShown(c) || parts.length > 8) continue;
      parts.push(element("span", { color: color(c.g) }, element("i"), short(valueAt(c, step))));
    }
    panel.readout.replaceChildren(...parts);
  }

  // ---- what is shown

  function apply() {
    for (const { plot, list } of panels) {
      plot.batch(() => {
        list.forEach((c, k) => {
          if (plot.series[k + 1].show !== isShown(c)) plot.setSeries(k + 1, { show: isShown(c) });
        });
        plot.redraw(false, false);
      });
    }
    for (const button of document.querySelectorAll("[data-group]")) {
      const { group, line } = button.dataset;
      button.setAttribute("aria-pressed", String(line === undefined ? shown.groups[group] : shown.lines[group][line]));
    }
  }

  function legend() {
    const root = find("groups");
    root.replaceChildren();
    model.groups.forEach((group, g) => {
      const count = group.diverged.length;
      const words = `${whole(group.runs)} ${group.runs === 1 ? "run" : "runs"}${count ? `, ${whole(count)} diverged` : ""}`;
      const toggle = element(
        "button",
        {
          class: "toggle", type: "button", "data-group": g, title: "Click: show or hide. Double click: only this one, or all",
          onclick: () => { shown.groups[g] = !shown.groups[g]; apply(); },
          ondblclick: () => {
            const alone = shown.groups.every((on, k) => on === (k === g));
            shown.groups = shown.groups.map((_, k) => alone || k === g);
            apply();
          },
        },
        element("span", { class: "swatch" }),
        element("span", {}, group.label, element("small", {}, words)),
      );
      const seeds = element("div", { class: "seeds" });
      seeds.hidden = true;
      group.lines.forEach((line, l) => {
        const state = line.diverged === null ? "" : `, diverged at step ${whole(line.diverged)}`;
        seeds.append(element(
          "button",
          {
            class: line.diverged === null ? "seed" : "seed diverged", type: "button", "data-group": g, "data-line": l,
            title: `${line.name}${state}`,
            onclick: () => { shown.lines[g][l] = !shown.lines[g][l]; apply(); },
          },
          line.name.replace(/^seed /, ""),
        ));
      });
      const more = element("button", { class: "more", type: "button", "aria-expanded": "false" }, "runs");
      more.addEventListener("click", () => {
        seeds.hidden = !seeds.hidden;
        more.setAttribute("aria-expanded", String(!seeds.hidden));
      });
      const head = element("div", { class: "head" }, toggle, ...(group.lines.length > 1 ? [more] : []));
      root.append(element("div", { class: "group", color: color(g) }, head, seeds));
    });
  }

  function bar() {
    const press = (id, key, then) => {
      const button = find(id);
      button.setAttribute("aria-pressed", String(shown[key]));
      button.addEventListener("click", () => {
        shown[key] = !shown[key];
        button.setAttribute("aria-pressed", String(shown[key]));
        then();
      });
    };
    press("runs", "runs", apply);
    press("bands", "bands", apply);
    press("log-steps", "logSteps", () => {
      zoom = null;
      build();
    });
    find("reset").disabled = true;
    find("reset").addEventListener("click", () => setZoom(null));
    find("bar").hidden = false;
  }

  // ---- copying

  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("pre").textContent;
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        const range = document.createRange();
        range.selectNodeContents(button.parentElement.querySelector("pre"));
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        document.execCommand("copy");
      }
      button.textContent = "copied";
      setTimeout(() => (button.textContent = "copy"), 1500);
    });
  }

  bar();
  legend();
  build();
  apply();
  dark.addEventListener("change", () => { legend(); build(); apply(); });
  let pending = 0;
  new ResizeObserver(() => {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(() => {
      for (const { plot, place } of panels) {
        const width = place.clientWidth;
        if (width !== plot.width) plot.setSize({ width, height: height(width) });
      }
    });
  }).observe(find("panels"));
  document.documentElement.dataset.ready = "true";
})();
