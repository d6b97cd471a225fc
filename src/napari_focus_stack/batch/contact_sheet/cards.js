/** Pixels, as in the style: text below the pictures, one more line of it in narrow cards, and the colours of depth. */
const TEXT_HEIGHT = 106;
const NARROW = { width: 190, more: 20 };
const SCALE_HEIGHT = 22;
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

/** Return the class of a state, by which it is coloured. */
function look(stack) {
  return stack.waits ? "left waits" : stack.state;
}

function reason(stack) {
  const box = element("div", `reason ${look(stack)}`);
  box.append(element("strong", "", STATES[stack.state]), " ", stack.why);
  return box;
}

/** Return the colours of a depth map, with the planes at their ends where the record has them. */
function scale({ depth, colours }) {
  if (!depth) return [data.nothingSure];
  const [low, high] = colours ? colours.map(digits) : ["lower", "higher"];
  return [`planes ${low}`, element("span"), high];
}

function pictureOfCard(stack, role) {
  const frame = thumbnail(stack, role);
  if (role !== "depth" || !stack.pictures.depth || !stack.figures) return frame;
  const caption = element("figcaption", "scale");
  caption.append(...scale(stack.figures));
  const figure = element("figure");
  figure.append(frame, caption);
  return figure;
}

function smallFigures(stack) {
  const lines = element("div", "small");
  if (stack.figures) {
    const sure = element("div", "sure", `${percent(stack.figures.sure)} sure`);
    sure.prepend(bar(stack.figures.sure));
    lines.append(sure, element("span", "moved", `motion ${digits(stack.figures.motion)} px`));
  }
  if (stack.notes.length > 0) {
    lines.append(element("span", "badge", count(stack.notes.length, "note", "notes")));
  }
  return lines;
}

/** Cards of pictures: what the grid is made of. */
const grid = {
  form(width, pictures) {
    const least = pictures === "both" ? 330 : width < 600 ? 160 : 210;
    const columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
    const side = Math.floor((width - (columns - 1) * GAP) / columns);
    const text = TEXT_HEIGHT + (side <= NARROW.width ? NARROW.more : 0) + (pictures === "image" ? 0 : SCALE_HEIGHT);
    const high = Math.round((pictures === "both" ? side / 2 : side) * 0.75) + text;
    return { columns, width: side, height: high, gap: GAP };
  },
  cell(stack, pictures) {
    const cell = element("div", "cell");
    const card = element("a", `card ${look(stack)}`);
    card.href = stack.hash;
    const top = element("div", "pictures");
    const roles = pictures === "both" ? ["image", "depth"] : [pictures];
    if (stack.state === "done") top.append(...roles.map((role) => pictureOfCard(stack, role)));
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
