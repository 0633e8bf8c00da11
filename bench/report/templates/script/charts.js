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
    const settings = spec.params ?? [];
    const first = new Map(settings.map((param) => [param.name, param.value]));
    const targets = new Set(spec.data.values.map((datum) => datum.target));
    const wanted = () => chartParams(first, targets, spec.usermeta.choices);
    const params = wanted();
    for (const param of settings) param.value = params.get(param.name);
    const plot = document.createElement("div");
    const tip = chartTip();
    live.append(plot, tip);
    live.hidden = false;
    fixed.hidden = true;
    const options = { renderer: "svg", actions: false, ast: true, defaultStyle: false, logLevel: 1, tooltip: chartTips(live, tip) };
    const { view } = await window.vegaEmbed(plot, spec, options);
    chartKeys(live, tip, view);
    const update = async () => {
      for (const [name, value] of wanted()) view.signal(name, value);
      showTitle(figure, wanted().get("target"), wanted().get("view"));
      await view.runAsync();
    };
    subscribe(update);
    await update();
    describeChart(figure, live, plot.querySelector("svg"));
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

function hideChoices(figure) {
  for (const choices of figure.querySelectorAll(".choices")) choices.remove();
}

// The values of a chart's params by the state of the page. What the state does not say, or says wrongly, is as at first.
function chartParams(first, targets, choices) {
  const params = new Map(first);
  if (params.has("families") && getState("family")) params.set("families", getState("family").split(","));
  if (targets.has(shownTarget()) && params.has("target")) params.set("target", shownTarget());
  if (params.has("arms")) params.set("arms", getState("arms") === "1");
  for (const [name, words] of Object.entries(choices)) if (Object.hasOwn(words, getState(name))) params.set(name, getState(name));
  return params;
}

// The heading says what is seen: on the shown target, in the chosen view.
function showTitle(figure, target, view) {
  const heading = figure.querySelector("[data-titles]");
  if (!heading) return;
  const views = new Map(Object.entries(JSON.parse(heading.dataset.views)));
  const titles = new Map(Object.entries(views.get(view) ?? JSON.parse(heading.dataset.titles)));
  const title = titles.get(target) ?? titles.get("");
  if (title !== undefined) heading.textContent = title;
}

function describeChart(figure, live, svg) {
  const words = figure.querySelector(".chart-title").textContent;
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", figure.dataset.alternative || words);
  svg.removeAttribute("aria-roledescription");
  live.tabIndex = 0;
  live.setAttribute("role", "application");
  live.setAttribute("aria-label", `${words}. Arrow keys go from point to point, Enter opens the row of a point.`);
}

function chartTip() {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  return tip;
}

// What Vega calls as the pointer comes to a point, with the texts of its tooltip, and as it leaves.
function chartTips(live, tip) {
  return (handler, event, item, texts) => {
    if (texts === null || texts === undefined || texts === "") {
      tip.hidden = true;
    } else {
      showTip(live, tip, texts, event.clientX, event.clientY);
    }
  };
}

function showTip(live, tip, texts, x, y) {
  const lines = Object.entries(texts).filter(([, text]) => text !== "").map(([title, text]) => {
    const line = document.createElement("div");
    line.textContent = title + ": " + text;
    return line;
  });
  tip.replaceChildren(...lines);
  tip.hidden = false;
  const box = live.getBoundingClientRect();
  const left = Math.min(x - box.left + 12, box.width - tip.offsetWidth);
  const above = y - box.top - tip.offsetHeight - 12;
  tip.style.left = Math.max(0, left) + "px";
  tip.style.top = (above < 0 ? y - box.top + 16 : above) + "px";
}

// A click on a point opens its row; so does Enter on the point to which the arrow keys went.
function chartKeys(live, tip, view) {
  let chosen = null;
  const open = (item) => {
    if (item?.datum?.row) {
      openRow(item.datum.row);
    }
  };
  const choose = (step) => {
    const points = chartPoints(view.scenegraph().root);
    const place = points.findIndex((item) => item.datum === chosen?.datum);
    chosen?._svg?.classList.remove("chosen");
    chosen = points.length === 0 ? null : points[place < 0 ? 0 : (place + step + points.length) % points.length];
    if (chosen !== null) {
      const box = chosen._svg.getBoundingClientRect();
      chosen._svg.classList.add("chosen");
      showTip(live, tip, chosen.tooltip, box.right, box.top);
    }
  };
  const keys = {
    ArrowRight: () => choose(1),
    ArrowDown: () => choose(1),
    ArrowLeft: () => choose(-1),
    ArrowUp: () => choose(-1),
    Enter: () => open(chosen),
    Escape: () => { tip.hidden = true; },
  };
  view.addEventListener("click", (event, item) => open(item));
  live.addEventListener("keydown", (event) => {
    if (Object.hasOwn(keys, event.key)) {
      event.preventDefault();
      keys[event.key]();
    }
  });
  live.addEventListener("blur", () => {
    tip.hidden = true;
    chosen?._svg?.classList.remove("chosen");
  });
}

function chartPoints(group) {
  const marks = group.items ?? [];
  return marks.flatMap((each) => {
    if (each.marktype === "symbol") {
      return each.items.filter((item) => item.tooltip);
    }
    return each.items ? chartPoints(each) : [];
  });
}
