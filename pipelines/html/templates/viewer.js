// The picture viewer: one place in which the pictures of a scene are compared, by a slider, side by side or by blinking.

const BLINK_MS = 700;
const MODES = [["slider", "Slider"], ["side", "Side by side"], ["blink", "Blink"]];

function pictureViewer(host, { scenes, mode, hint, lens }) {
  const full = scenes.filter((scene) => scene.shots.length);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const view = newView();
  const state = { at: 0, mode, pair: [0, 1], errors: false, lens: Boolean(lens), second: false, drawing: 0 };
  let frames = [];
  let timer = 0;

  const modes = MODES.map(([key, label]) => button(label, label, () => change({ mode: key })));
  const pickers = [0, 1].map((side) => make("select", { "aria-label": side ? "Right picture" : "Left picture", onchange: () => {
    state.pair[side] = Number(pickers[side].value);
    draw();
  } }));
  const pair = make("span", { class: "group pair" }, pickers[0], make("span", { "aria-hidden": "true" }, "|"), pickers[1]);
  const errors = button("Error map", `How far each picture is from the target, times ${ERROR_GAIN}`, () => change({ errors: !state.errors }));
  const glass = button("Lens", `A lens over all pictures, times ${LENS_TIMES}`, () => change({ lens: !state.lens }));
  const percent = make("output", { "aria-label": "Zoom: pixels of the screen for one of the picture" });
  const panes = make("div", { class: "panes", tabindex: "0", role: "group", "aria-label": "Pictures. Arrow keys move, plus and minus zoom, 0 fits, 1 shows one pixel as one, n and p change the scene, space flips when blinking." });
  const about = make("p", { class: "about", role: "status" });
  const film = make("div", { class: "film", role: "group", "aria-label": "Scenes" });
  const thumbs = full.map((scene, index) => make("button", { type: "button", title: scene.name, "aria-label": `${scene.name}, ${scene.note}`, onclick: () => select(index) },
    make("img", { src: scene.thumb, alt: "", loading: "lazy" }), make("span", { class: "id" }, shortened(scene.name, 13)), make("span", {}, scene.note)));
  const tools = make("div", { class: "tools" },
    make("span", { class: "group", role: "group", "aria-label": "How to compare" }, ...modes), pair, errors, glass,
    make("span", { class: "grow" }),
    make("span", { class: "group", role: "group", "aria-label": "Zoom" },
      button("\u2212", "Zoom out", () => zoom(1 / 1.5)), button("+", "Zoom in", () => zoom(1.5)),
      button("Fit", "Fit the picture into its frame", fit), button("1:1", "One pixel of the picture for one of the screen", () => zoom(1 / view.scale)), percent));

  const scene = () => full[state.at];
  const targetOf = (one) => one.shots.find((shot) => shot.label === "Target");
  function place() {
    if (!frames.length) return;
    clampView(view, frames[0], scene());
    frames.forEach((frame) => placeFrame(frame, view, scene()));
    percent.textContent = `${Math.round(view.scale * 100)} %`;
  }
  function fitting() { const { box } = frames[0]; return Math.min(box.clientWidth / scene().width, box.clientHeight / scene().height) * devicePixelRatio; }
  function zoom(factor, atX = 0.5, atY = 0.5) { // the pixel under (atX, atY) stays where it is
    const { box } = frames[0];
    const before = view.scale;
    const wanted = Math.min(Math.max(before * factor, Math.min(fitting(), 1)), MOST_SCALE);
    view.scale = before !== 1 && Math.abs(wanted - 1) < 0.02 ? 1 : wanted;
    const moved = (1 / before - 1 / view.scale) * devicePixelRatio;
    view.x += (atX - 0.5) * box.clientWidth * moved;
    view.y += (atY - 0.5) * box.clientHeight * moved;
    place();
  }
  function fit() { view.scale = fitting(); place(); }
  function move(x, y) { view.x += (x * devicePixelRatio) / view.scale; view.y += (y * devicePixelRatio) / view.scale; place(); }

  async function sourceOf(shot) {
    const target = targetOf(scene());
    return state.errors && target && shot !== target ? errorMap(shot, target, scene().width, scene().height) : shot.src;
  }
  function caption(shot) {
    const error = state.errors && shot.label !== "Target" ? ` error \u00d7 ${ERROR_GAIN}${scene().lossless ? "" : ", of compressed pictures"}` : "";
    return make("span", { class: shot.best ? "best" : "", title: shot.label }, make("b", {}, shortened(shot.label, 32)), error, shot.score ? " " + shot.score : "");
  }
  async function figure(shots) {
    const frame = frameOf(shots, await Promise.all(shots.map(sourceOf)), scene(), scene().name);
    if (shots.length > 1 && state.mode === "slider") addDivider(frame, view, place);
    return [frame, make("figure", {}, frame.box, make("figcaption", {}, ...shots.map(caption)))];
  }
  async function draw() {
    const turn = (state.drawing += 1);
    const { shots } = scene();
    const paired = state.mode !== "side" && shots.length > 1;
    state.pair = state.pair.map((at) => Math.min(at, shots.length - 1));
    const made = await Promise.all((paired ? [state.pair.map((at) => shots[at])] : shots.map((shot) => [shot])).map(figure));
    if (turn !== state.drawing) return; // another choice was made meanwhile
    frames = made.map(([frame]) => frame);
    const across = paired ? 1 : Math.min(shots.length, shots.length === 4 ? 2 : 3);
    panes.style.setProperty("--across", across);
    panes.style.setProperty("--down", Math.ceil(frames.length / across));
    panes.replaceChildren(...made.map(([, element]) => element));
    frames.forEach((frame) => listen(frame, frames, view, { place, move, zoom, focus: () => panes.focus({ preventScroll: true }), focused: () => panes.contains(document.activeElement), lens: () => state.lens && !paired }));
    pair.hidden = !paired || shots.length < 3;
    pickers.forEach((picker, side) => {
      picker.replaceChildren(...shots.map((shot, at) => make("option", { value: at }, shortened(shot.label, 32))));
      picker.value = state.pair[side];
    });
    press(modes, shots.length > 1 ? MODES.findIndex(([key]) => key === state.mode) : 1);
    errors.hidden = !targetOf(scene());
    errors.setAttribute("aria-pressed", state.errors);
    glass.hidden = paired;
    glass.setAttribute("aria-pressed", state.lens);
    press(thumbs, state.at);
    const { x, y, width, height, whole } = scene();
    const part = width < whole[0] || height < whole[1] ? `; shown: ${width} \u00d7 ${height} from (${x}, ${y}), where the pictures differ most` : "";
    about.replaceChildren(make("b", { title: scene().name }, shortened(scene().name, 60)), scene().note ? ` ${scene().note}` : "", ` \u00b7 ${scene().about}${part}`);
    clearInterval(timer);
    state.second = false;
    if (paired && state.mode === "blink") {
      flip();
      if (!still) timer = setInterval(flip, BLINK_MS);
    }
    place();
  }
  function flip() {
    state.second = !state.second;
    frames[0].layers[1].hidden = !state.second;
    panes.querySelectorAll("figcaption > span").forEach((each, index) => each.classList.toggle("off", Boolean(index) !== state.second));
  }
  function change(values) { Object.assign(state, values); return draw(); }
  function select(index) {
    state.at = (index + full.length) % full.length;
    Object.assign(view, { x: scene().width / 2, y: scene().height / 2 });
    thumbs[state.at].parentElement.scrollTo({ left: thumbs[state.at].offsetLeft - film.clientWidth / 2, behavior: "instant" });
    return draw();
  }
  function open(name) { // from a row of a table
    const index = full.findIndex((each) => each.name === name);
    const found = scenes.find((each) => each.name === name);
    lost.hidden = index >= 0;
    shownAt.hidden = index < 0;
    if (index >= 0) select(index);
    else lost.replaceChildren(found && found.thumb ? make("img", { src: found.thumb, alt: `Thumbnail of ${name}` }) : "", make("p", {}, make("b", {}, name)), make("p", { class: "hint" }, hint),
      make("button", { type: "button", onclick: () => { lost.hidden = true; shownAt.hidden = false; place(); } }, "Back to the pictures"));
    host.scrollIntoView();
    (index >= 0 ? panes : lost.querySelector("button")).focus({ preventScroll: true });
  }

  panes.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const keys = { "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: fit, 1: () => zoom(1 / view.scale), n: () => select(state.at + 1), p: () => select(state.at - 1), " ": () => state.mode === "blink" && (clearInterval(timer), flip()) };
    if (moves[event.key]) move(...moves[event.key].map((way) => way * frames[0].box.clientWidth * 0.1));
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
  new ResizeObserver(place).observe(panes);
  film.append(...(full.length > 1 ? thumbs : []));
  const shownAt = make("div", {}, tools, panes, about);
  const lost = make("div", { class: "lost", hidden: true, role: "status" });
  host.replaceChildren(shownAt, lost, film);
  markScroll(film);
  select(0);
  return open;
}
