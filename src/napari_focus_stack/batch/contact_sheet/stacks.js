const STATES = { failed: "Failed", left: "Left", done: "Done" };
const RANKS = { failed: 0, left: 1, done: 2 };

/** Paths that several stacks share, such as the fields of a plate. */
const shared = new Set();
const seen = new Set();
for (const { folder, name } of data.stacks) (seen.has(`${folder}/${name}`) ? shared : seen).add(`${folder}/${name}`);

/** Return the two lines that name a stack: first what it does not share with its neighbours. */
function lines(folder, name, part) {
  const path = folder ? `${folder}/${name}` : name;
  const words = part.join(" · ");
  if (shared.has(`${folder}/${name}`) && words) return { path, lead: words, rest: path };
  return { path, lead: name, rest: [words, folder].filter((word) => word).join(" · ") };
}

const stacks = data.stacks.map((stack, index) => {
  const notes = stack.notes.map((number) => data.notes[number]);
  const wellIsNamed = stack.part.some((word) => word.includes(stack.well));
  const part = wellIsNamed || !stack.well ? stack.part : [stack.well, ...stack.part];
  const named = lines(stack.folder, stack.name, part);
  return {
    ...stack,
    ...named,
    index,
    notes,
    hash: `#${address(stack.id)}`,
    words: [named.path, stack.well, ...part, stack.why, ...notes].join("\n").toLowerCase(),
  };
});
const byHash = new Map(stacks.map((stack) => [stack.hash, stack]));

const FILTERS = {
  all: ["All", () => true],
  done: ["Done", (stack) => stack.state === "done"],
  failed: ["Failed", (stack) => stack.state === "failed"],
  left: ["Left", (stack) => stack.state === "left"],
  noted: ["With notes", (stack) => stack.notes.length > 0],
};

/** What each order goes by, the stack worth a look first; null comes last, whatever the direction. */
const ORDERS = {
  name: (stack) => stack.index,
  state: (stack) => RANKS[stack.state],
  notes: (stack) => -stack.notes.length,
  motion: (stack) => (stack.figures ? -stack.figures.motion : null),
  sure: (stack) => stack.figures?.sure ?? null,
  seconds: (stack) => (stack.state === "left" ? null : -stack.seconds),
};

/** Orders whose largest figure comes first. */
const FALLING = new Set(["notes", "motion", "seconds"]);

/** Return the stacks of a choice: those that pass the filter and hold every word, in order. */
function chosenOf({ show, words, by, reversed }) {
  const wanted = words.toLowerCase().split(/\s+/).filter((word) => word);
  const passes = FILTERS[show][1];
  const chosen = stacks.filter(
    (stack) => passes(stack) && wanted.every((word) => stack.words.includes(word)),
  );
  const sign = reversed ? -1 : 1;
  return chosen
    .map((stack) => [ORDERS[by](stack), stack])
    .sort(([a, one], [b, other]) => {
      if (a === null || b === null) return (a === null) - (b === null) || one.index - other.index;
      return sign * (a - b) || one.index - other.index;
    })
    .map(([, stack]) => stack);
}
