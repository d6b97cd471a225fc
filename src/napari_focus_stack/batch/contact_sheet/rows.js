const ROW_HEIGHT = 54;

function nameCell(stack) {
  const cell = element("span");
  const link = element("a", "", stack.lead);
  link.href = stack.hash;
  cell.append(link, element("small", "", stack.rest));
  cell.title = stack.path;
  return cell;
}

function stateCell(stack) {
  const cell = element("span", `state ${stack.state}`, STATES[stack.state]);
  cell.title = stack.why;
  return cell;
}

function figure(format) {
  return (stack) => element("span", "number", stack.figures ? format(stack.figures) : "");
}

/** Heading, order by which its button sorts, width from which it is shown, and cell of each column. */
const COLUMNS = [
  ["", null, "", (stack, pictures) => thumbnail(stack, pictures === "depth" ? "depth" : "image")],
  ["Name", "name", "", nameCell],
  ["Status", "state", "", stateCell],
  ["Planes", null, "middle", figure((one) => (one.leftOut ? `${one.planes - one.leftOut} of ${one.planes}` : String(one.planes)))],
  ["Align", null, "middle", (stack) => element("span", "", stack.figures?.align ?? "")],
  ["Motion, px", "motion", "middle", figure((one) => digits(one.motion))],
  ["Sure", "sure", "", figure((one) => percent(one.sure))],
  ["Depth, planes", null, "wide", figure((one) => (one.depth ? spread(one.depth, "") : ""))],
  ["Height", null, "wide", figure((one) => (one.height ? spread(one.height, one.unit) : ""))],
  ["At ends", null, "wide", figure((one) => percent(one.atEnds))],
  ["Saturated", null, "wide", figure((one) => percent(one.saturated))],
  ["Time taken", "seconds", "middle", (stack) => element("span", "number", stack.state === "left" ? "" : duration(stack.seconds))],
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
      if (by === "sure") button.title = "Share of the picture whose depth is sure";
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
    for (const [, , from, make] of COLUMNS) {
      const one = make(stack, pictures);
      one.role = "cell";
      if (from) one.classList.add(from);
      row.append(one);
    }
    return row;
  },
};
