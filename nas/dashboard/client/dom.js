// Elements, numbers in words, and the clipboard. Whatever a study says becomes text, never markup.

// make("p", { class: "muted", text: "none" }, child, ...); "on" has listeners, other keys are attributes.
function make(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") element.textContent = value;
    else if (key === "on") for (const [event, call] of Object.entries(value)) element.addEventListener(event, call);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const byId = (id) => document.getElementById(id);

// for DataTables alone, which takes cells as markup
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };
const escaped = (text) => String(text).replace(/[&<>"']/g, (letter) => ENTITIES[letter]);

// Three significant digits, never an exponent between a thousandth and a billion (as nas.plots.style.number).
function told(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-3 || size >= 1e9)) return value.toExponential(2);
  const rounded = Number(value.toPrecision(3));
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded))));
  const text = rounded.toFixed(digits);
  return size < 1000 ? text : text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

// A cell of a column in words; "-" where it is unknown.
function cell(value, kind) {
  if (value === null || value === undefined || value === "") return "-";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (kind === "percent") return `${(100 * value).toFixed(1)} %`;
  if (kind === "integer" || kind === "text") return String(value);
  return told(value);
}

const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

// Says something to readers of screens; an equal text again is said again.
function say(text) {
  byId("said").textContent = "";
  requestAnimationFrame(() => {
    byId("said").textContent = text;
  });
}

// A button that copies the text of an element; where the page may not, it selects the text for the user's own key.
function copyButton(source, label) {
  const button = make("button", { type: "button", class: "small", text: "copy", "aria-label": label });
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = "selected";
    }
    say(button.textContent);
    setTimeout(() => {
      button.textContent = "copy";
    }, 2500);
  });
  return button;
}

// What Python has packed: base64 of gzip of JSON.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// A part of the payload, packed or plain.
const opened = async (part) => (part && typeof part.packed === "string" ? unpacked(part.packed) : part);

// Calls at most once a frame, after all that changes in it.
function eachFrame(call) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      call();
    });
  };
}
