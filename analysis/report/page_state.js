"use strict";
// What the page knows: its data, what the reader chose, and where a number stands.
// Every name from the data reaches the page as text, never as markup.

const $ = (id) => document.getElementById(id);

const CONFIG = {
  displaylogo: false,
  responsive: true,
  showSendToCloud: false,
  plotlyServerURL: "",
  showLink: false,
  showEditInChartStudio: false,
  modeBarButtonsToRemove: ["sendDataToCloud", "sendChartToCloud", "select2d", "lasso2d"],
};

// The data, as content.py makes them; null until they are there.
let D = null;
let INDEX = new Map();    // estimator, sense, layer, quantity -> series
let FOUND = new Map();    // step, layer -> findings

// What the reader chose.
const S = {
  view: 0,                // which estimator, a place in D.views
  step: 0,                // which checkpoint, a place in D.steps
  off: new Set(),         // layers that are not drawn
  shown: new Set(),       // verdicts that are listed
  verdictsMade: false,    // whether `shown` has been filled once
  log: false,             // whether the axis of steps is logarithmic
  logChosen: false,       // whether the reader chose it
  dark: false,
  timer: null,            // of the play button
};

const keyOf = (...parts) => parts.join("\u0000");

// Index a new set of data; what the reader chose stays.
function take(data) {
  D = data;
  INDEX = new Map();
  for (const s of D.series) {
    s.at = new Map(s.i.map((step, k) => [step, k]));
    INDEX.set(keyOf(s.e, s.s, s.l, s.q), s);
  }
  D.measured = [...new Set(D.series.flatMap((s) => s.i))].sort((a, b) => a - b);
  FOUND = new Map();
  for (const finding of findings()) {
    for (const layer of new Set([finding.u, finding.d])) {
      const key = keyOf(finding.step, layer);
      if (!FOUND.has(key)) FOUND.set(key, []);
      FOUND.get(key).push(finding);
    }
  }
}

const NO_VIEW = {
  spec: "",
  sense: "",
  x: "I(X;Z) [bits]",
  y: "I(Z;Y) [bits]",
  sx: "I(X;Z) [bits]",
  sy: "I(Z;Y) [bits]",
  yname: "",
  hy: null,
  caption: "",
};

function findings() {
  return D.dpi ? D.dpi.findings : [];
}

// The estimator that is shown, and its words for the axes.
function view() {
  return D.views[S.view] || NO_VIEW;
}

// The numbers of one layer and quantity ("i_xz" or "i_zy") under the chosen estimator.
function series(layer, quantity) {
  return INDEX.get(keyOf(view().spec, view().sense, layer, quantity));
}

function layersOn() {
  return D.layers.map((_, layer) => layer).filter((layer) => !S.off.has(layer));
}

function lastMeasured() {
  return D.measured[D.measured.length - 1];
}

// A point of a layer in the plane at one checkpoint; nulls where one of the two was not measured.
function pointAt(layer, step) {
  const x = series(layer, "i_xz");
  const y = series(layer, "i_zy");
  const both = x && y && x.at.has(step) && y.at.has(step);
  return both ? [x.b[x.at.get(step)], y.b[y.at.get(step)]] : [null, null];
}

// A layer's way through the plane: checkpoints at which both quantities were measured.
function trajectory(layer) {
  const x = series(layer, "i_xz");
  const y = series(layer, "i_zy");
  if (!x || !y) return null;
  const steps = x.i.filter((step) => y.at.has(step));
  return {
    steps,
    x: steps.map((step) => x.b[x.at.get(step)]),
    y: steps.map((step) => y.b[y.at.get(step)]),
    symbols: steps.map((step) => symbolOf(x, x.at.get(step))),
    intervalsX: steps.map((step) => interval(x, x.at.get(step))),
    intervalsY: steps.map((step) => interval(y, y.at.get(step))),
  };
}

// The 95 % interval of the k-th number of a series; null where there is none.
function interval(s, k) {
  if (s.lo && s.lo[k] !== null) return [s.lo[k], s.hi[k]];
  if (s.se && s.se[k] !== null) return [s.b[k] - 1.96 * s.se[k], s.b[k] + 1.96 * s.se[k]];
  return null;
}

// The band in which the k-th number would lie for shuffled labels; null where none was drawn.
function shuffled(s, k) {
  return s.nl && s.nl[k] !== null ? [s.nl[k], s.nh[k]] : null;
}

function ceilingOf(s, k) {
  return Array.isArray(s.c) ? s.c[k] : s.c;
}

function isSaturated(s, k) {
  return Boolean(s.sat) && s.sat[k] === "1";
}

// The findings about a point that is drawn.
function findingsAt(layer, step) {
  return (FOUND.get(keyOf(D.steps[step], layer)) || []).filter(concerns);
}

const LAW_ORDER = ["fault", "violation", "estimator", "bias", "sampling", "untestable", "not comparable", "ok"];

// The gravest verdict about a point.
function worst(layer, step) {
  const verdicts = findingsAt(layer, step).map((finding) => finding.v);
  return LAW_ORDER.find((verdict) => verdicts.includes(verdict)) || (D.dpi ? "no finding" : "");
}

// Whether a law that names a bound names this one.
function isOfBound(law, sense) {
  const named = /, (lower|upper)$/.exec(law);
  return !named || named[1] === sense;
}

// Whether a view shows the estimator and the bound of a finding.
function isShownIn(finding, { spec, sense }) {
  return finding.e === spec && isOfBound(finding.law, sense);
}

// Whether a finding is about the numbers drawn; a fault is about all of them.
function concerns(finding) {
  const { spec, sense } = view();
  return finding.v === "fault" || ((!finding.e || finding.e === spec) && isOfBound(finding.law, sense));
}

const hasMeaning = (v) => v !== null && v !== undefined;
