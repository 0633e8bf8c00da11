// The intervals from which verdicts are derived, and how many seeds would tell: bench/analysis/stats/{crossed,power}.py.
// An estimate has mean, seeds, seedsVariance, imagesVariance, imagesDegrees and imagesThird; a level has probability and
// normal, its normal quantile.

// The upper tail of Student's t beyond a distance, by the continued fraction of the incomplete beta function.
function studentTail(degrees, distance) {
  const half = degrees / 2;
  const share = degrees / (degrees + distance ** 2);
  const rest = distance ** 2 / (degrees + distance ** 2);
  const front = (Math.exp(-half * Math.log1p(distance ** 2 / degrees)) * Math.sqrt(rest) * gammaRatio(half)) / Math.sqrt(Math.PI);
  if (share < (half + 1) / (half + 2.5)) return (front * betaFraction(half, 0.5, share)) / half / 2;
  return (1 - front * betaFraction(0.5, half, rest) * 2) / 2;
}

// Gamma(half + 1/2) / Gamma(half), by its asymptotic series.
function gammaRatio(half) {
  let factor = 1;
  for (; half < 30; half += 1) factor *= half / (half + 0.5);
  const inverse = 1 / half;
  const series = -inverse / 8 + inverse ** 3 / 192 - inverse ** 5 / 640 + (17 * inverse ** 7) / 14336;
  return factor * Math.sqrt(half) * Math.exp(series);
}

function betaFraction(first, second, share) {
  let above = 1;
  let below = 1 / (1 - ((first + second) * share) / (first + 1));
  let value = below;
  for (let step = 1; step < 10000; step += 1) {
    const place = first + 2 * step;
    for (const part of [
      (step * (second - step) * share) / ((place - 1) * place),
      (-(first + step) * (first + second + step) * share) / (place * (place + 1)),
    ]) {
      below = 1 / (1 + part * below);
      above = 1 + part / above;
      value *= above * below;
    }
    if (Math.abs(above * below - 1) < 1e-15) break;
  }
  return value;
}

const studentQuantiles = new Map();

function studentQuantile(degrees, level) {
  if (degrees === Infinity) return level.normal;
  const key = `${degrees} ${level.probability}`;
  if (!studentQuantiles.has(key)) {
    let [low, high] = [0, 1];
    while (studentTail(degrees, high) > 1 - level.probability) high *= 2;
    for (let middle = (low + high) / 2; low < middle && middle < high; middle = (low + high) / 2) {
      if (studentTail(degrees, middle) > 1 - level.probability) low = middle;
      else high = middle;
    }
    studentQuantiles.set(key, high);
  }
  return studentQuantiles.get(key);
}

function verdictInterval(estimate, level, fewSeeds) {
  const most = estimate.seeds < fewSeeds ? estimate.seeds - 1 : Infinity;
  const seeds = Math.min(estimate.seeds - 1, most);
  const images = Math.min(estimate.imagesDegrees, most);
  const variance = estimate.seedsVariance + estimate.imagesVariance;
  const share = estimate.seedsVariance / variance;
  const cochran = share * studentQuantile(seeds, level) + (1 - share) * studentQuantile(images, level);
  const together = 1 / (share ** 2 / seeds + (1 - share) ** 2 / images);
  const half = Math.max(cochran, studentQuantile(Math.min(together, most), level)) * Math.sqrt(variance);
  return [-1, 1].map((side) => estimate.mean + side * (half + lengthenedBy(estimate, variance, level, side)));
}

// What a side of the interval gets in addition since the variance grows with the mean.
function lengthenedBy(estimate, variance, level, side) {
  const growth = (side * estimate.imagesThird) / variance;
  if (growth <= 0) return 0;
  const shift = (level.normal ** 2 * growth) / 2;
  return shift + Math.sqrt(shift ** 2 + level.normal ** 2 * variance) - level.normal * Math.sqrt(variance);
}

function reversedEstimate(estimate) {
  return { ...estimate, mean: -estimate.mean, imagesThird: -estimate.imagesThird };
}

// The fewest seeds of a new suite whose interval would lie on one side of a limit; 0 if `most` are too few, and -1 if
// the test images alone forbid it. `factors` are those of bench.analysis.stats.power.seed_factors.
function seedsThatTell(estimate, limit, level, factors, most, fewSeeds) {
  const [pessimism, quantile] = factors;
  const reach = (seeds, seedsVariance) => {
    const per = estimate.seeds / seeds;
    const planned = { ...estimate, seeds, seedsVariance: seedsVariance * pessimism * per };
    const [low, high] = verdictInterval(planned, level, fewSeeds);
    return (high - low) / 2 + quantile * Math.sqrt(seedsVariance + seedsVariance * per);
  };
  const distance = Math.abs(estimate.mean - limit);
  if (reach(most, estimate.seedsVariance) > distance) {
    return estimate.imagesVariance > 0 && reach(most, 0) > distance ? -1 : 0;
  }
  let [low, high] = [2, most];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (reach(middle, estimate.seedsVariance) <= distance) high = middle;
    else low = middle + 1;
  }
  return low;
}
