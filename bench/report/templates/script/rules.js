// The rules of `bench recommend` (docs/recommend.md) on the numbers that the page holds: bench/analysis/recommend.
const AMOUNTS = { latency_ms: "latency", memory_mib: "memory", parameters: "parameters" };
const SHOWN_AMOUNTS = {
  latency_ms: (value) => `${threeDigits(value)} ms`,
  memory_mib: (value) => byteSize(value * 2 ** 20),
  parameters: (value) => `${wholeNumber(value)} parameters`,
};
const PLACES = { best: 0, "as good": 0, "cannot tell": 1, worse: 2, "fit unknown": 3, "does not fit": 4 };

// Why there is no recommendation, and what would help; or a wrong question, if nothing would.
class NoRecommendation extends Error {
  constructor(reason, help) {
    super(reason);
    this.help = help;
  }
}

function messageOf(data, name, values = {}) {
  return data.messages[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? fieldName(data, key.replace(/_field$/, "")));
}

// A field of the form in a message; the command has an option in its place.
function fieldName(data, part) {
  return `\u201c${data.labels[part]}\u201d`;
}

const orUnknown = (value) => value ?? NaN;
const plainCount = (number, noun) => `${wholeNumber(number)} ${noun}${number === 1 ? "" : "s"}`;

// The answer to a question: {images, like, classes, pixels, pretraining, machine, percentile, limits, within}, all of
// them texts as typed, and limits by name.
function answerTo(data, question) {
  const asked = { ...question, images: Number(question.images), within: Number(question.within), percentile: Number(question.percentile) };
  const answer = { recommended: "", refusal: "", help: "", wrong: "", sizes: [], machine: "", scope: null };
  try {
    asked.limits = checkedLimits(data, question, asked);
    answer.scope = scopeOf(data, question);
    answer.machine = machineOf(data, asked, answer.scope.pixels);
    const used = sizesLike(data, asked.images, answer.scope.sizes);
    const judge = (size) => judgedSize(data, asked, answer, size);
    if (used.length === 1 && !isLike(data, asked.images, used[0].images)) {
      try {
        answer.sizes = [judge(used[0])];
      } catch (error) {
        if (!(error instanceof NoRecommendation)) throw error;
      }
      throw farFrom(data, asked, answer.scope, used[0]);
    }
    answer.sizes = used.map(judge);
    answer.recommended = agreedModel(data, asked, answer.sizes);
  } catch (error) {
    if (!(error instanceof NoRecommendation)) throw error;
    if (error.help) Object.assign(answer, { refusal: error.message, help: error.help });
    else answer.wrong = error.message;
  }
  answer.cost = costName(data, asked, answer);
  for (const size of answer.sizes) if (size.recommended) size.why = whyRecommended(data, asked, answer, size);
  answer.compared = comparedRows(data, asked, answer);
  answer.notes = notesOf(data, answer);
  return answer;
}

function checkedLimits(data, question, asked) {
  const wrong = (name, values) => new NoRecommendation(messageOf(data, name, values));
  if (!(/^\d+$/.test(question.images) && asked.images >= 1 && asked.images <= data.most_images)) {
    throw wrong("wrong images", { images: question.images, most: wholeNumber(data.most_images) });
  }
  if (!data.percentiles.includes(asked.percentile)) {
    throw wrong("wrong percentile", { percentile: question.percentile, known: data.percentiles.join(", ") });
  }
  if (!(asked.within >= 0 && asked.within <= 100)) throw wrong("wrong points", { points: asTyped(question.within) });
  for (const part of ["pixels", "classes"]) {
    const number = question[part];
    if (number !== "" && !(/^\d+$/.test(number) && Number(number) >= 1)) throw wrong("wrong number", { field: fieldName(data, part), number });
  }
  const limits = {};
  for (const [name, typed] of Object.entries(question.limits)) {
    if (typed === "") continue;
    limits[name] = Number(typed);
    if (!(Number.isFinite(limits[name]) && limits[name] > 0)) {
      throw wrong("wrong limit", { field: fieldName(data, name), limit: asTyped(typed) });
    }
  }
  if (!data.targets.includes(asked.like)) {
    throw wrong("wrong target", { target: asked.like, known: data.targets.join(", ") });
  }
  return limits;
}

function asTyped(text) {
  return Number.isNaN(Number(text)) ? text : significantDigits(Number(text), 6);
}

function scopeOf(data, question) {
  const scopes = data.scopes[question.like];
  if (data.not_real.includes(question.like)) {
    const real = data.targets.filter((target) => !data.not_real.includes(target));
    const help = real.length ? messageOf(data, "real target", { known: inSentence(real) }) : scopes[0].would_help;
    throw new NoRecommendation(scopes[0].refusal, help);
  }
  const names = data.pretrainings.map(([name]) => name);
  const place = question.pretraining ? names.indexOf(question.pretraining) : data.default;
  if (place < 0) {
    const reason = messageOf(data, "pretraining", { suite: data.suite, name: question.pretraining });
    throw new NoRecommendation(reason, messageOf(data, "other pretraining", { known: names.join(" or ") }));
  }
  const scope = scopes[place];
  if (scope.refusal) throw new NoRecommendation(scope.refusal, scope.would_help);
  requireSameTask(data, question, scope);
  return scope;
}

function requireSameTask(data, question, { pixels, classes }) {
  const refusal = (reason, help, values) => new NoRecommendation(messageOf(data, reason, values), messageOf(data, help, values));
  if (question.pixels && Number(question.pixels) !== pixels) {
    throw refusal("other pixels", "suite at pixels", { pixels, asked: Number(question.pixels) });
  }
  if (!question.classes) return;
  if (classes === null) throw refusal("no classes", "present code");
  if (Number(question.classes) > data.times_classes * classes) {
    const values = { classes: wholeNumber(classes), asked: wholeNumber(Number(question.classes)), times: data.times_classes };
    throw refusal("more classes", "suite of classes", values);
  }
}

function machineOf(data, asked, pixels) {
  const isLimited = "latency_ms" in asked.limits || "memory_mib" in asked.limits;
  if (!asked.machine && !isLimited) return "";
  const known = inSentence(data.machines) || "none";
  const measure = messageOf(data, "measure");
  if (asked.machine && !data.machines.includes(asked.machine)) {
    throw new NoRecommendation(messageOf(data, "machine", { machine: asked.machine, pixels, known }), measure);
  }
  if (!data.machines.length) throw new NoRecommendation(messageOf(data, "no machine", { pixels }), measure);
  if (!asked.machine && data.machines.length > 1) throw new NoRecommendation(messageOf(data, "which machine", { known }));
  return asked.machine || data.machines[0];
}

function isLike(data, images, size) {
  return Math.max(images, size) <= data.size_factor * Math.min(images, size);
}

// The measured size that is used for a number of images, or the two around it if none is near.
function sizesLike(data, images, sizes) {
  const distance = (size) => Math.abs(Math.log(size.images) - Math.log(images));
  const nearest = sizes.reduce((best, size) => (distance(size) < distance(best) ? size : best));
  const below = sizes.filter((size) => size.images < images);
  const above = sizes.filter((size) => size.images > images);
  return isLike(data, images, nearest.images) || !below.length || !above.length ? [nearest] : [below.at(-1), above[0]];
}

function farFrom(data, asked, scope, size) {
  const [images, number] = [asked.images, wholeNumber(size.images)];
  const ratio = Math.max(images, size.images) / Math.min(images, size.images);
  const times = ratio < 100 ? significantDigits(ratio, 3) : wholeNumber(Number(fixedPlaces(ratio, 0)));
  const target = baseName(size.target);
  const reason = messageOf(data, "far", {
    target,
    sizes: inSentence(scope.sizes.map((one) => wholeNumber(one.images))),
    images: wholeNumber(images),
    are: images === 1 ? "is" : "are",
    times: messageOf(data, images > size.images ? "more" : "fewer", { times, size: number }),
  });
  return new NoRecommendation(reason, messageOf(data, "other size", { target, images }));
}

function baseName(target) {
  return target.replace(/@\d+$/, "");
}

function agreedModel(data, asked, sizes) {
  for (const size of sizes) if (!size.recommended) throw nothingFits(data, asked, size.candidates);
  const [first, second] = sizes;
  if (second && first.recommended !== second.recommended) {
    const each = sizes.map((size) => messageOf(data, "at size", { model: size.recommended, size: wholeNumber(size.images) }));
    const values = { first: wholeNumber(first.images), second: wholeNumber(second.images), models: each.join(" and ") };
    const help = messageOf(data, "other size", { target: baseName(first.target), images: asked.images });
    throw new NoRecommendation(messageOf(data, "turns", values), help);
  }
  return first.recommended;
}

// The candidates with one number of images, with their standings: those that may be recommended first.
function judgedSize(data, asked, answer, size) {
  if (size.refusal) throw new NoRecommendation(size.refusal, size.would_help);
  const candidates = size.candidates.map((candidate) => withAmounts(data, asked, answer, candidate));
  const limits = { ...asked.limits };
  if (answer.machine && !("latency_ms" in limits)) limits.latency_ms = Infinity;
  requireAmounts(data, answer, candidates, limits);
  decideStandings(data, size, candidates, limits, asked.within / 100);
  const good = candidates.filter((candidate) => PLACES[candidate.standing] === 0);
  const recommended = minimumBy(good, (candidate) => [candidate.price, -candidate.mean]);
  const order = (candidate) => [PLACES[candidate.standing], PLACES[candidate.standing] ? 0 : candidate.price, -candidate.mean];
  const ordered = [...candidates].sort((one, other) => inOrder(order(one), order(other)));
  const scratch = asGoodFromScratch(data, recommended, asked.within / 100);
  return { ...size, candidates: ordered, recommended: recommended?.name ?? "", scratch };
}

// A model's accuracy from scratch if that is shown to be as good as with the pretraining.
function asGoodFromScratch(data, candidate, within) {
  if (!candidate?.scratch) return null;
  const estimates = estimatesOf(candidate.scratch.gap);
  const bounds = estimates.map((estimate) => verdictInterval(estimate, levelOf(data, 1), data.few_seeds).map(steadyNumber));
  return judgedGap(estimates, bounds, within) === "as good" ? candidate.scratch.accuracy.map(orUnknown) : null;
}

function withAmounts(data, asked, answer, candidate) {
  const place = data.percentiles.indexOf(asked.percentile);
  const cost = answer.machine ? data.costs[answer.scope.pixels][data.machines.indexOf(answer.machine)][place][candidate.model] : null;
  const [latency, low, high] = cost?.latency ?? [];
  const same = (value) => [orUnknown(value), orUnknown(value), orUnknown(value)];
  const amounts = {
    latency_ms: [orUnknown(latency), orUnknown(low), high ?? (Number.isFinite(latency) ? Infinity : NaN)],
    memory_mib: same(cost?.memory),
    parameters: same(candidate.parameters),
  };
  const price = answer.machine ? amounts.latency_ms[0] : orUnknown(candidate.macs);
  return {
    ...candidate,
    name: data.models[candidate.model],
    accuracy: candidate.accuracy.map((value) => orUnknown(value)),
    macs: orUnknown(candidate.macs),
    amounts,
    price: Number.isNaN(price) ? Infinity : price,
    busy: cost?.note ?? "",
    compared: 0,
    behind: [NaN, NaN, NaN],
    reason: "",
  };
}

function requireAmounts(data, answer, candidates, limits) {
  const values = { machine: answer.machine, pixels: answer.scope.pixels };
  const reasons = {
    latency_ms: ["no latency", "measure"],
    memory_mib: ["no memory", "other machine"],
    parameters: ["no parameters", "present code"],
  };
  for (const name of Object.keys(limits)) {
    if (candidates.some((candidate) => !Number.isNaN(candidate.amounts[name][0]))) continue;
    throw new NoRecommendation(...reasons[name].map((text) => messageOf(data, text, values)));
  }
}

function decideStandings(data, size, candidates, limits, within) {
  for (const candidate of candidates) {
    const word = fitOf(candidate, limits);
    candidate.standing = word === "cannot tell" ? "fit unknown" : word;
    if (word !== "fits") candidate.reason = whyNot(data, candidate, limits, word);
  }
  const fitting = candidates.filter((candidate) => candidate.standing === "fits");
  if (!fitting.length) return;
  const best = minimumBy(fitting, (candidate) => [-candidate.mean, candidate.price]);
  best.standing = "best";
  let left = fitting.filter((candidate) => candidate !== best);
  while (left.length) {
    for (const candidate of left) {
      const [estimates, unknown] = comparedWith(size, candidates.indexOf(best), candidates.indexOf(candidate));
      const bounds = estimates.map((estimate) => verdictInterval(estimate, levelOf(data, left.length), data.few_seeds).map(steadyNumber));
      candidate.compared = left.length;
      candidate.standing = judgedGap(estimates, bounds, within);
      candidate.behind = bounds.length ? [estimates[0].mean, ...bounds[0]] : [best.accuracy[0] - candidate.accuracy[0], NaN, NaN];
      candidate.open = { estimate: estimates[0], bounds: bounds[0], unknown };
    }
    const untold = left.filter((candidate) => candidate.standing === "cannot tell");
    if (!untold.length || untold.length === left.length) break;
    left = untold;
  }
  for (const candidate of fitting) if (candidate.standing === "cannot tell") whatWouldTell(data, candidate, within);
}

function levelOf(data, number) {
  const [text, probability, normal] = data.levels[number - 1];
  return { text, probability, normal };
}

function fitOf(candidate, limits) {
  const words = Object.entries(limits).map(([name, most]) => withinLimit(candidate.amounts[name], most));
  return ["does not fit", "cannot tell"].find((word) => words.includes(word)) ?? "fits";
}

function withinLimit([, low, high], most) {
  if (high <= most) return "fits";
  return low > most ? "does not fit" : "cannot tell";
}

// How much more accurate the best candidate is: its estimate, and the same with failed seeds counted if any failed.
function comparedWith(size, best, other) {
  const [first, second] = [Math.min(best, other), Math.max(best, other)];
  const number = size.candidates.length;
  const pair = size.pairs[(first * (2 * number - first - 1)) / 2 + second - first - 1];
  const estimates = estimatesOf(pair);
  if (!estimates.length) return [[], pair[1]];
  return [first === best ? estimates : estimates.map(reversedEstimate), ""];
}

function estimatesOf(pair) {
  if (pair[0] === null) return [];
  return pair.map(([mean, seeds, seedsVariance, imagesVariance, degrees, imagesThird]) => ({
    mean, seeds, seedsVariance, imagesVariance, imagesDegrees: degrees ?? Infinity, imagesThird,
  }));
}

function judgedGap(estimates, bounds, within) {
  if (!bounds.length) return "cannot tell";
  const side = ([low, high]) => (low > within ? "worse" : high <= within ? "as good" : "cannot tell");
  const word = side(bounds[0]);
  if (word === "cannot tell" || bounds.length === 1) return word;
  // Failed seeds must leave the decision as it is, or move the mean further to its side.
  const [mean, counted] = estimates.map((estimate) => estimate.mean);
  const isFurther = word === "worse" ? counted >= mean : counted <= mean;
  return isFurther || side(bounds[1]) === word ? word : "cannot tell";
}

function whatWouldTell(data, candidate, within) {
  const { estimate, bounds, unknown } = candidate.open;
  if (!estimate) candidate.reason = unknown;
  else if (bounds[0] > within || bounds[1] <= within) candidate.reason = messageOf(data, "failed seeds");
  else {
    const level = levelOf(data, candidate.compared);
    const seeds = seedsThatTell(estimate, within, level, data.seed_factors[estimate.seeds], data.most_seeds, data.few_seeds);
    if (seeds > 0) candidate.reason = messageOf(data, "seeds", { seeds: plainCount(seeds, "seed") });
    else candidate.reason = messageOf(data, seeds ? "images" : "too many seeds", { most: wholeNumber(data.most_seeds) });
  }
}

function minimumBy(items, key) {
  return items.reduce((least, item) => (least && inOrder(key(least), key(item)) <= 0 ? least : item), undefined);
}

function inOrder(one, other) {
  const at = one.findIndex((value, place) => value !== other[place]);
  return at < 0 ? 0 : one[at] < other[at] ? -1 : 1;
}
