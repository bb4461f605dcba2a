// The explorer: a scatter of all trials whose axes and colour are columns that the user picks.

const MANY = 2000; // points, from here on drawn by WebGL
const VIRIDIS = ["#472a7a", "#3b518b", "#2c718e", "#21908d", "#27ad81", "#5cc863", "#aadc32"];
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"];
const MARKS = ["circle", "square", "triangle-up", "cross", "diamond", "star"];
const GREY = "#767676";
const GROUPS = 12; // values of a text column that have a colour each

const numeric = (column) => column.kind !== "text";

// What may be picked: columns with at least one value; decisions are texts.
function choices() {
  const known = study().columns.filter((column) => values(column.key).some((value) => value != null && value !== ""));
  const listed = new Set(known.map((column) => column.key));
  const more = decisions()
    .filter((key) => !listed.has(key))
    .map((key) => ({ key, label: key.slice(9), kind: "text" }));
  const own = [
    { key: "number", label: "trial", kind: "integer" },
    { key: "state", label: "state", kind: "text" },
    { key: "on_front", label: "on the front", kind: "text" },
  ];
  return [...own.filter(({ key }) => values(key).length && !listed.has(key)), ...known, ...more];
}

function buildExplorer() {
  const section = byId("explorer");
  section.hidden = !study() || !count();
  if (section.hidden) {
    if (cards.has("explorer")) dropCard(cards.get("explorer"));
    return section.replaceChildren();
  }
  const all = choices();
  const signature = JSON.stringify([study().name, all.map(({ key }) => key)]);
  pickDefaults(all);
  if (section.dataset.signature !== signature || !cards.has("explorer")) {
    section.dataset.signature = signature;
    layOutExplorer(section, all);
  } else setFigure(cards.get("explorer"), explorerFigure());
}

function pickDefaults(all) {
  const picked = (view().explorer ??= {});
  const usable = (key) => all.some((column) => column.key === key);
  const plain = all.filter((column) => numeric(column) && column.key !== "number");
  const first = (test) => plain.find(test)?.key;
  const objectives = study().objectives ?? [];
  const cost = objectives.find((key) => usable(key) && columnOf(key)?.direction === "min") ?? first((one) => one.cost);
  const y =
    first((one) => one.key === "accuracy") ?? first((one) => one.direction === "max") ?? plain.find((one) => one.key !== cost)?.key ?? "number";
  const x = cost ?? plain.find((one) => one.key !== y)?.key ?? "number";
  const text = all.find((one) => one.key.startsWith("decision.") && new Set(values(one.key)).size > 1)?.key;
  const third = objectives.find((key) => key !== x && key !== y && usable(key));
  for (const [axis, key] of Object.entries({ x, y, colour: third ?? text ?? "state" })) {
    if (!usable(picked[axis])) picked[axis] = key;
  }
}

function layOutExplorer(section, all) {
  if (cards.has("explorer")) dropCard(cards.get("explorer"));
  const card = makeCard(explorerFigure());
  const picker = (axis, label) => {
    const id = `explorer-${axis}`;
    const options = all.map(({ key, label: name }) => make("option", { value: key, text: name, title: name }));
    const select = make("select", { id }, ...options);
    select.value = view().explorer[axis];
    select.addEventListener("change", () => {
      view().explorer[axis] = select.value;
      setFigure(card, explorerFigure());
      queue(card);
    });
    return make("label", { class: "picker", for: id }, make("span", { text: label }), select);
  };
  const pickers = make(
    "div",
    { class: "pickers" },
    picker("x", "across"),
    picker("y", "up"),
    picker("colour", "colour"),
  );
  card.element.classList.add("wide");
  card.heading.hidden = true;
  section.replaceChildren(
    make("h2", { id: "explorer-heading", text: "Explore" }),
    make("p", { class: "muted", text: "Every trial that has both values; pick what the axes and the colour show." }),
    pickers,
    card.element,
  );
}

function explorerFigure() {
  const { x, y, colour } = view().explorer;
  const all = choices();
  const [across, up, by] = [x, y, colour].map((key) => all.find((column) => column.key === key));
  const title = `${up.label} over ${across.label}`;
  const rows = drawable(across, up);
  const layout = explorerLayout(across, up);
  const data = rows.length ? tracesBy(by, across, up, rows, layout) : [];
  if (!rows.length)
    layout.annotations = [
      {
        text: "no trial has both values",
        x: 0.5,
        y: 0.5,
        xref: "paper",
        yref: "paper",
        showarrow: false,
        font: { size: 16, color: GREY },
      },
    ];
  const note = rows.length < count() ? `${plural(count() - rows.length, "trial")} without both values not drawn.` : "";
  return {
    id: "explorer",
    study: study().name,
    title,
    note,
    revision: `${study().name} ${x} ${y}`,
    json: { data, layout },
  };
}

function drawable(across, up) {
  const [xs, ys] = [values(across.key), values(up.key)];
  const usable = (log) => (value) => value != null && value !== "" && (!log || value > 0);
  const [right, high] = [across, up].map((column) => usable(logarithmic(column)));
  const rows = [];
  for (let row = 0; row < count(); row++) if (right(xs[row]) && high(ys[row])) rows.push(row);
  return rows;
}

const logarithmic = (column) => numeric(column) && column.key !== "number" && spansDecade(values(column.key));
const markup = (text) => escaped(String(text).length > 60 ? `${String(text).slice(0, 57)}...` : text);

function explorerLayout(across, up) {
  const axis = (column) => ({
    title: { text: titled(column), standoff: 10 },
    range: roomAround(column),
    type: logarithmic(column) ? "log" : numeric(column) ? "linear" : "category",
    tickformat: column.kind === "percent" ? "~%" : logarithmic(column) ? "~g" : undefined,
    dtick: logarithmic(column) ? (spansFar(column) ? 1 : "D2") : undefined,
    gridcolor: "rgba(128, 128, 128, 0.22)",
    linecolor: GREY,
    tickcolor: GREY,
    showline: true,
    zeroline: false,
    ticks: "outside",
    automargin: true,
  });
  return {
    xaxis: axis(across),
    yaxis: axis(up),
    font: { size: 12, color: GREY, family: "system-ui, sans-serif" },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hovermode: "closest",
    height: 560,
    margin: { l: 56, r: 24, t: 18, b: 64 },
    legend: { orientation: "h", x: 0, y: -0.16, yanchor: "top" },
    hoverlabel: { bgcolor: "#1f2430", bordercolor: GREY, align: "left", font: { color: "#f2f2f2", size: 12 } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: GREY, activecolor: "#d55e00" },
    template: {},
  };
}

// the unit below the name, where both do not fit a telephone side by side
const titled = ({ label, unit }) => markup(label) + (unit ? `${unit.length > 24 ? "<br>" : " "}(${markup(unit)})` : "");

// plotly would draw one value alone on an axis from far below it to far above
function roomAround(column) {
  const { low, high } = extent(values(column.key));
  if (!numeric(column) || low !== high || logarithmic(column)) return undefined;
  const room = column.kind === "percent" ? 0.05 : Math.abs(low) / 10 || 1;
  return [low - room, low + room];
}

const spansFar = (column) => {
  const { low, high } = extent(values(column.key));
  return high > 300 * low;
};

// One trace with a colour scale for numbers, one a value for texts.
function tracesBy(by, across, up, rows, layout) {
  const trace = (part, marker, name) => ({
    type: rows.length > MANY ? "scattergl" : "scatter",
    mode: "markers",
    name,
    showlegend: Boolean(name),
    x: part.map((row) => values(across.key)[row]),
    y: part.map((row) => values(up.key)[row]),
    customdata: part.map((row) => values("number")[row]),
    marker: { size: 9, opacity: 0.9, ...marker },
    hovertemplate:
      `<b>trial %{customdata}</b><br>${hoverLine(across, "x")}<br>${hoverLine(up, "y")}` +
      `${name ? `<br>${markup(by.label)} ${name}` : ""}<extra></extra>`,
  });
  if (!numeric(by)) return textTraces(by, rows, trace);
  const log = logarithmic(by);
  const shown = rows
    .map((row) => values(by.key)[row])
    .map((value) => (value == null ? null : log ? Math.log10(value) : value));
  const { low, high } = extent(shown);
  const bar = {
    title: { text: markup(by.label), side: "right" },
    outlinewidth: 0,
    thickness: 10,
    ...(log && logTicks(low, high)),
  };
  if (by.kind === "percent") bar.tickformat = "~%";
  const scale = VIRIDIS.map((colour, place) => [place / (VIRIDIS.length - 1), colour]);
  layout.margin.r = 40;
  return [
    trace(rows, {
      color: shown,
      colorscale: scale,
      cmin: low,
      cmax: high > low ? high : low + 1,
      colorbar: bar,
      showscale: true,
    }),
  ];
}

const hoverLine = (column, axis) =>
  `${markup(column.label)} %{${axis}${column.kind === "percent" ? ":.1%" : numeric(column) ? ":.4~g" : ""}}`;

function logTicks(low, high) {
  const digits = high - low < 1 ? [1, 1.5, 2, 3, 5, 7] : [1, 2, 5];
  const ticks = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const digit of high - low > 3 ? [1] : digits) ticks.push(Math.log10(digit) + power);
  }
  return { tickvals: ticks, ticktext: ticks.map((tick) => told(10 ** tick)) };
}

function textTraces(by, rows, trace) {
  const groups = new Map();
  for (const row of rows) {
    const value = cell(values(by.key)[row], "text");
    if (!groups.has(value)) groups.set(value, []);
    groups.get(value).push(row);
  }
  const names = [...groups.keys()].sort((one, other) => groups.get(other).length - groups.get(one).length);
  const rare = names.slice(GROUPS).flatMap((name) => groups.get(name));
  const traces = names
    .slice(0, GROUPS)
    .sort()
    .map((name, place) =>
      trace(
        groups.get(name),
        {
          color: COLOURS[place % COLOURS.length],
          symbol: MARKS[(place + Math.floor(place / COLOURS.length)) % MARKS.length],
        },
        markup(name),
      ),
    );
  if (rare.length) traces.push(trace(rare, { color: GREY, symbol: "x" }, plural(names.length - GROUPS, "other value")));
  return traces;
}
