// Charts: each <figure data-chart="NAME"> is drawn from its specification when it comes near the window. Its static
// form stays if anything goes wrong, and for print.
function startCharts() {
  const figures = document.querySelectorAll("figure[data-chart]");
  if (typeof window.vegaEmbed !== "function") return figures.forEach(hideChoices);
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
    showTitle(figure, await drawSpec(figure, live, spec));
    live.style.minHeight = "";
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
  const targets = new Set(spec.data.values.map((datum) => datum.target));
  const wanted = () => chartParams(first, targets, spec.usermeta.choices);
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
  subscribe(() => {
    for (const [name, value] of wanted()) view.signal(name, value);
    tip.hidden = true;
    showTitle(figure, view);
    view.runAsync();
  });
  return view;
}

function hideChoices(figure) {
  for (const choices of figure.querySelectorAll(".choices")) choices.remove();
}

// The values of a chart's params by the state of the page. What the state does not say, or says wrongly, is as at first.
function chartParams(first, targets, choices) {
  const params = new Map(first);
  const families = shownFamilies();
  if (params.has("families") && (families.length || getState("family") === "none")) params.set("families", families);
  if (targets.has(shownTarget()) && params.has("target")) params.set("target", shownTarget());
  if (params.has("arms")) params.set("arms", getState("arms") === "1");
  for (const [name, words] of Object.entries(choices)) if (Object.hasOwn(words, getState(name))) params.set(name, getState(name));
  return params;
}

// The heading says what is seen on the target and in the view that the chart shows. It names the target if that is not
// the chosen one, which the chart may lack.
function showTitle(figure, view) {
  const heading = figure.querySelector("[data-titles]");
  if (!heading) return;
  const signals = view.getState({ signals: (name) => ["target", "view", "cost"].includes(name) }).signals;
  const [titles, ofViews] = [heading.dataset.titles, heading.dataset.views || "{}"].map((text) => new Map(Object.entries(JSON.parse(text))));
  const ofView = new Map(Object.entries(ofViews.get(signals.view ?? signals.cost) ?? {}));
  const title = ofView.get(signals.target) ?? titles.get(signals.target) ?? titles.get("") ?? heading.textContent;
  const isOther = signals.target && shownTarget() && signals.target !== shownTarget() && !title.startsWith(signals.target);
  heading.textContent = isOther ? `${signals.target}: ${title}` : title;
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
