// Tables that sort, filter and turn pages; every row opens its scene in the viewer.

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

function best(row, columns) { // the indexes of the best values in each group of columns that compete
  const found = new Set();
  for (const group of new Set(columns.map((column) => column.best && column.best.group).filter(Boolean))) {
    const rivals = columns.map((column, index) => [column, index]).filter(([column]) => column.best && column.best.group === group);
    const values = rivals.filter(([, index]) => row[index] !== null).map(([column, index]) => row[index] * column.best.way);
    const top = Math.max(...values);
    if (values.length > 1) rivals.forEach(([column, index]) => { if (row[index] !== null && row[index] * column.best.way === top) found.add(index); });
  }
  return found;
}

function interactiveTable(host, table, scenes, open) {
  const PAGE = 25;
  const rows = table.rows.map((row) => row.map(numeric));
  const texts = rows.map((row) => row.filter((value) => typeof value === "string").join("\n").toLowerCase());
  const groups = table.group === null ? [] : [...new Set(rows.map((row) => row[table.group]))].filter(Boolean).sort();
  const state = { sort: table.sort, direction: table.descending ? -1 : 1, words: "", group: "", sign: "", page: 0 };

  const status = make("span", { role: "status", "aria-live": "polite" });
  const body = make("tbody");
  const headers = table.columns.map((column, index) =>
    make("th", { scope: "col", class: column.digits === null ? "" : "num", title: column.help || column.label },
      make("button", { type: "button", onclick: () => sortBy(index) }, shortened(column.label, 28).replaceAll("-", "\u2011"))));
  const previous = make("button", { type: "button", onclick: () => turn(-1) }, "Previous");
  const next = make("button", { type: "button", onclick: () => turn(1) }, "Next");
  const search = make("input", { type: "search", placeholder: "Filter by name", "aria-label": "Filter " + table.caption, oninput: () => filter("words", search.value.toLowerCase()) });
  const choose = (label, options, key) => {
    const select = make("select", { "aria-label": label, onchange: () => filter(key, select.value) },
      ...options.map(([value, text]) => make("option", { value }, text)));
    return select;
  };
  const box = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": table.caption },
    make("table", { class: "scenes" }, make("caption", { class: "hidden" }, table.caption), make("thead", {}, make("tr", {}, ...headers)), body));

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
  function name(text) {
    const scene = scenes.get(text);
    const thumb = scene && scene.thumb ? make("img", { src: scene.thumb, alt: "", class: "thumb" }) : null;
    if (!scenes.size) return make("th", { scope: "row", title: text }, shortened(text, 44));
    return make("th", { scope: "row", title: text },
      make("button", { type: "button", class: "link", onclick: () => open(text) }, thumb, make("span", {}, shortened(text, 44))));
  }
  function cell(value, column, top) {
    const tone = column.signed && typeof value === "number" && value !== 0 ? (value * column.signed > 0 ? " better" : " worse") : "";
    return make("td", { class: (column.digits === null ? "" : "num") + tone + (top ? " best" : "") }, shown(value, column));
  }
  function line(index) {
    const tops = best(rows[index], table.columns);
    return make("tr", {}, ...rows[index].map((value, at) => (at === 0 ? name(value) : cell(value, table.columns[at], tops.has(at)))));
  }
  function draw() {
    const found = kept();
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    state.page = Math.min(state.page, pages - 1);
    const first = state.page * PAGE;
    const part = found.slice(first, first + PAGE);
    body.replaceChildren(...part.map(line));
    headers.forEach((header, index) => {
      header.setAttribute("aria-sort", state.sort !== index ? "none" : state.direction > 0 ? "ascending" : "descending");
    });
    status.textContent = (pages > 1 ? `${first + 1}\u2013${first + part.length} of ` : "") + `${found.length} `
      + (found.length === rows.length ? "" : `of ${rows.length} `) + (rows.length === 1 ? "scene" : "scenes");
    previous.disabled = state.page === 0;
    next.disabled = state.page === pages - 1;
    previous.hidden = next.hidden = pages === 1;
  }

  host.replaceChildren(
    make("div", { class: "controls" }, rows.length > 5 ? search : null,
      groups.length > 1 ? choose("Subset", [["", "All subsets"], ...groups.map((group) => [group, group])], "group") : null,
      table.sign === null || rows.length <= 5 ? null : choose("Better or worse", [["", "Better and worse"], ["1", "Better only"], ["-1", "Worse only"]], "sign"),
      make("span", { class: "grow" }), status, previous, next),
    box);
  draw();
}
