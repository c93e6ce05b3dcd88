// Frames: windows onto pictures that all show the same place at the same scale. Scale 1 is one pixel of the picture for one
// pixel of the screen, whatever the browser's zoom or the screen's density.

const MOST_SCALE = 32;
const LENS_TIMES = 4;

function newView() { return { scale: 1, x: 0, y: 0, split: 50 }; } // x, y: the pixel in the middle of each frame

function frameOf(shots, sources, size, name) { // one window with a layer for each shot; the second can slide over the first
  const box = make("div", { class: "frame" });
  const images = shots.map((shot, index) => make("img", { src: sources[index], alt: `${shot.label}, scene ${name}`, width: size.width, height: size.height, draggable: "false" }));
  const layers = images.map((image) => make("div", { class: "layer" }, image));
  const glass = make("img", { alt: "", width: size.width, height: size.height, draggable: "false" });
  const lens = make("div", { class: "lens", hidden: true }, glass);
  box.append(...layers, lens);
  return { box, images, layers, lens, glass, divider: null };
}

function addDivider(frame, view, place) { // a handle to drag, and to move with the arrow keys
  const divider = make("div", { class: "divider", role: "slider", tabindex: "0", "aria-label": "Divider between the two pictures", "aria-valuemin": "0", "aria-valuemax": "100" });
  divider.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -100, End: 100 };
    if (!(event.key in steps)) return;
    view.split = Math.min(Math.max(view.split + steps[event.key], 0), 100);
    place();
    event.preventDefault();
    event.stopPropagation();
  });
  frame.divider = divider;
  frame.box.append(divider);
}

function placeFrame(frame, view, size) {
  const scale = view.scale / devicePixelRatio; // screen units for one pixel of the picture
  const whole = (value, origin) => Math.round((value + origin) * devicePixelRatio) / devicePixelRatio - origin; // onto the screen's own pixels
  const corner = frame.box.getBoundingClientRect();
  const left = whole(frame.box.clientWidth / 2 - view.x * scale, corner.left);
  const top = whole(frame.box.clientHeight / 2 - view.y * scale, corner.top);
  for (const image of frame.images) {
    image.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
    image.classList.toggle("crisp", view.scale >= 2 || view.scale === 1);
  }
  if (frame.divider) {
    frame.layers[1].style.clipPath = `inset(0 0 0 ${view.split}%)`;
    frame.divider.style.left = `${view.split}%`;
    frame.divider.setAttribute("aria-valuenow", Math.round(view.split));
  }
}

function clampView(view, frame, size) { // a picture larger than its frame fills it; a smaller one stays in the middle
  const scale = view.scale / devicePixelRatio;
  for (const [axis, length, room] of [["x", size.width, frame.box.clientWidth], ["y", size.height, frame.box.clientHeight]]) {
    const half = Math.min(room / scale, length) / 2;
    view[axis] = Math.min(Math.max(view[axis], half), length - half);
  }
}

function showLens(frames, view, atX, atY) { // the same place in every frame, enlarged; atX, atY from 0 to 1 within a frame
  for (const frame of frames) {
    const scale = view.scale / devicePixelRatio;
    const room = [frame.box.clientWidth, frame.box.clientHeight];
    const centre = [atX * room[0], atY * room[1]];
    const pixel = [view.x + (centre[0] - room[0] / 2) / scale, view.y + (centre[1] - room[1] / 2) / scale];
    if (frame.glass.src !== frame.images[0].src) frame.glass.src = frame.images[0].src;
    frame.lens.hidden = false;
    frame.lens.style.transform = `translate(${centre[0]}px, ${centre[1]}px) translate(-50%, -50%)`;
    const half = frame.lens.clientWidth / 2;
    frame.glass.style.transform = `translate(${half - pixel[0] * scale * LENS_TIMES}px, ${half - pixel[1] * scale * LENS_TIMES}px) scale(${scale * LENS_TIMES})`;
  }
}

function hideLens(frames) { frames.forEach((frame) => { frame.lens.hidden = true; }); }

function listen(frame, frames, view, actions) { // by mouse and by fingers: actions has place, move, zoom, focus and lens()
  const { box } = frame;
  const fingers = new Map();
  let sliding = false;
  const inside = (event) => { const r = box.getBoundingClientRect(); return [(event.clientX - r.left) / r.width, (event.clientY - r.top) / r.height]; };
  box.addEventListener("pointerdown", (event) => {
    sliding = event.target === frame.divider;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    box.setPointerCapture(event.pointerId);
    box.classList.add("dragging");
    hideLens(frames);
    if (!sliding) actions.focus();
  });
  box.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) {
      if (actions.lens() && event.pointerType === "mouse") showLens(frames, view, ...inside(event));
      return;
    }
    const spread = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
    const before = fingers.size === 2 ? spread() : 0;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (sliding) { view.split = Math.min(Math.max(inside(event)[0] * 100, 0), 100); actions.place(); }
    else if (before) actions.zoom(spread() / before, ...inside(event));
    else actions.move(last[0] - event.clientX, last[1] - event.clientY);
  });
  const up = (event) => { fingers.delete(event.pointerId); if (!fingers.size) box.classList.remove("dragging"); };
  box.addEventListener("pointerup", up);
  box.addEventListener("pointercancel", up);
  box.addEventListener("pointerleave", () => hideLens(frames));
  box.addEventListener("dblclick", (event) => actions.zoom(2, ...inside(event)));
  box.addEventListener("wheel", (event) => { // a plain wheel scrolls the page
    if (!event.ctrlKey && !event.metaKey && !actions.focused()) return;
    event.preventDefault();
    actions.zoom(Math.exp(-event.deltaY / 400), ...inside(event));
  }, { passive: false });
}
