// The information plane: trajectories below, and above them a layer of its own with the points of
// the chosen checkpoint, so that moving the slider does not redraw the trajectories.

const GREY = "#888888";
const NULL_GREY = "#8a8a8a";
const FLOOR = "#8a6d00";
const FLAG = { fault: "#b2182b", violation: "#d6336c", estimator: "#e08214" };

function cssColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// The layout that all charts share, in the colours of the page; every axis gets the same manners.
function base(extra) {
  const axis = {
    gridcolor: cssColour("--line"),
    zerolinecolor: cssColour("--line"),
    linecolor: cssColour("--soft"),
    ticks: "outside",
    tickcolor: cssColour("--soft"),
  };
  const layout = {
    paper_bgcolor: cssColour("--bg"),
    plot_bgcolor: cssColour("--bg"),
    font: { color: cssColour("--fg"), size: 12 },
    margin: { l: 62, r: 14, t: 14, b: 46 },
    hovermode: "closest",
    showlegend: false,
    uirevision: "keep",
    hoverlabel: { align: "left" },
  };
  for (const [name, value] of Object.entries(extra)) {
    layout[name] = /^[xy]axis/.test(name) ? Object.assign({}, axis, value) : value;
  }
  return layout;
}

// Checkpoints are coloured by their step, counted from the first; by its logarithm where the axes of
// steps are logarithmic.
function colourOf(step) {
  return colourAt(D.steps[step] - D.steps[0]);
}

function colourAt(steps) {
  return S.log ? Math.log1p(steps) : steps;
}

// The first step, and powers of ten up to the last; all counted from the first.
function ticks() {
  const first = D.steps[0];
  const last = D.steps[D.steps.length - 1];
  const out = [0];
  for (let power = 1; power <= last; power *= 10) if (power > first) out.push(power - first);
  return out;
}

// Five round steps between the first and the last, for colours that are linear in the step.
function linearTicks() {
  const first = D.steps[0];
  const last = D.steps[D.steps.length - 1];
  const power = 10 ** Math.floor(Math.log10(Math.max(1, (last - first) / 4)));
  const size = power * [1, 2, 5, 10].find((factor) => (last - first) / (factor * power) <= 5);
  const steps = [];
  for (let step = Math.ceil(first / size) * size; step <= last; step += size) steps.push(step);
  return { tickvals: steps.map((step) => step - first), ticktext: steps.map(stepText) };
}

function tickTexts() {
  return ticks().map((tick) => stepText(tick + D.steps[0]));
}

// --- the trajectories

// plotly's error bars of 95 % intervals; none where there is none.
function errorOf(values, intervals, layer) {
  if (!$("bars").checked || !intervals.some((ends) => ends)) return undefined;
  return {
    type: "data",
    symmetric: false,
    array: intervals.map((ends, k) => (ends ? ends[1] - values[k] : 0)),
    arrayminus: intervals.map((ends, k) => (ends ? values[k] - ends[0] : 0)),
    color: tone(layer),
    thickness: 1,
    width: 0,
  };
}

function colourBar() {
  return {
    title: { text: "training step", side: "right" },
    thickness: 12,
    ...(S.log ? { tickvals: ticks().map(colourAt), ticktext: tickTexts() } : linearTicks()),
    outlinewidth: 0,
  };
}

function trailTrace(layer, path) {
  return {
    x: path.x,
    y: path.y,
    mode: "lines+markers",
    line: { color: tone(layer), width: 1 },
    marker: {
      size: 5,
      color: path.steps.map(colourOf),
      cmin: 0,
      cmax: Math.max(1, colourOf(D.steps.length - 1)),
      colorscale: ramp().map((hue, k) => [k / (VIRIDIS.length - 1), hue]),
      symbol: path.symbols,
    },
    customdata: path.steps.map((step) => pointText(layer, step)),
    hovertemplate: "%{customdata}<extra></extra>",
    meta: "trail-" + layer,
    steps: path.steps,
    opacity: $("trail").checked ? 0.75 : 0,
    error_x: errorOf(path.x, path.intervalsX, layer),
    error_y: errorOf(path.y, path.intervalsY, layer),
  };
}

function startsTrace(trails) {
  return {
    x: trails.map((trace) => trace.x[0]),
    y: trails.map((trace) => trace.y[0]),
    mode: "markers",
    hoverinfo: "skip",
    meta: "first",
    marker: { size: 10, symbol: "circle-open", color: GREY, line: { width: 1 } },
  };
}

// The bands of shuffled labels at the last checkpoint of every layer; null where none was drawn.
function nullTrace() {
  const x = [];
  const y = [];
  for (const layer of layersOn()) {
    const path = trajectory(layer);
    if (!path || !path.steps.length) continue;
    const last = path.steps.length - 1;
    const s = series(layer, "i_zy");
    const band = shuffled(s, s.at.get(path.steps[last]));
    if (!band) continue;
    x.push(path.x[last], path.x[last], null);
    y.push(band[0], band[1], null);
  }
  if (!x.length) return null;
  const line = { color: NULL_GREY, width: 5 };
  return { x, y, mode: "lines", line, opacity: 0.7, hoverinfo: "skip", meta: "null" };
}

// A line between the two layers of every finding of one verdict; null where there is none.
// A ring stands where a marker would cover the line, and at both ends of what fails a check.
function flagTrace(verdict) {
  const x = [];
  const y = [];
  const rings = [];
  const mild = verdict === "estimator";
  for (const finding of findings()) {
    const isOff = S.off.has(finding.u) || S.off.has(finding.d);
    if (finding.v !== verdict || !concerns(finding) || isOff) continue;
    const step = D.steps.indexOf(finding.step);
    const upper = pointAt(finding.u, step);
    const lower = pointAt(finding.d, step);
    if (upper[0] === null || lower[0] === null) continue;
    x.push(upper[0], lower[0], null);
    y.push(upper[1], lower[1], null);
    const [a, b] = [pixelsOf(upper), pixelsOf(lower)];
    const covered = Math.hypot(a[0] - b[0], a[1] - b[1]) < 13;
    const size = covered ? 19 : mild ? 0 : 11;
    rings.push(size, size, 0);
  }
  if (!x.length) return null;
  return {
    x,
    y,
    mode: "lines+markers",
    line: { color: FLAG[verdict], width: mild ? 0.8 : 2.5, dash: mild ? "dot" : "solid" },
    marker: { size: rings, symbol: "circle-open", color: FLAG[verdict], line: { width: 2 } },
    hoverinfo: "skip",
    meta: "flag-" + verdict,
    opacity: mild ? 0.8 : 1,
    visible: $("flags").checked,
  };
}

function planeTraces() {
  const trails = [];
  for (const layer of layersOn()) {
    const path = trajectory(layer);
    if (path && path.steps.length) trails.push(trailTrace(layer, path));
  }
  if (trails.length) Object.assign(trails[0].marker, { showscale: true, colorbar: colourBar() });
  const starts = $("trail").checked ? [startsTrace(trails)] : [];
  const marks = [nullTrace(), ...Object.keys(FLAG).map(flagTrace)];
  return [...trails, ...starts, ...marks.filter((trace) => trace !== null)];
}

// --- the frame

function dashed(position) {
  return { type: "line", ...position, line: { dash: "dash", width: 1, color: GREY } };
}

// What the predictions prove of I(Z;Y), as a dotted line with its name; nothing where it is unknown.
function floorLine() {
  if (!D.floor) return { shapes: [], notes: [] };
  const line = { dash: "dot", width: 1.5, color: FLOOR };
  const across = { type: "line", xref: "paper", x0: 0, x1: 1, y0: D.floor, y1: D.floor, line };
  const name = {
    xref: "paper", x: 0.99, y: D.floor, text: `proved: ${num(D.floor)}`,
    showarrow: false, xanchor: "right", yanchor: "top", font: { size: 10, color: FLOOR },
  };
  return { shapes: [across], notes: [name] };
}

// What the ceiling of the labels is called: "H(Y) = 1".
function ceilingName() {
  return `${view().yname} = ${num(view().hy)}`;
}

// The ceilings: log2 of the rows across, and the entropy of the labels up.
function ceilings() {
  const shapes = [
    dashed({ x0: D.log2n, x1: D.log2n, yref: "paper", y0: 0, y1: 1 }),
    {
      type: "rect", x0: D.saturated, x1: D.log2n, yref: "paper", y0: 0, y1: 1,
      fillcolor: "#999999", opacity: 0.15, line: { width: 0 },
    },
  ];
  const notes = [
    {
      x: D.log2n, y: 0.02, yref: "paper", text: `${D.xname} = ${num(D.log2n)}`, textangle: -90,
      showarrow: false, xanchor: "right", yanchor: "bottom",
    },
  ];
  const { hy } = view();
  if (hy !== null) {
    shapes.push(dashed({ xref: "paper", x0: 0, x1: 1, y0: hy, y1: hy }));
    notes.push({
      xref: "paper", x: 0.01, y: hy, text: ceilingName(),
      showarrow: false, xanchor: "left", yanchor: "bottom",
    });
  }
  const floor = floorLine();
  return { shapes: shapes.concat(floor.shapes), notes: notes.concat(floor.notes) };
}

// From 0 to the ceiling, wider where numbers lie beyond.
function rangeOf(quantity, ceiling) {
  const ofView = D.series.filter((s) => s.e === view().spec && s.q === quantity);
  const values = ofView.flatMap((s) => s.b).concat([0, ceiling]);
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const width = high - low || 1;
  return [low - 0.04 * width, high + 0.08 * width];
}

function planeFrame() {
  const { sx, sy } = view();
  const long = sy.length > 60 || (narrow() && sy.length > 40);
  return {
    xaxis: {
      title: { text: narrow() ? broken(sx) : safe(sx) },
      range: rangeOf("i_xz", D.log2n),
    },
    yaxis: {
      title: { text: long ? broken(sy) : safe(sy) },
      range: rangeOf("i_zy", view().hy || 0),
    },
    margin: { l: long ? 84 : 66, r: 92, t: 14, b: narrow() ? 72 : 52, autoexpand: false },
  };
}

// --- the points of the chosen checkpoint

function nowPoints() {
  const layers = layersOn();
  const points = layers.map((layer) => pointAt(layer, S.step));
  const looks = layers.map((layer) => lookAt(layer, S.step));
  return {
    x: points.map((point) => point[0]),
    y: points.map((point) => point[1]),
    ...labelled(layers, points),
    symbol: layers.map((layer) => SYMBOLS[layer % SYMBOLS.length]),
    color: layers.map((layer, k) => (looks[k] === "circle" ? tone(layer) : cssColour("--bg"))),
    crossed: points.map((point, k) => (looks[k] === D.marks.saturated.symbol ? point[1] : null)),
  };
}

// How the path shows the checkpoint: the symbol of full, hollow or crossed points.
function lookAt(layer, step) {
  const x = series(layer, "i_xz");
  return x && x.at.has(step) ? symbolOf(x, x.at.get(step)) : "circle";
}

// Where a point is on the screen; a guess before plotly has drawn.
function pixelsOf(point) {
  const full = $("now-layer")._fullLayout;
  if (full) return [full.xaxis.d2p(point[0]), full.yaxis.d2p(point[1])];
  return [(560 * point[0]) / D.log2n, (480 * point[1]) / (view().hy || D.log2n)];
}

// One label for markers that touch: "1–3, 5" at the first of them.
function labelsOf(layers, points) {
  const groups = [];
  layers.forEach((layer, k) => {
    if (points[k][0] === null) return;
    const [x, y] = pixelsOf(points[k]);
    const touches = ([a, b]) => Math.abs(a - x) < 18 && Math.abs(b - y) < 14;
    const near = groups.find((group) => group.places.some(touches));
    if (near) {
      near.places.push([x, y]);
      near.numbers.push(markOf(layer));
    } else {
      groups.push({ first: k, places: [[x, y]], numbers: [markOf(layer)] });
    }
  });
  const labels = layers.map(() => "");
  for (const group of groups) labels[group.first] = runsOf(group.numbers);
  return labels;
}

const CORNERS = ["top right", "top left", "bottom right", "bottom left"];
const LETTER = 7;  // pixels across
const LINE = 16;  // pixels up

function overlap(a, b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function labelBox([x, y], label, corner) {
  const width = LETTER * label.length;
  const left = corner.endsWith("right") ? x + 6 : x - 6 - width;
  const top = corner.startsWith("top") ? y - 6 - LINE : y + 6;
  return { left, right: left + width, top, bottom: top + LINE };
}

// What a label must not cover: the markers, and the name of the ceiling at the upper left.
function obstacles(points) {
  const boxes = points.map(pixelsOf).map(([x, y]) => (
    { left: x - 6, right: x + 6, top: y - 6, bottom: y + 6 }
  ));
  const { hy } = view();
  if (hy !== null) {
    const line = pixelsOf([0, hy])[1];
    const right = 10 + LETTER * ceilingName().length;
    boxes.push({ left: 0, right, top: line - LINE, bottom: line });
  }
  return boxes;
}

// Each label at the first corner of its marker where it covers nothing and leaves no side.
function labelled(layers, points) {
  const text = labelsOf(layers, points);
  const full = $("now-layer")._fullLayout;
  const right = full ? full.xaxis._length : Infinity;
  const taken = obstacles(points.filter((point) => point[0] !== null));
  const textposition = text.map((label, k) => {
    if (label === "") return CORNERS[0];
    const place = pixelsOf(points[k]);
    const isFree = (box) => box.right <= right && !taken.some((other) => overlap(box, other));
    const corner = CORNERS.find((at) => isFree(labelBox(place, label, at))) || CORNERS[0];
    taken.push(labelBox(place, label, corner));
    return corner;
  });
  return { text, textposition };
}

function nowTrace() {
  const now = nowPoints();
  return {
    x: now.x,
    y: now.y,
    text: now.text,
    hoverinfo: "skip",
    mode: "lines+markers+text",
    textposition: now.textposition,
    line: { color: GREY, width: 1, dash: "dot" },
    marker: {
      size: 13,
      symbol: now.symbol,
      color: now.color,
      line: { color: cssColour("--fg"), width: 1.5 },
    },
    cliponaxis: false,
  };
}

function crossesTrace() {
  const now = nowPoints();
  return {
    x: now.x,
    y: now.crossed,
    hoverinfo: "skip",
    mode: "markers",
    marker: { size: 6, symbol: "x-thin", line: { color: cssColour("--fg"), width: 1.5 } },
    cliponaxis: false,
  };
}

// The layout of the upper layer: the frame of the plane, unseen.
function nowLayout(frame) {
  const layout = base({
    xaxis: { visible: false, ...frame.xaxis },
    yaxis: { visible: false, ...frame.yaxis },
    margin: frame.margin,
  });
  layout.paper_bgcolor = "rgba(0,0,0,0)";
  layout.plot_bgcolor = "rgba(0,0,0,0)";
  layout.uirevision = undefined;
  return layout;
}

function restyleNow() {
  const now = nowPoints();
  const change = {
    x: [now.x, now.x],
    y: [now.y, now.crossed],
    text: [now.text, ""],
    textposition: [now.textposition, "top right"],
    "marker.color": [now.color, null],
  };
  return Plotly.restyle("now-layer", change, [0, 1]);
}

function relabel() {
  const now = nowPoints();
  const change = { text: [now.text], textposition: [now.textposition] };
  return Plotly.restyle("now-layer", change, [0]);
}

// The upper layer shows the part of the plane that the lower one shows.
function followZoom(plane) {
  if (!$("now-layer").layout) return null;
  const ranges = {
    "xaxis.range": plane.layout.xaxis.range.slice(),
    "yaxis.range": plane.layout.yaxis.range.slice(),
  };
  return Plotly.relayout("now-layer", ranges).then(relabel);
}

// Words in a plane that has no points: what its estimator does not give.
function missingNote() {
  const given = (quantity) => D.layers.some((_, layer) => series(layer, quantity));
  const absent = [["i_xz", "I(X;Z)"], ["i_zy", "I(Z;Y)"]].filter(([key]) => !given(key));
  if (!D.measured.length || !absent.length) return [];
  const names = absent.map(([, name]) => name).join(" and no ");
  const text = `${safe(view().spec)}<br>gives no ${names}:<br>see its curves`;
  return [{ text, x: 0.5, y: 0.5, xref: "paper", yref: "paper", showarrow: false }];
}

async function drawPlane() {
  const frame = planeFrame();
  const { shapes, notes } = ceilings();
  const layout = base({
    ...frame, shapes, annotations: [...notes, ...missingNote()], uirevision: view().spec,
  });
  const upper = nowLayout(frame);
  const overlay = nowTrace();
  const plane = await Plotly.react("plane", planeTraces(), layout, CONFIG);
  goToClickedStep(plane);
  upper.xaxis.range = plane.layout.xaxis.range.slice();
  upper.yaxis.range = plane.layout.yaxis.range.slice();
  await Plotly.react("now-layer", [overlay, crossesTrace()], upper, { staticPlot: true, ...CONFIG });
  return relabel();  // now that pixels are known
}
