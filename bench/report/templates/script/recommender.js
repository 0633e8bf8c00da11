// The recommender's form: what is typed is part of the page's state, and the answer follows it.
const RECOMMENDER_FIELDS = ["images", "like", "classes", "pixels", "pretraining", "machine", "latency", "percentile", "parameters", "memory", "within"];

// What may stand behind a number that is typed.
const UNITS = {
  latency: /(?<=[\d.])\s*ms$/i,
  memory: /(?<=[\d.])\s*mib$/i,
  pixels: /(?<=\d)\s*(px|pixels?)$/i,
  within: /(?<=[\d.])\s*(%|points?)$/i,
};
// Standing -> how many models have it, in words.
const COUNTED = {
  best: (number) => `${number} best`,
  "as good": (number) => `${number} as good`,
  "cannot tell": (number) => `${number} cannot be told`,
  worse: (number) => `${number} worse`,
  "fit unknown": (number) => `${number} may or may not fit`,
  "does not fit": (number) => `${number} ${number === 1 ? "does" : "do"} not fit`,
};

function startRecommender() {
  const data = readJson("recommender-data");
  const form = document.getElementById("recommender");
  if (!data || !form) return;
  form.hidden = false;
  document.getElementById("recommender-command").hidden = true;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => setState({ [event.target.name]: event.target.value }));
  subscribe(() => {
    for (const name of RECOMMENDER_FIELDS) {
      const field = form.elements[name];
      if (field.value !== getState(name)) field.value = getState(name);
    }
    showAnswer(data, questionOf(data));
  });
}

function questionOf(data) {
  return {
    images: typedNumber(getState("images")) || String(data.images),
    like: getState("like") || data.like,
    classes: typedNumber(getState("classes")),
    pixels: typedNumber(getState("pixels"), UNITS.pixels),
    pretraining: getState("pretraining"),
    machine: getState("machine"),
    percentile: getState("percentile") || "95",
    limits: {
      latency_ms: typedNumber(getState("latency"), UNITS.latency),
      memory_mib: typedNumber(getState("memory"), UNITS.memory),
      parameters: typedNumber(getState("parameters")),
    },
    within: typedNumber(getState("within"), UNITS.within) || "1",
  };
}

let shownAnswer = "";

function showAnswer(data, question) {
  const key = JSON.stringify(question);
  if (key === shownAnswer) return; // a live region speaks only of what changed
  shownAnswer = key;
  const answer = answerTo(data, question);
  document.getElementById("recommendation").replaceChildren(...conclusionParts(data, question, answer));
  const others = document.getElementById("others");
  const sizes = answer.sizes;
  others.hidden = !sizes.length;
  if (others.hidden) return;
  others.querySelector("summary").textContent = summaryOf(sizes);
  others.querySelector("ol").replaceChildren(...sizes.flatMap((size) => candidateItems(data, answer, size, sizes.length > 1)));
  others.querySelector("ul").replaceChildren(...[...levelNotes(data, sizes), ...answer.notes].map((note) => partOf("li", note)));
}

function partOf(tag, text, className = "") {
  const part = document.createElement(tag);
  part.textContent = text;
  if (className) part.className = className;
  return part;
}

function conclusionParts(data, question, answer) {
  if (answer.wrong) return [partOf("p", answer.wrong, "wrong")];
  if (answer.recommended) {
    const title = partOf("p", "");
    title.append(partOf("strong", answer.recommended, "recommended"));
    return [title, ...answer.sizes.map((size) => partOf("p", size.why, "why")), ...belowAnswer(data, question, answer)];
  }
  const refusal = partOf("p", "");
  refusal.append(partOf("strong", "No recommendation: "), partOf("span", answer.refusal, "refusal"));
  const help = partOf("p", "What would help: ");
  help.append(partOf("span", answer.help, "help"));
  const known = answer.sizes.filter((size) => size.recommended);
  return [refusal, help, ...known.map(knownPart), ...belowAnswer(data, question, answer)];
}

function belowAnswer(data, question, answer) {
  const compared = answer.compared ? [partOf("p", answer.compared, "compared")] : [];
  return [...compared, buttonsOf(data, question, answer)];
}

function knownPart(size) {
  const part = partOf("p", `With ${wholeNumber(size.images)} images, `);
  part.append(partOf("strong", size.recommended), ": ", partOf("span", size.why, "why"));
  return part;
}

function buttonsOf(data, question, answer) {
  const part = partOf("p", "");
  const models = new Map(answer.sizes.filter((size) => size.recommended).map((size) => [size.recommended, size]));
  for (const [model, size] of models) {
    part.append(codeButton(data, answer, size, models.size > 1 ? `${model}, ` : ""), " ");
  }
  part.append(commandButton(data, question));
  return part;
}

function copyButton(label, text) {
  const button = partOf("button", label, "copy");
  button.type = "button";
  button.dataset.copy = text;
  button.title = text;
  return button;
}

// Code for the network that was tested if its weights are kept; else for what has yet to be trained on the target.
function codeButton(data, answer, size, ofModel) {
  const model = size.recommended;
  const { key, is_tested, is_kept } = size.candidates.find((candidate) => candidate.name === model).network;
  const folder = `results/${data.suite}/runs/${key}`;
  const code = key ? `models.load(${JSON.stringify(folder)})` : `models.build(${JSON.stringify(model)}, image_size=${answer.scope.pixels})`;
  let what = key ? "the pretrained backbone, to be fine-tuned" : "the untrained network";
  if (is_tested) what = `the network trained on ${size.target}`;
  else if (key && !is_kept) what += ", once its run has been repeated";
  return copyButton(`Copy code: ${ofModel}${what}`, `import models\n\nloaded = ${code}`);
}

function commandButton(data, question) {
  const words = ["bench", "recommend", data.suite, "--images", question.images, "--target", question.like];
  const options = {
    "--classes": question.classes,
    "--image-size": question.pixels,
    "--pretraining": question.pretraining,
    "--device": question.machine,
    "--percentile": question.percentile === "95" ? "" : question.percentile,
    "--max-latency-ms": question.limits.latency_ms,
    "--max-memory-mib": question.limits.memory_mib,
    "--max-parameters": question.limits.parameters,
    "--within": question.within === "1" ? "" : question.within,
  };
  for (const [option, value] of Object.entries(options)) if (value) words.push(option, value);
  const quoted = words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\"'\"'")}'`));
  return copyButton("Copy as a command", quoted.join(" "));
}

function summaryOf(sizes) {
  const standings = sizes.flatMap((size) => size.candidates.map((candidate) => candidate.standing));
  const counts = Object.entries(COUNTED).map(([word, inWords]) => [standings.filter((standing) => standing === word).length, inWords]);
  return `All models: ${counts.filter(([count]) => count).map(([count, inWords]) => inWords(count)).join(", ")}`;
}

function candidateItems(data, answer, size, showsSize) {
  return size.candidates.map((candidate) => {
    const item = partOf("li", "");
    const shown = answer.machine ? SHOWN_AMOUNTS.latency_ms : (macs) => `${shortCount(macs)} MACs`;
    let behind = "";
    if (candidate.compared) {
      const gap = percentWithBounds(...candidate.behind, "");
      const hasBounds = !Number.isNaN(candidate.behind[1]);
      behind = `, behind the best by ${hasBounds ? messageOf(data, "at level", { gap, level: levelOf(data, candidate.compared).text }) : gap}`;
    }
    item.append(
      partOf("strong", candidate.name, "model"),
      showsSize ? ` with ${wholeNumber(size.images)} images: ` : ": ",
      partOf("span", percentWithBounds(...candidate.accuracy), "accuracy"),
      partOf("span", behind, "behind"),
      candidate.price < Infinity ? `, ${shown(candidate.price)}: ` : ": ",
      partOf("em", candidate.standing, "standing"),
      candidate.reason ? "; " : "",
      partOf("span", candidate.reason, "reason"),
    );
    return item;
  });
}

function levelNotes(data, sizes) {
  const numbers = sizes.flatMap((size) => size.candidates.map((candidate) => candidate.compared)).filter(Boolean);
  const levels = [...new Set(numbers)].sort((one, other) => other - one).map((number) => levelOf(data, number).text);
  return levels.length ? [messageOf(data, "corrected", { levels: inSentence(levels) })] : [];
}
