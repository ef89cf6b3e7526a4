// The page: what is drawn first and again, and what the reader can do.

function drawAll() {
  label();
  sentences();
  if (D.dpi) listFindings();
  if (!D.measured.length) return Promise.resolve();  // a hidden chart would be drawn at any width
  const drawn = [
    drawPlane(),
    drawCurves("curve-x", "i_xz", $("qx").checked),
    drawCurves("curve-y", "i_zy", $("qy").checked),
    drawMetrics(),
  ];
  fillPoints();
  return Promise.all(drawn);
}

// Show data for the first time, or later data of a live page.
function show(data, keepStep) {
  const before = D && { view: view(), step: D.steps[S.step], followed: S.step === lastMeasured() };
  take(data);
  $("title").textContent = D.title;
  document.title = `infoplane: ${D.title.slice(0, 80)}`;
  document.body.classList.toggle("empty", !D.measured.length);
  offerViews(before && before.view);
  chooseStep(before && keepStep && !before.followed ? D.steps.indexOf(before.step) : -1);
  if (!S.logChosen) {
    S.log = logOf(D.steps);
    $("logx").checked = S.log;
  }
  layerBoxes();
  if (!before) openShortList();
  fillFindings();
  tables();
  return Promise.all([drawAll(), drawSections()]);
}

// What a view is called: its estimator, and which bound of it.
function nameOf({ spec, sense }) {
  return sense === "point" || spec === sense ? spec : `${spec} (${sense})`;
}

function offerViews(before) {
  const options = D.views.map((one, k) => {
    const option = el("option", nameOf(one));
    option.value = String(k);
    return option;
  });
  $("view").replaceChildren(...options);
  if (before) {
    const isSame = (v) => v.spec === before.spec && v.sense === before.sense;
    S.view = Math.max(0, D.views.findIndex(isSame));
  }
  $("view").value = String(S.view);
}

// Go to a checkpoint, or to the last one where it is not there.
function chooseStep(step) {
  S.step = step >= 0 ? step : lastMeasured() || 0;
  $("step").max = String(Math.max(0, D.measured.length - 1));
  $("step").value = String(D.measured.indexOf(S.step));
}

const MOST_OPEN = 24;  // layers whose list is open at first

function layerBoxes() {
  const boxes = D.layers.map((names, layer) => {
    const change = (isOn) => {
      put(S.off, layer, !isOn);
      countLayers();
      drawAll();
    };
    const dot = el("span", " ■ ");
    dot.style.color = tone(layer);
    const words = names.mark === names.name ? names.short : `${names.mark} ${names.short}`;
    const label = checkbox(!S.off.has(layer), change, dot, words);
    label.title = names.name.slice(0, 400);
    label.firstChild.dataset.layer = String(layer);
    return label;
  });
  $("layers").replaceChildren(...boxes);
  countLayers();
}

function countLayers() {
  $("drawn").textContent = `Layers: ${layersOn().length} of ${D.layers.length} drawn`;
}

// A long list of layers would hide the plane, on a phone any list: the reader opens it.
function openShortList() {
  $("layer-list").open = !narrow() && D.layers.length <= MOST_OPEN;
}

// --- the checkpoint

let moving = false;

// Go to a checkpoint; what is asked for faster than the screen is drawn is drawn once.
function setStep(step) {
  S.step = step;
  $("step").value = String(D.measured.indexOf(step));
  label();
  if (moving) return;
  moving = true;
  requestAnimationFrame(() => {
    moving = false;
    moveStep();
  });
}

function label() {
  const text = D.steps.length ? `step ${D.steps[S.step]}` : "no step yet";
  $("now").textContent = text;
  $("at").textContent = `${text}, ${nameOf(view())}`;
  $("step").setAttribute("aria-valuetext", text);
}

function moveStep() {
  const started = performance.now();
  if ($("now-layer").data) restyleNow();
  for (const chart of CURSORS.keys()) placeCursors(chart);
  fillPoints();
  window.infoplaneLast = performance.now() - started;
}

// Go so many checkpoints on; false where there are none.
function moveBy(count) {
  const place = D.measured.indexOf(S.step) + count;
  const isThere = place >= 0 && place < D.measured.length;
  if (isThere) setStep(D.measured[place]);
  return isThere;
}

function play(on) {
  clearInterval(S.timer);
  S.timer = null;
  if (on) {
    if (S.step === lastMeasured()) setStep(D.measured[0]);
    const pause = Math.max(60, Math.min(250, 12000 / D.measured.length));
    S.timer = setInterval(() => moveBy(1) || play(false), pause);
  }
  $("play").setAttribute("aria-pressed", String(on));
  $("play").textContent = on ? "⏸ pause" : "▶ play";
}

function onKey(event) {
  const writes = /^(INPUT|SELECT|TEXTAREA|BUTTON)$/.test(event.target.tagName);
  if (writes || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowRight") moveBy(1);
  else if (event.key === "ArrowLeft") moveBy(-1);
  else if (event.key === " ") {
    event.preventDefault();
    play(!S.timer);
  }
}

// --- dark, light and paper

function theme(dark) {
  S.dark = dark;
  document.documentElement.classList.toggle("dark", dark);
  if (!D) return;
  drawAll();
  drawSections();
}

let wasDark = false;

function beforePrint() {
  wasDark = S.dark;
  theme(false);
}

// --- what the reader can do

$("step").addEventListener("input", () => setStep(D.measured[Number($("step").value)]));
$("view").addEventListener("change", () => {
  S.view = Number($("view").value);
  drawAll();
});
$("play").addEventListener("click", () => play(!S.timer));
for (const id of ["trail", "bars", "qx", "qy"]) $(id).addEventListener("change", drawAll);
$("flags").addEventListener("change", drawPlane);
$("every").addEventListener("change", listFindings);
$("logx").addEventListener("change", () => {
  S.log = $("logx").checked;
  S.logChosen = true;
  drawAll();
});
$("all").addEventListener("click", () => {
  S.off = S.off.size ? new Set() : new Set(D.layers.keys());
  layerBoxes();
  drawAll();
});
$("theme").addEventListener("click", () => theme(!S.dark));
document.addEventListener("keydown", onKey);
window.addEventListener("beforeprint", beforePrint);
window.addEventListener("afterprint", () => theme(wasDark));

theme(window.matchMedia("(prefers-color-scheme: dark)").matches);
const EMBEDDED = JSON.parse($("data").textContent);
if (EMBEDDED) show(EMBEDDED, false).then(() => { window.infoplaneReady = true; });
