// Links figures: trials that do not stand out fade, the open trial has a ring, clicks open, boxes and lassos select.

const FADED = 0.12;

// Whether a trace of a figure of several studies shows another one than that in sight: `meta.study` names it.
const foreign = (trace) => Boolean(trace.meta?.study) && trace.meta.study !== escaped(study()?.name ?? "");

// Writes into the figure's traces which trials stand out.
function light(card) {
  const test = lit();
  card.spec.data.forEach((trace, place) => {
    const numbers = card.numbers[place];
    const own = numbers && foreign(trace) ? numbers.map(() => null) : numbers;
    if (own && !ofOneNetwork(trace, own)) Object.assign(trace, lightOf(card, trace, place, own, test));
  });
  card.spec.layout.selectionrevision = card.lights = (card.lights ?? 0) + 1;
  card.spec.layout.selections = [];
  placeRing(card);
}

// The bars of a single network are read whatever is selected.
const ofOneNetwork = (trace, numbers) =>
  trace.type === "bar" && numbers.length > 1 && numbers.every((number) => number === numbers[0]);

function lightOf(card, trace, place, numbers, test) {
  const base = card.base[place];
  if (trace.type === "parcoords") return { ...subset(card, trace, base, numbers, test) };
  if (trace.type === "parcats" || trace.type === "pie") return {};
  const some = (number) => number !== null && (!test || test(number));
  if (trace.type === "scatter3d" && String(trace.mode ?? "markers").includes("markers")) {
    // 3D markers know no selection: what does not stand out shrinks
    const sizes = numbers.map((number, point) => (some(number) ? sizeAt(base.size, point) : 2));
    return { marker: { ...trace.marker, size: test ? sizes : base.size } };
  }
  const linesOnly = trace.type?.startsWith("scatter") !== false && trace.mode === "lines";
  if (linesOnly) return { opacity: !test || numbers.some(some) ? base.opacity : FADED };
  return { selectedpoints: test ? pointsWhere(numbers, some) : null, ...bars(base, numbers, test && some) };
}

// plotly does not fade error bars: those of trials that do not stand out go
function bars(base, numbers, test) {
  const part = (column) =>
    column && Array.from(column, (value, point) => (!test || test(numbers[point]) ? value : null));
  // an attribute that is there, even undefined, would make plotly draw bars of one side
  const cut = (bar) => ({ ...bar, ...masked(bar, "array"), ...masked(bar, "arrayminus") });
  const masked = (bar, key) => (bar[key] ? { [key]: part(bar[key]) } : {});
  return Object.fromEntries(["error_x", "error_y"].filter((key) => base[key]).map((key) => [key, cut(base[key])]));
}

const sizeAt = (size, point) => (typeof size === "object" && size ? size[point] : (size ?? 8));

function pointsWhere(numbers, test) {
  const points = [];
  numbers.forEach((number, point) => {
    if (test(number)) points.push(point);
  });
  return points;
}

// Parallel coordinates draw only what stands out, unless they were brushed themselves.
function subset(card, trace, base, numbers, test) {
  const own = view().brushed === card.id;
  const points = test && !own ? pointsWhere(numbers, (number) => number !== null && test(number)) : null;
  const part = (column) => (points && column?.length ? points.map((point) => column[point]) : column);
  const dimensions = base.dimensions.map((dimension, axis) => ({
    ...dimension,
    range: dimension.range ?? fullRange(dimension.values),
    values: part(dimension.values),
    constraintrange: own ? trace.dimensions[axis].constraintrange : undefined,
  }));
  return { dimensions, line: { ...trace.line, color: typeof base.line === "object" ? part(base.line) : base.line } };
}

function fullRange(column) {
  const { low, high } = extent(column ?? []);
  return low < high ? [low, high] : undefined;
}

async function applyLit(card) {
  card.stale = false;
  light(card);
  card.busy = true;
  await Plotly.react(card.plot, card.spec.data, card.spec.layout, config());
  card.busy = false;
}

// A ring around the open trial (and, for a moment, new ones) in each pair of axes that shows trials as points.
function addRing(card, data) {
  const pairs = new Map();
  data.forEach((trace, place) => {
    if (!card.numbers[place] || !/^scatter(gl)?$/.test(trace.type ?? "scatter") || trace.mode === "lines") return;
    const key = `${trace.xaxis ?? "x"} ${trace.yaxis ?? "y"}`;
    pairs.set(key, [...(pairs.get(key) ?? []), place]);
  });
  const rings = [];
  for (const [key, places] of pairs) {
    const [xaxis, yaxis] = key.split(" ");
    const line = { width: 2.5, color: "#2f81f7" };
    rings.push({ places, trace: data.length });
    data.push({
      type: "scatter",
      mode: "markers",
      x: [null],
      y: [null],
      xaxis,
      yaxis,
      hoverinfo: "skip",
      showlegend: false,
      marker: { symbol: "circle-open", size: 22, line, color: line.color, opacity: 1 },
      cliponaxis: false,
    });
    card.numbers.push(null);
    card.base.push({});
  }
  return rings;
}

function placeRing(card) {
  const ringed = new Set([...(state.fresh ?? []), ...(view().open === null ? [] : [view().open])]);
  for (const { places, trace } of card.ring) {
    const [x, y] = [[null], [null]];
    for (const place of ringed.size ? places : []) {
      const { x: xs, y: ys } = card.spec.data[place];
      if (foreign(card.spec.data[place])) continue;
      card.numbers[place].forEach((number, point) => {
        if (!ringed.has(number) || !xs || !ys) return;
        x.push(xs[point]);
        y.push(ys[point]);
      });
    }
    Object.assign(card.spec.data[trace], { x, y });
  }
}

// Moves the rings alone: cheaper than drawing all points again.
function moveRings() {
  for (const card of cards.values()) {
    if (!card.drawn || !card.spec || !card.ring.length) continue;
    card.stale = card.stale || !card.near;
    if (!card.near) continue;
    placeRing(card);
    const indices = card.ring.map(({ trace }) => trace);
    const of = (key) => indices.map((index) => card.spec.data[index][key]);
    Plotly.restyle(card.plot, { x: of("x"), y: of("y") }, indices);
  }
}

const numberAt = (point) => {
  const [number] = numbersOf([point.customdata]) ?? [null];
  return Number.isFinite(number) ? number : null;
};

function connect(card) {
  card.plot.on("plotly_click", ({ points }) => {
    const point = points.find((one) => numberAt(one) !== null);
    if (!point) return;
    switchTo(card, point);
    openTrial(numberAt(point), { from: card.plot });
  });
  card.plot.on("plotly_selected", (event) => {
    if (card.busy || !event?.points) return;
    const numbers = event.points.filter(({ data }) => !foreign(data)).map(numberAt).filter((number) => number !== null && rowOf(number) !== undefined);
    // a box where nothing is, or a click on the ground, ends the selection
    select(numbers.length ? numbers : null, card.id);
  });
  card.plot.on("plotly_deselect", () => {
    if (!card.busy) select(null);
  });
  if (card.spec.data.some((trace) => trace.type === "parcoords")) {
    card.plot.on("plotly_restyle", ([change]) => {
      if (!card.busy && Object.keys(change).some((key) => key.includes("constraintrange"))) brushedLines(card);
    });
  }
}

// A click on a trial of another study shows that one.
function switchTo(card, point) {
  const name = point.data?.meta?.study ?? escaped(card.figure.study ?? "");
  const index = state.payload.studies.findIndex((one) => escaped(one.name) === name);
  if (index >= 0 && index !== state.study) useStudy(index);
}

// The trials whose lines pass all ranges that are marked on the axes of parallel coordinates.
function brushedLines(card) {
  const numbers = [];
  let marked = false;
  card.plot.data.forEach((trace, place) => {
    if (trace.type !== "parcoords" || !card.numbers[place]) return;
    const full = card.base[place].dimensions;
    const tests = trace.dimensions.flatMap(({ constraintrange }, axis) => {
      if (!constraintrange?.length) return [];
      const parts = typeof constraintrange[0] === "number" ? [constraintrange] : constraintrange;
      return [
        (point) => parts.some(([low, high]) => full[axis].values[point] >= low && full[axis].values[point] <= high),
      ];
    });
    marked ||= tests.length > 0;
    card.numbers[place].forEach((number, point) => {
      if (tests.every((test) => test(point))) numbers.push(number);
    });
    card.spec.data[place].dimensions = trace.dimensions;
  });
  select(marked ? numbers : null, card.id);
}
