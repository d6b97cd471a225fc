const STATES = { failed: "Failed", left: "Left", done: "Done" };
const RANKS = { failed: 0, left: 1, done: 2 };

const stacks = data.stacks.map((stack, index) => {
  const notes = stack.notes.map((number) => data.notes[number]);
  const part = [stack.well, ...stack.part].filter((word) => word);
  const words = [stack.folder, stack.name, ...part, stack.why, ...notes];
  return {
    ...stack,
    index,
    notes,
    part: part.filter((word, at) => part.indexOf(word) === at),
    path: stack.folder ? `${stack.folder}/${stack.name}` : stack.name,
    hash: `#${address(stack.id)}`,
    words: `${stack.folder}/${words.join("\n")}`.toLowerCase(),
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
