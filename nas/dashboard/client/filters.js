// The bar that stays in sight: search, filters, what dragging does, what is chosen and its download.

const STEPS = 1000; // places of a slider

function buildBar() {
  const bar = byId("bar");
  bar.hidden = !state.payload.studies.length;
  const search = make("input", {
    type: "search",
    id: "search",
    placeholder: "trial, design, decision...",
    autocomplete: "off",
    "aria-label": "search trials by number, design, key, decision or reason",
  });
  let later = null;
  search.addEventListener("input", () => {
    clearTimeout(later);
    later = setTimeout(
      () =>
        setFilters((filters) => {
          filters.text = search.value;
        }),
      120,
    );
  });
  const panel = make("div", { id: "filters", class: "filters", role: "group", "aria-label": "filters", hidden: true });
  const toggle = make("button", {
    type: "button",
    id: "toggle",
    "aria-expanded": "false",
    "aria-controls": "filters",
    text: "Filters",
  });
  toggle.addEventListener("click", () => {
    panel.hidden = !panel.hidden;
    toggle.setAttribute("aria-expanded", String(!panel.hidden));
  });
  const chip = make("p", { class: "chip", id: "chip" });
  const clear = make("button", { type: "button", id: "clear", class: "small", text: "clear", hidden: true });
  clear.addEventListener("click", clearAll);
  const downloads = make(
    "span",
    { class: "downloads", role: "group", "aria-label": "download" },
    downloadButton("CSV", csv, "text/csv"),
    downloadButton("YAML", yaml, "application/yaml"),
  );
  bar.replaceChildren(
    make("div", { class: "tools" }, studyTabs(), search, toggle, dragChoice(), chip, clear, downloads),
    panel,
  );
  buildFilters();
}

function clearAll() {
  const held = document.activeElement?.id === "clear";
  view().selection = null;
  view().brushed = null;
  resetFilters();
  changed("selection");
  say("all filters and the selection are cleared");
  // not the search: it would bring up a telephone's keyboard
  if (held) byId("toggle").focus();
}

function studyTabs() {
  const { studies } = state.payload;
  if (studies.length < 2) return null;
  const select = make(
    "select",
    { id: "study", "aria-label": "study" },
    ...studies.map((one, index) => make("option", { value: index, text: one.name })),
  );
  select.value = state.study;
  select.addEventListener("change", () => useStudy(Number(select.value)));
  return select;
}

function dragChoice() {
  const last = coarse.matches ? { scroll: "scroll" } : { pan: "pan" };
  const modes = { zoom: "zoom", select: "box", lasso: "lasso", ...last };
  const radios = Object.entries(modes).map(([mode, label]) => {
    const radio = make("input", { type: "radio", name: "drag", value: mode });
    radio.checked = state.drag === mode;
    radio.addEventListener("change", () => setDrag(mode));
    return make("label", {}, radio, make("span", { text: label }));
  });
  return make("fieldset", { class: "drag" }, make("legend", { text: "drag to" }), ...radios);
}

// The panel is made again only where there is something else to filter by, so that a live page keeps the focus.
function buildFilters() {
  const panel = byId("filters");
  if (!panel || !study()) return;
  const ranged = study().columns.filter(
    ({ key, cost }) => (cost || key === "accuracy") && values(key).some((value) => typeof value === "number"),
  );
  const facets = decisions()
    .map((key) => [key, distinct(values(key))])
    .filter(([, found]) => found.length > 1);
  const states = distinct(values("state"));
  const signature = JSON.stringify([study().name, ranged.map(({ key }) => [key, extent(values(key))]), facets, states]);
  if (panel.dataset.signature === signature) return syncFilters();
  panel.dataset.signature = signature;
  const held = panel.contains(document.activeElement) ? document.activeElement.id : null;
  const front = make("input", { type: "checkbox", id: "front-only" });
  front.addEventListener("change", () =>
    setFilters((filters) => {
      filters.front = front.checked;
    }),
  );
  const first = group(
    "State",
    make("label", {}, front, make("span", { text: "on the front" })),
    ...states.map((value) => tick("states", null, value)),
  );
  const decided = facets.map(([key, found]) => facet(key, found));
  panel.replaceChildren(first, ...ranged.map(budget), ...decided);
  syncFilters();
  if (held) byId(held)?.focus();
}

const distinct = (column) =>
  [...new Set(column.filter((value) => value !== null && value !== undefined && value !== ""))]
    .map(String)
    .sort((one, other) => one.localeCompare(other, "en", { numeric: true }));

function group(title, ...children) {
  return make(
    "fieldset",
    { class: "filter" },
    make("legend", { text: title, title }),
    make("div", { class: "ticks" }, ...children),
  );
}

const FACET = 40; // values of a decision that are listed

function facet(key, found) {
  const more =
    found.length > FACET
      ? [make("p", { class: "muted", text: `and ${found.length - FACET} more: search for them` })]
      : [];
  return group(key.slice(9), ...found.slice(0, FACET).map((value) => tick("decisions", key, value)), ...more);
}

// A box for one value; none ticked lets all pass.
function tick(kind, key, value) {
  const box = make("input", { type: "checkbox", id: `tick-${key ?? kind}-${value}` });
  Object.assign(box.dataset, { kind, key: key ?? "", value });
  box.addEventListener("change", () =>
    setFilters((filters) => {
      const set = kind === "states" ? filters.states : (filters.decisions[key] ??= new Set());
      set[box.checked ? "add" : "delete"](value);
      if (key && !set.size) delete filters.decisions[key];
    }),
  );
  return make("label", { title: value }, box, make("span", { text: value }));
}

// Fields count accuracies in percent.
const times = ({ kind }) => (kind === "percent" ? 100 : 1);

// Two sliders over one rail and two number fields: the budget of one cost. Logarithmic where it spans a decade.
function budget(column) {
  const label = column.kind === "percent" ? `${column.label} (%)` : column.label;
  const { low, high } = extent(values(column.key));
  const log = spansDecade(values(column.key));
  const at = (value) =>
    Math.round(
      STEPS * (high > low ? (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)) : 1),
    );
  const of = (step) => (log ? low * (high / low) ** (step / STEPS) : low + ((high - low) * step) / STEPS);
  const parts = ["least", "most"].map((end, side) => {
    const name = `${end} ${column.label}`;
    const slider = make("input", {
      type: "range",
      min: 0,
      max: STEPS,
      "aria-label": name,
      id: `slide-${end}-${column.key}`,
    });
    const field = make("input", {
      type: "number",
      step: "any",
      "aria-label": name,
      id: `field-${end}-${column.key}`,
      inputmode: "decimal",
    });
    return { side, slider, field };
  });
  const span = make("div", { class: "span" });
  const box = make(
    "fieldset",
    { class: "filter budget", "data-key": column.key },
    make("legend", { text: label, title: column.unit ? `${label}: ${column.unit}` : label }),
    make("div", { class: "rail" }, span, ...parts.map(({ slider }) => slider)),
    make("div", { class: "ends" }, parts[0].field, make("span", { text: "to", class: "muted" }), parts[1].field),
  );
  box.show = () => showBudget(column, parts, span, { low, high, at });
  const set = (side, value) => setFilters((filters) => narrow(filters, column.key, side, value, { low, high }));
  for (const { side, slider, field } of parts) {
    slider.addEventListener("input", () => {
      const step = Number(slider.value);
      set(side, step === (side ? STEPS : 0) ? null : of(step));
    });
    field.addEventListener("change", () => {
      const value = Number(field.value) / times(column);
      set(side, field.value === "" || !Number.isFinite(value) ? null : value);
    });
  }
  return box;
}

// An end at the limit of the data is open: a later trial beyond it passes.
function narrow(filters, key, side, value, { low, high }) {
  const range = [...(filters.ranges[key] ?? [null, null])];
  range[side] = value !== null && (side ? value >= high : value <= low) ? null : value;
  const other = range[1 - side];
  if (range[side] !== null && other !== null && (side ? range[1] < other : range[0] > other))
    range[1 - side] = range[side];
  if (range[0] === null && range[1] === null) delete filters.ranges[key];
  else filters.ranges[key] = range;
}

function showBudget(column, parts, span, { low, high, at }) {
  const range = view().filters.ranges[column.key] ?? [null, null];
  const ends = [range[0] ?? low, range[1] ?? high];
  const clamp = (value) => Math.max(0, Math.min(STEPS, at(Math.max(value, Number.MIN_VALUE))));
  const places = [range[0] === null ? 0 : clamp(ends[0]), range[1] === null ? STEPS : clamp(ends[1])];
  for (const { side, slider, field } of parts) {
    slider.value = places[side];
    const counted = ends[side] * times(column);
    slider.setAttribute("aria-valuetext", `${told(counted)} ${times(column) > 1 ? "% " : ""}${column.label}`);
    if (document.activeElement !== field) field.value = Number(counted.toPrecision(4));
  }
  // where both handles are at the right end the lower one must stay within reach
  parts[0].slider.style.zIndex = places[0] > STEPS / 2 ? 3 : 2;
  span.style.left = `${(100 * places[0]) / STEPS}%`;
  span.style.right = `${100 - (100 * places[1]) / STEPS}%`;
}

// Shows in every control what the state says.
function syncFilters() {
  const { filters } = view();
  const panel = byId("filters");
  if (byId("front-only")) byId("front-only").checked = filters.front;
  for (const box of panel.querySelectorAll("input[data-kind]")) {
    const { kind, key, value } = box.dataset;
    box.checked = kind === "states" ? filters.states.has(value) : Boolean(filters.decisions[key]?.has(value));
  }
  for (const box of panel.querySelectorAll(".budget")) box.show();
  if (document.activeElement !== byId("search")) byId("search").value = filters.text;
  const used =
    filters.states.size + Object.keys(filters.ranges).length + Object.keys(filters.decisions).length + filters.front;
  byId("toggle").textContent = used ? `Filters (${used})` : "Filters";
}

// "37 of 200 trials selected", and what the downloads will hold.
const showChip = eachFrame(() => {
  if (!study() || !byId("chip")) return;
  const [all, chosen] = [count(), chosenRows().length];
  const { selection } = view();
  const how = selection ? "selected" : filtered() ? "pass" : "";
  byId("chip").textContent = how
    ? `${chosen.toLocaleString("en")} of ${plural(all, "trial")} ${how}`
    : plural(all, "trial");
  byId("chip").classList.toggle("on", Boolean(how));
  byId("clear").hidden = !how;
  for (const button of document.querySelectorAll(".downloads button")) {
    button.disabled = !chosen;
    button.setAttribute("aria-label", `download ${plural(chosen, "trial")} as ${button.dataset.kind}`);
    button.title = button.getAttribute("aria-label");
  }
});
