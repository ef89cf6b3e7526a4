// Sections beyond the plane: phases, sensitivity, mechanism, several runs.
// Drawn with the data, and again when the theme changes.

const TONES = [
  "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9",
  "#e69f00", "#7a8594", "#8c6d31", "#6a3d9a", "#b15928",
];

function heading(text, note) {
  return [el("h2", text), el("p", note, "note")];
}

// A place for a chart; the words say what it shows to those who do not see it.
function chart(id, pixels, words) {
  const box = el("div", undefined, "chart");
  box.id = id;
  box.style.height = `${pixels}px`;
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", words);
  return box;
}

// A table of texts and cells.
function table(heads, body) {
  const out = el("table");
  const cell = (c) => (c instanceof Node ? c : clip(String(c)));
  rows(out, heads, body.map((cells) => rowOf(...cells.map(cell))));
  return scrolling(out);
}

// Whether steps are spread so far that a linear axis hides most of them.
function logOf(steps) {
  const positive = steps.filter((step) => step > 0);
  return positive.length > 2 && positive[positive.length - 1] / positive[0] > 30;
}

// An axis of steps that need not be the plane's.
function runAxis(steps) {
  const ordered = [...new Set(steps)].sort((a, b) => a - b);
  if (!logOf(ordered)) return { x: (step) => step, axis: {} };
  const x = (step) => Math.log10(1 + step);
  const marks = [0];
  for (let power = 1; power <= Math.max(...ordered); power *= 10) marks.push(power);
  return { x, axis: { tickvals: marks.map(x), ticktext: marks.map(stepText) } };
}

// plotly's name of the k-th axis: "x", "x2", "x3".
function axisName(letter, k) {
  return letter + (k ? String(k + 1) : "");
}

function layoutName(letter, k) {
  return `${letter}axis${k ? k + 1 : ""}`;
}

// Where the k-th of several panels lies, as shares of the chart.
function panelDomain(k, columns, lines, { left, above, below }) {
  const column = k % columns;
  const line = Math.floor(k / columns);
  return {
    x: [column / columns + left, (column + 1) / columns - 0.01],
    y: [1 - (line + 1 - below) / lines, 1 - (line + above) / lines],
    isLeftmost: column === 0,
  };
}

function panelTitle(text, domain) {
  return {
    text: safe(text),
    x: (domain.x[0] + domain.x[1]) / 2,
    y: domain.y[1],
    xref: "paper",
    yref: "paper",
    xanchor: "center",
    yanchor: "bottom",
    showarrow: false,
    font: { size: 11 },
  };
}

function legendBelow(y) {
  return { showlegend: true, legend: { orientation: "h", y, yanchor: "top" } };
}

function legendAbove(y) {
  return { showlegend: true, legend: { orientation: "h", y, yanchor: "bottom" } };
}

const unique = (items) => [...new Set(items)];

// --- phases

function shortName(name) {
  const layer = D.layers.find((names) => names.name === name);
  return layer ? layer.short : name.slice(0, 24);
}

// A curve that stands still has no peak.
function peakText(curve) {
  return curve.flat ? "flat" : `${curve.at} [${curve.from}, ${curve.to}]`;
}

function phaseCell(layer, spec) {
  const curve = layer.curves.find((c) => c.e === spec);
  if (!curve) return "–";
  const fall = `${num(curve.d)} [${num(curve.lo)}, ${num(curve.hi)}]`;
  return `${fall}, ${peakText(curve)}`;
}

function phaseTable(phases, specs) {
  const heads = specs.map((spec) => `${spec}: fall [bits], peak at step`);
  const body = phases.map((layer) => [
    layer.layer,
    el("td", layer.verdict, layer.verdict === "none" ? "" : "estimator"),
    layer.why,
    ...specs.map((spec) => phaseCell(layer, spec)),
  ]);
  return table(["layer", "verdict", "why", ...heads], body);
}

// The falls of all layers, one line below the other; a gap after each layer.
function phaseLines(phases) {
  const lines = [];
  const middles = [];
  let y = 0;
  for (const layer of phases) {
    const first = y;
    for (const curve of layer.curves) lines.push({ y: y++, name: shortName(layer.layer), curve });
    middles.push((first + y - 1) / 2);
    y += 0.8;
  }
  return { lines, middles, end: y };
}

function phaseText({ name, curve }) {
  const out = [
    `<b>${safe(name)}</b>, ${safe(curve.e)}`,
    `fall ${num(curve.d)} bits [${num(curve.lo)}, ${num(curve.hi)}]`,
    curve.flat ? "flat" : `peak at step ${peakText(curve)}`,
  ];
  if (curve.fit !== null) out.push(`fitted by step ${curve.fit}`);
  return out.join("<br>");
}

function phaseTrace(spec, lines, colour) {
  const curves = lines.map((line) => line.curve);
  return {
    name: safe(spec),
    y: lines.map((line) => line.y),
    x: curves.map((curve) => curve.d),
    mode: "markers",
    marker: {
      size: 9,
      color: colour,
      symbol: curves.map((curve) => (curve.yes ? "circle" : "circle-open")),
    },
    error_x: {
      type: "data",
      symmetric: false,
      array: curves.map((curve) => curve.hi - curve.d),
      arrayminus: curves.map((curve) => curve.d - curve.lo),
      color: colour,
      thickness: 1.5,
      width: 0,
    },
    customdata: lines.map(phaseText),
    hovertemplate: "%{customdata}<extra></extra>",
  };
}

function phasesSection(phases) {
  const specs = unique(phases.flatMap((layer) => layer.curves.map((curve) => curve.e)));
  const note = "Fall of I(X;Z) from its peak, the peak chosen on one half of the rows and measured on the other; "
    + "bars are 95 % intervals. Filled: beyond chance, beyond the threshold, and lasting.";
  $("phases").replaceChildren(
    ...heading("Phases: does a layer compress?", note),
    chart(
      "phase-chart",
      70 + 22 * phases.length * specs.length,
      "falls of I(X;Z) with 95 % intervals; the table below holds the same numbers",
    ),
    phaseTable(phases, specs),
  );
  const { lines, middles, end } = phaseLines(phases);
  const traces = specs.map((spec, k) => {
    const ofSpec = lines.filter((line) => line.curve.e === spec);
    return phaseTrace(spec, ofSpec, TONES[k % TONES.length]);
  });
  const names = phases.map((layer) => `${safe(shortName(layer.layer))}<br><i>${safe(layer.verdict)}</i>`);
  const layout = base({
    xaxis: { title: { text: "fall of I(X;Z) [bits]" }, zeroline: true },
    yaxis: {
      tickvals: middles, ticktext: names, range: [end - 0.5, -0.9], showgrid: false, automargin: true,
    },
    ...legendAbove(1.0),
    margin: { l: 130, r: 20, t: 34, b: 44 },
  });
  return Plotly.react("phase-chart", traces, layout, CONFIG);
}

// --- sensitivity

// From 0 to the largest number, with room on both sides.
function fromZero(values) {
  const there = values.filter((v) => v !== null);
  const low = Math.min(0, ...there);
  const high = Math.max(...there);
  const width = high - low || 1;
  return [low - 0.05 * width, high + 0.08 * width];
}

function smallTrace(path, spec, k, names) {
  const colour = shade(path.l, names.length);
  const last = path.x.length - 1;
  return {
    x: path.x,
    y: path.y,
    xaxis: axisName("x", k),
    yaxis: axisName("y", k),
    mode: "lines+markers",
    line: { color: colour, width: 1.3 },
    marker: {
      size: path.x.map((_, i) => (i === last ? 7 : 0.1)),
      symbol: SYMBOLS[path.l % SYMBOLS.length],
      color: colour,
    },
    name: safe(names[path.l]),
    legendgroup: String(path.l),
    showlegend: k === 0,
    hovertemplate: `<b>${safe(names[path.l])}</b>, ${safe(spec)}<br>%{x:.4f}, %{y:.4f} bits<extra></extra>`,
  };
}

function fallTable(falls) {
  const layers = unique(falls.map((fall) => fall.layer));
  const cell = (spec, layer) => {
    const fall = falls.find((f) => f.e === spec && f.layer === layer);
    return fall ? num(fall.d) + (fall.yes ? " *" : "") : "–";
  };
  const body = unique(falls.map((fall) => fall.e)).map((spec) => (
    [spec, ...layers.map((layer) => cell(spec, layer))]
  ));
  return table(["fall from the split-half peak [bits]; * compression", ...layers], body);
}

function sensitivitySection(sensitivity) {
  const { layers, planes } = sensitivity;
  const columns = Math.min(planes.length, narrow() ? 2 : 5);
  const lines = Math.ceil(planes.length / columns);
  const paths = planes.flatMap((plane) => plane.paths);
  const across = fromZero(paths.flatMap((path) => path.x));
  const up = fromZero(paths.flatMap((path) => path.y));
  const layout = {
    ...legendBelow(-0.12 / lines), annotations: [], margin: { l: 44, r: 10, t: 30, b: 60 },
  };
  const traces = [];
  planes.forEach((plane, k) => {
    const domain = panelDomain(k, columns, lines, { left: 0.015, above: 0.06, below: 0.16 });
    layout[layoutName("x", k)] = { domain: domain.x, anchor: axisName("y", k), range: across };
    layout[layoutName("y", k)] = {
      domain: domain.y, anchor: axisName("x", k), range: up, showticklabels: domain.isLeftmost,
    };
    layout.annotations.push(panelTitle(plane.e, domain));
    for (const path of plane.paths) traces.push(smallTrace(path, plane.e, k, layers));
  });
  const note = "Across: I(X;Z), up: I(Z;Y), as each estimator defines them, in bits, on equal axes. "
    + "The last checkpoint carries the layer's shape. " + sensitivity.verdict;
  $("sensitivity").replaceChildren(
    ...heading("Sensitivity: the same activations under other conventions", note),
    chart("sensitivity-chart", 90 + 190 * lines, "one small information plane per convention"),
    fallTable(sensitivity.falls),
  );
  return Plotly.react("sensitivity-chart", traces, base(layout), CONFIG);
}

// --- mechanism

function mechanismTrace(layer, place, count, panel, k, x) {
  const name = safe(layer.name.slice(0, 40));
  return {
    x: layer.steps.map(x),
    y: layer[panel.key],
    xaxis: axisName("x", k),
    yaxis: axisName("y", k),
    mode: "lines",
    line: { color: shade(place, count), width: 1.5, dash: DASHES[place % DASHES.length] },
    name,
    legendgroup: String(place),
    showlegend: k === 0,
    customdata: layer.steps,
    hovertemplate: `<b>${name}</b>, step %{customdata}<br>${safe(panel.title)}: %{y:.4f}<extra></extra>`,
  };
}

async function mechanismSection({ layers, panels }) {
  const columns = narrow() ? 2 : 3;
  const lines = Math.ceil(panels.length / columns);
  const run = runAxis(layers.flatMap((layer) => layer.steps));
  const layout = {
    ...legendBelow(-0.14 / lines), annotations: [], margin: { l: 44, r: 10, t: 28, b: 60 },
  };
  const traces = [];
  panels.forEach((panel, k) => {
    const room = { left: narrow() ? 0.06 : 0.03, above: 0.07, below: 0.2 };
    const domain = panelDomain(k, columns, lines, room);
    const isShare = panel.key !== "spread";
    layout[layoutName("x", k)] = { domain: domain.x, anchor: axisName("y", k), ...run.axis };
    layout[layoutName("y", k)] = {
      domain: domain.y,
      anchor: axisName("x", k),
      ...(isShare ? { range: [-0.03, 1.05] } : { rangemode: "tozero" }),
    };
    layout.annotations.push(panelTitle(panel.title, domain));
    layers.forEach((layer, place) => {
      traces.push(mechanismTrace(layer, place, layers.length, panel, k, run.x));
    });
  });
  const note = "Shares from 0 to 1; the last panel in the layer's own units. "
    + "A falling curve beside saturating values or emptying cells is geometry meeting resolution.";
  $("mechanism").replaceChildren(
    ...heading("Mechanism: what the activations do", note),
    chart("mechanism-chart", 90 + 190 * lines, "statistics of activations over the steps"),
  );
  const drawn = await Plotly.react("mechanism-chart", traces, base(layout), CONFIG);
  const pairs = panels.map((_, k) => [layoutName("x", k), layoutName("y", k)]);
  cursors(drawn, pairs, (step) => run.x(D.steps[step]));
}

// --- several runs

function pooledTraces(curve, pooled, x) {
  const k = curve.q === "i_xz" ? 0 : 1;
  const name = safe(pooled.layers[curve.l]);
  const shared = {
    x: curve.steps.map(x),
    xaxis: axisName("x", k),
    yaxis: axisName("y", k),
    mode: "lines",
    legendgroup: String(curve.l),
    customdata: curve.steps,
  };
  const colour = shade(curve.l, pooled.layers.length);
  const hoverOf = (whose) => (
    `<b>${name}</b>, ${whose}<br>step %{customdata}: %{y:.4f} bits<extra></extra>`
  );
  const runs = curve.runs.map((values, place) => ({
    ...shared,
    y: values,
    line: { color: colour, width: 0.7 },
    opacity: 0.55,
    showlegend: false,
    hovertemplate: hoverOf(safe(pooled.runs[place])),
  }));
  const median = {
    ...shared,
    y: curve.mid,
    line: { color: colour, width: 2.4 },
    name,
    showlegend: k === 0,
    hovertemplate: hoverOf(`median of ${pooled.runs.length} runs`),
  };
  return [...runs, median];
}

function pooledSection(pooled) {
  const run = runAxis(pooled.curves.flatMap((curve) => curve.steps));
  const isNarrow = narrow();   // one panel above the other instead of side by side
  const across = isNarrow ? [[0, 1], [0, 1]] : [[0, 0.47], [0.53, 1]];
  const up = isNarrow ? [[0.56, 1], [0, 0.44]] : [[0, 1], [0, 1]];
  const layout = { ...legendAbove(1.02), margin: { l: 62, r: 14, t: 40, b: 46 } };
  ["I(X;Z) [bits]", "I(Z;Y) [bits]"].forEach((words, k) => {
    layout[layoutName("x", k)] = {
      domain: across[k], anchor: axisName("y", k), title: { text: "training step" }, ...run.axis,
    };
    layout[layoutName("y", k)] = {
      domain: up[k], anchor: axisName("x", k), title: { text: words }, rangemode: "tozero",
    };
  });
  const note = `Under ${pooled.estimator}; thin: every run, thick: the median over runs. `
    + `Runs: ${pooled.runs.join(", ")}.`;
  $("pooled").replaceChildren(
    ...heading(`${pooled.runs.length} runs compared`, note),
    chart("pooled-chart", isNarrow ? 620 : 380, "I(X;Z) and I(Z;Y) of all runs over the steps"),
  );
  const traces = pooled.curves.flatMap((curve) => pooledTraces(curve, pooled, run.x));
  return Plotly.react("pooled-chart", traces, base(layout), CONFIG);
}

// --- all of them

const SECTIONS = {
  phases: phasesSection,
  sensitivity: sensitivitySection,
  mechanism: mechanismSection,
  pooled: pooledSection,
};

function drawSections() {
  for (const drawn of CURSORS.keys()) {
    if (!drawn.isConnected || drawn.id === "mechanism-chart") CURSORS.delete(drawn);
  }
  const found = D.sections || {};
  const done = Object.entries(SECTIONS).map(([id, draw]) => {
    $(id).hidden = !found[id];
    return found[id] ? draw(found[id]) : null;
  });
  return Promise.all(done);
}
