/** @module The program of the page of explanations, as text: plain JavaScript for a browser, without anything from elsewhere. */

export const EXPLORER = `"use strict";
const { diverging, sequential, inputs } = JSON.parse(document.getElementById("data").textContent);
const make = (tag, props = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
};
const both = ({ en, zh }) => {
  if (en === zh) return document.createTextNode(en);
  const parts = document.createDocumentFragment();
  parts.append(make("span", { className: "en", textContent: en }), make("span", { className: "zh", textContent: zh }));
  return parts;
};
const say = (en, zh) => both({ en, zh });
const spoken = ({ en, zh }) => (document.getElementById("lang-zh")?.checked === true ? zh : en);
const format = (x) => (x === 0 ? "0" : Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3 ? x.toExponential(2) : String(Number(x.toPrecision(3))));
/** An element's name for those who do not see it, in the language of the page. */
const name = (element, what) => {
  const tell = () => { element.ariaLabel = spoken(what); };
  for (const radio of document.querySelectorAll("nav input")) radio.addEventListener("change", tell);
  tell();
  return element;
};
const LARGE = 10;
/** The steps of an arrow key, [right, down]; with Shift larger ones. Undefined for other keys. */
const stepsOf = ({ key, shiftKey }) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  return step?.map((d) => d * (shiftKey ? LARGE : 1));
};
/** The ink that is read best on a colour. */
const inkOn = (color) => {
  const [r, g, b] = [1, 3, 5].map((i) => Math.pow(parseInt(color.slice(i, i + 2), 16) / 255, 2.2));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.2 ? "#1b2129" : "#fff";
};
const unpack = (text) => Int8Array.from(atob(text), (c) => c.charCodeAt(0));
/** The colour of a share of the scale, -1 ... 1. */
const colorOf = (map, share) =>
  map.signed ? diverging[Math.round((share + 1) / 2 * (diverging.length - 1))] : sequential[Math.round(Math.max(0, share) * (sequential.length - 1))];

/** Makes the controls of an input: target, threshold, opacity. */
function controls(input, draw) {
  const targets = [...new Set(input.maps.map((map) => map.target))];
  const state = { target: targets[0], threshold: 0, opacity: 0.8 };
  const target = make("select", {}, ...targets.map((name) => make("option", { value: name, textContent: name })));
  target.addEventListener("change", () => { state.target = target.value; draw(state); });
  const slider = (value, set) => {
    const range = make("input", { type: "range", min: 0, max: 1, step: 0.02, value });
    range.addEventListener("input", () => { set(Number(range.value)); draw(state); });
    return range;
  };
  const bar = make("div", { className: "ask" });
  if (targets.length > 1) bar.append(make("label", {}, say("target", "目标"), target));
  bar.append(make("label", {}, say("show from", "显示下限"), slider(0, (v) => { state.threshold = v; })));
  if (input.kind === "image") bar.append(make("label", {}, say("opacity", "不透明度"), slider(state.opacity, (v) => { state.opacity = v; })));
  return { bar, state };
}

function legend(map) {
  const stops = Array.from({ length: 9 }, (_, i) => colorOf(map, map.signed ? i / 4 - 1 : i / 8));
  const bar = make("i");
  bar.style.background = "linear-gradient(90deg," + stops.join(",") + ")";
  return make("div", { className: "legend" }, format(map.signed ? -map.scale : 0), bar, format(map.scale));
}

/** The name of a method's picture of an input. */
const of = (input, { title }) => ({ en: input.name + ", " + title.en, zh: input.name + "，" + title.zh });

function imageCard(input, map, picture) {
  const values = unpack(map.values);
  const { width, height } = input;
  const canvas = name(make("canvas", { width, height, tabIndex: 0, role: "application" }), of(input, map));
  if (Math.max(width, height) <= 96) canvas.className = "small";
  const probe = make("div", { className: "probe", ariaLive: "polite" });
  const at = { x: width >> 1, y: height >> 1 };
  // The place that the arrow keys are at: a pointer shows its own.
  const place = make("i", { className: "place", hidden: true });
  const mark = (on) => {
    place.hidden = !on;
    place.style.left = (at.x + 0.5) / width * 100 + "%";
    place.style.top = (at.y + 0.5) / height * 100 + "%";
  };
  const tell = () => { probe.textContent = "(" + at.x + ", " + at.y + "): " + format(values[at.y * width + at.x] / 127 * map.scale); };
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    at.x = Math.max(0, Math.min(width - 1, Math.floor((event.clientX - box.left) / box.width * width)));
    at.y = Math.max(0, Math.min(height - 1, Math.floor((event.clientY - box.top) / box.height * height)));
    mark(false);
    tell();
  });
  canvas.addEventListener("blur", () => mark(false));
  canvas.addEventListener("focus", () => {
    if (!canvas.matches(":focus-visible")) return;
    mark(true);
    tell();
  });
  canvas.addEventListener("keydown", (event) => {
    const step = stepsOf(event);
    if (step === undefined) return;
    event.preventDefault();
    at.x = Math.max(0, Math.min(width - 1, at.x + step[0]));
    at.y = Math.max(0, Math.min(height - 1, at.y + step[1]));
    mark(true);
    tell();
  });
  const draw = ({ threshold, opacity }) => {
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0, width, height);
    const pixels = context.getImageData(0, 0, width, height);
    for (let p = 0; p < values.length; p++) {
      const share = values[p] / 127;
      const strength = Math.abs(share);
      if (strength < threshold) continue;
      const color = parseInt(colorOf(map, map.signed ? Math.sign(share) : share).slice(1), 16);
      const weight = map.signed ? opacity * Math.pow(strength, 0.8) : opacity * 0.75;
      const grey = 0.299 * pixels.data[4 * p] + 0.587 * pixels.data[4 * p + 1] + 0.114 * pixels.data[4 * p + 2];
      for (let c = 0; c < 3; c++) {
        const ink = color >> (16 - 8 * c) & 255;
        pixels.data[4 * p + c] = grey * (1 - weight) + ink * weight;
      }
    }
    context.putImageData(pixels, 0, 0);
    context.strokeStyle = "#0d9488";
    context.lineWidth = Math.max(1, Math.max(width, height) / 150);
    for (const box of input.boxes) context.strokeRect(box.left, box.top, box.width, box.height);
  };
  return { body: [make("div", { className: "frame" }, canvas, place), probe], draw };
}

function textCard(input, map) {
  const values = unpack(map.values);
  const body = name(make("div", { className: "shaded", dir: "auto", role: "group" }), of(input, map));
  const probe = make("div", { className: "probe", ariaLive: "polite" });
  const words = [];
  let at = 0;
  for (let w = 0; 2 * w < input.offsets.length; w++) {
    const [start, end] = [input.offsets[2 * w], input.offsets[2 * w + 1]];
    body.append(input.text.slice(at, start));
    // One stop for the tabulator: the arrow keys go on from there.
    const word = make("span", { textContent: input.text.slice(start, end), tabIndex: w === 0 ? 0 : -1 });
    const tell = () => { probe.textContent = word.textContent + ": " + format(map.numbers[w]); };
    word.addEventListener("pointerenter", tell);
    word.addEventListener("focus", () => {
      for (const other of words) other.tabIndex = other === word ? 0 : -1;
      tell();
    });
    words.push(word);
    body.append(word);
    at = end;
  }
  body.append(input.text.slice(at));
  body.addEventListener("keydown", (event) => {
    const now = words.indexOf(event.target);
    const [right, down] = stepsOf(event) ?? [];
    const ends = { Home: 0, End: words.length - 1 };
    if (now < 0 || (right === undefined && ends[event.key] === undefined)) return;
    event.preventDefault();
    const forward = getComputedStyle(body).direction === "rtl" ? -1 : 1;
    const to = ends[event.key] ?? now + forward * right + down;
    words[Math.max(0, Math.min(words.length - 1, to))].focus();
  });
  const draw = ({ threshold }) => words.forEach((word, w) => {
    const share = values[w] / 127;
    const shows = Math.abs(share) >= threshold && share !== 0;
    word.style.background = shows ? colorOf(map, share) : "";
    word.style.color = shows ? inkOn(colorOf(map, share)) : "";
  });
  return { body: [body, probe], draw };
}

function matrixCard(input, map) {
  const values = unpack(map.values);
  const { sources, targets } = input;
  const visible = (token) => token.replaceAll("\\n", "⏎").replace(/^ +$/, "·");
  const probe = make("div", { className: "probe", ariaLive: "polite" });
  const at = { row: 0, column: 0 };
  const columns = sources.map((token) => make("th", { textContent: visible(token), scope: "col" }));
  const lines = targets.map((token, t) => {
    const head = make("th", { textContent: visible(token), scope: "row" });
    const cells = sources.map((_, s) => {
      const cell = make("td");
      cell.addEventListener("pointerenter", () => move(t, s));
      return cell;
    });
    return { head, cells };
  });
  const move = (row, column) => {
    for (const one of body.querySelectorAll(".at")) one.classList.remove("at");
    at.row = Math.max(0, Math.min(targets.length - 1, row));
    at.column = Math.max(0, Math.min(sources.length - 1, column));
    const line = lines[at.row];
    if (line === undefined || columns[at.column] === undefined) return;
    for (const one of [line.head, columns[at.column], line.cells[at.column]]) one.classList.add("at");
    probe.textContent = visible(sources[at.column]) + " → " + visible(targets[at.row]) + ": " + format(map.numbers[at.row * sources.length + at.column]);
  };
  const table = make("table", {}, make("thead", {}, make("tr", {}, make("th"), ...columns)),
    make("tbody", {}, ...lines.map(({ head, cells }) => make("tr", {}, head, ...cells))));
  const body = name(make("div", { className: "matrix", tabIndex: 0, role: "group" }, table), of(input, map));
  body.addEventListener("keydown", (event) => {
    const step = stepsOf(event);
    if (step === undefined) return;
    event.preventDefault();
    move(at.row + step[1], at.column + step[0]);
    lines[at.row]?.cells[at.column]?.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  body.addEventListener("focus", () => move(at.row, at.column));
  const draw = ({ threshold }) => lines.forEach(({ cells }, t) => cells.forEach((cell, s) => {
    const share = values[t * sources.length + s] / 127;
    cell.style.background = Math.abs(share) >= threshold ? colorOf(map, share) : "";
  }));
  return { body: [body, probe], draw };
}

function barCard(input, map) {
  const values = unpack(map.values);
  const order = input.names.map((_, i) => i).sort((a, b) => Math.abs(values[b]) - Math.abs(values[a]));
  const body = make("div", { className: "bars" });
  const draw = ({ threshold }) => body.replaceChildren(...order.filter((i) => Math.abs(values[i] / 127) >= threshold).flatMap((i) => {
    const bar = make("i");
    bar.style.background = colorOf(map, values[i] < 0 ? -1 : 1);
    bar.style.width = Math.max(1, Math.abs(values[i]) / 1.27) + "%";
    return [make("span", { textContent: input.names[i] }), bar, make("span", { textContent: format(map.numbers[i]) })];
  }));
  return { body: [body], draw };
}

async function show(input) {
  const picture = input.kind === "image" ? await createImageBitmap(await (async () => {
    const bytes = Uint8Array.from(atob(input.png.split(",")[1]), (c) => c.charCodeAt(0));
    return new Blob([bytes], { type: "image/png" });
  })()) : undefined;
  const section = make("section");
  const grid = make("div", { className: input.kind === "image" ? "maps" : input.kind === "matrix" ? "maps whole" : "maps wide" });
  const cards = input.maps.map((map) => {
    const made = input.kind === "image" ? imageCard(input, map, picture) : input.kind === "text" ? textCard(input, map)
      : input.kind === "matrix" ? matrixCard(input, map) : barCard(input, map);
    const figures = map.figures.flatMap(({ name, value }) => [make("br"), both(name), " " + value]);
    const about = make("p", { className: "soft" }, map.target + ": " + format(map.score), ...figures);
    const more = map.remarks.length === 0 ? [] : [make("details", {}, make("summary", {}, say("how it was made", "如何得出")), ...map.remarks.map((text) => make("p", {}, both(text))))];
    const figure = make("figure", {}, make("h3", {}, both(map.title)), ...made.body, legend(map), about, ...more);
    grid.append(figure);
    return { figure, map, draw: made.draw };
  });
  const draw = (state) => cards.forEach((card) => {
    card.figure.hidden = card.map.target !== state.target;
    if (!card.figure.hidden) card.draw(state);
  });
  const { bar, state } = controls(input, draw);
  const methods = [...new Set(input.maps.map((map) => map.title.en))];
  if (methods.length > 1) {
    const hidden = new Set();
    for (const name of methods) {
      const box = make("input", { type: "checkbox", checked: true });
      box.addEventListener("change", () => {
        if (box.checked) hidden.delete(name); else hidden.add(name);
        cards.forEach((card) => { card.figure.style.display = hidden.has(card.map.title.en) ? "none" : ""; });
      });
      bar.append(make("label", {}, box, both(input.maps.find((map) => map.title.en === name).title)));
    }
  }
  section.append(make("h2", { textContent: input.name }), bar, grid);
  if (input.missing.length > 0) section.append(make("details", {}, make("summary", {}, say("methods that this model cannot have", "该模型无法使用的方法")),
    ...input.missing.map(({ title, reason }) => make("p", {}, both(title), ": " + reason))));
  document.getElementById("inputs").append(section);
  draw(state);
}
(async () => { for (const input of inputs) await show(input); })();
`;
