// The open trial: genotype, costs, curve, reason and the commands to copy; beside the page or, on a telephone, below.

let unpacking = null; // { packed, promise } of the study that was last asked

// What the payload has packed of a trial: {genotype, costs, curve}; {} where it has nothing.
async function detailsOf(number) {
  const packed = study().details;
  if (!packed) return {};
  if (unpacking?.packed !== packed) {
    unpacking = { packed, promise: typeof packed === "string" ? unpacked(packed) : Promise.resolve(packed) };
  }
  return (await unpacking.promise)[String(number)] ?? {};
}

let openedFrom = null;

function showDetails() {
  const panel = byId("details");
  const number = view().open;
  const { from, focus, quiet } = state.opening ?? {};
  const anchor = from ?? openedFrom;
  const before = anchor?.isConnected ? anchor.getBoundingClientRect().top : null;
  document.body.classList.toggle("with-details", number !== null && study() !== null);
  // the page beside the panel is narrower: what was clicked stays where it is on screen
  if (before !== null) scrollBy(0, anchor.getBoundingClientRect().top - before);
  if (number === null || !study()) {
    panel.hidden = true;
    panel.replaceChildren();
    if (openedFrom?.isConnected) openedFrom.focus?.({ preventScroll: true });
    openedFrom = null;
    return;
  }
  if (from) openedFrom = from;
  const same = panel.dataset.number === String(number) && !panel.hidden;
  panel.dataset.number = number;
  panel.hidden = false;
  fillDetails(panel, number, same, focus);
  if (!quiet && !focus && !same) say(`trial ${number} is open beside the figures; Escape closes it`);
}

async function fillDetails(panel, number, same, focus) {
  const at = rowOf(number);
  const scrolled = same ? panel.scrollTop : 0;
  const more = await detailsOf(number).catch(() => ({ broken: true }));
  if (view().open !== number || at === undefined) return;
  const wanted = JSON.stringify([number, more, study().columns.map(({ key }) => values(key)[at]), values("state")[at]]);
  if (same && panel.dataset.shown === wanted) return;
  panel.dataset.shown = wanted;
  const focused = focus || panel.contains(document.activeElement);
  panel.replaceChildren(
    ...[
      detailsHead(number, at),
      reason(at),
      commands(number, at),
      costs(at, more),
      curve(more),
      genotype(more, at),
      answers(at),
    ].filter(Boolean),
  );
  panel.scrollTop = scrolled;
  if (focused) byId("details-heading").focus({ preventScroll: true });
  drawCurve(more);
}

// Says at once which trial it is, before the details are unpacked.
function detailsHead(number, at) {
  const close = make("button", { type: "button", class: "close", "aria-label": "close the details", text: "×" });
  close.addEventListener("click", () => openTrial(null));
  const state_ = values("state")[at] ?? "";
  const tags = make(
    "p",
    { class: "tags" },
    make("span", { class: `state ${/^[a-z]+$/.test(state_) ? state_ : ""}`, text: state_ }),
    values("on_front")[at] ? make("span", { class: "tag", text: "on the front" }) : null,
    number === study().knee ? make("span", { class: "tag", text: "knee of the front" }) : null,
  );
  const step = (by, label) => {
    const button = make("button", {
      type: "button",
      class: "small",
      text: by < 0 ? "‹" : "›",
      "aria-label": label,
      title: label,
    });
    button.addEventListener("click", () => stepTrial(by));
    return button;
  };
  return make(
    "header",
    {},
    make(
      "div",
      { class: "details-top" },
      make("h2", { id: "details-heading", tabindex: "-1", text: `Trial ${number}` }),
      step(-1, "the trial above in the table"),
      step(1, "the trial below in the table"),
      close,
    ),
    tags,
    values("summary")[at] ? make("p", { class: "design", text: values("summary")[at] }) : null,
  );
}

function stepTrial(by) {
  const items = table?.rows({ order: "applied", search: "applied" }).data().toArray() ?? [];
  const place = items.findIndex(({ row }) => values("number")[row] === view().open);
  const to = items[Math.max(0, Math.min(items.length - 1, place + by))];
  if (!to) return;
  const label = by < 0 ? "above" : "below";
  openTrial(values("number")[to.row], { quiet: true });
  setTimeout(() => byId("details").querySelector(`[aria-label="the trial ${label} in the table"]`)?.focus(), 60);
}

function reason(at) {
  const text = values("reason")[at];
  return text
    ? block(values("state")[at] === "failed" ? "Why it failed" : "Reason", make("p", { class: "reason", text }))
    : null;
}

const block = (title, ...children) => make("section", {}, make("h3", { text: title }), ...children);

function commands(number, at) {
  const target = study().target;
  const lines = [
    ["train it in full", `nas retrain ${target} --trial ${number}`],
    ["look at it", `nas show ${target} --trial ${number}`],
  ];
  if (values("state")[at] === "failed") lines.shift();
  return block(
    "Commands",
    ...lines.map(([label, text]) => {
      const code = make("code", { text });
      return make("div", { class: "command" }, code, copyButton(code, `copy the command: ${label}`));
    }),
  );
}

// As Python tells them; else from the columns.
function costs(at, { costs: given }) {
  const own = study()
    .columns.filter(({ key, kind }) => kind !== "text" && key !== "number" && values(key)[at] != null)
    .map((column) => [column.label, cell(values(column.key)[at], column.kind), column.unit]);
  const aims = own.filter(
    ([label], place) => !given?.some(([name]) => name === label) && (!given?.length || place === 0),
  );
  const shown = [...aims, ...(given ?? [])];
  if (!shown.length) return null;
  const rows = shown.map(([label, text, unit]) =>
    make("div", {}, make("dt", { text: label, title: unit ?? null }), make("dd", { text })),
  );
  return block("Accuracy and costs", make("dl", { class: "pairs" }, ...rows));
}

function curve({ curve: points }) {
  if (!points?.length) return null;
  return block("Training curve", make("div", { id: "curve", role: "img", "aria-label": curveText(points) }));
}

function curveText(points) {
  const [epoch, error, accuracy] = points.at(-1);
  const parts = [`after epoch ${epoch}`];
  if (error != null) parts.push(`training error ${cell(error, "percent")}`);
  if (accuracy != null) parts.push(`validation accuracy ${cell(accuracy, "percent")}`);
  return parts.join(", ");
}

function drawCurve({ curve: points }) {
  const plot = byId("curve");
  if (!plot || !points?.length) return;
  const line = (place, name, colour, dash, turned) => ({
    x: points.map(([epoch]) => epoch),
    y: points.map((point) => (point[place] == null ? null : turned(point[place]))),
    name,
    type: "scatter",
    mode: points.length < 3 ? "lines+markers" : "lines",
    line: { color: colour, width: 2, dash },
    hovertemplate: `epoch %{x}: %{y:.1%}<extra>${name}</extra>`,
    connectgaps: true,
  });
  const axis = {
    gridcolor: "rgba(128, 128, 128, 0.22)",
    zeroline: false,
    linecolor: GREY,
    showline: true,
    automargin: true,
  };
  Plotly.newPlot(
    plot,
    [
      line(1, "training error", "#e69f00", "dot", (value) => value),
      line(2, "validation error", "#0072b2", "solid", (value) => 1 - value),
    ],
    {
      height: 200,
      margin: { l: 44, r: 8, t: 6, b: 36 },
      font: { size: 11, color: GREY },
      template: {},
      autosize: true,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      xaxis: { ...axis, title: { text: "epoch" }, dtick: points.length < 9 ? 1 : undefined, rangemode: "tozero" },
      yaxis: { ...axis, tickformat: "~%", rangemode: "tozero" },
      hovermode: "x",
    },
    { displayModeBar: false, responsive: true },
  );
}

function genotype({ genotype: text, broken }, at) {
  if (!text) {
    const why = broken ? "The details of this file cannot be read." : "No genotype on record.";
    return block("Genotype", make("p", { class: "empty", text: why }));
  }
  const pre = make("pre", { text, tabindex: "0", "aria-label": `genotype of trial ${values("number")[at]}` });
  const copy = copyButton(pre, "copy the genotype");
  return make("section", {}, make("div", { class: "titled" }, make("h3", { text: "Genotype" }), copy), pre);
}

function answers(at) {
  const known = decisions().filter((key) => values(key)[at] != null && values(key)[at] !== "");
  if (!known.length) return null;
  const rows = known.map((key) =>
    make("div", {}, make("dt", { text: key.slice(9) }), make("dd", { text: String(values(key)[at]) })),
  );
  return block("Decisions", make("dl", { class: "pairs" }, ...rows));
}
