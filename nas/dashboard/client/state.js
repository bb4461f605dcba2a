// The one state of the page: the study that is looked at, its filters, the brushed selection and the open trial.
// Everything that shows trials listens; nothing else holds a copy.

// on a touch screen a finger that drags scrolls the page, until it is told otherwise
const coarse = matchMedia("(pointer: coarse)");
const state = { payload: null, study: 0, views: new Map(), drag: coarse.matches ? "scroll" : "zoom" };
const listeners = [];

const listen = (call) => listeners.push(call);
// what: a set of "data" "filters" "selection" "open" "study"
const changed = (...what) => listeners.forEach((call) => call(new Set(what)));

const study = () => state.payload.studies[state.study] ?? null;
const columnOf = (key) => study()?.columns.find((column) => column.key === key);
const values = (key) => study()?.trials[key] ?? [];
const count = () => values("number").length;

const noFilters = () => ({ text: "", front: false, states: new Set(), ranges: {}, decisions: {} });

// What a user has done to one study, kept while others are looked at.
function view() {
  const name = study()?.name ?? "";
  if (!state.views.has(name)) {
    state.views.set(name, { filters: noFilters(), selection: null, open: null, order: null, hidden: null });
  }
  return state.views.get(name);
}

// trial number -> row, made once a payload
function rowOf(number) {
  const one = study();
  if (!one) return undefined;
  one.rows ??= new Map(one.trials.number.map((value, row) => [value, row]));
  return one.rows.get(number);
}

const decisions = () => Object.keys(study()?.trials ?? {}).filter((key) => key.startsWith("decision."));

function filtered() {
  const { text, front, states, ranges, decisions: chosen } = view().filters;
  return Boolean(text.trim() || front || states.size || Object.keys(ranges).length || Object.keys(chosen).length);
}

// One byte a row: does it pass all filters? Kept until a filter or the data change.
function passing() {
  const one = study();
  return (one.passing ??= computePassing());
}

function computePassing() {
  const { text, front, states, ranges, decisions: chosen } = view().filters;
  const passes = new Uint8Array(count()).fill(1);
  const keep = (key, test) => {
    const column = values(key);
    for (let row = 0; row < passes.length; row++) if (passes[row] && !test(column[row])) passes[row] = 0;
  };
  if (front) keep("on_front", Boolean);
  if (states.size) keep("state", (value) => states.has(value));
  for (const [key, [low, high]] of Object.entries(ranges)) {
    keep(key, (value) => typeof value === "number" && value >= (low ?? -Infinity) && value <= (high ?? Infinity));
  }
  for (const [key, allowed] of Object.entries(chosen)) keep(key, (value) => allowed.has(String(value)));
  const tests = text.trim().toLowerCase().split(/\s+/).filter(Boolean).map(termTest);
  if (tests.length) {
    const hay = haystack();
    for (let row = 0; row < passes.length; row++) {
      if (passes[row] && !tests.every((test) => test(hay[row]))) passes[row] = 0;
    }
  }
  return passes;
}

// A number is a whole word ("6" is not "16"), all else any part of the text.
function termTest(term) {
  const bare = term.replace(/^#/, "");
  if (!/^\d+(\.\d+)?$/.test(bare)) return (text) => text.includes(term);
  const word = new RegExp(`(^|[^0-9a-z.])${bare.replace(".", "\\.")}($|[^0-9a-z.])`);
  return (text) => word.test(text);
}

// What the search looks through, a text a row: number, state, design, key, reason and decisions.
function haystack() {
  const one = study();
  const keys = ["number", "state", "summary", "key", "reason", "worker"].filter((key) => one.trials[key]);
  const answers = decisions();
  one.haystack ??= one.trials.number.map((_, row) => {
    const own = keys.map((key) => one.trials[key][row] ?? "");
    const decided = answers.map((key) =>
      one.trials[key][row] == null ? "" : `${key.slice(9)}=${one.trials[key][row]}`,
    );
    return [...own, ...decided].join(" ").toLowerCase();
  });
  return one.haystack;
}

// Which trials stand out: null where all do.
function lit() {
  const { selection } = view();
  if (!study() || (!selection && !filtered())) return null;
  const passes = passing();
  return (number) => {
    const row = rowOf(number);
    return row !== undefined && passes[row] === 1 && (!selection || selection.has(number));
  };
}

// The rows that are filtered in and, where there is a selection, selected.
function chosenRows() {
  const test = lit();
  const rows = [];
  values("number").forEach((number, row) => {
    if (!test || test(number)) rows.push(row);
  });
  return rows;
}

function setFilters(change) {
  change(view().filters);
  study().passing = null;
  changed("filters");
}

function resetFilters() {
  view().filters = noFilters();
  study().passing = null;
  changed("filters", "reset");
}

// numbers: an array, empty where nothing was caught, or null for no selection; from: the figure where it was brushed
function select(numbers, from = null) {
  view().selection = numbers ? new Set(numbers) : null;
  view().brushed = view().selection ? from : null;
  changed("selection");
}

function openTrial(number, options = {}) {
  if (number !== null && rowOf(number) === undefined) return;
  view().open = number;
  state.opening = options;
  changed("open");
}

function useStudy(index) {
  state.study = index;
  changed("study", "data");
}

// Spans the decade that a logarithmic axis needs: all above zero, the largest ten times the smallest.
function spansDecade(column) {
  const { low, high } = extent(column);
  return low > 0 && high > 10 * low;
}

function extent(column) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of column) {
    if (typeof value !== "number" || !Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}
