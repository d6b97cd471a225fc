const choice = { show: "all", kind: "", words: "", by: "name", reversed: false, pictures: "image", layout: "grid" };

/** Mark one button of a group as pressed. */
function press(id, value) {
  for (const button of document.getElementById(id).querySelectorAll("button")) {
    button.ariaPressed = String(button.value === value);
  }
}

function onPress(id, act) {
  document.getElementById(id).addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button) act(button.value);
  });
}

function makeChips() {
  for (const [key, [title, passes]] of Object.entries(FILTERS)) {
    const chip = element("button", key, title);
    chip.type = "button";
    chip.value = key;
    chip.append(" ", element("b", "", stacks.filter(passes).length.toLocaleString("en-GB")));
    document.getElementById("chips").append(chip);
  }
}

/** Offer each kind of note as a filter. */
function makeKinds() {
  const select = document.getElementById("kind");
  for (const [kind, number] of kindsOfNotes()) {
    const option = element("option", "", `${kind} (${number.toLocaleString("en-GB")})`);
    option.value = kind;
    select.append(option);
  }
  select.hidden = select.options.length < 2;
  select.addEventListener("change", () => choose({ kind: select.value }));
}

/** Show whether the sheet is a grid or a table, and by what the table is sorted. */
function markLayout(count) {
  const frame = document.getElementById("frame");
  const columns = document.getElementById("columns");
  const isTable = choice.layout === "table";
  frame.classList.toggle("table", isTable);
  frame.classList.toggle("both", choice.pictures === "both");
  document.getElementById("narrow").hidden = !isTable || !count;
  document.getElementById("own-range").hidden = choice.pictures === "image" || !count;
  columns.hidden = !isTable;
  Object.assign(frame, { role: isTable ? "table" : null, ariaLabel: isTable ? "Stacks" : null });
  frame.ariaRowCount = isTable ? String(count + 1) : null;
  Object.assign(sheet, { role: isTable ? "rowgroup" : "list", ariaLabel: isTable ? null : "Stacks" });
  for (const button of columns.querySelectorAll("button")) {
    const sorted = button.dataset.by === choice.by;
    if (sorted) button.parentElement.ariaSort = FALLING.has(choice.by) !== choice.reversed ? "descending" : "ascending";
    else button.parentElement.removeAttribute("aria-sort");
  }
}

/** Bring the page in line with the choice. */
function refresh() {
  const chosen = chosenOf(choice);
  press("chips", choice.show);
  press("pictures", choice.pictures);
  press("layout", choice.layout);
  document.getElementById("by").value = choice.by;
  document.getElementById("kind").value = choice.kind;
  document.getElementById("reverse").ariaPressed = String(choice.reversed);
  const total = count(stacks.length, "stack", "stacks");
  document.getElementById("count").textContent = chosen.length === stacks.length ? total : `${chosen.length.toLocaleString("en-GB")} of ${total}`;
  const nothing = document.getElementById("nothing");
  nothing.hidden = chosen.length > 0;
  nothing.firstChild.textContent = stacks.length ? "No stack is like that." : "No stack has been found yet.";
  document.getElementById("all").hidden = !stacks.length;
  document.getElementById("frame").hidden = !chosen.length;
  markLayout(chosen.length);
  showChosen(chosen, choice.layout === "table" ? table : grid, choice.pictures);
}

function choose(change) {
  Object.assign(choice, change);
  refresh();
}

function sortBy(by) {
  choose({ by, reversed: by === choice.by && !choice.reversed });
}

function start() {
  document.getElementById("title").textContent = data.title;
  const made = new Date(data.made).toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" });
  document.getElementById("where").textContent = [data.root, made].filter((word) => word).join(" · ");
  document.querySelector("main").append(meanings());
  makeChips();
  makeKinds();
  document.getElementById("columns").append(...headings(sortBy));
  onPress("chips", (show) => choose({ show }));
  onPress("pictures", (pictures) => choose({ pictures }));
  onPress("layout", (layout) => choose({ layout }));
  document.getElementById("by").addEventListener("change", ({ target }) => choose({ by: target.value, reversed: false }));
  document.getElementById("reverse").addEventListener("click", () => choose({ reversed: !choice.reversed }));
  document.getElementById("search").addEventListener("input", ({ target }) => choose({ words: target.value }));
  document.getElementById("all").addEventListener("click", () => {
    document.getElementById("search").value = "";
    choose({ show: "all", kind: "", words: "" });
  });
  startWindow();
  startPicture();
  refresh();
  startView();
}

start();
