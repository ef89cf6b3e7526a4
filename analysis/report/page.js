"use strict";
// The page of a plane: data come once, controls only restyle. Every name from the data reaches the page as text, never as markup.
const $ = (id) => document.getElementById(id);
const CONFIG = { displaylogo: false, responsive: true, showSendToCloud: false, plotlyServerURL: "", showLink: false, showEditInChartStudio: false, modeBarButtonsToRemove: ["sendDataToCloud", "sendChartToCloud", "select2d", "lasso2d"] };
const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "triangle-left", "triangle-right", "pentagon", "hexagon", "star", "diamond-wide", "octagon", "hourglass"];
const FLAG = { fault: "#b2182b", violation: "#d6336c", estimator: "#e08214" };
const VIRIDIS = ["#440154", "#482475", "#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26"];
const NIGHT = ["#a98be0", "#8795e6", "#68a4e4", "#4fb4d2", "#46c2b6", "#5fce93", "#8cd86f", "#b9de5a", "#dfe25c", "#fff27a"];   // the same order of hues, light enough for a dark page
const DASHES = ["solid", "dash", "dot", "dashdot"];
const LAW_ORDER = ["fault", "violation", "estimator", "bias", "sampling", "untestable", "not comparable", "ok"];
const S = { view: 0, step: 0, off: new Set(), timer: null, log: false, shown: new Set(), dark: false };
const CURSORS = new Map();                              // chart -> where its cursors stand; lines of our own: moving a plotly shape redraws the chart
let D = null, INDEX = new Map(), FOUND = new Map();

const safe = (t) => String(t).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");   // plotly reads a little markup
const num = (v) => (v === null || v === undefined ? "–" : (Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-4)) ? v.toExponential(3) : String(+v.toFixed(4)));
const el = (tag, text, cls) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (cls) e.className = cls; return e; };
const ramp = () => (S.dark ? NIGHT : VIRIDIS);
const shade = (k, n) => ramp()[n > 1 ? Math.round(k / (n - 1) * (VIRIDIS.length - 1)) : 0];
const narrow = () => window.innerWidth < 700;
const broken = (text) => { const out = [""]; for (const part of text.split(", ")) { const last = out[out.length - 1], joined = last ? `${last}, ${part}` : part; if (joined.length > 30 && last) { out[out.length - 1] += ","; out.push(part); } else out[out.length - 1] = joined; } return out.map(safe).join("<br>"); };
const tone = (l) => { return shade(l, D.layers.length); };
const view = () => D.views[S.view] || { spec: "", sense: "", x: "I(X;Z) [bits]", y: "I(Z;Y) [bits]", sx: "I(X;Z) [bits]", sy: "I(Z;Y) [bits]", caption: "" };
const series = (l, q) => INDEX.get([view().spec, view().sense, l, q].join("\u0000"));
const layersOn = () => D.layers.map((_, l) => l).filter((l) => !S.off.has(l));
const measured = () => D.measured;
const markOf = (l) => (D.layers[l] ? Number(D.layers[l].mark) : l + 1);   // a layer's number, or its name where names are numbers
const spread = (s, k) => (s.lo && s.lo[k] !== null ? [s.lo[k], s.hi[k]] : s.se && s.se[k] !== null ? [s.b[k] - 1.96 * s.se[k], s.b[k] + 1.96 * s.se[k]] : null);   // a 95 % interval
const shuffled = (s, k) => (s.nl && s.nl[k] !== null ? [s.nl[k], s.nh[k]] : null);   // the band of shuffled labels
const symbolOf = (s, k) => (s.sat && s.sat[k] === "1" ? D.marks.saturated.symbol : s.cov && s.cov[k] !== null && s.cov[k] < 0.95 ? D.marks.sparse.symbol : "circle");

function take(data) {                                   // index a new set of data, keep what the reader chose
  D = data;
  INDEX = new Map(D.series.map((s) => { s.at = new Map(s.i.map((step, k) => [step, k])); return [[s.e, s.s, s.l, s.q].join("\u0000"), s]; }));
  D.measured = [...new Set(D.series.flatMap((s) => s.i))].sort((a, b) => a - b);
  FOUND = new Map();
  for (const f of (D.dpi ? D.dpi.findings : [])) for (const l of new Set([f.u, f.d])) {
    const key = [f.e, f.step, l].join("\u0000");
    if (!FOUND.has(key)) FOUND.set(key, []);
    FOUND.get(key).push(f);
  }
}

function hover(l, i, q) {
  const s = series(l, q); if (!s || !s.at.has(i)) return "";
  const k = s.at.get(i), c = Array.isArray(s.c) ? s.c[k] : s.c;
  let t = `${safe(q === "i_xz" ? view().x : view().y)}: <b>${num(s.b[k])}</b>`;
  if (s.lo && s.lo[k] !== null) t += `<br>  95 % [${num(s.lo[k])}, ${num(s.hi[k])}]`; else if (s.se && s.se[k] !== null) t += `<br>  standard error ${num(s.se[k])}`;
  t += `<br>  ${s.s}, of the ${s.t}` + (c !== null && c !== undefined ? `, ceiling ${num(c)}` : "") + (s.cov && s.cov[k] !== null ? `, coverage ${num(s.cov[k])}` : "");
  if (shuffled(s, k)) t += `<br>  shuffled labels [${num(s.nl[k])}, ${num(s.nh[k])}]`;
  if (s.sat && s.sat[k] === "1") t += "<br>  SATURATED: no more than a lower limit of the scale";
  for (const n of s.notes || []) t += `<br>  ${safe(n).slice(0, 90)}`;
  return t;
}
function verdictsAt(l, i) { return FOUND.get([view().spec, D.steps[i], l].join("\u0000")) || []; }
function worst(l, i) { const v = verdictsAt(l, i).map((f) => f.v); return LAW_ORDER.find((x) => v.includes(x)) || (D.dpi ? "no finding" : ""); }
function pointText(l, i) {
  const v = worst(l, i);
  return `<b>${safe(D.layers[l].short)}</b>, step ${D.steps[i]}<br>${hover(l, i, "i_xz")}<br>${hover(l, i, "i_zy")}` + (v ? `<br>DPI: ${v}` : "");
}
function path(l) {
  const x = series(l, "i_xz"), y = series(l, "i_zy"); if (!x || !y) return null;
  const i = x.i.filter((s) => y.at.has(s));
  return { i, x: i.map((s) => x.b[x.at.get(s)]), y: i.map((s) => y.b[y.at.get(s)]), symbol: i.map((s) => symbolOf(x, x.at.get(s))), ex: i.map((s) => spread(x, x.at.get(s))), ey: i.map((s) => spread(y, y.at.get(s))) };
}
function at(l, i) { const x = series(l, "i_xz"), y = series(l, "i_zy"); return x && y && x.at.has(i) && y.at.has(i) ? [x.b[x.at.get(i)], y.b[y.at.get(i)]] : [null, null]; }

function base(extra) {
  const css = getComputedStyle(document.documentElement), v = (n) => css.getPropertyValue(n).trim();
  const axis = { gridcolor: v("--line"), zerolinecolor: v("--line"), linecolor: v("--soft"), ticks: "outside", tickcolor: v("--soft") };
  const out = { paper_bgcolor: v("--bg"), plot_bgcolor: v("--bg"), font: { color: v("--fg"), size: 12 }, margin: { l: 62, r: 14, t: 14, b: 46 }, hovermode: "closest", showlegend: false, uirevision: "keep", hoverlabel: { align: "left" } };
  for (const [k, a] of Object.entries(extra)) out[k] = /^[xy]axis/.test(k) ? Object.assign({}, axis, a) : a;
  return out;
}
const colourOf = (i) => Math.log1p(D.steps[i] - D.steps[0]);

function nowTrace() {
  const on = layersOn(), pts = on.map((l) => at(l, S.step));
  return { x: pts.map((p) => p[0]), y: pts.map((p) => p[1]), ...labelled(on, pts), symbol: on.map((l) => SYMBOLS[l % SYMBOLS.length]), color: on.map(tone) };
}
function labelsOf(on, pts) {                          // one label for markers that touch: "1–3, 5" at the first of them
  const full = $("now-layer")._fullLayout, px = (p) => (full ? [full.xaxis.d2p(p[0]), full.yaxis.d2p(p[1])] : [(560 * p[0]) / D.log2n, (480 * p[1]) / (D.hy || D.log2n)]);
  const out = on.map(() => ""), groups = [];
  on.forEach((l, k) => {
    if (pts[k][0] === null) return;
    const [x, y] = px(pts[k]), near = groups.find((g) => g.at.some(([a, b]) => Math.abs(a - x) < 18 && Math.abs(b - y) < 14));
    if (near) { near.at.push([x, y]); near.numbers.push(markOf(l)); } else groups.push({ k, at: [[x, y]], numbers: [markOf(l)] });
  });
  for (const g of groups) out[g.k] = runsOf(g.numbers);
  return out;
}
function labelled(on, pts) {                          // labels turn left where the colour bar is near
  const text = labelsOf(on, pts), full = $("now-layer")._fullLayout, room = (k) => (full && pts[k][0] !== null ? full.xaxis._length - full.xaxis.d2p(pts[k][0]) : Infinity);
  return { text, textposition: text.map((t, k) => (room(k) < 8 + 7 * t.length ? "top left" : "top right")) };
}
function relabel() { const n = nowTrace(); return Plotly.restyle("now-layer", { text: [n.text], textposition: [n.textposition] }, [0]); }
function runsOf(numbers) {
  const runs = [];
  for (const n of numbers) { const last = runs[runs.length - 1]; if (last && last[1] === n - 1) last[1] = n; else runs.push([n, n]); }
  return runs.map(([a, b]) => (a === b ? `${a}` : `${a}–${b}`)).join(", ");
}
const concerns = (f) => f.v === "fault" || ((!f.e || f.e === view().spec) && (!/, (lower|upper)$/.test(f.law) || f.law.endsWith(`, ${view().sense}`)));
function flagTraces() {
  const out = [];
  for (const v of Object.keys(FLAG)) {
    const x = [], y = [];
    for (const f of (D.dpi ? D.dpi.findings : [])) {
      if (f.v !== v || !concerns(f) || S.off.has(f.u) || S.off.has(f.d)) continue;
      const i = D.steps.indexOf(f.step), a = at(f.u, i), b = at(f.d, i);
      if (a[0] !== null && b[0] !== null) { x.push(a[0], b[0], null); y.push(a[1], b[1], null); }
    }
    if (x.length) out.push({ x, y, mode: v === "estimator" ? "lines" : "lines+markers", line: { color: FLAG[v], width: v === "estimator" ? 0.8 : 2.5, dash: v === "estimator" ? "dot" : "solid" }, marker: { size: 11, symbol: "circle-open", color: FLAG[v], line: { width: 2 } }, hoverinfo: "skip", meta: "flag-" + v, opacity: v === "estimator" ? 0.5 : 1, visible: $("flags").checked });
  }
  return out;
}
function ticks() { const t = [0], last = D.steps[D.steps.length - 1] - D.steps[0]; for (let p = 1; p <= last; p *= 10) t.push(p); return t; }

function errorOf(values, ends, l) {                    // plotly's error bars of 95 % intervals; none where there is none
  if (!$("bars").checked || !ends.some((e) => e)) return undefined;
  return { type: "data", symmetric: false, array: ends.map((e, k) => (e ? e[1] - values[k] : 0)), arrayminus: ends.map((e, k) => (e ? values[k] - e[0] : 0)), color: tone(l), thickness: 1, width: 0 };
}
function nullTrace() {                                 // at the last checkpoint of every layer, as in the picture for paper
  const x = [], y = [];
  for (const l of layersOn()) {
    const p = path(l), s = series(l, "i_zy"); if (!p || !p.i.length) continue;
    const i = p.i[p.i.length - 1], band = s.at.has(i) ? shuffled(s, s.at.get(i)) : null;
    if (band) { x.push(p.x[p.x.length - 1], p.x[p.x.length - 1], null); y.push(band[0], band[1], null); }
  }
  return x.length ? [{ x, y, mode: "lines", line: { color: "#8a8a8a", width: 5 }, opacity: 0.7, hoverinfo: "skip", meta: "null" }] : [];
}
function drawPlane() {
  const traces = [], trail = $("trail").checked;
  const starts = [];
  let first = true;
  for (const l of layersOn()) {
    const p = path(l); if (!p || !p.i.length) continue;
    const c = p.i.map(colourOf), marker = { size: 5, color: c, cmin: 0, cmax: Math.max(1, colourOf(D.steps.length - 1)), colorscale: ramp().map((h, k) => [k / (VIRIDIS.length - 1), h]), symbol: p.symbol };
    if (first) { marker.showscale = true; marker.colorbar = { title: { text: "training step", side: "right" }, thickness: 12, tickvals: ticks().map((t) => Math.log1p(t)), ticktext: ticks().map((t) => String(t + D.steps[0])), outlinewidth: 0 }; }
    first = false;
    traces.push({ x: p.x, y: p.y, mode: "lines+markers", line: { color: tone(l), width: 1 }, marker, customdata: p.i.map((i) => pointText(l, i)), hovertemplate: "%{customdata}<extra></extra>", meta: "trail-" + l, steps: p.i, opacity: trail ? 0.75 : 0, error_x: errorOf(p.x, p.ex, l), error_y: errorOf(p.y, p.ey, l) });
    starts.push([p.x[0], p.y[0]]);
  }
  if (trail) traces.push({ x: starts.map((p) => p[0]), y: starts.map((p) => p[1]), mode: "markers", hoverinfo: "skip", meta: "first", marker: { size: 10, symbol: "circle-open", color: "#888888", line: { width: 1 } } });
  traces.push(...nullTrace(), ...flagTraces());
  const n = nowTrace(), over = ({ x: n.x, y: n.y, text: n.text, hoverinfo: "skip", mode: "lines+markers+text", textposition: n.textposition, line: { color: "#888888", width: 1, dash: "dot" }, marker: { size: 13, symbol: n.symbol, color: n.color, line: { color: getComputedStyle(document.documentElement).getPropertyValue("--fg").trim(), width: 1.5 } }, cliponaxis: false });
  const shapes = [{ type: "line", x0: D.log2n, x1: D.log2n, yref: "paper", y0: 0, y1: 1, line: { dash: "dash", width: 1, color: "#888888" } }, { type: "rect", x0: D.log2n - 0.5, x1: D.log2n, yref: "paper", y0: 0, y1: 1, fillcolor: "#999999", opacity: 0.15, line: { width: 0 } }];
  const notes = [{ x: D.log2n, y: 0.02, yref: "paper", text: `${D.xname} = ${num(D.log2n)}`, textangle: -90, showarrow: false, xanchor: "right", yanchor: "bottom" }];
  if (D.hy !== null) { shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: D.hy, y1: D.hy, line: { dash: "dash", width: 1, color: "#888888" } }); notes.push({ xref: "paper", x: 0.01, y: D.hy, text: `${D.yname} = ${num(D.hy)}`, showarrow: false, xanchor: "left", yanchor: "bottom" }); }
  const xs = D.series.filter((s) => s.e === view().spec && s.q === "i_xz").flatMap((s) => s.b).concat([0, D.log2n]), ys = D.series.filter((s) => s.e === view().spec && s.q === "i_zy").flatMap((s) => s.b).concat([0, D.hy || 0]);
  const range = (v) => { const a = v.reduce((p, c) => Math.min(p, c), Infinity), b = v.reduce((p, c) => Math.max(p, c), -Infinity), w = (b - a) || 1; return [a - 0.04 * w, b + 0.08 * w]; };
  const long = view().sy.length > 60 || (narrow() && view().sy.length > 40), margin = { l: long ? 84 : 66, r: 92, t: 14, b: narrow() ? 72 : 52, autoexpand: false }, axes = { xaxis: { title: { text: narrow() ? broken(view().sx) : safe(view().sx) }, range: range(xs) }, yaxis: { title: { text: long ? broken(view().sy) : safe(view().sy) }, range: range(ys) } };
  const layer = base({ xaxis: Object.assign({ visible: false }, axes.xaxis), yaxis: Object.assign({ visible: false }, axes.yaxis), margin }); layer.paper_bgcolor = layer.plot_bgcolor = "rgba(0,0,0,0)"; layer.uirevision = undefined;
  return Plotly.react("plane", traces, base(Object.assign(axes, { shapes, annotations: notes, margin, uirevision: view().spec })), CONFIG)
    .then((gd) => { wire(gd); layer.xaxis.range = gd.layout.xaxis.range.slice(); layer.yaxis.range = gd.layout.yaxis.range.slice(); return Plotly.react("now-layer", [over], layer, Object.assign({ staticPlot: true }, CONFIG)); })
    .then(() => relabel());  // now that pixels are known
}

const xOf = (i) => (S.log ? Math.log10(1 + D.steps[i] - D.steps[0]) : D.steps[i]);
function stepAxis() {
  const title = { text: "training step" };
  if (!D.steps.length) return { title };
  const low = xOf(0), high = xOf(D.steps.length - 1), edge = 0.01 * (high - low || 1), range = [low - edge, high + edge];
  if (!S.log) return { title, range };
  return { title, range, tickvals: ticks().map((t) => Math.log10(1 + t)), ticktext: ticks().map((t) => String(t + D.steps[0])) };
}
function cursors(gd, pairs, x) {                       // pairs of axes, each with a line at the current step
  if (!CURSORS.has(gd)) gd.on("plotly_afterplot", () => placeCursors(gd));
  CURSORS.set(gd, { pairs, x });
  placeCursors(gd);
}
function placeCursors(gd) {
  const c = CURSORS.get(gd); if (!c || !gd._fullLayout || gd.hidden) return;
  const lines = gd.querySelectorAll(":scope > .cursor");
  c.pairs.forEach(([xa, ya], k) => {
    let line = lines[k]; if (!line) { line = el("div", undefined, "cursor"); line.setAttribute("aria-hidden", "true"); gd.append(line); }
    const x = gd._fullLayout[xa], y = gd._fullLayout[ya], at = c.x(S.step), left = x.d2p(at);
    line.dataset.x = String(at); line.hidden = !(left >= -1 && left <= x._length + 1);
    line.style.transform = `translate(${x._offset + left}px, ${y._offset}px)`; line.style.height = `${y._length}px`;
  });
}

function drawCurves(id, q, on) {
  $(id).hidden = !on; if (!on) return null;
  const traces = [];
  for (const l of layersOn()) {
    const s = series(l, q); if (!s) continue;
    const symbols = s.i.map((_, k) => symbolOf(s, k)), hollow = symbols.map((t) => (t === "circle" ? 0 : 6));
    traces.push({ x: s.i.map(xOf), y: s.b, mode: "lines+markers", marker: { size: hollow, symbol: symbols, color: tone(l), opacity: 1 }, line: { color: tone(l), width: 1.6, dash: DASHES[l % DASHES.length] }, customdata: s.i.map((i) => `<b>${safe(D.layers[l].short)}</b>, step ${D.steps[i]}<br>` + hover(l, i, q)), hovertemplate: "%{customdata}<extra></extra>", steps: s.i });
    const chance = s.i.map((i, k) => [xOf(i), shuffled(s, k)]).filter((p) => p[1]);
    if (chance.length) traces.push({ x: chance.map((p) => p[0]).concat(chance.map((p) => p[0]).reverse()), y: chance.map((p) => p[1][1]).concat(chance.map((p) => p[1][0]).reverse()), fill: "toself", fillcolor: "#8a8a8a", opacity: 0.25, line: { width: 0 }, mode: "lines", hoverinfo: "skip", hoveron: "fills", meta: "null" });
    const band = s.i.map((i, k) => [xOf(i), spread(s, k)]).filter((p) => p[1]);
    if (band.length && $("bars").checked) { traces.push({ x: band.map((p) => p[0]).concat(band.map((p) => p[0]).reverse()), y: band.map((p) => p[1][1]).concat(band.map((p) => p[1][0]).reverse()), fill: "toself", fillcolor: tone(l), opacity: 0.12, line: { width: 0 }, mode: "lines", hoverinfo: "skip", hoveron: "fills" }); }
  }
  const level = q === "i_xz" ? D.log2n : D.hy, shapes = [];
  if (level !== null) shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: level, y1: level, line: { dash: "dash", width: 1, color: "#888888" } });
  const name = q === "i_xz" ? view().sx : view().sy;
  return Plotly.react(id, traces, base({ xaxis: stepAxis(), yaxis: { title: { text: broken(name), font: { size: 11 } }, rangemode: "tozero" }, shapes, margin: { l: 62, r: 72, t: 8, b: 40 } }), CONFIG).then((gd) => { wire(gd); cursors(gd, [["xaxis", "yaxis"]], xOf); });
}
function drawMetrics() {
  $("curve-m").hidden = !D.metrics.length; if (!D.metrics.length) return null;
  const tones = ["#7a8594", S.dark ? "#6cb2ff" : "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"];
  const acc = (m) => /acc/i.test(m.name);
  const traces = D.metrics.map((m, k) => ({ x: m.i.map(xOf), y: m.v, name: safe(m.name.slice(0, 40)), mode: "lines", line: { color: tones[k % 6], width: 1.6, dash: DASHES[k % 4] }, yaxis: acc(m) ? "y2" : "y", steps: m.i }));
  return Plotly.react("curve-m", traces, base({ xaxis: stepAxis(), yaxis: { title: { text: "loss" } }, yaxis2: { overlaying: "y", side: "right", title: { text: "accuracy" }, range: [-0.02, 1.02], dtick: 0.25, tickformat: ".2f", automargin: false, showgrid: false }, showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, margin: { l: 62, r: 72, t: 26, b: 40 } }), CONFIG).then((gd) => { wire(gd); cursors(gd, [["xaxis", "yaxis"]], xOf); });
}
function wire(gd) {                                    // a click on any chart goes to that checkpoint
  if (gd.wired) return; gd.wired = true;
  if (gd.id === "plane") gd.on("plotly_relayout", () => { if ($("now-layer").layout) Plotly.relayout("now-layer", { "xaxis.range": gd.layout.xaxis.range.slice(), "yaxis.range": gd.layout.yaxis.range.slice() }).then(() => relabel()); });
  gd.on("plotly_click", (e) => { const p = e.points[0], steps = p.data.steps; if (steps) setStep(steps[p.pointNumber]); });
}

let pending = false;
function setStep(i) {
  S.step = i; $("step").value = String(D.measured.indexOf(i)); label();
  if (pending) return; pending = true;
  requestAnimationFrame(() => { pending = false; moveStep(); });
}
function label() { const t = D.steps.length ? `step ${D.steps[S.step]}` : "no step yet"; $("now").textContent = t; $("at").textContent = `${t}, ${view().spec} ${view().sense}`; $("step").setAttribute("aria-valuetext", t); }
function moveStep() {
  const started = performance.now(), n = nowTrace();
  if ($("now-layer").data) Plotly.restyle("now-layer", { x: [n.x], y: [n.y], text: [n.text], textposition: [n.textposition] }, [0]);  // a layer of its own: a restyle of the plane would redraw every trajectory
  for (const gd of CURSORS.keys()) placeCursors(gd);
  fillPoints();
  window.infoplaneLast = performance.now() - started;
}

function rows(table, heads, body) {
  table.replaceChildren(); const h = el("tr"); heads.forEach((t) => { const th = el("th", t); th.scope = "col"; h.append(th); }); const head = el("thead"); head.append(h); const tb = el("tbody"); body.forEach((r) => { [...r.children].forEach((cell, k) => { cell.dataset.head = heads[k] || ""; }); tb.append(r); }); table.append(head, tb);
}
function clip(text, cls) { const td = el("td", undefined, cls), box = el("span", text, "clip"); td.append(box); return td; }
function fillPoints() {
  const body = [];
  for (const l of layersOn()) {
    const tr = el("tr"), cell = (q) => { const s = series(l, q); if (!s || !s.at.has(S.step)) return ["–", "–", ""]; const k = s.at.get(S.step), c = Array.isArray(s.c) ? s.c[k] : s.c; return [num(s.b[k]), s.lo && s.lo[k] !== null ? `[${num(s.lo[k])}, ${num(s.hi[k])}]` : s.se && s.se[k] !== null ? `± ${num(s.se[k])} (se)` : "–", (c !== null && c !== undefined ? num(c) : "–") + (s.sat && s.sat[k] === "1" ? " saturated" : "")]; };
    const x = cell("i_xz"), y = cell("i_zy"), v = worst(l, S.step);
    tr.append(el("td", D.layers[l].mark), clip(D.layers[l].name + (D.layers[l].reduction !== "none" ? ` (reduced: ${D.layers[l].reduction})` : "")), ...[...x, ...y].map((t) => el("td", t)), el("td", v || "not checked", v));
    body.push(tr);
  }
  const name = (t) => t.split(" [bits]")[0];
  rows($("points"), ["#", "layer", name(view().x), "interval", "ceiling", name(view().y), "interval", "ceiling", "DPI"], body);
}
function fillFindings() {
  $("dpi").hidden = !D.dpi; if (!D.dpi) return;
  const p = D.dpi, counts = Object.entries(p.counts).map(([v, c]) => `${c} ${v}`).join(", ");
  $("tally").textContent = `${p.checked} comparisons: ${counts || "none"}. ${p.passed ? "Passed: no fault, no unexplained violation." : "FAILED: fault or violation."}` + (p.omitted ? ` The ${p.omitted} mildest findings have no mark in the plane; the DPI report holds all.` : "");
  $("tally").className = p.passed ? "" : "fault";
  const kinds = LAW_ORDER.filter((v) => p.episodes.some((f) => f.v === v));
  if (!S.verdictsMade) { S.verdictsMade = true; S.shown = new Set(kinds.filter((v) => v !== "not comparable")); }
  $("verdicts").replaceChildren(...kinds.map((v) => { const lab = el("label"), box = el("input"); box.type = "checkbox"; box.checked = S.shown.has(v); box.addEventListener("change", () => { box.checked ? S.shown.add(v) : S.shown.delete(v); listFindings(); }); lab.append(box, ` ${v}`); return lab; }));
  $("limits").replaceChildren(...p.limits.map((t) => el("li", "Not judged: " + t)));
  listFindings();
}
const layerName = (l) => (typeof l === "number" ? D.layers[l].name : String(l));
function listFindings() {                              // episodes of the chosen estimator, and faults, which are about all of them
  const all = D.dpi.episodes.filter((e) => S.shown.has(e.v)), chosen = $("every").checked ? all : all.filter((e) => e.v === "fault" || !e.e || e.e === view().spec);
  const body = chosen.map((e) => {
    const tr = el("tr"), b = el("button", "show"), td = el("td"); b.type = "button"; b.setAttribute("aria-label", `show step ${e.step} in the plane`);
    b.addEventListener("click", () => jump(e, tr)); td.append(b);
    tr.append(td, el("td", e.v, e.v), clip(e.text), clip(D.dpi.texts[e.t] || "–"));
    return tr;
  });
  rows($("findings"), ["", "verdict", `what was found${$("every").checked ? "" : ` under ${view().spec}`}`, "what it means"], body);
  $("findings").hidden = !body.length;
}
function jump(f, tr) {
  for (const r of document.querySelectorAll("tr.hit")) r.classList.remove("hit"); tr.classList.add("hit");
  const k = D.views.findIndex((v) => v.spec === f.e); if (k >= 0 && view().spec !== f.e) { S.view = k; $("view").value = String(k); }
  S.off.delete(f.u); S.off.delete(f.d);
  const i = D.steps.indexOf(f.step); if (i >= 0) S.step = i;
  $("step").value = String(D.measured.indexOf(S.step)); label(); layerBoxes();
  drawAll(); $("plane").focus(); $("plane").scrollIntoView({ block: "center" });
}

function layerBoxes() {
  $("layers").replaceChildren(...D.layers.map((x, l) => { const lab = el("label"), box = el("input"); box.type = "checkbox"; box.checked = !S.off.has(l); box.dataset.layer = String(l); lab.title = x.name.slice(0, 400); box.addEventListener("change", () => { box.checked ? S.off.delete(l) : S.off.add(l); drawAll(); }); const dot = el("span", " ■ "); dot.style.color = tone(l); lab.append(box, dot, x.mark === x.name ? x.short : `${x.mark} ${x.short}`); return lab; }));
}
function tables() {
  $("more").replaceChildren(...D.tables.flatMap((t) => { const box = el("div", undefined, "scroll tall"), table = el("table"), keys = [...new Set(t.rows.flatMap((r) => Object.keys(r)))]; rows(table, keys, t.rows.map((r) => { const tr = el("tr"); keys.forEach((k) => tr.append(clip(typeof r[k] === "number" ? num(r[k]) : r[k] === null || r[k] === undefined ? "–" : String(r[k])))); return tr; })); box.append(table); return [el("h2", t.title), box]; }));
  $("failed").hidden = !D.failures.length;
  rows($("failures"), ["checkpoints", "layer", "estimator", "why"], D.failures.map((f) => { const tr = el("tr"); tr.append(clip(f.when), clip(f.layer), el("td", f.estimator), clip(f.message)); return tr; }));
  $("origin").hidden = !D.provenance.length;
  rows($("provenance"), ["what", "value"], D.provenance.map(([k, v]) => { const tr = el("tr"); tr.append(el("td", k), clip(v)); return tr; }));
}
function sentences() {                                 // of the chosen estimator, and those about all
  for (const id of ["shows", "cannot"]) $(id).replaceChildren(...D[id].filter((t) => !t.e || t.e === view().spec).map((t) => el("li", t.text)));
  $("caption").textContent = view().caption;
}
function drawAll() { label(); sentences(); if (D.dpi) listFindings(); const done = [drawPlane(), drawCurves("curve-x", "i_xz", $("qx").checked), drawCurves("curve-y", "i_zy", $("qy").checked), drawMetrics()]; fillPoints(); return Promise.all(done); }

function show(data, keepStep) {                        // first drawing, and every later one of a live page
  const follow = !D || S.step === D.measured[D.measured.length - 1], old = D && D.steps[S.step], spec = D && view();
  take(data);
  $("title").textContent = D.title; document.title = `infoplane: ${D.title.slice(0, 80)}`;
  document.body.classList.toggle("empty", !D.measured.length);
  $("view").replaceChildren(...D.views.map((v, k) => { const o = el("option", v.sense === "point" || v.spec === v.sense ? v.spec : `${v.spec} (${v.sense})`); o.value = String(k); return o; }));
  if (spec) S.view = Math.max(0, D.views.findIndex((v) => v.spec === spec.spec && v.sense === spec.sense));
  $("view").value = String(S.view);
  const kept = keepStep && !follow ? D.steps.indexOf(old) : -1;
  S.step = kept >= 0 ? kept : D.measured.length ? D.measured[D.measured.length - 1] : 0;
  $("step").max = String(Math.max(0, D.measured.length - 1)); $("step").value = String(D.measured.indexOf(S.step));
  if (!S.logChosen) { const pos = D.steps.filter((s) => s > 0); S.log = pos.length > 2 && pos[pos.length - 1] / pos[0] > 30; $("logx").checked = S.log; }
  layerBoxes(); fillFindings(); tables();
  return Promise.all([drawAll(), drawSections()]);
}
function play(on) {
  clearInterval(S.timer); S.timer = null;
  if (on) { if (S.step === D.measured[D.measured.length - 1]) setStep(D.measured[0]); S.timer = setInterval(() => { const k = D.measured.indexOf(S.step); k + 1 < D.measured.length ? setStep(D.measured[k + 1]) : play(false); }, Math.max(60, Math.min(250, 12000 / D.measured.length))); }
  $("play").setAttribute("aria-pressed", String(on)); $("play").textContent = on ? "⏸ pause" : "▶ play";
}
function theme(dark) { S.dark = dark; document.documentElement.classList.toggle("dark", dark); if (D) { drawAll(); drawSections(); } }

$("step").addEventListener("input", () => setStep(D.measured[+$("step").value]));
$("view").addEventListener("change", () => { S.view = +$("view").value; drawAll(); });
$("play").addEventListener("click", () => play(!S.timer));
for (const id of ["trail", "bars", "qx", "qy"]) $(id).addEventListener("change", drawAll);
$("flags").addEventListener("change", drawPlane);
$("every").addEventListener("change", listFindings);
$("logx").addEventListener("change", () => { S.log = $("logx").checked; S.logChosen = true; drawAll(); });
$("all").addEventListener("click", () => { S.off = S.off.size ? new Set() : new Set(D.layers.map((_, l) => l)); layerBoxes(); drawAll(); });
$("theme").addEventListener("click", () => theme(!S.dark));
document.addEventListener("keydown", (e) => { if (/^(INPUT|SELECT|TEXTAREA|BUTTON)$/.test(e.target.tagName) || e.ctrlKey || e.metaKey || e.altKey) return; const k = D.measured.indexOf(S.step); if (e.key === "ArrowRight" && k + 1 < D.measured.length) setStep(D.measured[k + 1]); else if (e.key === "ArrowLeft" && k > 0) setStep(D.measured[k - 1]); else if (e.key === " ") { e.preventDefault(); play(!S.timer); } });
let wasDark = null;
window.addEventListener("beforeprint", () => { wasDark = S.dark; theme(false); });
window.addEventListener("afterprint", () => theme(wasDark));
S.dark = window.matchMedia("(prefers-color-scheme: dark)").matches; document.documentElement.classList.toggle("dark", S.dark);
const EMBEDDED = JSON.parse($("data").textContent);
if (EMBEDDED) show(EMBEDDED, false).then(() => { window.infoplaneReady = true; });
