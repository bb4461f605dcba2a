// Figures: drawn when scrolled near, put aside again where the browser runs short of WebGL, kept through updates.

const cards = new Map(); // id -> { id, figure, element, plot, spec, near, drawn, stale }
// WebGL contexts that a figure with such a trace takes; of more than 16 a browser gives up the oldest
const WEBGL = { scattergl: 2, splom: 2, scatterpolargl: 2, parcoords: 3, scatter3d: 1, surface: 1, mesh3d: 1 };
const CONTEXTS = 14;
const NARROW = 480;
const FARTHER = 1.4; // a scene's titles need the room
// in pixels: a legend of one row, each further row, a letter, what else an entry has, and what is left as it is
const [ONE_ROW, ROW, LETTER, ENTRY, NEAR] = [34, 19, 6.3, 46, 14];

const near = new IntersectionObserver(
  (entries) =>
    entries.forEach(({ target, isIntersecting }) => {
      const card = cards.get(target.dataset.id);
      if (!card) return;
      card.near = isIntersecting;
      if (!isIntersecting) return;
      fitWidth(card);
      queue(card);
    }),
  { rootMargin: "300px 0px" },
);

const resized = new ResizeObserver((entries) =>
  entries.forEach(({ target }) => {
    const card = cards.get(target.dataset.id);
    if (!card?.drawn || !card.near || target.clientWidth === card.width || !target.clientWidth) return;
    clearTimeout(card.resizing);
    card.resizing = setTimeout(() => fitWidth(card), 120);
  }),
);

function fitWidth(card) {
  if (!card.drawn || card.plot.clientWidth === card.width || !card.plot.clientWidth) return;
  card.width = card.plot.clientWidth;
  Plotly.Plots.resize(card.plot).then(() => fitHeight(card));
}

// Rows of the legend beyond the first make the figure higher, in place of its axes lower.
async function fitHeight(card) {
  const legend = card.drawn && card.plot.querySelector(".infolayer .legend");
  const more = Math.max(0, Math.round(legend?.getBBox().height ?? 0) - ONE_ROW);
  if (!card.drawn || !cards.has(card.id) || Math.abs(more - card.more) < NEAR) return;
  card.more = more;
  const height = card.height + more;
  card.plot.style.height = `${height}px`;
  const bar = card.plot.layout.coloraxis?.colorbar?.yref === "container";
  await Plotly.relayout(card.plot, { autosize: true, ...(bar ? { "coloraxis.colorbar.y": barAt(height) } : {}) });
}

const barAt = (height) => 1 - 22 / height; // room for its name above it

// A figure's place on the page; `figure` is one of the payload's.
function makeCard(figure) {
  const plot = make("div", { class: "plot", role: "group", "aria-label": figure.title, "data-id": figure.id });
  const heading = make("h3", { text: figure.title });
  const caption = make("figcaption", { text: figure.note ?? "" });
  const element = make("figure", { class: figure.wide ? "card wide" : "card" }, heading, plot, caption);
  const card = { id: figure.id, element, plot, heading, caption, near: false, drawn: false, stale: false, more: 0 };
  cards.set(figure.id, card);
  Object.assign(card, zooms.get(figure.id));
  setFigure(card, figure);
  near.observe(plot);
  resized.observe(plot);
  return card;
}

function setFigure(card, figure) {
  if (card.figure === figure) return;
  card.figure = figure;
  card.spec = null;
  card.heading.textContent = figure.title;
  card.caption.textContent = figure.note ?? "";
  card.plot.setAttribute("aria-label", figure.title);
  if (!card.drawn) card.plot.style.height = `${figure.height ?? 560}px`;
  if (card.near) queue(card);
}

// What users have zoomed to in figures of a study that is out of sight: id -> { kept, revision }.
const zooms = new Map();

function dropCard(card) {
  if (card.drawn) zooms.set(card.id, { kept: ranges(card), revision: card.revision });
  near.unobserve(card.plot);
  resized.unobserve(card.plot);
  Plotly.purge(card.plot);
  card.element.remove();
  cards.delete(card.id);
}

// One figure after the other, with room for the user between them.
const waiting = [];
let drawing = false;

function queue(card) {
  if (card.drawn && card.spec && !card.stale) return;
  if (!waiting.includes(card)) waiting.push(card);
  if (!drawing) next();
}

async function next() {
  drawing = true;
  while (waiting.length) {
    const card = waiting.shift();
    if (!cards.has(card.id) || !card.near) continue;
    try {
      await draw(card);
    } catch (error) {
      card.plot.replaceChildren(
        make("p", { class: "empty", text: `This figure could not be drawn: ${error.message}` }),
      );
      console.warn(error);
    }
    await new Promise((done) => setTimeout(done, 0));
  }
  drawing = false;
}

async function draw(card) {
  if (card.drawn && card.spec) return applyLit(card);
  const figure = card.figure;
  const spec = prepare(card, await opened(figure.json));
  if (figure !== card.figure) return draw(card); // new data came meanwhile
  const zoomed = card.revision !== figure.revision ? {} : card.drawn ? ranges(card) : (card.kept ?? {});
  Object.assign(card, { spec, revision: figure.revision, given: given(spec.layout), stale: false });
  for (const [part, change] of Object.entries(zoomed)) Object.assign((spec.layout[part] ??= {}), change);
  if (card.contexts && !makeRoom(card)) return later(card);
  light(card);
  card.width = card.plot.clientWidth;
  await (card.drawn ? Plotly.react : Plotly.newPlot)(fresh(card), spec.data, spec.layout, config());
  if (!card.drawn) connect(card);
  card.drawn = true;
  await fitHeight(card);
}

// No room for one more WebGL figure: it is drawn when others have left the screen.
function later(card) {
  const text =
    "The browser draws few figures of so many points at a time: this one follows when others are out of sight.";
  if (!card.drawn) card.plot.replaceChildren(make("p", { class: "muted", text }));
  card.spec = null;
  addEventListener("scroll", () => setTimeout(() => card.near && queue(card), 300), { once: true });
}

// plotly leaves alone what else stands in its place
function fresh({ drawn, plot }) {
  if (!drawn) plot.replaceChildren();
  return plot;
}

const config = () => ({
  displaylogo: false,
  displayModeBar: coarse.matches ? false : "hover",
  scrollZoom: false,
  toImageButtonOptions: { scale: 2 },
  showSendToCloud: false, // nothing leaves this page
});

// Figures out of sight give up their WebGL, with their zoom kept, until there is room for this one.
function makeRoom(card) {
  const holding = [...cards.values()].filter((other) => other.drawn && other !== card && other.contexts);
  const away = holding.filter((other) => !inSight(other)).sort((one, other) => distance(other) - distance(one));
  const used = () => holding.reduce((sum, { contexts, drawn }) => sum + (drawn ? contexts : 0), card.contexts);
  while (used() > CONTEXTS && away.length) putAside(away.shift());
  return used() <= CONTEXTS;
}

function distance({ plot }) {
  const { top, bottom } = plot.getBoundingClientRect();
  return Math.max(top - innerHeight, -bottom, 0);
}

const inSight = (card) => distance(card) === 0;

function putAside(card) {
  card.kept = ranges(card);
  card.plot.style.height = `${card.plot.clientHeight}px`;
  const canvases = [...card.plot.querySelectorAll("canvas")];
  Plotly.purge(card.plot);
  // else a context lives until the browser next collects garbage
  for (const canvas of canvases) canvas.getContext("webgl")?.getExtension("WEBGL_lose_context")?.loseContext();
  card.drawn = false;
  card.spec = null;
}

// The ranges of axes and the cameras that Python has given.
const given = (layout) =>
  structuredClone(
    Object.fromEntries(
      Object.entries(layout)
        .filter(([key]) => /^([xy]axis|scene)\d*$/.test(key))
        .map(([key, part]) => [key, part.range ?? part.camera ?? null]),
    ),
  );

// What a user has zoomed or turned to: parts of the layout that differ from the figure as it was given.
function ranges({ plot, given: first }) {
  const changes = {};
  for (const [key, part] of Object.entries(plot.layout ?? {})) {
    const [name, now] = /^scene\d*$/.test(key) ? ["camera", part.camera] : ["range", part?.range];
    if (!/^([xy]axis|scene)\d*$/.test(key) || !now || part.autorange === true) continue;
    if (JSON.stringify(now) !== JSON.stringify(first[key] ?? null)) changes[key] = { [name]: structuredClone(now) };
  }
  return changes;
}

// The figure as this page shows it: typed arrays, its title in the heading, sizes for the screen, marks for trials.
function prepare(card, json) {
  const { data, layout } = decoded(structuredClone(json));
  fit(card, data, layout);
  layout.uirevision = card.figure.revision ?? "kept";
  // scenes turn by dragging, and some figures say that nothing in them is to be dragged
  card.fixed = layout.dragmode === false || data.some((trace) => /3d|parc/.test(trace.type));
  if (!card.fixed) layout.dragmode = dragMode();
  card.contexts = Math.max(0, ...data.map((trace) => WEBGL[trace.type] ?? 0));
  card.numbers = data.map((trace) => numbersOf(trace.customdata));
  card.base = data.map((trace) => ({
    size: trace.marker?.size,
    opacity: trace.opacity ?? 1,
    dimensions: trace.dimensions,
    line: trace.line?.color,
    error_x: trace.error_x,
    error_y: trace.error_y,
  }));
  card.ring = addRing(card, data);
  return { data, layout };
}

const dragMode = () => (state.drag === "scroll" ? false : state.drag);

// The title stands above as text that wraps; a telephone takes smaller letters and fewer ticks.
function fit(card, data, layout) {
  const margin = (layout.margin ??= {});
  const [top, height] = [margin.t ?? 80, layout.height ?? 560];
  if (layout.title?.text || typeof layout.title === "string") {
    const above = (layout.annotations ?? []).some((note) => note.yref === "paper" && note.y >= 1);
    const lettered = data.some(({ type }) => type === "parcoords" || type === "parcats");
    margin.t = lettered ? 64 : above ? 34 : 18;
  }
  delete layout.title;
  card.height = Math.max(height - Math.max(0, top - (margin.t ?? top)), 240);
  if (!card.drawn) card.more = guessed(card, data, margin);
  card.plot.style.height = `${card.height + card.more}px`;
  placeBar(layout, card.height + card.more);
  delete layout.height;
  delete layout.width;
  layout.autosize = true;
  if (card.plot.clientWidth >= NARROW) return;
  layout.font = { ...layout.font, size: 10 };
  const named = data.some(({ type }) => type === "parcoords"); // names that lean to the right
  [margin.l, margin.r] = named ? [28, 56] : [8, 8];
  const { eye } = layout.scene?.camera ?? {};
  if (eye) for (const axis of ["x", "y", "z"]) eye[axis] *= FARTHER;
  for (const trace of data) if (trace.mode === "markers+text") trace.mode = "markers"; // names: hover texts have them
  for (const [key, axis] of Object.entries(layout)) {
    if (!/^xaxis\d*$/.test(key) || !axis.tickvals) continue;
    while (axis.tickvals.length > 6) {
      axis.tickvals = [...axis.tickvals].filter((_, place) => place % 2 === 0);
      if (axis.ticktext) axis.ticktext = [...axis.ticktext].filter((_, place) => place % 2 === 0);
    }
  }
}

// What the rows of the legend will make a figure higher: most figures need no second layout.
function guessed({ plot }, data, { l = 56, r = 24 }) {
  const names = data.filter(({ name, showlegend }) => name && showlegend !== false).map(({ name }) => name.length);
  const across = Math.max(1, Math.floor((plot.clientWidth - l - r - 40) / (LETTER * Math.max(...names, 0) + ENTRY)));
  return ROW * Math.max(0, Math.ceil(names.length / across) - 1);
}

// A colour bar above the axes, its name as a note over it: plotly keeps twice the room for a name of the bar's own.
function placeBar(layout, height) {
  const { colorbar, showscale } = layout.coloraxis ?? {};
  if (colorbar?.orientation !== "h" || showscale === false) return;
  const place = { x: 0, xref: "paper", xanchor: "left", y: 1, yref: "paper", yanchor: "bottom", yshift: 49 };
  const note = { text: colorbar.title?.text ?? "", showarrow: false, font: { size: 12 }, ...place };
  layout.annotations = [...(layout.annotations ?? []), note];
  layout.margin.t = 70;
  delete colorbar.title;
  Object.assign(colorbar, { y: barAt(height), yref: "container", yanchor: "top", ypad: 0, xpad: 0 });
}

// customdata -> a trial number a point (null where there is none), or null for a trace without trials
function numbersOf(customdata) {
  if (!customdata?.length) return null;
  return Array.from(customdata, (one) => {
    const first = typeof one === "object" && one !== null ? one[0] : one;
    return first === null || first === undefined || first === "" ? null : Number(first);
  });
}

const TYPES = {
  f8: Float64Array,
  f4: Float32Array,
  i4: Int32Array,
  u4: Uint32Array,
  i2: Int16Array,
  u2: Uint16Array,
  i1: Int8Array,
  u1: Uint8Array,
  u1c: Uint8ClampedArray,
};

// Arrays that Python has written as base64 ({dtype, bdata, shape}) become typed arrays, in place.
function decoded(node) {
  for (const [key, value] of Object.entries(node ?? {})) {
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) continue;
    node[key] = typeof value.bdata === "string" ? typed(value) : decoded(value);
  }
  return node;
}

function typed({ dtype, bdata, shape }) {
  const bytes = Uint8Array.from(atob(bdata), (letter) => letter.charCodeAt(0));
  const flat = new TYPES[dtype](bytes.buffer);
  const sizes = String(shape ?? "")
    .split(",")
    .map(Number);
  if (sizes.length < 2) return flat;
  return Array.from({ length: sizes[0] }, (_, row) => flat.slice(row * sizes[1], (row + 1) * sizes[1]));
}

// A change of what stands out: figures in sight follow at once, the others when they are scrolled near.
const relight = eachFrame(() => {
  for (const card of cards.values()) {
    card.stale = true;
    if (card.near) queue(card);
  }
});

function setDrag(mode) {
  state.drag = mode;
  for (const card of cards.values()) {
    if (!card.spec || card.fixed) continue;
    card.spec.layout.dragmode = dragMode();
    if (!card.drawn) continue;
    const relaid = Plotly.relayout(card.plot, { dragmode: dragMode() });
    // pairs of views work out where their points are only when they are drawn ready for a box
    if (card.spec.data.some(({ type }) => type === "splom")) relaid.then(() => Plotly.redraw(card.plot));
  }
}
