// Curves over the steps: information, loss and accuracy; and the lines at the chosen checkpoint.

// chart -> pairs of axes with a line each, and where a step lies on them.
// The lines are our own: moving a shape of plotly redraws the chart.
const CURSORS = new Map();

// Where a step is drawn.
function xOf(step) {
  return S.log ? Math.log10(1 + D.steps[step] - D.steps[0]) : D.steps[step];
}

function stepAxis() {
  const axis = { title: { text: "training step" } };
  if (!D.steps.length) return axis;
  const low = xOf(0);
  const high = xOf(D.steps.length - 1);
  const edge = 0.01 * (high - low || 1);
  axis.range = [low - edge, high + edge];
  if (D.steps.length === 1) {
    axis.tickvals = [low];
    axis.ticktext = [String(D.steps[0])];
  }
  if (S.log && D.steps.length > 1) {
    axis.tickvals = ticks().map((tick) => Math.log10(1 + tick));
    axis.ticktext = tickTexts();
  }
  return axis;
}

function cursors(chart, pairs, x) {
  if (!CURSORS.has(chart)) chart.on("plotly_afterplot", () => placeCursors(chart));
  CURSORS.set(chart, { pairs, x });
  placeCursors(chart);
}

function placeCursors(chart) {
  const cursor = CURSORS.get(chart);
  const full = chart._fullLayout;
  if (!cursor || !full || chart.hidden) return;
  const lines = chart.querySelectorAll(":scope > .cursor");
  cursor.pairs.forEach(([xaxis, yaxis], k) => {
    placeCursor(lines[k] || newCursor(chart), full[xaxis], full[yaxis], cursor.x(S.step));
  });
}

function newCursor(chart) {
  const line = el("div", undefined, "cursor");
  line.setAttribute("aria-hidden", "true");
  chart.append(line);
  return line;
}

function placeCursor(line, xaxis, yaxis, at) {
  const left = xaxis.d2p(at);
  line.dataset.x = String(at);
  line.hidden = D.steps.length < 2 || !(left >= -1 && left <= xaxis._length + 1);
  line.style.transform = `translate(${xaxis._offset + left}px, ${yaxis._offset}px)`;
  line.style.height = `${yaxis._length}px`;
}

function curveTrace(layer, s, quantity) {
  const symbols = s.i.map((_, k) => symbolOf(s, k));
  const size = s.i.length > 60 ? 3 : 6;  // of many checkpoints larger marks would hide the line
  return {
    x: s.i.map(xOf),
    y: s.b,
    mode: "lines+markers",
    marker: {
      // a line shows where it goes; of one checkpoint there is no line
      size: symbols.map((symbol) => (symbol === "circle" && s.b.length > 1 ? 0 : size)),
      symbol: symbols,
      color: tone(layer),
      opacity: 1,
    },
    line: { color: tone(layer), width: 1.6, dash: DASHES[layer % DASHES.length] },
    customdata: s.i.map((step) => `${headOf(layer, step)}<br>${hover(layer, step, quantity)}`),
    hovertemplate: "%{customdata}<extra></extra>",
    steps: s.i,
  };
}

// A band around a curve, from the two ends at every checkpoint; null where there are none.
function bandTrace(s, endsOf, look) {
  const ends = s.i.map((step, k) => [xOf(step), endsOf(s, k)]).filter((end) => end[1]);
  if (!ends.length) return null;
  const there = ends.map(([x]) => x);
  const upper = ends.map(([, [, high]]) => high);
  const lower = ends.map(([, [low]]) => low);
  return {
    x: there.concat([...there].reverse()),
    y: upper.concat(lower.reverse()),
    fill: "toself",
    line: { width: 0 },
    mode: "lines",
    hoverinfo: "skip",
    hoveron: "fills",
    ...look,
  };
}

// A curve, the band of shuffled labels behind it, and its 95 % intervals.
function tracesOfLayer(layer, s, quantity) {
  const chance = { fillcolor: NULL_GREY, opacity: 0.25, meta: "null" };
  const bands = [bandTrace(s, shuffled, chance)];
  if ($("bars").checked) bands.push(bandTrace(s, interval, { fillcolor: tone(layer), opacity: 0.12 }));
  return [curveTrace(layer, s, quantity), ...bands.filter((band) => band !== null)];
}

async function drawCurves(id, quantity, on) {
  const given = D.layers.some((_, layer) => series(layer, quantity));
  $(id).hidden = !on || !given;
  if ($(id).hidden) return;
  const traces = [];
  for (const layer of layersOn()) {
    const s = series(layer, quantity);
    if (s) traces.push(...tracesOfLayer(layer, s, quantity));
  }
  const ceiling = quantity === "i_xz" ? D.log2n : view().hy;
  const shapes = ceiling === null ? [] : [dashed({ xref: "paper", x0: 0, x1: 1, y0: ceiling, y1: ceiling })];
  const name = quantity === "i_xz" ? view().sx : view().sy;
  const yaxis = { title: { text: broken(name), font: { size: 11 } }, rangemode: "tozero" };
  const margin = { l: 62, r: 72, t: 8, b: 40 };
  const layout = base({ xaxis: stepAxis(), yaxis, shapes, margin });
  await drawOverSteps(id, traces, layout);
}

// Whether a metric is a share of the rows, as an accuracy is.
const isShare = (name) => /acc/i.test(name);

// The names of the metrics on one axis; of many, that they are metrics.
function metricNames(isThere) {
  const names = D.metrics.map((metric) => metric.name).filter(isThere).join(", ");
  return names.length > 30 ? "metrics" : safe(names);
}

async function drawMetrics() {
  $("curve-m").hidden = !D.metrics.length;
  if (!D.metrics.length) return;
  const tones = ["#7a8594", S.dark ? "#6cb2ff" : "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"];
  const traces = D.metrics.map((metric, k) => ({
    x: metric.i.map(xOf),
    y: metric.v,
    name: safe(metric.name.slice(0, 40)),
    mode: metric.v.length > 1 ? "lines" : "markers",
    marker: { color: tones[k % tones.length] },
    line: { color: tones[k % tones.length], width: 1.6, dash: DASHES[k % DASHES.length] },
    yaxis: isShare(metric.name) ? "y2" : "y",
    steps: metric.i,
  }));
  const accuracy = {
    overlaying: "y", side: "right", title: { text: metricNames(isShare) }, range: [-0.02, 1.02],
    dtick: 0.25, tickformat: ".2f", automargin: false, showgrid: false,
  };
  const layout = base({
    xaxis: stepAxis(),
    yaxis: { title: { text: metricNames((name) => !isShare(name)) } },
    yaxis2: accuracy,
    showlegend: true,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    margin: { l: 62, r: 72, t: 26, b: 40 },
  });
  await drawOverSteps("curve-m", traces, layout);
}

async function drawOverSteps(id, traces, layout) {
  const chart = await Plotly.react(id, traces, layout, CONFIG);
  goToClickedStep(chart);
  cursors(chart, [["xaxis", "yaxis"]], xOf);
}

// A click on any chart goes to that checkpoint.
function goToClickedStep(chart) {
  if (chart.wired) return;
  chart.wired = true;
  if (chart.id === "plane") chart.on("plotly_relayout", () => followZoom(chart));
  chart.on("plotly_click", (event) => {
    const point = event.points[0];
    const steps = point.data.steps;
    if (steps) setStep(steps[point.pointNumber]);
  });
}
