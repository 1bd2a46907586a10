"use strict";
// A cell's data, and each of its runs', lie in the page deflated, and are read when it is opened.
const dialog = document.querySelector("dialog");
const COLOURS = ["#2f6fb3", "#d1702c", "#3b9462", "#a8478f", "#8a7a1e", "#4d5fc4", "#b5434b", "#3a96a3"];
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
const BORDERS = ["solid", "dashed", "dotted", "double"]; // of the legend's markers, as the dashes
let charts = [];

async function inflated(id) {
  const text = document.getElementById(id).textContent;
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

function element(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function table(rows) {
  const wide = element("div", undefined, "wide"), made = element("table");
  rows.forEach((row, index) => {
    const line = made.appendChild(element("tr"));
    row.forEach((entry) => line.appendChild(element(index ? "td" : "th", entry)));
  });
  wide.append(made);
  return wide;
}

// Curves of runs that were evaluated at different moments, on one sorted axis.
function joined(runs, axis, chosen) {
  const moments = [...new Set(runs.flatMap((run) => run.columns[axis] || []))].sort((a, b) => a - b);
  const place = new Map(moments.map((moment, index) => [moment, index]));
  const data = [moments], series = [];
  runs.forEach((run, number) => {
    Object.keys(run.columns).filter(chosen).forEach((name) => {
      const column = new Array(moments.length).fill(null);
      run.columns[axis].forEach((moment, i) => { column[place.get(moment)] = run.columns[name][i]; });
      data.push(column);
      series.push({ run, name, number });
    });
  });
  const names = [...new Set(series.map((one) => one.name))];
  return { data, series: series.map((one) => {
    const kind = names.indexOf(one.name);
    return { ...one, kind: kind % DASHES.length, colour: runs.length > 1 ? one.number : kind };
  }) };
}

function chart(into, title, runs, axis, chosen, logarithmic) {
  const { data, series } = joined(runs, axis, chosen);
  if (series.length === 0) return;
  const grey = getComputedStyle(document.body).color, line = getComputedStyle(dialog).borderColor;
  const axes = { stroke: grey, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  const positive = data.slice(1).every((column) => column.every((value) => value === null || value > 0));
  const options = {
    title, width: into.clientWidth, height: 300, cursor: { focus: { prox: 24 } },
    scales: { x: { time: false }, y: logarithmic && positive ? { distr: 3 } : {} },
    axes: [{ ...axes, label: axis.replace("_", " ") }, { ...axes, size: 62 }],
    series: [{ label: axis.replace("_", " ") }, ...series.map((one) => ({
      label: `${one.name}, seed ${one.run.seed}`, stroke: COLOURS[one.colour % COLOURS.length],
      width: 1.6, dash: DASHES[one.kind], spanGaps: true,
    }))],
    legend: { markers: { dash: (plot, index) => (index ? BORDERS[series[index - 1].kind] : "solid") } },
    focus: { alpha: 0.25 },
  };
  charts.push(new uPlot(options, data, into));
}

function draw(area, runs, axis, score) {
  charts.forEach((one) => one.destroy());
  charts = [];
  area.replaceChildren();
  const places = [0, 1].map(() => area.appendChild(element("div")));
  const scores = (name) => name.startsWith("test ") || name.startsWith("validation ") || name === "train error";
  chart(places[0], score === "error" ? "error (%)" : score, runs, axis, scores, score !== "error");
  chart(places[1], "learning rate", runs, axis, (name) => name === "lr", false);
}

async function open(id) {
  const cell = await inflated(id);
  const runs = await Promise.all(cell.runs.map((name) => inflated(`run ${name}`)));
  const head = element("header"), title = element("div"), close = element("button", "×");
  title.append(element("h1", cell.title), element("p", cell.summary, "soft"));
  close.setAttribute("aria-label", "close");
  close.onclick = () => dialog.close();
  head.append(title, close);
  const area = element("div", undefined, "charts"), axis = element("select");
  for (const name of ["epoch", "gradient_evaluations"]) {
    const option = element("option", name.replace("_", " "));
    option.value = name;
    axis.append(option);
  }
  axis.onchange = () => draw(area, runs, axis.value, cell.score);
  const choice = element("label", "over ");
  choice.append(axis);
  const parts = [head];
  const curves = runs.some((run) => (run.columns.epoch || []).length);
  if (curves) parts.push(choice, area);
  if (runs.length) parts.push(table([cell.run_head, ...runs.map((run) => run.row)]));
  parts.push(element("h3", "To repeat it"), element("pre", cell.commands.join("\n")));
  cell.fields.forEach(([name, text]) => parts.push(element("h3", name), element("p", text)));
  const more = element("details");
  more.append(element("summary", "Configuration"), element("pre", cell.configuration));
  parts.push(more);
  dialog.replaceChildren(...parts);
  if (!dialog.open) dialog.showModal();
  if (curves) draw(area, runs, "epoch", cell.score);
  history.replaceState(null, "", `#${encodeURIComponent(id)}`);
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-cell]");
  if (target) open(target.dataset.cell);
  else if (event.target === dialog) dialog.close();
});
dialog.addEventListener("close", () => history.replaceState(null, "", location.pathname));
window.addEventListener("resize", () => charts.forEach((one) => one.setSize({ width: one.root.parentNode.clientWidth, height: 300 })));
const asked = decodeURIComponent(location.hash.slice(1));
if (asked.startsWith("cell ") && document.getElementById(asked)) open(asked);
document.documentElement.dataset.ready = Math.round(performance.now());
