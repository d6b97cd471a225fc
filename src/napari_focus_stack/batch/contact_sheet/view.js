const view = document.getElementById("view");
const viewed = { stack: null, role: "image" };

function fact(list, name, value, share = null) {
  if (value === "") return null;
  const shown = element("dd");
  if (share !== null) shown.append(bar(share));
  shown.append(value);
  list.append(element("dt", "", name), shown);
  return shown;
}

/** Add the median of values, and below it where most of them lie. */
function spreadFact(list, name, [low, middle, high], unit) {
  fact(list, name, `${middle} ${unit}`).append(element("small", "", `5 % to 95 %: ${low} to ${high}`));
}

/** Return where the depth that is sure lies between the first and the last plane. */
function depthRange(figures) {
  const last = Math.max(1, figures.planes - 1);
  const [low, middle, high] = figures.depth.map((value) => (100 * Math.min(Math.max(value, 0), last)) / last);
  const range = element("div", "range");
  const track = element("div");
  const band = element("span");
  const median = element("i");
  band.style.cssText = `left:${low}%;width:${high - low}%`;
  median.style.left = `calc(${middle}% - 1px)`;
  track.append(band, median);
  const ends = element("p");
  ends.append(element("span", "", "plane 0"), element("span", "", `plane ${figures.planes - 1}`));
  range.append(track, ends);
  return range;
}

function figureList(stack) {
  const list = element("dl");
  const one = stack.figures;
  if (one) {
    fact(list, "Sure depth", percent(one.sure), one.sure);
    fact(list, "Planes", one.leftOut ? `${one.planes}, ${one.leftOut} left out` : String(one.planes));
    fact(list, "Alignment", one.align);
    fact(list, "Largest motion", `${digits(one.motion)} px`);
    if (one.depth) {
      spreadFact(list, "Median depth", one.depth.map(digits), "planes");
      list.append(depthRange(one));
    } else fact(list, "Median depth", data.nothingSure);
    if (one.height) spreadFact(list, "Median height", heights(one.height), one.unit);
    fact(list, "In focus at the ends", percent(one.atEnds));
    fact(list, "Saturated", percent(one.saturated));
  }
  if (stack.state !== "left") fact(list, "Time taken", duration(stack.seconds));
  return list;
}

function link(text, path) {
  const item = element("li");
  const made = element("a", "", text);
  made.href = address(path);
  item.append(made);
  return item;
}

function section(title, items) {
  if (!items.length) return [];
  const list = element("ul");
  list.append(...items);
  return [element("h3", "", title), list];
}

function facts(stack) {
  const files = Object.entries(stack.results).map(([role, path]) => link(`${role[0].toUpperCase()}${role.slice(1)}: ${path.split("/").pop()}`, path));
  if (stack.report) files.push(link(`Report: ${stack.report.split("/").pop()}`, stack.report));
  const list = figureList(stack);
  return [
    ...(stack.state === "done" ? [] : [reason(stack)]),
    ...(list.children.length ? [element("h3", "", "Figures"), list] : []),
    ...section("Notes", stack.notes.map((note) => element("li", "", note))),
    ...section("Files", files),
    ...(stack.figures ? [meanings()] : []),
  ];
}

function showLegend(legend, figures) {
  const fades = figures.depth ? "the greyer, the less sure" : "the map is grey";
  legend.replaceChildren(...scale(figures), element("i"), fades);
}

function showRole(role, sameStack = true) {
  const { stack } = viewed;
  viewed.role = role;
  press("view-pictures", role);
  const path = stack.pictures[`${role}_view`] ?? stack.pictures[role];
  const legend = document.getElementById("legend");
  legend.hidden = role !== "depth" || !path || !stack.figures;
  if (!legend.hidden) showLegend(legend, stack.figures);
  showPicture(path, `${role === "depth" ? "Depth" : "Image"} of ${stack.path}`, sameStack);
}

/** Show a stack in full, or none. */
function showStack(stack) {
  if (!stack) {
    if (view.open) view.close();
    return;
  }
  viewed.stack = stack;
  const at = sheetState.chosen.indexOf(stack);
  document.getElementById("view-name").textContent = stack.lead;
  document.getElementById("view-part").textContent = stack.rest;
  document.getElementById("place").textContent = at < 0 ? "" : `${at + 1} of ${sheetState.chosen.length}`;
  document.getElementById("previous").disabled = at <= 0;
  document.getElementById("next").disabled = at < 0 || at + 1 >= sheetState.chosen.length;
  view.firstElementChild.classList.toggle("bare", !Object.keys(stack.pictures).length);
  const report = document.getElementById("facts");
  report.replaceChildren(...facts(stack));
  report.scrollTop = 0;
  if (!view.open) view.showModal();
  showRole(viewed.role, false);
}

function step(by) {
  const at = sheetState.chosen.indexOf(viewed.stack);
  const stack = at < 0 ? undefined : sheetState.chosen[at + by];
  if (!stack) return;
  history.replaceState(null, "", stack.hash);
  showStack(stack);
}

/** Return to the sheet, at the stack that was seen last. */
function leave() {
  if (view.open) return; // another one was chosen before the browser reported the closing
  const at = sheetState.chosen.indexOf(viewed.stack);
  picture.removeAttribute("src");
  if (location.hash === viewed.stack.hash) history.replaceState(null, "", location.href.split("#")[0]);
  if (at >= 0) reach(at);
}

function startView() {
  const keys = {
    ArrowLeft: () => step(-1), ArrowRight: () => step(1), i: () => showRole("image"), d: () => showRole("depth"),
    "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: fitPicture,
  };
  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
  view.addEventListener("close", leave);
  const clicks = { previous: () => step(-1), next: () => step(1), close: () => view.close(), smaller: () => zoomBy(1 / 1.5), larger: () => zoomBy(1.5), fit: fitPicture };
  for (const [id, act] of Object.entries(clicks)) document.getElementById(id).addEventListener("click", act);
  onPress("view-pictures", (role) => showRole(role));
  window.addEventListener("hashchange", () => showStack(byHash.get(location.hash)));
  showStack(byHash.get(location.hash));
}
