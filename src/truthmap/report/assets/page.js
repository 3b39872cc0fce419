"use strict";
(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  if (!data.sites) return;
  const byId = (id) => document.getElementById(id);
  const root = document.documentElement;
  const P = data.positions.length;
  // So many columns stand side by side; a slider moves them.
  const WINDOW = Math.min(P, 30);
  const BOXES = { thought: "#d95f02", final: "#1b9e77" };
  // Light to dark blue, every step darker than the last: it reads the same in grey.
  const BLUES = [[0, "#deebf7"], [0.2, "#c1d9ed"], [0.4, "#88bedc"], [0.6, "#539ecd"], [0.8, "#2171b5"], [1, "#08306b"]];
  const percent = (share) => `${(100 * share).toFixed(0)} %`;
  const fixed = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));

  const VIEWS = [
    {
      key: "auc", name: "AUC", needs: ["auc"], range: [0.5, 1], label: "AUC",
      says: "Cross-validated AUC: the chance that a right answer is scored above a wrong one. 0.5 is chance.",
      value: (c, k) => c.auc[k],
    },
    {
      key: "significance", name: "Significance", needs: ["p_value"], range: [0, 2], grows: true, label: "p-value",
      ticks: [[0, 1, 1.301, 2, 3], ["1", "0.1", "0.05", "0.01", "0.001"]],
      says: "p-value against shuffled labels, corrected for looking at every cell. Darker is stronger evidence.",
      value: (c, k) => (c.p_value[k] === null ? null : -Math.log10(Math.max(c.p_value[k], 1e-3))),
    },
    {
      key: "gain", name: "Gain over the text baseline", needs: ["text_baseline_auc"], range: [0, 0.1], grows: true, label: "AUC gained",
      says: "AUC minus the AUC that everything said and asked reaches without any hidden state, both cross-validated. A minus sign marks cells that gain nothing.",
      value: (c, k) => (c.auc[k] === null || c.text_baseline_auc[k] === null ? null : c.auc[k] - c.text_baseline_auc[k]),
      negative: true,
    },
    {
      key: "within", name: "Within one answer", needs: ["within_auc"], range: [0.5, 1], label: "AUC within",
      says: "AUC among answers that give the same exact answer, where it cannot help that some answers are right more often.",
      value: (c, k) => c.within_auc[k],
    },
  ];
  const state = { view: VIEWS[0], site: data.sites[0], layer: 0, column: 0, first: 0 };

  function colours() {
    const style = getComputedStyle(root);
    const of = (name) => style.getPropertyValue(name).trim();
    return { ink: of("--ink"), soft: of("--soft"), line: of("--line"), missing: of("--missing"), right: of("--right"), wrong: of("--wrong"), page: of("--page") };
  }

  const at = (layer, column) => layer * P + column;
  const rows = (f) => Array.from({ length: state.site.layers }, (_, layer) => data.positions.map((_, column) => f(at(layer, column), layer, column)));

  function describe(layer, column) {
    const c = state.site.columns;
    const k = at(layer, column);
    const found = [[`layer ${layer}, ${data.positions[column]}`, ""]];
    if (c.auc[k] === null) found.push(["AUC", "no probe: too few answers"]);
    else found.push(["AUC, cross-validated", `${fixed(c.auc[k], 3)} [${fixed(c.low[k], 3)}, ${fixed(c.high[k], 3)}]`]);
    if (c.closing_share) found.push(["holds", [["closing token", c.closing_share[k]], ["punctuation", c.punctuation_share[k]], ["missing", c.missing_share[k]]].map(([name, share]) => `${name} ${percent(share)}`).join(", ")]);
    found.push(["answers", c.n_right ? `${c.n[k]}, of them ${c.n_right[k]} right` : `${c.n[k]}`]);
    if (c.auc[k] === null) return found;
    if (c.p_value) found.push(["corrected p-value", c.p_value[k] === null ? "–" : Number(c.p_value[k].toPrecision(2)).toString()]);
    if (c.text_baseline_auc) found.push(["text baseline, cross-validated", fixed(c.text_baseline_auc[k], 3)]);
    if (c.within_auc) found.push(["within one answer", fixed(c.within_auc[k], 3) + (c.within_pairs ? ` (${c.within_pairs[k]} pairs)` : "")]);
    if (c.average_precision) found.push(["average precision", fixed(c.average_precision[k], 3)]);
    if (c.brier) found.push(["Brier score", fixed(c.brier[k], 3)]);
    if (c.ece) found.push(["calibration error", fixed(c.ece[k], 3)]);
    found.push(["C", Number(c.C[k].toPrecision(3)).toString()]);
    found.push(["converged", c.converged[k] ? "yes" : "no"]);
    return found;
  }

  const plain = { displayModeBar: false, responsive: true, doubleClick: false };
  function layoutOf(extra) {
    const ink = colours();
    const axis = { gridcolor: ink.line, linecolor: ink.line, zeroline: false, fixedrange: true, tickfont: { color: ink.ink }, title: { font: { color: ink.ink } } };
    const { xaxis, yaxis, ...rest } = extra;
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink.ink, size: 12 }, dragmode: false,
      hoverlabel: { align: "left" }, xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
    };
  }

  function outline(x0, x1, y0, y1, color, width) {
    return { type: "rect", x0, x1, y0, y1, line: { color, width }, fillcolor: "rgba(0,0,0,0)" };
  }

  function mapShapes(ink) {
    const { layer, column } = state;
    const boxes = data.groups.filter((g) => g.box);
    return [
      ...boxes.map((g) => outline(g.from - 0.5, g.to + 0.5, -0.5, state.site.layers - 0.5, BOXES[g.group] || ink.ink, 2.5)),
      // White within black shows on every colour.
      outline(column - 0.5, column + 0.5, layer - 0.5, layer + 0.5, "#000000", 5),
      outline(column - 0.5, column + 0.5, layer - 0.5, layer + 0.5, "#ffffff", 2),
    ];
  }

  function mapMarks(ink) {
    const c = state.site.columns;
    const marks = [
      { symbol: "x-thin", says: "× no probe (too few answers)", when: (k) => c.auc[k] === null, color: ink.soft },
    ];
    if (c.p_value && !state.view.negative) marks.push({ symbol: "circle", says: "• not significant (corrected p > 0.05)", when: (k) => c.p_value[k] !== null && c.p_value[k] > 0.05, color: "#5c6670" });
    if (state.view.negative) marks.push({ symbol: "line-ew", says: "− gains nothing", when: (k) => { const v = state.view.value(c, k); return v !== null && v <= 0; }, color: "#16202c" });
    if (state.site.site === data.best.site) {
      const best = at(data.best.layer, data.best.column);
      marks.push({ symbol: "star", says: "★ best cell", when: (k) => k === best, color: "#ffd92f", edge: "#000000", size: 11 });
    }
    const found = [];
    for (const mark of marks) {
      const x = [], y = [];
      rows((k, layer, column) => { if (mark.when(k)) { x.push(column); y.push(layer); } });
      if (x.length) found.push({ mark, x, y });
    }
    byId("marks").textContent = [...new Set(data.groups.filter((g) => g.box).map((g) => `▭ ${g.box}${BOXES[g.group] ? ` (${g.group === "thought" ? "orange" : "green"})` : ""}`)), ...found.map((f) => f.mark.says)].join("   ");
    return found.map(({ mark, x, y }) => ({
      type: "scatter", mode: "markers", x, y, hoverinfo: "skip", showlegend: false,
      marker: { symbol: mark.symbol, size: mark.size || (mark.symbol === "circle" ? 3 : 7), color: mark.color, line: { color: mark.edge || mark.color, width: mark.symbol === "circle" ? 0 : mark.edge ? 1 : 1.5 } },
    }));
  }

  const windowRange = () => [state.first - 0.5, state.first + WINDOW - 0.5];
  const inWindow = (column) => column >= state.first && column < state.first + WINDOW;

  function tellWindow() {
    const last = state.first + WINDOW - 1;
    const groups = data.groups.filter((g) => g.from <= last && g.to >= state.first).map((g) => g.group);
    byId("window").value = state.first;
    byId("window-says").textContent = `Columns ${state.first + 1} to ${last + 1} of ${P}: ${data.positions[state.first]} … ${data.positions[last]} (${[...new Set(groups)].join(", ")})`;
  }

  function moveWindow(first) {
    state.first = Math.min(Math.max(first, 0), P - WINDOW);
    Plotly.relayout(byId("heatmap"), { "xaxis.range": windowRange() });
    tellWindow();
    drawTable();
  }

  function drawMap() {
    const ink = colours();
    const { view, site } = state;
    const box = byId("heatmap");
    const narrow = box.clientWidth < 560;
    const z = rows((k) => view.value(site.columns, k));
    const highest = view.grows ? Math.max(view.range[1], ...z.flat().filter((v) => v !== null)) : view.range[1];
    const text = rows((k, layer, column) => describe(layer, column).map(([name, value]) => (value ? `${name}: ${value}` : `<b>${name}</b>`)).join("<br>"));
    const heat = {
      type: "heatmap", z, text, hovertemplate: "%{text}<extra></extra>", hoverongaps: true, xgap: 1, ygap: site.layers > 48 ? 0 : 1,
      zmin: view.range[0], zmax: highest, colorscale: BLUES,
      colorbar: { title: { text: view.label, side: "right" }, thickness: narrow ? 10 : 16, outlinewidth: 0, len: 1, tickfont: { color: ink.ink },
        ...(view.ticks ? { tickvals: view.ticks[0], ticktext: view.ticks[1] } : {}) },
    };
    const layout = layoutOf({
      height: 190 + site.layers * Math.min(Math.max(760 / site.layers, 12), 32),
      margin: { l: narrow ? 42 : 54, r: 8, t: 10, b: 60 },
      plot_bgcolor: ink.missing,
      xaxis: { tickvals: data.positions.map((_, i) => i), ticktext: data.positions, tickangle: narrow ? -90 : -45, range: windowRange(), showgrid: false, automargin: true, title: { text: "Token", standoff: 8, font: { color: ink.ink } } },
      yaxis: { range: [site.layers - 0.5, -0.5], dtick: 2, tick0: 0, showgrid: false, title: { text: "Layer", font: { color: ink.ink } } },
      shapes: mapShapes(ink),
    });
    Plotly.react(box, [heat, ...mapMarks(ink)], layout, plain);
    byId("view-says").textContent = view.says;
  }

  const smallMargin = { l: 48, r: 10, t: 30, b: 40 };
  const titled = (text) => ({ text, font: { size: 13 }, x: 0, xref: "paper" });

  function drawRoc(cell, auc) {
    const ink = colours();
    const x = cell.roc.map((_, i) => i / (cell.roc.length - 1));
    const traces = [
      { x: [0, 1], y: [0, 1], mode: "lines", line: { color: ink.soft, dash: "dot", width: 1 }, hoverinfo: "skip" },
      { x: [0, ...x], y: [0, ...cell.roc.map((v) => v / 1000)], mode: "lines", line: { color: ink.right, width: 2.5 },
        hovertemplate: "false positive rate %{x:.0%}<br>true positive rate %{y:.0%}<extra></extra>" },
    ];
    Plotly.react(byId("roc"), traces, layoutOf({ margin: smallMargin, showlegend: false, title: titled(`ROC curve, AUC ${fixed(auc, 3)}`),
      xaxis: { range: [-0.01, 1.01], title: { text: "false positive rate" }, tickformat: ".0%" },
      yaxis: { range: [-0.01, 1.03], title: { text: "true positive rate" }, tickformat: ".0%" } }), plain);
    byId("roc").setAttribute("aria-label", `ROC curve with AUC ${fixed(auc, 3)}; at a false positive rate of 10 % the true positive rate is ${percent(cell.roc[Math.round((cell.roc.length - 1) / 10)] / 1000)}`);
  }

  function drawHistogram(cell) {
    const ink = colours();
    const bins = cell.right.length;
    const x = cell.right.map((_, i) => (i + 0.5) / bins);
    const bar = (y, name, color, pattern) => ({ type: "bar", x, y, name, marker: { color, line: { color, width: 1 }, ...(pattern ? { pattern: { shape: "/", size: 5, solidity: 0.4, fgcolor: color, bgcolor: "rgba(0,0,0,0)", fillmode: "overlay" } } : {}) },
      hovertemplate: `%{y} ${name} answers<extra></extra>` });
    const wrong = bar(cell.wrong, "wrong", ink.wrong, true);
    wrong.marker.color = "rgba(0,0,0,0)";
    Plotly.react(byId("histogram"), [bar(cell.right, "right", ink.right, false), wrong],
      layoutOf({ margin: smallMargin, barmode: "group", bargap: 0.1, title: titled("Answers by P(right)"),
        legend: { orientation: "h", x: 1, xanchor: "right", y: 1.2 },
        xaxis: { range: [0, 1], title: { text: "predicted P(right)" } }, yaxis: { title: { text: "answers" } } }), plain);
    byId("histogram").setAttribute("aria-label", `Histogram: ${cell.right.reduce((a, b) => a + b, 0)} right and ${cell.wrong.reduce((a, b) => a + b, 0)} wrong answers by predicted probability of being right`);
  }

  function drawCalibration(cell) {
    const ink = colours();
    const [x, y, low, high] = cell.calibration.map((row) => row.map((v) => v / 1000));
    const traces = [
      { x: [0, 1], y: [0, 1], mode: "lines", line: { color: ink.soft, dash: "dot", width: 1 }, hoverinfo: "skip" },
      { x, y, mode: "markers", marker: { color: ink.right, size: 7 },
        error_y: { type: "data", symmetric: false, array: high.map((v, i) => v - y[i]), arrayminus: y.map((v, i) => v - low[i]), color: ink.right, thickness: 1.3, width: 3 },
        hovertemplate: "predicted %{x:.0%}, right %{y:.0%}<extra></extra>" },
    ];
    Plotly.react(byId("calibration"), traces, layoutOf({ margin: smallMargin, showlegend: false, title: titled("Calibration, out of fold, with 95 % intervals"),
      xaxis: { range: [-0.02, 1.02], title: { text: "mean predicted P(right)" } }, yaxis: { range: [-0.02, 1.02], title: { text: "fraction right" } } }), plain);
    byId("calibration").setAttribute("aria-label", `Calibration curve: ${x.map((v, i) => `predicted ${percent(v)}, right ${percent(y[i])}`).join("; ")}`);
  }

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function exampleItem([place, thousandths]) {
    const answer = data.answers[place];
    const item = element("li", undefined, answer.o);
    const asked = element("p", answer.q, "asked");
    const said = element("p");
    const [before, exact, after] = answer.a;
    said.append(before);
    if (exact) said.append(element("mark", exact));
    said.append(after);
    asked.dir = said.dir = "auto";
    const verdict = element("p", undefined, "verdict");
    verdict.append(element("strong", answer.o), ` · P(right) ${(thousandths / 1000).toFixed(2)}`);
    if (answer.o === "wrong" && answer.g) {
      verdict.append(" · accepted: ", element("bdi", answer.g));
    }
    if (answer.w) item.title = answer.w;
    item.append(asked, said, verdict);
    return item;
  }

  const KINDS = [
    ["Most right: right, and scored highest", 0], ["Most right: wrong, and scored lowest", 1],
    ["Most wrong: wrong, but scored highest", 2], ["Most wrong: right, but scored lowest", 3],
  ];
  function drawExamples(cell) {
    const box = byId("examples");
    box.replaceChildren();
    if (!cell) return;
    for (const [title, kind] of KINDS) {
      const part = element("div");
      const list = element("ul");
      list.append(...cell.examples[kind].map(exampleItem));
      part.append(element("h3", title), list);
      box.append(part);
    }
  }

  function drawCell() {
    const { layer, column, site } = state;
    const k = at(layer, column);
    const found = describe(layer, column);
    const best = data.best.site === site.site && data.best.layer === layer && data.best.column === column;
    byId("cell-title").textContent = `Layer ${layer}, ${data.positions[column]}${best ? " – the chosen cell" : ""}`;
    const list = byId("cell-numbers");
    list.replaceChildren();
    for (const [name, value] of found.slice(1)) list.append(element("dt", name), element("dd", value));
    byId("live").textContent = found.map(([name, value]) => (value ? `${name} ${value}` : name)).join(", ");
    const cell = site.cells && site.cells[k];
    byId("cell-curves").hidden = !cell;
    byId("cell-none").hidden = Boolean(cell);
    byId("cell-none").textContent = site.columns.auc[k] === null ? "There is no probe here." : "The page keeps no curves for this cell.";
    if (cell) {
      drawRoc(cell, site.columns.auc[k]);
      drawHistogram(cell);
      drawCalibration(cell);
    }
    drawExamples(cell);
  }

  function goTo(layer, column) {
    state.layer = Math.min(Math.max(layer, 0), state.site.layers - 1);
    state.column = Math.min(Math.max(column, 0), P - 1);
    Plotly.relayout(byId("heatmap"), { shapes: mapShapes(colours()) });
    if (!inWindow(state.column)) moveWindow(state.column < state.first ? state.column : state.column - WINDOW + 1);
    drawCell();
  }

  const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-5, 0], PageDown: [5, 0] };
  function onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Home") goTo(data.best.site === state.site.site ? data.best.layer : 0, data.best.column);
    else if (STEPS[event.key]) goTo(state.layer + STEPS[event.key][0], state.column + STEPS[event.key][1]);
    else return;
    event.preventDefault();
  }

  function choices(box, group, entries, chosen, take) {
    if (entries.length < 2) { box.hidden = true; return; }
    for (const [key, name] of entries) {
      const label = element("label");
      const input = element("input");
      Object.assign(input, { type: "radio", name: group, value: key, checked: key === chosen });
      input.addEventListener("change", () => take(key));
      label.append(input, name);
      box.append(label);
    }
  }

  function drawTable() {
    const table = element("table");
    const head = element("tr");
    head.append(element("th", "Layer"), ...data.positions.filter((_, column) => inWindow(column)).map((p) => element("th", p)));
    const body = element("tbody");
    for (let layer = 0; layer < state.site.layers; layer += 1) {
      const row = element("tr");
      row.append(element("th", String(layer)));
      data.positions.forEach((_, column) => inWindow(column) && row.append(element("td", fixed(state.view.value(state.site.columns, at(layer, column)), 3))));
      body.append(row);
    }
    const top = element("thead");
    top.append(head);
    table.append(top, body);
    const scroll = element("div", undefined, "scroll");
    scroll.tabIndex = 0;
    scroll.append(table);
    byId("map-table").replaceChildren(element("p", `${state.view.name}, ${state.site.site}`, "note"), scroll);
  }

  function drawAll() {
    drawMap();
    drawCell();
    drawTable();
  }

  const THEMES = [["", "as the system"], ["dark", "dark"], ["light", "light"]];
  function themes() {
    const button = byId("theme");
    button.hidden = false;
    let chosen = 0;
    button.addEventListener("click", () => {
      chosen = (chosen + 1) % THEMES.length;
      root.dataset.theme = THEMES[chosen][0];
      button.textContent = `Theme: ${THEMES[chosen][1]}`;
      drawAll();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  }

  function start() {
    state.site = data.sites.find((site) => site.site === data.best.site) || data.sites[0];
    state.layer = data.best.layer;
    state.column = data.best.column;
    document.querySelector(".needs-script").hidden = false;
    const known = VIEWS.filter((view) => data.sites.every((site) => view.needs.every((name) => site.columns[name])));
    choices(byId("views"), "view", known.map((view) => [view.key, view.name]), "auc", (key) => { state.view = VIEWS.find((view) => view.key === key); drawAll(); });
    choices(byId("sites"), "site", data.sites.map((site) => [site.site, site.site]), state.site.site, (key) => {
      state.site = data.sites.find((site) => site.site === key);
      state.layer = Math.min(state.layer, state.site.layers - 1);
      drawAll();
    });
    if (P > WINDOW) {
      state.first = Math.min(Math.max(state.column - WINDOW / 2, 0), P - WINDOW);
      byId("window").max = P - WINDOW;
      byId("window").addEventListener("input", (event) => moveWindow(Number(event.target.value)));
      byId("window-box").hidden = false;
      tellWindow();
    }
    themes();
    drawAll();
    byId("heatmap").addEventListener("keydown", onKey);
    byId("heatmap").on("plotly_click", (event) => {
      const [y, x] = event.points[0].pointIndex;
      goTo(y, x);
    });
  }

  start();
})();
