"use strict";
// What all scripts of a page share. Strings from a run only ever become text, never markup.

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

function button(label, title, action) { // a sign is read aloud as its title, a word as it is
  return make("button", { type: "button", "aria-label": label.length > 3 ? label : title, title, onclick: action }, label);
}

function press(buttons, active) {
  buttons.forEach((each, index) => each.setAttribute("aria-pressed", index === active));
}

function shortened(text, most) { // cut in the middle, where names differ least
  if (text.length <= most) return text;
  const tail = Math.floor((most - 1) / 2);
  return text.slice(0, most - 1 - tail) + "\u2026" + text.slice(-tail);
}

function markScroll(host) { // a shadow on the side where a table goes on
  const update = () => {
    host.classList.toggle("more-left", host.scrollLeft > 1);
    host.classList.toggle("more-right", host.scrollLeft + host.clientWidth < host.scrollWidth - 1);
  };
  host.addEventListener("scroll", update, { passive: true });
  new ResizeObserver(update).observe(host);
  update();
  return update;
}
