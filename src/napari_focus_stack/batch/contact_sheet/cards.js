const TEXT_HEIGHT = 86;
const GAP = 14;

function thumbnail(stack, role) {
  const frame = element("div", "picture");
  const path = stack.pictures[role];
  if (!path) {
    frame.textContent = "No picture";
    return frame;
  }
  const image = element("img");
  image.alt = role === "depth" ? "Depth" : "Image";
  image.decoding = "async";
  image.addEventListener("error", () => frame.replaceChildren("No picture"));
  image.src = address(path);
  frame.append(image);
  return frame;
}

function reason(stack) {
  const box = element("div", `reason ${stack.state}`);
  box.append(element("strong", "", stack.state === "left" ? "Left for later" : STATES[stack.state]), stack.why);
  return box;
}

function smallFigures(stack) {
  const line = element("div", "small");
  if (stack.figures) {
    const sure = element("span", "sure", `${percent(stack.figures.sure)} sure`);
    sure.title = "Share of the picture whose depth is sure";
    const moved = element("span", "moved", `${digits(stack.figures.motion)} px`);
    moved.title = "Largest motion";
    line.append(bar(stack.figures.sure), sure, moved);
  }
  if (stack.notes.length > 0) {
    line.append(element("span", "badge", count(stack.notes.length, "note", "notes")));
  }
  return line;
}

/** Cards of pictures: what the grid is made of. */
const grid = {
  form(width, pictures) {
    const least = pictures === "both" ? 330 : width < 600 ? 160 : 210;
    const columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
    const side = Math.floor((width - (columns - 1) * GAP) / columns);
    const high = Math.round((pictures === "both" ? side / 2 : side) * 0.75) + TEXT_HEIGHT;
    return { columns, width: side, height: high, gap: GAP };
  },
  cell(stack, pictures) {
    const cell = element("div", "cell");
    const card = element("a", `card ${stack.state}`);
    card.href = stack.hash;
    const top = element("div", "pictures");
    const roles = pictures === "both" ? ["image", "depth"] : [pictures];
    if (stack.state === "done") top.append(...roles.map((role) => thumbnail(stack, role)));
    else top.append(reason(stack));
    const text = element("div", "text");
    const name = element("div", "name", stack.lead);
    const part = element("div", "part", stack.rest);
    name.title = stack.lead;
    part.title = stack.rest;
    text.append(name, part, smallFigures(stack));
    card.append(top, text);
    cell.append(card);
    cell.role = "listitem";
    return cell;
  },
};
