// Words, numbers, colours and elements.

// plotly reads a little markup.
function safe(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function num(v) {
  if (!hasMeaning(v)) return "–";
  const odd = Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-4);
  return odd ? v.toExponential(3) : String(+v.toFixed(4));
}

// Lines of at most about 30 letters, cut at commas.
function broken(text) {
  const lines = [""];
  for (const part of text.split(", ")) {
    const last = lines[lines.length - 1];
    const joined = last ? `${last}, ${part}` : part;
    if (joined.length > 30 && last) {
      lines[lines.length - 1] += ",";
      lines.push(part);
    } else {
      lines[lines.length - 1] = joined;
    }
  }
  return lines.map(safe).join("<br>");
}

// A step as an axis shows it: "3000", "143k", "2.5M".
function stepText(step) {
  if (step < 1e4) return String(step);
  return step < 1e6 ? `${+(step / 1e3).toPrecision(4)}k` : `${+(step / 1e6).toPrecision(4)}M`;
}

const MOST_RUNS = 3;

// Numbers as "1–3, 5", of many the first.
function runsOf(numbers) {
  const runs = [];
  for (const n of numbers) {
    const last = runs[runs.length - 1];
    if (last && last[1] === n - 1) last[1] = n;
    else runs.push([n, n]);
  }
  const texts = runs.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`));
  return texts.slice(0, MOST_RUNS).join(", ") + (texts.length > MOST_RUNS ? " …" : "");
}

function el(tag, text, cls) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (cls) e.className = cls;
  return e;
}

const narrow = () => window.innerWidth < 700;

const SYMBOLS = [
  "circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "triangle-left",
  "triangle-right", "pentagon", "hexagon", "star", "diamond-wide", "octagon", "hourglass",
];
const DASHES = ["solid", "dash", "dot", "dashdot"];
const VIRIDIS = [
  "#440154", "#482475", "#414487", "#355f8d", "#2a788e",
  "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26",
];
// The same order of hues, light enough for a dark page.
const NIGHT = [
  "#a98be0", "#8795e6", "#68a4e4", "#4fb4d2", "#46c2b6",
  "#5fce93", "#8cd86f", "#b9de5a", "#dfe25c", "#fff27a",
];

function ramp() {
  return S.dark ? NIGHT : VIRIDIS;
}

// The colour of the k-th of n things that are in order.
function shade(k, n) {
  return ramp()[n > 1 ? Math.round((k / (n - 1)) * (VIRIDIS.length - 1)) : 0];
}

function tone(layer) {
  return shade(layer, D.layers.length);
}

// A layer's number, or its name where names are numbers.
function markOf(layer) {
  return D.layers[layer] ? Number(D.layers[layer].mark) : layer + 1;
}

function symbolOf(s, k) {
  if (isSaturated(s, k)) return D.marks.saturated.symbol;
  const sparse = s.cov && s.cov[k] !== null && s.cov[k] < 0.95;
  return sparse ? D.marks.sparse.symbol : "circle";
}

// Across, a value at its ceiling counts rows: its point is crossed. Up, the labels may be known.
function fullWord(quantity) {
  return quantity === "i_xz" ? "saturated" : "nearly reached";
}

// What a reader sees beside the mouse: the number, its error, its convention.
function hover(layer, step, quantity) {
  const s = series(layer, quantity);
  if (!s || !s.at.has(step)) return "";
  const k = s.at.get(step);
  const ceiling = ceilingOf(s, k);
  const lines = [`${safe(quantity === "i_xz" ? view().x : view().y)}: <b>${num(s.b[k])}</b>`];
  if (s.lo && s.lo[k] !== null) lines.push(`  95 % [${num(s.lo[k])}, ${num(s.hi[k])}]`);
  else if (s.se && s.se[k] !== null) lines.push(`  standard error ${num(s.se[k])}`);
  const convention = [`  ${s.s}, of the ${s.t}`];
  if (hasMeaning(ceiling)) convention.push(`ceiling ${num(ceiling)}`);
  if (s.cov && s.cov[k] !== null) convention.push(`coverage ${num(s.cov[k])}`);
  lines.push(convention.join(", "));
  const chance = shuffled(s, k);
  if (chance) lines.push(`  shuffled labels [${num(chance[0])}, ${num(chance[1])}]`);
  if (isSaturated(s, k)) {
    const more = quantity === "i_xz" ? ": no more than a lower limit of the scale" : "";
    lines.push(`  ${fullWord(quantity)}${more}`);
  }
  for (const note of s.notes || []) lines.push(`  ${safe(note).slice(0, 90)}`);
  return lines.join("<br>");
}

function headOf(layer, step) {
  return `<b>${safe(D.layers[layer].short)}</b>, step ${D.steps[step]}`;
}

function pointText(layer, step) {
  const lines = [headOf(layer, step), hover(layer, step, "i_xz"), hover(layer, step, "i_zy")];
  const verdict = worst(layer, step);
  if (verdict) lines.push(`DPI: ${verdict}`);
  return lines.join("<br>");
}
