// Downloads, built in the browser: the selection, else what passes the filters, else all.

function downloadButton(kind, build, type) {
  const button = make("button", { type: "button", class: "small", text: kind, "data-kind": kind });
  button.addEventListener("click", async () => {
    const rows = chosenRows();
    const text = await build(rows);
    const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
    const name = `${
      study()
        .name.replace(/[^\w.-]+/g, "_")
        .slice(0, 80) || "study"
    }-trials.${kind.toLowerCase()}`;
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    say(`${plural(rows.length, "trial")} written to ${name}`);
  });
  return button;
}

// RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe before it.
function csv(rows) {
  const keys = Object.keys(study().trials);
  const field = (value) => {
    if (value === null || value === undefined) return "";
    if (typeof value !== "string") return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) => keys.map((key) => field(study().trials[key][row])).join(","));
  return [keys.map(field).join(","), ...lines, ""].join("\r\n");
}

// A list of trials with accuracy, costs, key and genotype, as YAML 1.2 (texts as in JSON, genotypes as blocks).
async function yaml(rows) {
  const listed = study()
    .columns.filter(({ kind, key }) => key !== "number" && (kind !== "text" || key.startsWith("decision.")))
    .map(({ key }) => key);
  const keys = ["number", "state", "on_front", ...listed, "key", "summary"].filter(
    (key, place, all) => all.indexOf(key) === place && study().trials[key],
  );
  const items = [];
  for (const row of rows) {
    const known = keys.filter((key) => study().trials[key][row] != null && study().trials[key][row] !== "");
    const lines = known.map(
      (key) => `${key === "number" ? "trial" : plainKey(key)}: ${scalar(study().trials[key][row])}`,
    );
    const { genotype: text } = await detailsOf(study().trials.number[row]).catch(() => ({}));
    if (text) lines.push(`genotype: ${blockText(text)}`);
    items.push(`- ${lines.join("\n  ")}`);
  }
  return `study: ${scalar(study().name)}\ntrials:${items.length ? `\n${items.join("\n")}` : " []"}\n`;
}

const scalar = (value) => JSON.stringify(value);
const plainKey = (key) => (/^[a-z_][\w.]*$/i.test(key) ? key : scalar(key));

function blockText(text) {
  if (/[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]/.test(text) || !text.trim()) return scalar(text);
  const end = text.endsWith("\n") ? "" : "-";
  return `|2${end}\n${text
    .replace(/\n+$/, "")
    .split("\n")
    .map((line) => (line ? `    ${line}` : ""))
    .join("\n")}`;
}
