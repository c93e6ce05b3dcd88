"use strict";
// Tables that sort and filter, and the picture viewer. Strings from a run only ever become text, never markup.

const data = JSON.parse(document.getElementById("data").textContent);
const MISSING = "\u2013";

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// --- tables -------------------------------------------------------------------------------------------------------------

const numeric = (value) => (value === "Infinity" ? Infinity : value === "-Infinity" ? -Infinity : value);

function shown(value, column) {
  if (value === null) return MISSING;
  if (typeof value !== "number") return value;
  const sign = column.signed && value > 0 ? "+" : "";
  if (!Number.isFinite(value)) return value > 0 ? sign + "\u221e" : "\u2212\u221e";
  const text = value.toFixed(column.digits);
  return (sign + (Number(text) === 0 ? text.replace("-", "") : text)).replace("-", "\u2212");
}

function ordered(a, b, direction) { // what was not measured comes last, whichever way
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "string") return direction * a.localeCompare(b, undefined, { numeric: true });
  return direction * (a === b ? 0 : a - b);
}

function interactiveTable(host, table) {
  const PAGE = 25;
  const rows = table.rows.map((row) => row.map(numeric));
  const texts = rows.map((row) => row.filter((value) => typeof value === "string").join("\n").toLowerCase());
  const groups = table.group === null ? [] : [...new Set(rows.map((row) => row[table.group]))].filter(Boolean).sort();
  const state = { sort: table.sort, direction: table.descending ? -1 : 1, words: "", group: "", sign: "", page: 0 };

  const status = make("span", { role: "status", "aria-live": "polite" });
  const body = make("tbody");
  const headers = table.columns.map((column, index) =>
    make("th", { scope: "col", class: column.digits === null ? "" : "num", title: column.help },
      make("button", { type: "button", onclick: () => sortBy(index) }, column.label)));
  const previous = make("button", { type: "button", onclick: () => turn(-1) }, "Previous");
  const next = make("button", { type: "button", onclick: () => turn(1) }, "Next");
  const search = make("input", { type: "search", placeholder: "Filter by name", "aria-label": "Filter " + table.caption, oninput: () => filter("words", search.value.toLowerCase()) });
  const choose = (label, options, key) => {
    const select = make("select", { "aria-label": label, onchange: () => filter(key, select.value) },
      ...options.map(([value, text]) => make("option", { value }, text)));
    return select;
  };

  function sortBy(index) {
    state.direction = state.sort === index ? -state.direction : table.columns[index].signed || table.columns[index].digits === null ? 1 : -1;
    state.sort = index;
    state.page = 0;
    draw();
  }
  function filter(key, value) { state[key] = value; state.page = 0; draw(); }
  function turn(by) { state.page += by; draw(); }
  function kept() {
    const found = rows.map((row, index) => index).filter((index) =>
      texts[index].includes(state.words)
      && (!state.group || rows[index][table.group] === state.group)
      && (!state.sign || (rows[index][table.sign] !== null && Math.sign(rows[index][table.sign]) === Number(state.sign))));
    return found.sort((a, b) => ordered(rows[a][state.sort], rows[b][state.sort], state.direction) || a - b);
  }
  function cell(value, column, index) {
    if (index === 0) {
      const picture = pictures.findIndex((item) => item.scene === value);
      return make("th", { scope: "row" }, table.pictures && picture >= 0
        ? make("button", { type: "button", class: "link", title: "Show its pictures", onclick: () => showPicture(picture, true) }, value) : value);
    }
    const tone = column.signed && typeof value === "number" && value !== 0 ? (value * column.signed > 0 ? " better" : " worse") : "";
    return make("td", { class: (column.digits === null ? "" : "num") + tone }, shown(value, column));
  }
  function draw() {
    const found = kept();
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    state.page = Math.min(state.page, pages - 1);
    const first = state.page * PAGE;
    const part = found.slice(first, first + PAGE);
    body.replaceChildren(...part.map((index) => make("tr", {}, ...rows[index].map((value, at) => cell(value, table.columns[at], at)))));
    headers.forEach((header, index) => {
      header.setAttribute("aria-sort", state.sort !== index ? "none" : state.direction > 0 ? "ascending" : "descending");
    });
    status.textContent = (pages > 1 ? `${first + 1}\u2013${first + part.length} of ` : "") + `${found.length} `
      + (found.length === rows.length ? table.noun : `of ${rows.length} ${table.noun}`);
    previous.disabled = state.page === 0;
    next.disabled = state.page === pages - 1;
    previous.hidden = next.hidden = pages === 1;
  }

  host.replaceChildren(
    make("div", { class: "controls" }, search,
      groups.length > 1 ? choose("Subset", [["", "All subsets"], ...groups.map((group) => [group, group])], "group") : null,
      table.sign === null ? null : choose("Better or worse", [["", "Better and worse"], ["1", "Better only"], ["-1", "Worse only"]], "sign"),
      make("span", { class: "grow" }), status, previous, next),
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": table.caption },
      make("table", {}, make("caption", { class: "hidden" }, table.caption), make("thead", {}, make("tr", {}, ...headers)), body)));
  draw();
}

// --- pictures -----------------------------------------------------------------------------------------------------------

const pictures = data.pictures || [];
const viewer = document.getElementById("viewer");
const view = { at: 0, mode: "side", pair: 0, zoom: 1, x: 0.5, y: 0.5, split: 50 };
const MOST_ZOOM = 40;
let frames = [];
let showPicture = () => {};

function pressed(buttons, active) { buttons.forEach((button, index) => button.setAttribute("aria-pressed", index === active)); }

function startViewer() {
  const button = (label, name, action) => make("button", { type: "button", "aria-label": name, title: name, onclick: action }, label);
  const thumbs = pictures.map((item, index) => make("button", { type: "button", title: item.scene, "aria-label": `${item.scene}, ${item.note}`, onclick: () => select(index) },
    make("img", { src: item.thumb, alt: "" }), make("span", { class: "id" }, item.scene), make("span", {}, item.note)));
  const strips = data.strips.map((strip) => make("div", { role: "group", "aria-label": strip.label },
    make("h3", {}, strip.label), make("div", { class: "strip" }, ...strip.items.map((index) => thumbs[index]))));
  const modes = [button("Side by side", "Side by side", () => setMode("side")), button("Slider", "Slider", () => setMode("slide"))];
  const pairs = make("span", { class: "group", role: "group", "aria-label": "Pictures under the slider" });
  const percent = make("output", { "aria-label": "Zoom" });
  const panes = make("div", { class: "panes", tabindex: "0", role: "group", "aria-label": "Pictures. Arrow keys move, plus and minus zoom, 0 fits, 1 shows every pixel." });
  const slide = make("input", { type: "range", class: "slide", min: "0", max: "100", step: "0.5", "aria-label": "Divider between the two pictures", oninput: () => { view.split = Number(slide.value); place(); } });
  const about = make("p", { class: "hint", role: "status" });

  const item = () => pictures[view.at];
  const fit = () => (frames.length ? frames[0].box.clientWidth / item().width : 1);
  function clamp() {
    view.zoom = Math.min(Math.max(view.zoom, 1), MOST_ZOOM);
    const half = 0.5 / view.zoom;
    view.x = Math.min(Math.max(view.x, half), 1 - half);
    view.y = Math.min(Math.max(view.y, half), 1 - half);
  }
  function place() { // the one transform that all pictures share
    clamp();
    const scale = fit() * view.zoom;
    for (const { box, images, top, divider } of frames) {
      const left = box.clientWidth / 2 - view.x * item().width * scale;
      const upper = box.clientHeight / 2 - view.y * item().height * scale;
      for (const image of images) {
        image.style.transform = `translate(${left}px, ${upper}px) scale(${scale})`;
        image.classList.toggle("crisp", scale * devicePixelRatio >= 3);
      }
      if (top) {
        top.style.clipPath = `inset(0 0 0 ${view.split}%)`;
        divider.style.left = `${view.split}%`;
      }
    }
    slide.value = view.split;
    percent.textContent = `${Math.round(scale * 100)} %`;
  }
  function zoomBy(factor, atX = 0.5, atY = 0.5) { // the point of the frame under (atX, atY) stays where it is
    const before = view.zoom;
    view.zoom = Math.min(Math.max(before * factor, 1), MOST_ZOOM);
    view.x += (atX - 0.5) * (1 / before - 1 / view.zoom);
    view.y += (atY - 0.5) * (1 / before - 1 / view.zoom);
    place();
  }
  function everyPixel() { view.zoom = 1 / fit(); place(); }
  function whole() { view.zoom = 1; place(); }
  function move(x, y) { view.x += x / view.zoom; view.y += y / view.zoom; place(); }

  function picture(shot) { return make("img", { src: shot.src, alt: `${shot.label}, scene ${item().scene}`, width: item().width, height: item().height, draggable: "false" }); }
  function caption(shot) { return make("span", {}, make("b", {}, shot.label), shot.score ? " " + shot.score : ""); }
  function frame(shots) {
    const box = make("div", { class: "frame" });
    box.style.aspectRatio = `${item().width} / ${item().height}`;
    const images = shots.map(picture);
    const layers = images.map((image) => make("div", { class: "layer" }, image));
    const divider = shots.length > 1 ? make("div", { class: "divider" }) : null;
    box.append(...layers, ...(divider ? [divider] : []));
    drag(box, divider);
    frames.push({ box, images, top: layers[1], divider });
    return make("figure", {}, box, make("figcaption", {}, ...shots.map(caption)));
  }
  function drag(box, divider) {
    const fingers = new Map();
    let sliding = false;
    const inside = (event) => { const r = box.getBoundingClientRect(); return [(event.clientX - r.left) / r.width, (event.clientY - r.top) / r.height]; };
    box.addEventListener("pointerdown", (event) => {
      sliding = event.target === divider;
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      box.setPointerCapture(event.pointerId);
      box.classList.add("dragging");
    });
    box.addEventListener("pointermove", (event) => {
      const last = fingers.get(event.pointerId);
      if (!last) return;
      const spread = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
      const before = fingers.size === 2 ? spread() : 0;
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (sliding) { view.split = Math.min(Math.max(inside(event)[0] * 100, 0), 100); place(); }
      else if (before) zoomBy(spread() / before, ...inside(event));
      else move((last[0] - event.clientX) / box.clientWidth, (last[1] - event.clientY) / box.clientHeight);
    });
    const up = (event) => { fingers.delete(event.pointerId); if (!fingers.size) box.classList.remove("dragging"); };
    box.addEventListener("pointerup", up);
    box.addEventListener("pointercancel", up);
    box.addEventListener("dblclick", (event) => zoomBy(2, ...inside(event)));
    box.addEventListener("wheel", (event) => { // a plain wheel scrolls the page
      if (!event.ctrlKey && !event.metaKey && !panes.contains(document.activeElement)) return;
      event.preventDefault();
      zoomBy(Math.exp(-event.deltaY / 400), ...inside(event));
    }, { passive: false });
    box.addEventListener("pointerdown", () => panes.focus({ preventScroll: true }));
  }

  function couples() { // which pictures can lie over each other
    const shots = item().shots;
    return shots.length < 2 ? [] : shots.length === 2 ? [[0, 1]] : [[0, 1], [1, 2], [0, 2]];
  }
  function draw() {
    const { shots } = item();
    frames = [];
    view.pair = Math.min(view.pair, Math.max(couples().length - 1, 0));
    const sliding = view.mode === "slide" && couples().length > 0;
    panes.style.setProperty("--across", sliding ? 1 : shots.length);
    panes.classList.toggle("one", sliding);
    panes.replaceChildren(...(sliding ? [frame(couples()[view.pair].map((at) => shots[at]))] : shots.map((shot) => frame([shot]))));
    slide.hidden = !sliding;
    pairs.hidden = !sliding || couples().length < 2;
    const choices = couples().map((couple, index) => {
      const name = couple.map((at) => shots[at].label).join(" | ");
      return button(name, name, () => { view.pair = index; draw(); });
    });
    pairs.replaceChildren(...choices);
    pressed(choices, view.pair);
    pressed(modes, sliding ? 1 : 0);
    modes[1].disabled = couples().length === 0;
    pressed(thumbs, view.at);
    about.textContent = `${item().scene}: ${item().about}`;
    place();
  }
  function setMode(mode) { view.mode = mode; draw(); }
  function select(index) { view.at = index; whole(); draw(); }
  showPicture = (index, jump) => {
    select(index);
    if (jump) { document.getElementById("pictures").scrollIntoView(); panes.focus({ preventScroll: true }); }
  };

  panes.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
    const keys = { "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: whole, 1: everyPixel };
    if (moves[event.key]) move(...moves[event.key]);
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
  new ResizeObserver(place).observe(panes);
  viewer.replaceChildren(
    make("div", { class: "strips" }, ...strips),
    make("div", { class: "tools" },
      make("span", { class: "group", role: "group", "aria-label": "How to compare" }, ...modes), pairs, make("span", { class: "grow" }),
      make("span", { class: "group", role: "group", "aria-label": "Zoom" },
        button("\u2212", "Zoom out", () => zoomBy(1 / 1.5)), button("+", "Zoom in", () => zoomBy(1.5)),
        button("Fit", "Fit the whole picture", whole), button("1:1", "Show every pixel", everyPixel), percent)),
    panes, slide, about);
  draw();
}

if (viewer && pictures.length) startViewer();
for (const table of data.tables || []) interactiveTable(document.getElementById(table.id), table);
