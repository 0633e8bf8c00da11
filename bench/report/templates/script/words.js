// The words of a recommendation: bench/analysis/recommend/{words,conclusion}.py. Both fill the same templates.
function whyNot(data, candidate, limits, word) {
  const names = Object.keys(limits).filter((name) => withinLimit(candidate.amounts[name], limits[name]) === word);
  return names.map((name) => beyondLimit(data, name, candidate, limits[name])).join("; ");
}

function nothingFits(data, asked, candidates) {
  const limits = Object.entries(asked.limits).map(([name, most]) => nearestTo(data, name, candidates, most)).join("; ");
  const untold = candidates.filter((candidate) => candidate.standing === "fit unknown").map((candidate) => candidate.name);
  if (!untold.length) return new NoRecommendation(messageOf(data, "none fits", { limits }), messageOf(data, "higher"));
  const values = { limits, models: inSentence(untold), fit: untold.length === 1 ? "fits" : "fit" };
  const help = messageOf(data, "more calls", { measure: messageOf(data, "measure") });
  return new NoRecommendation(messageOf(data, "none is shown to fit", values), help);
}

function nearestTo(data, name, candidates, most) {
  const known = candidates.filter((candidate) => !Number.isNaN(candidate.amounts[name][0]));
  const limit = SHOWN_AMOUNTS[name](most);
  const fitting = known.filter((candidate) => withinLimit(candidate.amounts[name], most) === "fits");
  if (fitting.length) return messageOf(data, "met", { limit, models: inSentence(fitting.map((candidate) => candidate.name)) });
  const nearest = minimumBy(known, (candidate) => [candidate.amounts[name][0]]);
  return messageOf(data, "nearest", { limit, model: nearest.name, beyond: beyondLimit(data, name, nearest, most) });
}

function beyondLimit(data, name, candidate, most) {
  const [value] = candidate.amounts[name];
  const shown = SHOWN_AMOUNTS[name];
  if (Number.isNaN(value)) return messageOf(data, "unmeasured", { amount: AMOUNTS[name] });
  let text = withItsBounds(data, name, candidate);
  if (value > most) text = messageOf(data, "over", { value: text, by: shown(value - most) });
  return text + (name === "latency_ms" && candidate.busy ? `; ${candidate.busy}` : "");
}

function withItsBounds(data, name, candidate) {
  const [value, low, high] = candidate.amounts[name];
  const shown = SHOWN_AMOUNTS[name];
  if (!(low < high)) return shown(value);
  const upper = Number.isFinite(high) ? shown(high) : messageOf(data, "few calls");
  return messageOf(data, "bounded", { value: shown(value), low: shown(low), high: upper });
}

function costName(data, asked, answer) {
  if (!answer.machine) return messageOf(data, "macs cost");
  return messageOf(data, "latency cost", { percentile: asked.percentile, machine: answer.machine });
}

function whyRecommended(data, asked, answer, size) {
  const recommended = size.candidates.find((candidate) => candidate.name === size.recommended);
  const number = (...words) => size.candidates.filter((candidate) => words.includes(candidate.standing)).length;
  const good = number("best", "as good");
  const points = `${significantDigits(asked.within, 6)} point${asked.within === 1 ? "" : "s"}`;
  const isLimited = answer.machine || Object.keys(asked.limits).length;
  const values = { best: messageOf(data, isLimited ? "highest that fits" : "highest"), cost: answer.cost, good, points };
  let reason = messageOf(data, "best", values);
  if (good > 1) reason = messageOf(data, recommended.standing === "best" ? "best and cheapest" : "cheapest", values);
  for (const [name, count] of [["untold", number("cannot tell")], ["worse", number("worse")]]) {
    if (count) reason = messageOf(data, count > 1 ? name : `one ${name}`, { reason, number: count, points });
  }
  if (size.scratch) reason = messageOf(data, "scratch", { reason, accuracy: percentWithBounds(...size.scratch), points });
  const accuracy = percentWithBounds(...recommended.accuracy);
  const shown = { accuracy, target: size.target, level: data.level, reason };
  if (!answer.machine) return messageOf(data, "why", shown);
  const latency = withItsBounds(data, "latency_ms", recommended);
  return messageOf(data, "why on machine", { cost: answer.cost, latency, ...shown });
}

function comparedRows(data, asked, answer) {
  if (!answer.scope || !answer.sizes.length) return "";
  const name = asked.pretraining ? "rows" : "default rows";
  return messageOf(data, name, { rows: data.rows, pretraining: answer.scope.pretraining });
}

function notesOf(data, answer) {
  const notes = answer.sizes.flatMap((size) => size.left_out.map((row) => messageOf(data, "left out", { row })));
  const candidates = answer.sizes.flatMap((size) => size.candidates);
  for (const name of ["busy", "note"]) {
    for (const candidate of candidates) {
      if (candidate[name]) notes.push(messageOf(data, "of model", { model: candidate.name, note: candidate[name] }));
    }
  }
  if (!answer.scope || !answer.sizes.length) return [...new Set(notes)];
  const known = candidates.map((candidate) => candidate.amounts.parameters[0]).filter((value) => !Number.isNaN(value));
  if (known.length) {
    const ends = [...new Set([Math.min(...known), Math.max(...known)].map(shortCount))];
    notes.push(messageOf(data, "sizes", { sizes: ends.join(" to "), pixels: answer.scope.pixels }));
  }
  return [...new Set(notes)];
}
