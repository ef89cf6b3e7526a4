// Tables and lists: the numbers at the chosen checkpoint, findings, provenance, sentences.

function rows(table, heads, body) {
  const line = el("tr");
  for (const text of heads) {
    const cell = el("th", text);
    cell.scope = "col";
    line.append(cell);
  }
  const head = el("thead");
  head.append(line);
  const lines = el("tbody");
  for (const row of body) {
    [...row.children].forEach((cell, k) => { cell.dataset.head = heads[k] || ""; });
    lines.append(row);
  }
  table.replaceChildren(head, lines);
}

function rowOf(...cells) {
  const row = el("tr");
  row.append(...cells);
  return row;
}

// A cell whose text is cut where it is long.
function clip(text, cls) {
  const cell = el("td", undefined, cls);
  cell.append(el("span", text, "clip"));
  return cell;
}

function scrolling(table) {
  const box = el("div", undefined, "scroll tall");
  box.append(table);
  return box;
}

// A checkbox with words behind it; `change` is called with whether it is checked.
function checkbox(checked, change, ...words) {
  const label = el("label");
  const box = el("input");
  box.type = "checkbox";
  box.checked = checked;
  box.addEventListener("change", () => change(box.checked));
  label.append(box, ...words);
  return label;
}

function put(set, item, isIn) {
  if (isIn) set.add(item);
  else set.delete(item);
}

// --- the numbers at the chosen checkpoint

// Number, interval and ceiling of a layer, as texts.
function numberTexts(layer, quantity) {
  const s = series(layer, quantity);
  if (!s || !s.at.has(S.step)) return ["–", "–", ""];
  const k = s.at.get(S.step);
  const ceiling = ceilingOf(s, k);
  let error = "–";
  if (s.lo && s.lo[k] !== null) error = `[${num(s.lo[k])}, ${num(s.hi[k])}]`;
  else if (s.se && s.se[k] !== null) error = `± ${num(s.se[k])} (se)`;
  return [num(s.b[k]), error, num(ceiling) + (isSaturated(s, k) ? ` ${fullWord(quantity)}` : "")];
}

function fillPoints() {
  const body = layersOn().map((layer) => {
    const { mark, name, reduction } = D.layers[layer];
    const numbers = [...numberTexts(layer, "i_xz"), ...numberTexts(layer, "i_zy")];
    const verdict = worst(layer, S.step);
    return rowOf(
      el("td", mark),
      clip(name + (reduction === "none" ? "" : ` (reduced: ${reduction})`)),
      ...numbers.map((text) => el("td", text)),
      el("td", verdict || "not checked", verdict),
    );
  });
  const [x, y] = [view().x, view().y].map((words) => words.split(" [bits]")[0]);
  const heads = ["#", "layer", x, "interval", "ceiling", y, "interval", "ceiling", "DPI"];
  rows($("points"), heads, body);
}

// --- findings

function fillFindings() {
  $("dpi").hidden = !D.dpi;
  if (!D.dpi) return;
  $("tally").textContent = tallyOf(D.dpi);
  $("tally").className = D.dpi.passed ? "" : "fault";
  const verdicts = LAW_ORDER.filter((v) => D.dpi.episodes.some((episode) => episode.v === v));
  if (!S.verdictsMade) {
    S.verdictsMade = true;
    S.shown = new Set(verdicts.filter((v) => v !== "not comparable"));
  }
  const boxes = verdicts.map((verdict) => {
    const change = (isShown) => {
      put(S.shown, verdict, isShown);
      listFindings();
    };
    return checkbox(S.shown.has(verdict), change, ` ${verdict}`);
  });
  $("verdicts").replaceChildren(...boxes);
  $("limits").replaceChildren(...D.dpi.limits.map((text) => el("li", "Not judged: " + text)));
  listFindings();
}

function tallyOf(dpi) {
  const counts = Object.entries(dpi.counts).map(([verdict, count]) => `${count} ${verdict}`);
  const sentences = [
    `${dpi.checked} comparisons: ${counts.join(", ") || "none"}.`,
    dpi.passed ? "Passed: no fault, no unexplained violation." : "FAILED: fault or violation.",
  ];
  if (dpi.omitted) {
    sentences.push(
      `The ${dpi.omitted} mildest findings have no mark in the plane; the DPI report holds all.`,
    );
  }
  return sentences.join(" ");
}

// Episodes of the chosen estimator, and faults, which are about all of them.
function listFindings() {
  const ofAll = $("every").checked;
  const isListed = (e) => ofAll || e.v === "fault" || !e.e || e.e === view().spec;
  const episodes = D.dpi.episodes.filter((e) => S.shown.has(e.v)).filter(isListed);
  const what = `what was found${ofAll ? "" : ` under ${view().spec}`}`;
  rows($("findings"), ["", "verdict", what, "what it means"], episodes.map(episodeRow));
  $("findings").hidden = !episodes.length;
}

function episodeRow(episode) {
  const button = el("button", "show");
  button.type = "button";
  button.setAttribute("aria-label", `show step ${episode.step} in the plane`);
  const cell = el("td");
  cell.append(button);
  const row = rowOf(
    cell,
    el("td", episode.v, episode.v),
    clip(episode.text),
    clip(D.dpi.texts[episode.t] || "–"),
  );
  button.addEventListener("click", () => showInPlane(episode, row));
  return row;
}

// Show the estimator, the bound, the layers and the checkpoint of an episode.
function showInPlane(episode, row) {
  for (const other of document.querySelectorAll("tr.hit")) other.classList.remove("hit");
  row.classList.add("hit");
  const place = D.views.findIndex((v) => isShownIn(episode, v));
  if (place >= 0 && !isShownIn(episode, view())) {
    S.view = place;
    $("view").value = String(place);
  }
  S.off.delete(episode.u);
  S.off.delete(episode.d);
  const step = D.steps.indexOf(episode.step);
  if (step >= 0) S.step = step;
  $("step").value = String(D.measured.indexOf(S.step));
  label();
  layerBoxes();
  drawAll();
  $("plane").focus();
  $("plane").scrollIntoView({ block: "center" });
}

// --- further tables and sentences

function furtherTable({ title, rows: lines }) {
  const table = el("table");
  const keys = [...new Set(lines.flatMap((line) => Object.keys(line)))];
  const text = (v) => (typeof v === "number" || !hasMeaning(v) ? num(v) : String(v));
  rows(table, keys, lines.map((line) => rowOf(...keys.map((key) => clip(text(line[key]))))));
  return [el("h2", title), scrolling(table)];
}

function tables() {
  $("more").replaceChildren(...D.tables.flatMap(furtherTable));
  $("failed").hidden = !D.failures.length;
  const failures = D.failures.map((failure) => rowOf(
    clip(failure.when), clip(failure.layer), el("td", failure.estimator), clip(failure.message),
  ));
  rows($("failures"), ["checkpoints", "layer", "estimator", "why"], failures);
  $("origin").hidden = !D.provenance.length;
  const origin = D.provenance.map(([what, value]) => rowOf(el("td", what), clip(value)));
  rows($("provenance"), ["what", "value"], origin);
}

// Sentences about the chosen estimator, and those about all.
function sentences() {
  for (const id of ["shows", "cannot"]) {
    const shown = D[id].filter((sentence) => !sentence.e || sentence.e === view().spec);
    $(id).replaceChildren(...shown.map((sentence) => el("li", sentence.text)));
  }
  $("caption").textContent = view().caption;
}
