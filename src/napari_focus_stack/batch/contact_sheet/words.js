const data = JSON.parse(document.getElementById("data").textContent);

/** Return a path as a relative address; each byte of a name that is no UTF-8 is a lone surrogate. */
function address(path) {
  const encoded = [];
  for (const character of path) {
    const code = character.codePointAt(0);
    if (character === "/") encoded.push("/");
    else if (code >= 0xdc80 && code <= 0xdcff) encoded.push(`%${(code - 0xdc00).toString(16)}`);
    else encoded.push(encodeURIComponent(character.toWellFormed?.() ?? character));
  }
  return encoded.join("");
}

/** Return a new element; `text` is shown literally. */
function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== "") made.textContent = text;
  return made;
}

function count(number, one, many) {
  return `${number.toLocaleString("en-GB")} ${number === 1 ? one : many}`;
}

function percent(share) {
  if (share === null) return "";
  if (share > 0 && share < 0.001) return "<0.1 %";
  if (share > 0.999 && share < 1) return ">99.9 %";
  const digits = (share > 0 && share < 0.1) || (share >= 0.995 && share < 1) ? 1 : 0;
  return `${(share * 100).toFixed(digits)} %`;
}

/** Return a number with two decimals at most, and three digits at most if it has decimals. */
function digits(value) {
  const size = Math.abs(value);
  const short = value.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0);
  return String(Number(short)).replace("-", "−");
}

/** Return heights as numbers; those in metres or millimetres keep three digits that count. */
function heights(values) {
  if (Math.max(...values.map(Math.abs)) >= 0.1) return values.map(digits);
  return values.map((value) => String(Number(value.toPrecision(3))).replaceAll("-", "−"));
}

function spread([low, middle, high], unit) {
  return `${middle} (${low} to ${high})${unit ? ` ${unit}` : ""}`;
}

function duration(seconds) {
  if (seconds < 99.5) return `${digits(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${digits(seconds / 3600)} h`;
}

function bar(share) {
  const track = element("span", "bar");
  track.append(element("span"));
  track.firstChild.style.width = `${share * 100}%`;
  return track;
}
