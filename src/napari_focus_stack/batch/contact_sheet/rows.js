const ROW_HEIGHT = 54;

function nameCell(stack) {
  const cell = element("span");
  const link = element("a", "", stack.lead);
  link.href = stack.hash;
  cell.append(link, element("small", "", stack.rest));
  cell.title = stack.path;
  return cell;
}

function picturesCell(stack, pictures) {
  const cell = element("span", "thumbnails");
  const roles = pictures === "both" ? ["image", "depth"] : [pictures];
  cell.append(...roles.map((role) => thumbnail(stack, role)));
  return cell;
}

/** Return the state of a stack; with the reason, in the place of all figures, of one that was not stacked. */
function stateCell(stack) {
  if (stack.state === "done") return element("span", "state", STATES.done);
  const cell = reason(stack);
  cell.title = stack.why;
  cell.ariaColSpan = String(COLUMNS.length - 2);
  return cell;
}

function figure(format) {
  return (stack) => element("span", "number", stack.figures ? format(stack.figures) : "");
}

/** Heading, order by which its button sorts, width from which it is shown, and cell of each column. */
const COLUMNS = [
  ["", null, "", picturesCell],
  ["Name", "name", "", nameCell],
  ["Status", "state", "", stateCell],
  ["Planes", null, "middle", figure((one) => (one.leftOut ? `${one.planes - one.leftOut} of ${one.planes}` : String(one.planes)))],
  ["Align", null, "middle", (stack) => element("span", "", stack.figures?.align ?? "")],
  ["Motion, px", "motion", "middle", figure((one) => digits(one.motion))],
  ["Sure", "sure", "", figure((one) => percent(one.sure))],
  ["Depth, planes", null, "wide", figure((one) => (one.depth ? spread(one.depth.map(digits), "") : data.nothingSure))],
  ["Height", null, "wide", figure((one) => (one.height ? spread(heights(one.height), one.unit) : ""))],
  ["At ends", null, "wide", figure((one) => percent(one.atEnds))],
  ["Saturated", null, "wide", figure((one) => percent(one.saturated))],
  ["Time taken", "seconds", "middle", (stack) => element("span", "number", duration(stack.seconds))],
  ["Notes", "notes", "", (stack) => element("span", "number", stack.notes.length ? String(stack.notes.length) : "")],
];
const RIGHT = new Set(["Planes", "Motion, px", "Sure", "Depth, planes", "Height", "At ends", "Saturated", "Time taken", "Notes"]);

function headings(sort) {
  return COLUMNS.map(([title, by, from]) => {
    const heading = element("span", `${from} ${RIGHT.has(title) ? "number" : ""}`.trim());
    heading.role = "columnheader";
    if (by === null) heading.textContent = title;
    else {
      const button = element("button", "", title);
      button.type = "button";
      button.dataset.by = by;
      button.addEventListener("click", () => sort(by));
      heading.append(button);
    }
    return heading;
  });
}

/** Rows of figures: what the table is made of. */
const table = {
  form(width) {
    return { columns: 1, width, height: ROW_HEIGHT, gap: 0 };
  },
  cell(stack, pictures) {
    const row = element("div", "cell row");
    row.role = "row";
    const cells = stack.state === "done" ? COLUMNS : COLUMNS.slice(0, 3);
    for (const [, , from, make] of cells) {
      const one = make(stack, pictures);
      one.role = "cell";
      if (from) one.classList.add(from);
      row.append(one);
    }
    return row;
  },
};
