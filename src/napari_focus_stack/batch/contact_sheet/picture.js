const MOST_ZOOM = 16;
/** A picture smaller than the window is enlarged to fit it, but not more. */
const MOST_FIT = 3;

const stage = document.getElementById("stage");
const picture = document.getElementById("picture");
const zoom = { scale: 1, x: 0, y: 0, fitted: true };

function fitScale() {
  return Math.min(stage.clientWidth / picture.naturalWidth, stage.clientHeight / picture.naturalHeight, MOST_FIT);
}

function applyZoom() {
  const limit = (at, size, room) => {
    const length = size * zoom.scale;
    return length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, at));
  };
  zoom.x = limit(zoom.x, picture.naturalWidth, stage.clientWidth);
  zoom.y = limit(zoom.y, picture.naturalHeight, stage.clientHeight);
  picture.style.transform = `translate(${zoom.x}px,${zoom.y}px) scale(${zoom.scale})`;
  picture.classList.toggle("close", zoom.scale >= 3);
}

function fitPicture() {
  if (!picture.naturalWidth) return;
  Object.assign(zoom, { scale: fitScale(), fitted: true });
  applyZoom();
}

/** Zoom about a point of the stage, by default its centre. */
function zoomBy(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  if (!picture.naturalWidth) return;
  const least = fitScale();
  const scale = Math.min(MOST_ZOOM, Math.max(least, zoom.scale * factor));
  const ratio = scale / zoom.scale;
  Object.assign(zoom, { scale, x: x - (x - zoom.x) * ratio, y: y - (y - zoom.y) * ratio, fitted: scale === least });
  applyZoom();
}

/** Show a picture; the zoom stays if it is another one of the same stack. */
function showPicture(path, name, sameStack) {
  const missing = document.getElementById("missing");
  const say = (sentence) => {
    picture.hidden = true;
    missing.hidden = false;
    missing.textContent = sentence;
  };
  if (!sameStack) zoom.fitted = true;
  if (!path) {
    picture.removeAttribute("src");
    say("No picture");
    return;
  }
  missing.hidden = true;
  picture.hidden = !sameStack;
  picture.alt = name;
  picture.onload = () => {
    picture.hidden = false;
    if (zoom.fitted) fitPicture();
    else applyZoom();
  };
  picture.onerror = () => say("The picture is missing");
  picture.src = address(path);
}

/** Move with one pointer, zoom with two or with the wheel. */
function startPicture() {
  const held = new Map();
  const apart = () => {
    const [a, b] = [...held.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoomBy(Math.exp(-event.deltaY * 0.002), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest(".stage-tools")) return;
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    stage.setPointerCapture(event.pointerId);
    stage.classList.add("held");
  });
  stage.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    if (!before) return;
    const distance = held.size === 2 ? apart() : 0;
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (held.size === 2) {
      const [a, b] = [...held.values()];
      const box = stage.getBoundingClientRect();
      zoomBy(apart() / distance, (a.x + b.x) / 2 - box.left, (a.y + b.y) / 2 - box.top);
      return;
    }
    zoom.x += event.clientX - before.x;
    zoom.y += event.clientY - before.y;
    applyZoom();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => {
      held.delete(event.pointerId);
      if (!held.size) stage.classList.remove("held");
    });
  }
  stage.addEventListener("dblclick", (event) => {
    const box = stage.getBoundingClientRect();
    if (event.target.closest(".stage-tools")) return;
    if (zoom.fitted) zoomBy(3, event.clientX - box.left, event.clientY - box.top);
    else fitPicture();
  });
  new ResizeObserver(() => (zoom.fitted ? fitPicture() : applyZoom())).observe(stage);
}
