/** Pixels above and below the window that are filled, so that a fast scroll shows no gap. */
const BEYOND = 500;

const sheet = document.getElementById("sheet");
const sheetState = { chosen: [], kind: grid, pictures: "image", form: null, active: 0, reachable: 0, cells: new Map() };

function linkOf(cell) {
  return cell.querySelector("a");
}

/** Return the cell of a stack, at its place. */
function lay(index) {
  const { form, chosen, kind, pictures } = sheetState;
  const cell = kind.cell(chosen[index], pictures);
  const x = (index % form.columns) * (form.width + form.gap);
  const y = Math.floor(index / form.columns) * (form.height + form.gap);
  cell.style.cssText = `width:${form.width}px;height:${form.height}px;transform:translate(${x}px,${y}px)`;
  if (kind === table) cell.ariaRowIndex = String(index + 2);
  else Object.assign(cell, { ariaPosInSet: String(index + 1), ariaSetSize: String(chosen.length) });
  const link = linkOf(cell);
  link.tabIndex = index === sheetState.reachable ? 0 : -1;
  link.dataset.index = String(index);
  link.setAttribute("aria-describedby", "keys");
  sheetState.cells.set(index, cell);
  return cell;
}

/** Return the numbers of the first stack in the window and beyond, and of the one after the last. */
function visible(top, beyond) {
  const { form, chosen } = sheetState;
  const row = form.height + form.gap;
  const first = Math.max(0, Math.floor((top - beyond) / row)) * form.columns;
  const end = Math.max(0, Math.ceil((top + window.innerHeight + beyond) / row)) * form.columns;
  return [Math.min(first, chosen.length), Math.min(end, chosen.length)];
}

/** Keep in the page only the stacks in the window, and the one that has the focus. */
function paint() {
  const { cells } = sheetState;
  // measured once, before anything changes: later the browser would lay out the page for the answer
  const top = -sheet.getBoundingClientRect().top;
  const [first, end] = visible(top, BEYOND);
  for (const [index, cell] of cells) {
    if ((index < first || index >= end) && !cell.contains(document.activeElement)) {
      cell.remove();
      cells.delete(index);
    }
  }
  const fresh = document.createDocumentFragment();
  for (let index = first; index < end; index += 1) if (!cells.has(index)) fresh.append(lay(index));
  sheet.append(fresh);
  markReachable(visible(top, 0)[0]);
}

/** Let the Tab key reach one stack: the active one, or the first in the window. */
function markReachable(first) {
  const { cells, active } = sheetState;
  const reachable = cells.has(active) ? active : first;
  if (sheetState.reachable !== reachable) {
    for (const index of [sheetState.reachable, reachable]) {
      if (cells.has(index)) linkOf(cells.get(index)).tabIndex = index === reachable ? 0 : -1;
    }
  }
  sheetState.reachable = reachable;
}

/** Lay out anew, after a change of the choice or of the width. */
function layOut() {
  const { kind, pictures, chosen } = sheetState;
  const form = kind.form(sheet.clientWidth, pictures);
  const rows = Math.ceil(chosen.length / form.columns);
  sheetState.form = form;
  sheetState.cells.clear();
  sheet.replaceChildren();
  sheet.style.height = `${Math.max(0, rows * (form.height + form.gap) - form.gap)}px`;
  paint();
}

function showChosen(chosen, kind, pictures) {
  Object.assign(sheetState, { chosen, kind, pictures, active: 0 });
  layOut();
}

/** Bring a stack into the window, and give it the focus. */
function reach(index) {
  const { form, chosen, cells } = sheetState;
  const target = Math.min(Math.max(index, 0), chosen.length - 1);
  if (target < 0) return;
  sheetState.active = target;
  const tools = document.getElementById("tools");
  const covered = getComputedStyle(tools).position === "sticky" ? tools.offsetHeight : 0;
  const top = sheet.getBoundingClientRect().top + Math.floor(target / form.columns) * (form.height + form.gap);
  const below = top + form.height - window.innerHeight;
  if (top < covered + GAP) window.scrollBy(0, top - covered - GAP);
  else if (below > 0) window.scrollBy(0, below + GAP);
  paint();
  linkOf(cells.get(target)).focus({ preventScroll: true });
}

function moveBy(key) {
  const { active, chosen, form } = sheetState;
  const page = Math.max(1, Math.floor(window.innerHeight / (form.height + form.gap))) * form.columns;
  const steps = {
    ArrowLeft: -1, ArrowRight: 1, ArrowUp: -form.columns, ArrowDown: form.columns,
    PageUp: -page, PageDown: page, Home: -active, End: chosen.length,
  };
  return steps[key] ?? 0;
}

function startWindow() {
  let waiting = false;
  const later = (work) => () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; work(); });
  };
  window.addEventListener("scroll", later(paint), { passive: true });
  let width = sheet.clientWidth;
  new ResizeObserver(() => {
    if (sheet.clientWidth === width) return;
    width = sheet.clientWidth;
    layOut();
  }).observe(sheet);
  window.addEventListener("resize", later(paint));
  sheet.addEventListener("focusin", ({ target }) => {
    if (!target.dataset.index) return;
    sheetState.active = Number(target.dataset.index);
    markReachable(sheetState.active);
  });
  sheet.addEventListener("keydown", (event) => {
    const step = moveBy(event.key);
    if (!step && !["Home", "End"].includes(event.key)) return;
    event.preventDefault();
    reach(sheetState.active + step);
  });
  window.addEventListener("beforeprint", layAll);
  window.addEventListener("afterprint", () => { sheet.classList.remove("whole"); layOut(); });
}

/** Put every chosen stack into the page, for the printer. */
function layAll() {
  sheetState.cells.clear();
  sheet.replaceChildren(...sheetState.chosen.map((_stack, index) => lay(index)));
  sheet.classList.add("whole");
}
