/** What a biologist may not take from the words of the page alone. */
const MEANINGS = [
  ["Sure", "Share of the picture in which one plane is clearly the sharpest, so that depth is sure (confidence 0.5 or more). Elsewhere depth is a guess from the surroundings, and its colour fades to grey; the image loses nothing there."],
  ["Depth", "Plane in which a place is sharpest, counted from 0: the median of the places whose depth is sure, and the range in which 90 % of them lie."],
  ["Height", "Depth times the distance of the planes, where that is known."],
  ["Colours of depth", "Each picture has its own range, from its lowest to its highest depth that is sure; the numbers beside the colours are planes."],
  ["Motion", "How far a corner of the picture moved between planes at most, in pixels, before alignment undid it."],
  ["Align", "What alignment undid. none: nothing, the planes stayed where they are. shift: motion. similarity: also turning and magnification. affine: also shear. homography: also a change of view. given: the same as in the lead channel, or as in a report."],
  ["At ends", "Share of the sure places that are sharpest in the first or the last plane. If it is large, the specimen goes on beyond the stack."],
  ["Saturated", "Share of the pixels as bright as the camera can record, in the plane that has most of them. Detail is lost there."],
  ["Time taken", "Work on the stack, together with the other channels of its time point."],
  ["Left out", "Nothing was stacked; the reason says why. Of these stacks only one whose files are still being written is worth another run."],
];

/** Return the explanations, folded. */
function meanings() {
  const folded = element("details", "meanings");
  const list = element("dl");
  for (const [word, meaning] of MEANINGS) list.append(element("dt", "", word), element("dd", "", meaning));
  folded.append(element("summary", "", "What the figures mean"), list);
  return folded;
}
