// The table of trials (DataTables): sorted and scrolled there, filtered by the page's own state.
// Cells reach DataTables as escaped text. The arrow keys move between rows, Enter opens a trial.

let table = null;

// Unknown values come last in either direction; a plain comparison would mix them with zero.
const lastly = (direction) => (one, other) => {
  if (one === null || other === null) return (one === null) - (other === null);
  return direction * (one < other ? -1 : one > other ? 1 : 0);
};
DataTable.type("nas", { order: { asc: lastly(1), desc: lastly(-1) } });
DataTable.ext.errMode = "throw";

const WORDS = {
  number: { label: "trial", kind: "integer" },
  state: { label: "state", kind: "text" },
  summary: { label: "design", kind: "text" },
};

// The columns of the table: trial and state first, what the payload lists, then the rest of what the search reads.
function tableColumns() {
  const listed = study().columns.map((column) => ({ ...column, ...(column.key === "number" ? WORDS.number : {}) }));
  const has = (key) => listed.some((column) => column.key === key);
  const own = ["number", "state"].filter((key) => !has(key)).map((key) => ({ key, ...WORDS[key], shown: true }));
  const later = [
    ["summary", true],
    ["reason", false],
  ]
    .filter(([key]) => !has(key) && study().trials[key])
    .map(([key, shown]) => ({ key, label: key, kind: "text", ...WORDS[key], shown }));
  const decided = decisions()
    .filter((key) => !has(key))
    .map((key) => ({ key, label: key.slice(9), kind: "text", shown: false }));
  return [...own, ...listed, ...later, ...decided].filter(({ key }) => study().trials[key]);
}

function buildTable() {
  const section = byId("trials");
  section.hidden = !study();
  table?.destroy(true);
  table = null;
  section.replaceChildren();
  if (!study()) return;
  section.append(make("h2", { id: "trials-heading", text: "Trials" }));
  if (!count()) {
    section.append(make("p", { class: "empty", text: study().empty || "There is no trial yet." }));
    return;
  }
  const columns = tableColumns();
  const help = make("p", {
    id: "table-help",
    class: "muted",
    text: "Click a row, or move with the arrow keys and press Enter, to see a trial's genotype, costs and commands.",
  });
  const element = make("table", { class: "trials", "aria-describedby": "table-help" });
  section.append(make("div", { class: "above" }, help, columnMenu(columns)), element);
  table = new DataTable(element, {
    data: allRows(),
    columns: columns.map(tableColumn),
    order: startOrder(columns),
    orderMulti: true,
    deferRender: true,
    scrollX: true,
    scrollY: tableHeight(),
    scrollCollapse: true,
    scroller: { displayBuffer: 6 },
    autoWidth: true,
    layout: { topStart: null, topEnd: null, bottomStart: "info", bottomEnd: null },
    createdRow: (row, item) => markRow(row, item.row),
    language: {
      info: "_START_ to _END_ of _TOTAL_",
      infoEmpty: "none",
      infoFiltered: "(_MAX_ in all)",
      zeroRecords: "No trial passes the filters.",
      infoPostFix: "",
    },
  });
  table.search.fixed("nas", (_, item) => inTable(item.row));
  table.draw();
  tableKeys(element, table.table().container());
  showsMore(table.table().container());
}

// A shade on the right while columns lie beyond it.
function showsMore(container) {
  const body = container.querySelector(".dt-scroll-body");
  const look = () =>
    container.classList.toggle("more", body.scrollWidth - body.clientWidth - body.scrollLeft > 4);
  body.addEventListener("scroll", look, { passive: true });
  new ResizeObserver(look).observe(body.firstElementChild);
  new ResizeObserver(look).observe(body);
}

const tableHeight = () => `${Math.round(Math.min(520, 0.62 * innerHeight))}px`;
const allRows = () => Array.from({ length: count() }, (_, row) => ({ row }));

let shownTest = null;
const inTable = (row) => !shownTest || shownTest(values("number")[row]);

function tableColumn(column) {
  const hidden =
    view().hidden ??
    (view().hidden = new Set(
      tableColumns()
        .filter(({ shown }) => !shown)
        .map(({ key }) => key),
    ));
  const right = column.kind !== "text";
  return {
    title: escaped(column.label),
    ariaTitle: column.label,
    type: "nas",
    visible: !hidden.has(column.key),
    className: right ? "n" : "t",
    name: column.key,
    searchable: false, // the page searches itself
    data: (item, kind) => {
      const value = values(column.key)[item.row] ?? null;
      // DataTables reads all but what it sorts by as markup, even what it only searches (which the page does itself)
      return kind === "display" ? display(column, value, item.row) : kind === "sort" ? value : "";
    },
  };
}

// A cell as markup, made of escaped text alone; texts too long for it are cut by the style sheet, their title is whole.
function display(column, value, row) {
  const text = escaped(cell(value, column.kind));
  if (column.key === "number") {
    const star = values("on_front")[row] ? '<span class="star" title="on the front">★</span>' : "";
    return `${star}${text}${value === study().knee ? ' <span class="tag">knee</span>' : ""}`;
  }
  if (column.key === "state") return `<span class="state ${/^[a-z]+$/.test(value) ? value : ""}">${text}</span>`;
  return column.kind === "text" && text.length > 18 ? `<span title="${text}">${text}</span>` : text;
}

// As the user has left it, else the most accurate first.
function startOrder(columns) {
  const place = (key) => columns.findIndex((column) => column.key === key);
  const kept = (view().order ?? []).map(([key, direction]) => [place(key), direction]).filter(([at]) => at >= 0);
  if (kept.length) return kept;
  return place("accuracy") >= 0 ? [[place("accuracy"), "desc"]] : [[place("number"), "asc"]];
}

// Which columns there are to see, as boxes to tick.
function columnMenu(columns) {
  const boxes = columns.map((column, place) => {
    const box = make("input", { type: "checkbox" });
    box.checked = !(view().hidden ?? new Set(columns.filter(({ shown }) => !shown).map(({ key }) => key))).has(
      column.key,
    );
    box.addEventListener("change", () => {
      view().hidden[box.checked ? "delete" : "add"](column.key);
      table.column(place).visible(box.checked);
    });
    return make(
      "label",
      { title: column.unit ? `${column.label}: ${column.unit}` : column.label },
      box,
      make("span", { text: column.label }),
    );
  });
  return make(
    "details",
    { class: "menu" },
    make("summary", { text: "Columns" }),
    make("div", { class: "menu-list" }, ...boxes),
  );
}

function markRow(row, at) {
  const number = values("number")[at];
  row.dataset.number = number;
  row.tabIndex = number === focusable ? 0 : -1;
  row.classList.toggle("open", number === view().open);
  row.classList.toggle("fresh", Boolean(state.fresh?.has(number)));
  row.setAttribute("aria-selected", number === view().open);
}

let focusable = null; // the one row that the tab key reaches

function markRows() {
  if (!table) return;
  const first = table.row(":eq(0)", { order: "applied", search: "applied" }).data();
  const ordered = table.rows({ order: "applied", search: "applied" }).data();
  if (!first) focusable = null;
  else if (focusable === null || !inTable(rowOf(focusable))) focusable = values("number")[ordered[0].row];
  for (const row of table.table().body().rows) if (row.dataset.number) markRow(row, rowOf(Number(row.dataset.number)));
}

function tableKeys(element, container) {
  table.on("draw", markRows);
  table.on("order", () => {
    const columns = tableColumns();
    view().order = table.order().map(([place, direction]) => [columns[place]?.key, direction]);
  });
  markRows();
  const body = table.table().body();
  body.addEventListener("click", ({ target }) => {
    const row = target.closest("tr[data-number]");
    if (!row || String(getSelection()).length) return;
    focusable = Number(row.dataset.number);
    openTrial(focusable, { from: row });
  });
  body.addEventListener("keydown", (event) => {
    const row = event.target.closest("tr[data-number]");
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
    if (!row || (step === undefined && event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    if (step === undefined) openTrial(Number(row.dataset.number), { from: row, focus: true });
    else moveFocus(Number(row.dataset.number), step);
  });
}

// Moves between rows in the order on screen; an open trial follows.
function moveFocus(number, step) {
  const items = table.rows({ order: "applied", search: "applied" }).data().toArray();
  const place = items.findIndex(({ row }) => values("number")[row] === number);
  const to = Math.max(0, Math.min(items.length - 1, place + step));
  focusable = values("number")[items[to].row];
  if (view().open !== null) openTrial(focusable, { quiet: true });
  focusRow(to);
}

const rowElement = (number) => table.table().body().querySelector(`tr[data-number="${number}"]`);

function focusRow(place, tries = 6) {
  const row = rowElement(focusable);
  if (row) {
    markRows();
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  } else if (tries) {
    // the scroller makes rows as they come into sight
    if (tries === 6) table.row(`:eq(${place})`, { order: "applied", search: "applied" }).scrollTo(false);
    setTimeout(() => focusRow(place, tries - 1), 40);
  }
}

// Other filters or another selection: the table begins at its top.
const redrawTable = eachFrame(() => {
  if (!table) return;
  shownTest = lit();
  table.draw();
  markRows();
});

function reloadTable() {
  const columns = JSON.stringify(tableColumns().map(({ key, label, kind }) => [key, label, kind]));
  const same = table && columns === byId("trials").dataset.columns && study().name === byId("trials").dataset.study;
  byId("trials").dataset.columns = columns;
  byId("trials").dataset.study = study().name;
  shownTest = lit();
  if (same && count()) refill();
  else buildTable();
}

// Other values in the same columns: what is in sight, and what has the focus, stays.
function refill() {
  const body = table.table().container().querySelector(".dt-scroll-body");
  const [top, left] = [body.scrollTop, body.scrollLeft];
  const held = document.activeElement?.closest?.("tr[data-number]") ? focusable : null;
  // rows hold their place alone, so that those that are there need no change but a new look
  const known = table.rows().count();
  if (known > count()) table.rows((_, { row }) => row >= count()).remove();
  if (known < count()) table.rows.add(allRows().slice(known));
  table.rows().invalidate("data");
  table.draw("full-hold");
  body.scrollTop = top;
  body.scrollLeft = left;
  markRows();
  if (held !== null) rowElement(held)?.focus({ preventScroll: true });
}
