const STATES = { failed: "Failed", left: "Left out", done: "Done" };
const RANKS = { failed: 0, left: 1, done: 2 };

/** Return the two lines that name a stack: its file, then position, time and channel, and its folder. */
function lines(folder, name, part) {
  return { path: folder ? `${folder}/${name}` : name, lead: name, rest: [...part, folder].filter((word) => word).join(" · ") };
}

/** Return what a note is about: its first clause, without numbers and names. */
function kindOf(note) {
  const plain = note.replace(/(^|\W)'[^']*'/g, "$1'…'").replace(/\d+(\.\d+)*((, | and | to )\d+(\.\d+)*)*/g, "…");
  return plain.split(/[.,:;(]/)[0].trim();
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
    kinds: new Set(notes.map(kindOf)),
    hash: `#${address(stack.id)}`,
    words: [named.path, stack.well, ...part, stack.why, ...notes].join("\n").toLowerCase(),
  };
});
const byHash = new Map(stacks.map((stack) => [stack.hash, stack]));

const FILTERS = {
  all: ["All", () => true],
  done: ["Done", (stack) => stack.state === "done"],
  failed: ["Failed", (stack) => stack.state === "failed"],
  left: ["Left out", (stack) => stack.state === "left"],
};

/** Return the kinds of notes and how many stacks have each, the rarest first: what all have is no news. */
function kindsOfNotes() {
  const counts = new Map();
  for (const { kinds } of stacks) for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => a - b);
}

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

/** Return the stacks of a choice: those that pass the filter, have the note and hold every word, in order. */
function chosenOf({ show, kind, words, by, reversed }) {
  const wanted = words.toLowerCase().split(/\s+/).filter((word) => word);
  const passes = FILTERS[show][1];
  const chosen = stacks.filter(
    (stack) => passes(stack) && (!kind || stack.kinds.has(kind)) && wanted.every((word) => stack.words.includes(word)),
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
