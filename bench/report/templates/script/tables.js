// Tables: sort, filter, count, unfold, copy.
function dataRows(table) {
  return [...table.tBodies[0].rows].filter((row) => !row.classList.contains("details"));
}

function detailsOf(row) {
  const next = row.nextElementSibling;
  return next && next.classList.contains("details") ? next : null;
}

function sortKey(row, column) {
  const cell = row.cells[column];
  if (!cell) return null;
  if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
  const text = [...cell.childNodes].filter((part) => part.nodeName !== "SMALL").map((part) => part.textContent).join("").trim();
  const isMissing = cell.classList.contains("number") ? !/\d/.test(text) : text === "" || text === "–";
  return isMissing ? null : text; // a note in small print is no value
}

function compareKeys(first, second) {
  if (typeof first === "number" && typeof second === "number") return first - second;
  return String(first).localeCompare(String(second), "en", { numeric: true });
}

// Rows without a value stay last in both directions, and equal rows keep their order.
function sortTable(table, column, isDescending) {
  const rows = dataRows(table).map((row) => ({ row, behind: detailsOf(row), key: sortKey(row, column) }));
  rows.sort((first, second) => {
    if (first.key === null || second.key === null) return (first.key === null) - (second.key === null);
    return isDescending ? compareKeys(second.key, first.key) : compareKeys(first.key, second.key);
  });
  for (const { row, behind } of rows) table.tBodies[0].append(row, ...(behind ? [behind] : []));
  [...table.tHead.rows[0].cells].forEach((head, number) => {
    if (number === column) head.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
}

function restoreOrder(table) {
  for (const pair of originalOrder.get(table)) table.tBodies[0].append(...pair);
  for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
}

const originalOrder = new Map();

function addSorting(table) {
  originalOrder.set(table, dataRows(table).map((row) => [row, detailsOf(row)].filter(Boolean)));
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const isNumber = head.classList.contains("number");
      const before = head.getAttribute("aria-sort");
      const isDescending = before ? before === "ascending" : isNumber;
      setState({ [`sort.${table.id}`]: `${column}:${isDescending ? "desc" : "asc"}` });
    });
  });
}

function showSorting(table) {
  const [column, direction] = getState(`sort.${table.id}`).split(":");
  const number = Number(column);
  if (column === "" || !(number >= 0 && number < table.tHead.rows[0].cells.length)) {
    if (table.querySelector("th[aria-sort]")) restoreOrder(table);
  } else {
    sortTable(table, number, direction === "desc");
  }
}

// What an address names and the page does not have is as if it were not chosen.
function shownFamilies() {
  const all = [...document.querySelectorAll('#filters input[name="family"]')].map((box) => box.value);
  const chosen = getState("family").split(",").filter((family) => all.includes(family));
  return chosen.length || getState("family") === "none" ? chosen : all;
}

function shownTarget() {
  const options = document.querySelector('#filters select[name="target"]')?.options ?? [];
  const known = [...options].map((option) => option.value);
  return known.includes(getState("target")) ? getState("target") : known[0] ?? "";
}

// Arms are shown if that is chosen, and where a target has no other row.
function showsArms(target) {
  if (getState("arms") === "1") return true;
  const rows = [...document.querySelectorAll('.table[data-filtered] tr[data-target]:not([data-target=""])')];
  return !rows.some((row) => !row.dataset.arm && (target === "" || row.dataset.target === target));
}

function isShown(row, shown) {
  const { family, target, arm } = row.dataset;
  if (family !== undefined && shown.families.length && !shown.families.includes(family)) return false;
  if (getState("family") === "none" && family !== undefined) return false;
  if (target && shown.target && target !== shown.target) return false;
  if (arm && !shown.arms) return false;
  return !shown.text || (row.textContent + (detailsOf(row)?.textContent ?? "")).toLowerCase().includes(shown.text);
}

// The filters act on every filtered table; the rows of the first one, which compares all, are counted.
function filterTables() {
  const target = shownTarget();
  const wanted = { families: shownFamilies(), target, arms: showsArms(target), text: getState("find").toLowerCase() };
  const boxes = [...document.querySelectorAll(".table[data-filtered]")];
  for (const box of boxes) {
    const rows = dataRows(box.querySelector("table"));
    for (const row of rows) {
      row.hidden = !isShown(row, wanted);
      if (row.hidden) unfold(row, false);
    }
    const shown = rows.filter((row) => !row.hidden).length;
    box.querySelector(".nothing").hidden = shown > 0;
    const counts = document.getElementById("counts");
    if (counts && box === boxes[0]) counts.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
  }
}

function addNothing(box) {
  const words = document.createElement("p");
  words.className = "nothing";
  words.textContent = "No row is left: change the target, the families, the arms or the text to find.";
  words.hidden = true;
  box.append(words);
}

function unfold(row, isOpen) {
  const button = row.querySelector(".unfold");
  const behind = detailsOf(row);
  if (!button || !behind) return;
  button.setAttribute("aria-expanded", String(isOpen));
  behind.hidden = !isOpen;
}

// Show a row, whatever is folded around it, and open its details. Filters that hide it are lifted.
function openRow(id) {
  const row = document.getElementById(id);
  if (!row) return;
  if (row.hidden) setState({ family: "", find: "", arms: row.dataset.arm ? "1" : getState("arms"), target: row.dataset.target || getState("target") });
  for (let outer = row.parentElement; outer; outer = outer.parentElement) if (outer.tagName === "DETAILS") outer.open = true;
  unfold(row, true);
  for (const found of document.querySelectorAll("tr.found")) found.classList.remove("found");
  row.classList.add("found");
  row.scrollIntoView({ block: "center" });
  const button = row.querySelector(".unfold");
  if (!button) row.tabIndex = -1;
  (button ?? row).focus({ preventScroll: true });
}

function cellText(cell) {
  return cell.innerText.replace(/\s+/g, " ").trim();
}

function tableTexts(table) {
  const rows = [table.tHead.rows[0], ...dataRows(table).filter((row) => !row.hidden)];
  return rows.map((row) => [...row.cells].map(cellText));
}

const copyFormats = {
  CSV: (rows) => rows.map((row) => row.map((text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)).join(",")).join("\n"),
  Markdown: (rows) => {
    const lines = rows.map((row) => `| ${row.map((text) => text.replace(/[\\|]/g, "\\$&")).join(" | ")} |`);
    return [lines[0], `|${" --- |".repeat(rows[0].length)}`, ...lines.slice(1)].join("\n");
  },
  LaTeX: (rows) => {
    const escaped = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "−": "$-$", "–": "--" };
    const safe = (text) => text.replace(/[\\~^−–&%$#_{}]/g, (sign) => escaped[sign] ?? `\\${sign}`);
    const [head, ...body] = rows.map((row) => `${row.map(safe).join(" & ")} \\\\`);
    return [`\\begin{tabular}{${"l".repeat(rows[0].length)}}`, "\\toprule", head, "\\midrule", ...body, "\\bottomrule", "\\end{tabular}"].join("\n");
  },
};

function addCopying(box) {
  const tools = document.createElement("div");
  tools.className = "tools";
  tools.append("Copy as");
  for (const [name, write] of Object.entries(copyFormats)) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.setAttribute("aria-label", `Copy as ${name}`);
    button.addEventListener("click", () => copyText(write(tableTexts(box.querySelector("table"))), button));
    tools.append(button);
  }
  box.append(tools);
}

// A region is a stop of the Tab key only while it scrolls.
function watchScrolling() {
  const watcher = new ResizeObserver((entries) => {
    for (const region of new Set(entries.map((entry) => entry.target.closest(".scroll")))) {
      region.tabIndex = region.scrollWidth > region.clientWidth ? 0 : -1;
    }
  });
  for (const region of document.querySelectorAll(".scroll")) {
    watcher.observe(region);
    watcher.observe(region.firstElementChild);
  }
}

function startTables() {
  watchScrolling();
  for (const box of document.querySelectorAll(".table")) {
    const table = box.querySelector("table");
    addSorting(table);
    addCopying(box);
    if (box.dataset.filtered !== undefined) addNothing(box);
    for (const button of table.querySelectorAll(".unfold")) button.closest("tr").classList.add("unfolds");
    table.addEventListener("click", (event) => {
      const row = event.target.closest("tr.unfolds");
      const isOther = event.target.closest("a, button:not(.unfold)") || getSelection().toString();
      if (row && !isOther) unfold(row, row.querySelector(".unfold").getAttribute("aria-expanded") !== "true");
    });
  }
  subscribe(() => {
    filterTables();
    for (const table of originalOrder.keys()) showSorting(table);
  });
}
