// Charts: each <figure data-chart="NAME"> is drawn from its specification when it comes near the window. Its static
// form stays if anything goes wrong, and for print.
function startCharts() {
  const figures = document.querySelectorAll("figure[data-chart]");
  const canDraw = typeof window.vegaEmbed === "function";
  for (const figure of document.querySelectorAll("figure.chart")) if (!canDraw || !figure.dataset.chart) followTarget(figure);
  if (!canDraw) return figures.forEach(hideChoices);
  const near = new IntersectionObserver(
    (entries) => {
      for (const entry of entries.filter((each) => each.isIntersecting)) {
        near.unobserve(entry.target);
        drawChart(entry.target);
      }
    },
    { rootMargin: "600px" },
  );
  figures.forEach((figure) => near.observe(figure));
}

async function drawChart(figure) {
  const live = figure.querySelector(".live");
  const fixed = figure.querySelector(".static");
  try {
    const spec = readJson(`chart-${figure.dataset.chart}`);
    live.hidden = false;
    fixed.hidden = true;
    await drawSpec(figure, live, spec);
    addTableButton(figure);
    figure.dataset.drawn = "";
    for (const words of figure.querySelectorAll(".of-static")) words.hidden = true;
  } catch (error) {
    console.error(error);
    live.replaceChildren();
    live.hidden = true;
    fixed.hidden = false;
    hideChoices(figure);
  }
}

async function drawSpec(figure, live, spec) {
  const settings = spec.params ?? [];
  const first = new Map(settings.map((param) => [param.name, param.value]));
  const wanted = () => chartParams(first, spec);
  const params = wanted();
  for (const param of settings) param.value = params.get(param.name);
  const box = document.createElement("div");
  const plot = document.createElement("div");
  const tip = chartTip();
  box.className = "plot";
  box.append(plot, tip);
  live.append(box);
  const options = { renderer: "svg", actions: false, ast: true, defaultStyle: false, logLevel: 1, tooltip: chartTips(box, tip) };
  const { view } = await window.vegaEmbed(plot, spec, options);
  describeChart(figure, box, plot.querySelector("svg"));
  chartKeys(box, tip, view);
  const show = () => {
    const chosen = wanted();
    for (const [name, value] of chosen) view.signal(name, value);
    tip.hidden = true;
    const absent = whatIsAbsent(figure, spec.data.values, chosen);
    box.hidden = absent !== "";
    live.style.minHeight = "";
    showTitle(figure, chosen, absent);
    return view.runAsync();
  };
  subscribe(show);
  await show();
}

// The button that leads to the table with the numbers of a chart: the first table after it.
function addTableButton(figure) {
  const follows = (table) => figure.compareDocumentPosition(table) & Node.DOCUMENT_POSITION_FOLLOWING;
  const table = [...document.querySelectorAll(".table")].find(follows);
  if (!table) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "as-table";
  button.textContent = "as table";
  button.addEventListener("click", () => {
    for (let outer = table; outer; outer = outer.parentElement) if (outer.tagName === "DETAILS") outer.open = true;
    table.scrollIntoView();
    table.querySelector(".scroll").focus({ preventScroll: true });
  });
  figure.querySelector("figcaption").prepend(button, " ");
}

function hideChoices(figure) {
  for (const choices of figure.querySelectorAll(".choices")) choices.remove();
}

// The values of a chart's params by the state of the page. What the state does not say, or says wrongly, is as at first.
function chartParams(first, spec) {
  const params = new Map(first);
  const families = shownFamilies();
  if (params.has("families") && (families.length || getState("family") === "none")) params.set("families", families);
  if (params.has("target") && shownTarget()) params.set("target", shownTarget());
  if (params.has("arms")) params.set("arms", showsArms(shownTarget()));
  for (const [name, words] of Object.entries(spec.usermeta.choices)) if (Object.hasOwn(words, getState(name))) params.set(name, getState(name));
  if (params.has("scratch")) params.set("scratch", pointsOf(spec.data.values, params).some((datum) => datum.images === 0));
  return params;
}

// The points of a chart on its target and in its view, of all families.
function pointsOf(data, params) {
  const has = (values, name) => !params.has(name) || !values || Object.hasOwn(values, params.get(name));
  return data.filter((datum) => {
    if (datum.kind === "level" || datum.kind === "note" || (datum.kind === "arm" && params.has("arms") && !params.get("arms"))) return false;
    return (!params.has("target") || datum.target === params.get("target")) && has(datum.views, "view") && has(datum.costs, "cost");
  });
}

// Return what a chart says in place of its plot: that it has no data on the target, or none in the view. Without any
// data on the target there is nothing to choose.
function whatIsAbsent(figure, data, params) {
  const isAbsent = pointsOf(data, new Map(params).set("arms", true)).length === 0;
  const target = params.get("target");
  const hasOthers = data.some((datum) => datum.target === target && datum.kind !== "level" && datum.kind !== "note");
  for (const part of figure.querySelectorAll(".choices, figcaption")) part.hidden = isAbsent && !hasOthers;
  if (!isAbsent) return "";
  const chosen = figure.querySelector('.choices button[aria-pressed="true"]')?.textContent ?? "";
  return `No data on ${target} in this chart${hasOthers && chosen ? `: ${chosen}` : ""}`;
}

// A figure that does not react has a picture of some targets; its heading goes with the picture.
function followTarget(figure) {
  const pictures = [...figure.querySelectorAll(".picture[data-target]")];
  if (!pictures.length) return;
  subscribe(() => {
    const target = shownTarget();
    const isAbsent = target && !pictures.some((picture) => picture.dataset.target === target);
    showTitle(figure, new Map([["target", target]]), isAbsent ? `No figure of ${target}; tables have its numbers` : "");
  });
}

// The heading says what is seen on the target and in the view that the chart shows, or that there is nothing to see.
function showTitle(figure, params, absent) {
  const heading = figure.querySelector(".chart-title");
  heading.dataset.first ??= heading.textContent;
  const [titles, ofViews] = [heading.dataset.titles, heading.dataset.views].map((text) => new Map(Object.entries(JSON.parse(text || "{}"))));
  const ofView = new Map(Object.entries(ofViews.get(params.get("view") ?? params.get("cost")) ?? {}));
  const target = params.get("target");
  const title = ofView.get(target) ?? titles.get(target) ?? titles.get("") ?? heading.dataset.first;
  heading.textContent = absent || title;
}

// The chart is one picture with one text for readers who cannot see it; its parts, of which Vega says nothing, are hidden.
function describeChart(figure, box, svg) {
  for (const part of svg.children) part.setAttribute("aria-hidden", "true");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", figure.dataset.alternative);
  svg.removeAttribute("aria-roledescription");
  box.tabIndex = 0;
  box.setAttribute("role", "application");
  box.setAttribute("aria-label", "Points of the chart: arrow keys go from one to the next, Enter opens its row");
}

function chartTip() {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  return tip;
}

// What Vega calls as the pointer comes to a point, with the texts of its tooltip, and as it leaves.
function chartTips(box, tip) {
  return (handler, event, item, texts) => {
    if (texts === null || texts === undefined || texts === "") tip.hidden = true;
    else showTip(box, tip, texts, event.clientX, event.clientY);
  };
}

function showTip(box, tip, texts, x, y) {
  const lines = Object.entries(texts).filter(([, text]) => text !== "");
  tip.replaceChildren(...lines.map(([title, text]) => {
    const line = document.createElement("div");
    line.textContent = `${title}: ${text}`;
    return line;
  }));
  tip.hidden = false;
  const { left, top, width } = box.getBoundingClientRect();
  const above = y - top - tip.offsetHeight - 12;
  tip.style.left = `${Math.max(0, Math.min(x - left + 12, width - tip.offsetWidth))}px`;
  tip.style.top = `${above < 0 ? y - top + 16 : above}px`;
}

// A click on a point opens its row; so does Enter on the point to which the arrow keys went.
function chartKeys(box, tip, view) {
  let chosen = null;
  const leave = () => {
    tip.hidden = true;
    chosen?._svg?.classList.remove("chosen");
  };
  const open = (item) => {
    if (item?.datum?.row) openRow(item.datum.row);
  };
  const go = (step) => {
    const points = chartPoints(view.scenegraph().root);
    const place = points.findIndex((item) => item.datum === chosen?.datum);
    leave();
    chosen = points[place < 0 ? 0 : (place + step + points.length) % points.length] ?? null;
    if (!chosen) return;
    const { right, top } = chosen._svg.getBoundingClientRect();
    chosen._svg.classList.add("chosen");
    showTip(box, tip, chosen.tooltip, right, top);
  };
  const keys = { ArrowRight: () => go(1), ArrowDown: () => go(1), ArrowLeft: () => go(-1), ArrowUp: () => go(-1), Enter: () => open(chosen), Escape: leave };
  view.addEventListener("click", (event, item) => open(item));
  box.addEventListener("blur", leave);
  box.addEventListener("keydown", (event) => {
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
}

// The points with a tooltip in a group of Vega's scene and in the groups inside it.
function chartPoints(group) {
  return (group.items ?? []).flatMap((each) => {
    if (each.marktype === "symbol") return each.items.filter((item) => item.tooltip);
    return each.items ? chartPoints(each) : [];
  });
}
