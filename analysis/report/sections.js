// Sections beyond the plane: phases, sensitivity, mechanism, several runs. Drawn once, and again when the theme changes.
const TONES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a8594", "#8c6d31", "#6a3d9a", "#b15928"];
const heading = (text, note) => { const h = el("h2", text), p = el("p", note, "note"); return note ? [h, p] : [h]; };
function chart(id, px) { const d = el("div", undefined, "chart"); d.id = id; d.style.height = `${px}px`; d.setAttribute("role", "img"); return d; }
function table(heads, body) { const box = el("div", undefined, "scroll tall"), t = el("table"); rows(t, heads, body.map((cells) => { const tr = el("tr"); cells.forEach((c) => tr.append(c instanceof Node ? c : clip(String(c)))); return tr; })); box.append(t); return box; }
const logOf = (steps) => { const pos = steps.filter((s) => s > 0); return pos.length > 2 && pos[pos.length - 1] / pos[0] > 30; };
function runAxis(steps) {                              // a step axis of steps that need not be the plane's
  const log = logOf(steps), x = (s) => (log ? Math.log10(1 + s) : s), last = Math.max(...steps), t = [0];
  for (let p = 1; p <= last; p *= 10) t.push(p);
  return { x, axis: log ? { tickvals: t.map(x), ticktext: t.map(String) } : {} };
}

function phasesSection(P) {
  const specs = [...new Set(P.flatMap((l) => l.curves.map((c) => c.e)))], out = $("phases");
  const short = P.map((l) => { const k = D.layers.findIndex((x) => x.name === l.layer); return k >= 0 ? D.layers[k].short : l.layer.slice(0, 24); });
  out.replaceChildren(...heading("Phases: does a layer compress?", "Fall of I(X;Z) from its peak, the peak chosen on one half of the rows and measured on the other; bars are 95 % intervals. Filled: beyond chance, beyond the threshold, and lasting."), chart("phase-chart", 70 + 22 * P.length * specs.length),
    table(["layer", "verdict", "why", ...specs.map((e) => `${e}: fall [bits], peak at step`)], P.map((l) => [l.layer, el("td", l.verdict, l.verdict === "none" ? "" : "estimator"), l.why, ...specs.map((e) => { const c = l.curves.find((q) => q.e === e); return c ? `${num(c.d)} [${num(c.lo)}, ${num(c.hi)}], ${c.at} [${c.from}, ${c.to}]` : "–"; })])));
  const place = new Map(); let y = 0; P.forEach((l, k) => { l.curves.forEach((c) => place.set(`${k} ${c.e}`, y++)); y += 0.8; });
  const traces = specs.map((e, j) => { const mine = P.flatMap((l, k) => l.curves.filter((c) => c.e === e).map((c) => [place.get(`${k} ${e}`), c, short[k]])), tone = TONES[j % TONES.length];
    return { name: safe(e), y: mine.map((m) => m[0]), x: mine.map((m) => m[1].d), mode: "markers", marker: { size: 9, color: tone, symbol: mine.map((m) => (m[1].yes ? "circle" : "circle-open")) }, error_x: { type: "data", symmetric: false, array: mine.map((m) => m[1].hi - m[1].d), arrayminus: mine.map((m) => m[1].d - m[1].lo), color: tone, thickness: 1.5, width: 0 }, customdata: mine.map((m) => `<b>${safe(m[2])}</b>, ${safe(e)}<br>fall ${num(m[1].d)} bits [${num(m[1].lo)}, ${num(m[1].hi)}]<br>peak at step ${m[1].at} [${m[1].from}, ${m[1].to}]` + (m[1].fit === null ? "" : `<br>fitted by step ${m[1].fit}`)), hovertemplate: "%{customdata}<extra></extra>" }; });
  const middle = P.map((l, k) => { const at = l.curves.map((c) => place.get(`${k} ${c.e}`)); return (at[0] + at[at.length - 1]) / 2; });
  return Plotly.react("phase-chart", traces, base({ xaxis: { title: { text: "fall of I(X;Z) [bits]" }, zeroline: true }, yaxis: { tickvals: middle, ticktext: P.map((l, k) => `${safe(short[k])}<br><i>${safe(l.verdict)}</i>`), range: [y - 0.5, -0.9], showgrid: false, automargin: true }, showlegend: true, legend: { orientation: "h", y: 1.0, yanchor: "bottom" }, margin: { l: 130, r: 20, t: 34, b: 44 } }), CONFIG);
}

function sensitivitySection(V) {
  const names = V.layers, cols = Math.min(V.planes.length, narrow() ? 2 : 5), lines = Math.ceil(V.planes.length / cols), traces = [], layout = { showlegend: true, legend: { orientation: "h", y: -0.12 / lines, yanchor: "top" }, annotations: [], margin: { l: 44, r: 10, t: 30, b: 60 } };
  const xs = V.planes.flatMap((p) => p.paths.flatMap((q) => q.x)).filter((v) => v !== null), ys = V.planes.flatMap((p) => p.paths.flatMap((q) => q.y)).filter((v) => v !== null), cut = (v) => { const a = Math.min(0, ...v), b = Math.max(...v), w = b - a || 1; return [a - 0.05 * w, b + 0.08 * w]; };
  V.planes.forEach((p, k) => {
    const c = k % cols, r = Math.floor(k / cols), s = k ? String(k + 1) : "", w = 1 / cols, h = 1 / lines, dom = { x: [c * w + 0.015, (c + 1) * w - 0.01], y: [1 - (r + 1) * h + 0.16 * h, 1 - r * h - 0.06 * h] };
    layout["xaxis" + s] = { domain: dom.x, anchor: "y" + s, range: cut(xs) }; layout["yaxis" + s] = { domain: dom.y, anchor: "x" + s, range: cut(ys), showticklabels: c === 0 };
    layout.annotations.push({ text: safe(p.e), x: (dom.x[0] + dom.x[1]) / 2, y: dom.y[1], xref: "paper", yref: "paper", xanchor: "center", yanchor: "bottom", showarrow: false, font: { size: 11 } });
    p.paths.forEach((q) => { const n = q.x.length; traces.push({ x: q.x, y: q.y, xaxis: "x" + s, yaxis: "y" + s, mode: "lines+markers", line: { color: shade(q.l, names.length), width: 1.3 }, marker: { size: q.x.map((_, i) => (i === n - 1 ? 7 : 0.1)), symbol: SYMBOLS[q.l % SYMBOLS.length], color: shade(q.l, names.length) }, name: safe(names[q.l]), legendgroup: String(q.l), showlegend: k === 0, hovertemplate: `<b>${safe(names[q.l])}</b>, ${safe(p.e)}<br>%{x:.4f}, %{y:.4f} bits<extra></extra>` }); });
  });
  const specs = [...new Set(V.falls.map((f) => f.e))], layers = [...new Set(V.falls.map((f) => f.layer))];
  $("sensitivity").replaceChildren(...heading("Sensitivity: the same activations under other conventions", "Across: I(X;Z), up: I(Z;Y), as each estimator defines them, in bits, on equal axes. The last checkpoint carries the layer's shape. " + V.verdict), chart("sensitivity-chart", 90 + 190 * lines),
    table(["fall from the split-half peak [bits]; * compression", ...layers], specs.map((e) => [e, ...layers.map((l) => { const f = V.falls.find((q) => q.e === e && q.layer === l); return f ? num(f.d) + (f.yes ? " *" : "") : "–"; })])));
  return Plotly.react("sensitivity-chart", traces, base(layout), CONFIG);
}

function mechanismSection(M) {
  const cols = narrow() ? 2 : 3, lines = Math.ceil(M.panels.length / cols), traces = [], steps = M.layers.flatMap((l) => l.steps), run = runAxis([...new Set(steps)].sort((a, b) => a - b)), layout = { showlegend: true, legend: { orientation: "h", y: -0.14 / lines, yanchor: "top" }, annotations: [], margin: { l: 44, r: 10, t: 28, b: 60 } };
  M.panels.forEach((p, k) => {
    const c = k % cols, r = Math.floor(k / cols), s = k ? String(k + 1) : "", w = 1 / cols, h = 1 / lines, dom = { x: [c * w + (narrow() ? 0.06 : 0.03), (c + 1) * w - 0.01], y: [1 - (r + 1) * h + 0.2 * h, 1 - r * h - 0.07 * h] };
    layout["xaxis" + s] = Object.assign({ domain: dom.x, anchor: "y" + s }, run.axis); layout["yaxis" + s] = Object.assign({ domain: dom.y, anchor: "x" + s }, p.key === "spread" ? { rangemode: "tozero" } : { range: [-0.03, 1.05] });
    layout.annotations.push({ text: safe(p.title), x: (dom.x[0] + dom.x[1]) / 2, y: dom.y[1], xref: "paper", yref: "paper", xanchor: "center", yanchor: "bottom", showarrow: false, font: { size: 11 } });
    M.layers.forEach((l, j) => traces.push({ x: l.steps.map(run.x), y: l[p.key], xaxis: "x" + s, yaxis: "y" + s, mode: "lines", line: { color: shade(j, M.layers.length), width: 1.5, dash: DASHES[j % 4] }, name: safe(l.name.slice(0, 40)), legendgroup: String(j), showlegend: k === 0, customdata: l.steps, hovertemplate: `<b>${safe(l.name.slice(0, 40))}</b>, step %{customdata}<br>${safe(p.title)}: %{y:.4f}<extra></extra>` }));
  });
  $("mechanism").replaceChildren(...heading("Mechanism: what the activations do", "Shares from 0 to 1; the last panel in the layer's own units. A falling curve beside saturating values or emptying cells is geometry meeting resolution."), chart("mechanism-chart", 90 + 190 * lines));
  const axis = (k) => (k ? String(k + 1) : "");
  return Plotly.react("mechanism-chart", traces, base(layout), CONFIG).then((gd) => cursors(gd, M.panels.map((_, k) => [`xaxis${axis(k)}`, `yaxis${axis(k)}`]), (i) => run.x(D.steps[i])));
}

function pooledSection(C) {
  const traces = [], run = runAxis([...new Set(C.curves.flatMap((c) => c.steps))].sort((a, b) => a - b)), half = narrow() ? [[0, 1], [0, 1]] : [[0, 0.47], [0.53, 1]], tall = narrow() ? [[0.56, 1], [0, 0.44]] : [[0, 1], [0, 1]];
  for (const c of C.curves) {
    const s = c.q === "i_xz" ? "" : "2", x = c.steps.map(run.x), tone = shade(c.l, C.layers.length), name = safe(C.layers[c.l]);
    c.runs.forEach((r, k) => traces.push({ x, y: r, xaxis: "x" + s, yaxis: "y" + s, mode: "lines", line: { color: tone, width: 0.7 }, opacity: 0.55, legendgroup: String(c.l), showlegend: false, customdata: c.steps, hovertemplate: `<b>${name}</b>, ${safe(C.runs[k])}<br>step %{customdata}: %{y:.4f} bits<extra></extra>` }));
    traces.push({ x, y: c.mid, xaxis: "x" + s, yaxis: "y" + s, mode: "lines", line: { color: tone, width: 2.4 }, name, legendgroup: String(c.l), showlegend: c.q === "i_xz", customdata: c.steps, hovertemplate: `<b>${name}</b>, median of ${C.runs.length} runs<br>step %{customdata}: %{y:.4f} bits<extra></extra>` });
  }
  $("pooled").replaceChildren(...heading(`${C.runs.length} runs compared`, `Under ${C.estimator}; thin: every run, thick: the median over runs. Runs: ${C.runs.join(", ")}.`), chart("pooled-chart", narrow() ? 620 : 380));
  return Plotly.react("pooled-chart", traces, base({ xaxis: Object.assign({ domain: half[0], anchor: "y", title: { text: "training step" } }, run.axis), yaxis: { domain: tall[0], anchor: "x", title: { text: "I(X;Z) [bits]" }, rangemode: "tozero" }, xaxis2: Object.assign({ domain: half[1], anchor: "y2", title: { text: "training step" } }, run.axis), yaxis2: { domain: tall[1], anchor: "x2", title: { text: "I(Z;Y) [bits]" }, rangemode: "tozero" }, showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, margin: { l: 62, r: 14, t: 40, b: 46 } }), CONFIG);
}

function drawSections() {
  for (const gd of CURSORS.keys()) if (!gd.isConnected || gd.id === "mechanism-chart") CURSORS.delete(gd);
  const have = D.sections || {}, done = [];
  for (const [id, draw] of [["phases", phasesSection], ["sensitivity", sensitivitySection], ["mechanism", mechanismSection], ["pooled", pooledSection]]) { $(id).hidden = !have[id]; if (have[id]) done.push(draw(have[id])); }
  return Promise.all(done);
}
