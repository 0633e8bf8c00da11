// Controls: filters, theme, menus, choices of a chart, copy buttons, links to sections and rows.
function copyText(text, button) {
  const done = () => {
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1200);
  };
  if (navigator.clipboard && isSecureContext) navigator.clipboard.writeText(text).then(done, () => copyBySelection(text, done));
  else copyBySelection(text, done);
}

// Pages opened from disk may not use the clipboard's interface.
function copyBySelection(text, done) {
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  document.body.append(area);
  area.select();
  if (document.execCommand("copy")) done();
  area.remove();
}

function startFilters() {
  const form = document.getElementById("filters");
  if (!form) return;
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    const boxes = [...form.querySelectorAll('input[name="family"]')];
    const checked = boxes.filter((box) => box.checked).map((box) => box.value);
    setState({
      target: form.elements.target && form.elements.target.selectedIndex ? form.elements.target.value : "",
      family: checked.length === boxes.length ? "" : checked.join(",") || "none",
      arms: form.elements.arms?.checked ? "1" : "",
      find: form.elements.find.value,
    });
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    setState(Object.fromEntries([...state.keys()].map((name) => [name, ""])));
  });
  subscribe(() => {
    const select = form.elements.target;
    if (select) select.value = shownTarget();
    const families = shownFamilies();
    for (const box of form.querySelectorAll('input[name="family"]')) {
      box.checked = getState("family") !== "none" && families.includes(box.value);
    }
    if (form.elements.arms) form.elements.arms.checked = getState("arms") === "1";
    if (form.elements.find.value !== getState("find")) form.elements.find.value = getState("find");
  });
}

function startTheme() {
  const button = document.getElementById("theme");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (getState("theme") || (prefersDark.matches ? "dark" : "light")) === "dark";
  button.hidden = false;
  button.addEventListener("click", () => setState({ theme: isDark() ? "light" : "dark" }));
  const show = () => {
    const theme = getState("theme");
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    button.textContent = isDark() ? "Light" : "Dark";
  };
  prefersDark.addEventListener("change", show);
  subscribe(show);
}

function startChoices() {
  for (const group of document.querySelectorAll(".choices")) {
    group.hidden = false;
    group.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-state]");
      const first = group.querySelector("button[data-state]");
      if (button) setState({ [button.dataset.state]: button === first ? "" : button.dataset.value });
    });
    subscribe(() => {
      const buttons = [...group.querySelectorAll("button[data-state]")];
      const chosen = buttons.find((button) => button.dataset.value === getState(button.dataset.state)) ?? buttons[0];
      for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
    });
  }
}

function startAnswer() {
  const answers = [...document.querySelectorAll(".sentences")];
  subscribe(() => {
    const shown = answers.find((answer) => answer.dataset.target === shownTarget()) ?? answers.find((answer) => answer.dataset.target === "") ?? answers[0];
    for (const answer of answers) answer.hidden = answer !== shown;
  });
}

// Of a chart's static figures and files, that of the shown target is seen.
function startPictures() {
  for (const box of document.querySelectorAll(".static, .chart figcaption")) {
    const pictures = [...box.querySelectorAll(".picture[data-target], .files[data-target]")];
    if (!pictures.length) continue;
    subscribe(() => {
      for (const picture of pictures) picture.hidden = shownTarget() !== "" && picture.dataset.target !== shownTarget();
    });
  }
}

// Show a part of the page, whatever is folded around it.
function goTo(id) {
  const end = document.getElementById(id);
  if (!end) return;
  if (end.tagName === "TR") return openRow(id);
  for (let outer = end; outer; outer = outer.parentElement) if (outer.tagName === "DETAILS") outer.open = true;
  end.scrollIntoView();
  end.focus({ preventScroll: true });
}

function startLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    const id = link?.getAttribute("href").slice(1);
    if (!id || !document.getElementById(id)) return;
    event.preventDefault();
    writePlace(id);
    goTo(id);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy], button[data-copy-next]");
    if (button) copyText(button.dataset.copy ?? button.nextElementSibling.textContent, button);
    for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll(".menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}

function startPrinting() {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.folded:not([open])")];
    for (const folded of opened) folded.open = true;
  });
  addEventListener("afterprint", () => {
    for (const folded of opened) folded.open = false;
  });
}
