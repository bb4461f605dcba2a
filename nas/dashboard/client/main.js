// Puts the page together, and takes new data: window.nasDashboard.update(payload), .offline(text).

const MARKED = 6000; // milliseconds for which new trials are marked

// Trials may come packed; everything else is opened where it is shown.
async function ready(payload) {
  for (const one of payload.studies) one.trials = (await opened(one.trials)) ?? {};
  for (const one of payload.studies) one.trials.number ??= [];
  return payload;
}

function buildHead() {
  const { payload } = state;
  const one = study();
  document.title = payload.title;
  document.querySelector("h1").textContent = payload.title;
  const empty = one?.empty && one.empty !== one.counts ? [make("span", { class: "why", text: one.empty })] : [];
  const told = one
    ? payload.studies.length > 1
      ? `${one.name}: ${one.counts}`
      : one.counts
    : "There is no study to show.";
  byId("lede").replaceChildren(make("span", { text: told }), ...empty);
  const facts = one?.facts ?? [];
  const rows = facts.map(([key, value]) => make("div", {}, make("dt", { text: key }), make("dd", { text: value })));
  const open = byId("facts").querySelector("details")?.open ?? innerWidth > 700;
  byId("facts").replaceChildren(
    ...(rows.length
      ? [
          make(
            "details",
            { class: "facts", open },
            make("summary", { text: payload.studies.length > 1 ? `About ${one.name}` : "About this study" }),
            make("dl", {}, ...rows),
          ),
        ]
      : []),
  );
  byId("foot").replaceChildren(
    make("span", { text: "made by " }),
    make("code", { text: payload.command ?? "nas dashboard" }),
    make("span", {
      text: [payload.version && `nas ${payload.version}`, payload.generated]
        .filter(Boolean)
        .map((text) => `, ${text}`)
        .join(""),
    }),
  );
}

// Sections and their figures; a figure that is there already stays where it is, with its zoom.
function buildSections() {
  const { sections, figures } = state.payload;
  const known = new Map(figures.map((figure) => [figure.id, figure]));
  const mine = (id) => known.has(id) && (!known.get(id).study || known.get(id).study === study()?.name);
  const wanted = sections
    .map(({ heading, figures: ids }) => ({ heading, ids: ids.filter(mine) }))
    .filter(({ ids }) => ids.length);
  const all = new Set(wanted.flatMap(({ ids }) => ids));
  for (const card of [...cards.values()]) if (card.id !== "explorer" && !all.has(card.id)) dropCard(card);
  for (const id of all) {
    if (cards.has(id)) setFigure(cards.get(id), known.get(id));
    else makeCard(known.get(id));
  }
  const signature = JSON.stringify(wanted);
  if (byId("sections").dataset.signature === signature) return;
  byId("sections").dataset.signature = signature;
  byId("sections").replaceChildren(
    ...wanted.map(({ heading, ids }) =>
      make(
        "section",
        { class: "block" },
        heading ? make("h2", { text: heading }) : null,
        make("div", { class: "grid" }, ...ids.map((id) => cards.get(id).element)),
      ),
    ),
  );
}

listen((what) => {
  if (what.has("study")) {
    openedFrom = null;
    state.opening = { quiet: true };
    byId("filters").dataset.signature = "";
    if (byId("study")) byId("study").value = state.study;
    byId("search").value = view().filters.text;
    buildHead();
    buildSections();
  }
  if (what.has("data")) {
    study() && (study().passing = null);
    buildFilters();
    buildExplorer();
    if (study()) reloadTable();
    else buildTable();
    showDetails();
    relight();
    showChip();
  }
  if (what.has("filters") || what.has("selection")) {
    if (what.has("reset")) byId("search").value = "";
    syncFilters();
    relight();
    redrawTable();
    showChip();
  }
  if (what.has("open")) {
    showDetails();
    markRows();
    moveRings();
  }
});

// New data without a reload: zoom, filters, selection, the open trial and the scroll positions stay.
async function update(payload) {
  const before = new Map(state.payload.studies.map((one) => [one.name, new Set(one.trials.number)]));
  const name = study()?.name;
  const bar = JSON.stringify(state.payload.studies.map((one) => one.name));
  await ready(payload);
  for (const part of ["figures", "sections"]) payload[part] ??= state.payload[part]; // the new ones follow
  offline("");
  state.payload = payload;
  state.study = Math.max(
    0,
    payload.studies.findIndex((one) => one.name === name),
  );
  markFresh(before);
  if (view().open !== null && rowOf(view().open) === undefined) view().open = null;
  if (bar !== JSON.stringify(payload.studies.map((one) => one.name))) buildBar();
  buildHead();
  buildSections();
  state.opening = { quiet: true };
  changed("data");
}

let forgetting = null;

function markFresh(before) {
  const old = before.get(study()?.name);
  if (!old) return;
  const fresh = study().trials.number.filter((number) => !old.has(number));
  if (!fresh.length) return;
  state.fresh = new Set([...(state.fresh ?? []), ...fresh]);
  const listed = fresh.length > 6 ? `${fresh.slice(0, 6).join(", ")} and more` : fresh.join(", ");
  say(`${fresh.length === 1 ? "a new trial" : `${fresh.length} new trials`}: ${listed}; ${study().counts}`);
  clearTimeout(forgetting);
  forgetting = setTimeout(() => {
    state.fresh = null;
    markRows();
    moveRings();
  }, MARKED);
}

// A bar across the page while the server does not answer; "" takes it away.
function offline(text) {
  byId("offline").hidden = !text;
  if (byId("offline").textContent !== text) byId("offline").textContent = text;
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  const menu = document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (state.payload && view().open !== null) openTrial(null);
});

document.addEventListener("click", ({ target }) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
});

// "#trial-17" behind the page's address opens a trial.
function openNamed() {
  const number = /^#trial-(\d+)$/.exec(location.hash)?.[1];
  if (number !== undefined) openTrial(Number(number));
}

async function start() {
  state.payload = await ready(JSON.parse(byId("payload").textContent));
  byId("payload").remove();
  buildHead();
  buildBar();
  buildSections();
  // a figure in sight comes first, then the table and the rest
  const drawnOne = () => !cards.size || [...cards.values()].some((card) => card.drawn);
  for (let tries = 0; tries < 40 && !drawnOne(); tries++) await new Promise((done) => setTimeout(done, 30));
  changed("data");
  addEventListener("hashchange", openNamed);
  openNamed();
  document.body.dataset.ready = Math.round(performance.now());
}

window.nasDashboard = { update, offline };
start();
