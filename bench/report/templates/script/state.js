// The page's state: names and values that stand in the address after #, so that a link shows the same page.
const state = new Map();
const subscribers = [];

function getState(name) {
  return state.get(name) ?? "";
}

function setState(values) {
  for (const [name, value] of Object.entries(values)) {
    if (value === "" || value === null || value === undefined) state.delete(name);
    else state.set(name, String(value));
  }
  writeFragment();
  for (const subscriber of subscribers) subscriber();
}

function subscribe(subscriber) {
  subscribers.push(subscriber);
}

function readJson(id) {
  const element = document.getElementById(id);
  return element ? JSON.parse(element.textContent) : null;
}

function readFragment() {
  state.clear();
  const text = location.hash.slice(1);
  if (!text.includes("=")) return; // the anchor of a section
  for (const [name, value] of new URLSearchParams(text)) if (value !== "") state.set(name, value);
}

function fragment() {
  const text = new URLSearchParams([...state]).toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%40", "@");
  return text ? `#${text}` : location.href.split("#")[0];
}

function writeFragment() {
  history.replaceState(null, "", fragment());
}

// Where a link led stands in the address, too, so that the browser's Back returns from there.
function writePlace(id) {
  state.set("at", id);
  history.pushState(null, "", fragment());
}
