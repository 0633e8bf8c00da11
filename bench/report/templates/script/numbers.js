// Numbers as text, as bench/analysis/format.py writes them: a number half-way between two texts gets the even digit.
const ABSENT_NUMBER = "\u2013";
const EXACT_DIGITS = 100; // more than any number has that lies half-way between two texts

// A number with fixed decimal places, as Python's format(value, ".1f").
function fixedPlaces(value, places) {
  const size = Math.abs(value);
  const exact = size.toFixed(EXACT_DIGITS);
  const end = exact.length - EXACT_DIGITS + places;
  const kept = exact.slice(0, places ? end : end - 1);
  const toEven = /^50*$/.test(exact.slice(end)) && "02468".includes(kept.at(-1));
  return (value < 0 || Object.is(value, -0) ? "-" : "") + (toEven ? kept : size.toFixed(places));
}

// A number to some significant digits, as Python's format(value, ".3g"), or "#.3g" if zeros at the end are kept.
function significantDigits(value, digits, keepsZeros = false) {
  if (!Number.isFinite(value)) return value > 0 ? "inf" : value < 0 ? "-inf" : "nan";
  const size = Math.abs(value);
  const [exact, power] = size.toExponential(EXACT_DIGITS).replace(".", "").split("e");
  const toEven = /^50*$/.test(exact.slice(digits)) && "02468".includes(exact[digits - 1]);
  let [figures, exponent] = toEven
    ? [exact.slice(0, digits), power]
    : size.toExponential(digits - 1).replace(".", "").split("e");
  exponent = Number(exponent);
  let text;
  if (exponent < -4 || exponent >= digits) {
    const end = `e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
    text = withoutZeros(digits > 1 ? `${figures[0]}.${figures.slice(1)}` : figures, keepsZeros) + end;
  } else if (exponent < 0) {
    text = withoutZeros(`0.${"0".repeat(-exponent - 1)}${figures}`, keepsZeros);
  } else {
    text = withoutZeros(`${figures.slice(0, exponent + 1)}.${figures.slice(exponent + 1)}`, keepsZeros);
  }
  return (value < 0 || Object.is(value, -0) ? "-" : "") + text;
}

function withoutZeros(text, keepsZeros) {
  return keepsZeros || !text.includes(".") ? text : text.replace(/\.?0*$/, "");
}

// A number as typed, without its unit and separators of thousands.
function typedNumber(text, unit = /$/) {
  const number = text.trim().replace(unit, "");
  return /^\d{1,3}([,_'\s]\d{3})+(\.\d*)?$/.test(number) ? number.replace(/[,_'\s]/g, "") : number;
}

// A number without the last bits, in which processors differ.
function steadyNumber(value) {
  return Number.isFinite(value) ? Number(significantDigits(value, 9)) : value;
}

function wholeNumber(value) {
  return Number.isNaN(value) ? ABSENT_NUMBER : fixedPlaces(Math.trunc(value) + 0, 0).replace(/\B(?=(\d{3})+$)/g, ",");
}

function shortCount(value) {
  if (Number.isNaN(value)) return ABSENT_NUMBER;
  for (const [prefix, size] of [["E", 1e18], ["P", 1e15], ["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]]) {
    if (value >= Math.max(size, 1e4)) return `${significantDigits(value / size, 3)} ${prefix}`;
  }
  return wholeNumber(value);
}

function threeDigits(value) {
  if (Number.isNaN(value)) return ABSENT_NUMBER;
  const steady = steadyNumber(value);
  if (steady < 99.95) return significantDigits(steady, 3, true);
  return fixedPlaces(steady, 0).replace(/\B(?=(\d{3})+$)/g, ",");
}

function byteSize(value) {
  if (Number.isNaN(value)) return ABSENT_NUMBER;
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (value >= size) return `${threeDigits(value / size)} ${unit}`;
  }
  return `${fixedPlaces(value, 0)} B`;
}

// A share of 1 in percent, without the percent sign; what rounds to zero has no minus.
function percentNumber(share) {
  if (Number.isNaN(share)) return ABSENT_NUMBER;
  return fixedPlaces(steadyNumber(100 * share), 1).replace(/^-(?=[0.]+$)/, "").replace("-", "\u2212");
}

function percentWithBounds(mean, low, high, sign = " %") {
  if (Number.isNaN(mean)) return ABSENT_NUMBER;
  const bounds = Number.isNaN(low) ? "" : ` (${percentNumber(low)} to ${percentNumber(high)})`;
  return percentNumber(mean) + sign + bounds;
}

function inSentence(names) {
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names.join("");
}
