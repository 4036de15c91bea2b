/**
 * @module The script of the page, as text: it runs in the visitor's browser, and everything that it shows is set as text.
 */

export const PAGE_SCRIPT = String.raw`const WORDS = {
  en: {
    other: "中文", key: "API key (where the server asks for one)", model: "Model", send: "Send", explain: "Explain", same: "The same from a shell",
    text: "Text", image: "Image", row: "Row", prompt: "Message", tensors: "Request (Open Inference Protocol)", waiting: "Working …",
    none: "no model is ready", json: 'row: expected an object of columns in JSON, such as {"area": 5}, got another text', gone: "expected an answer of the server, got none; is it running?", takes: { text: "takes texts", image: "takes images", table: "takes rows of a table", prompt: "continues texts", tensors: "takes tensors" },
  },
  zh: {
    other: "English", key: "API 密钥（服务器要求时填写）", model: "模型", send: "发送", explain: "解释", same: "在命令行中的写法",
    text: "文本", image: "图像", row: "一行数据", prompt: "消息", tensors: "请求（Open Inference Protocol）", waiting: "正在计算……",
    none: "没有可用的模型", json: '一行数据：应为 JSON 形式的列对象，例如 {"area": 5}，而不是其他文本', gone: "服务器没有回应；它在运行吗？", takes: { text: "输入文本", image: "输入图像", table: "输入表格的一行", prompt: "续写文本", tensors: "输入张量" },
  },
};
const $ = (id) => document.getElementById(id);
let language = navigator.language.startsWith("zh") ? "zh" : "en";
let models = [];
const word = (name) => WORDS[language][name];
const make = (tag, text, className) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className !== undefined) element.className = className;
  return element;
};
const chosen = () => models[$("model").selectedIndex];
// A language model without a template for conversations goes on with a text.
const isCompletion = (model) => model.takes === "prompt" && !model.capabilities.includes("chat");
const headers = (more = {}) => ({ ...more, ...($("key").value === "" ? {} : { authorization: "Bearer " + $("key").value }) });

function speak() {
  document.documentElement.lang = language;
  $("language").textContent = word("other");
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  show();
}

async function load() {
  const response = await fetch("/models", { headers: headers() });
  const body = await response.json();
  if (!response.ok) { fail(body.error); return; }
  $("answer").replaceChildren();
  models = body.models.filter((model) => model.ready);
  $("model").replaceChildren(...models.map((model) => make("option", model.name + (model.version === "1" ? "" : "@" + model.version))));
  show();
}

function field(name, element, label) {
  element.name = name;
  element.id = "in-" + name;
  const title = make("label", label);
  title.htmlFor = element.id;
  return [title, element];
}

function show() {
  const model = chosen();
  $("inputs").replaceChildren();
  $("explain").hidden = true;
  if (model === undefined) { $("about").textContent = word("none"); return; }
  $("about").textContent = [model.task, word("takes")[model.takes], ...(model.classes?.length > 0 ? [model.classes.slice(0, 12).join(", ")] : [])].join(" · ");
  $("explain").hidden = !model.capabilities.includes("explain");
  if (model.takes === "image") {
    const input = make("input");
    input.type = "file";
    input.accept = "image/*";
    input.required = true;
    $("inputs").append(...field("image", input, word("image")));
  } else if (model.takes === "table" && model.columns) {
    const grid = make("div", undefined, "grid");
    for (const column of model.columns) {
      const cell = make("div");
      cell.append(...field(column, make("input"), column));
      grid.append(cell);
    }
    $("inputs").append(grid);
  } else {
    const area = make("textarea");
    area.required = true;
    $("inputs").append(...field("text", area, word(model.takes === "table" ? "row" : isCompletion(model) ? "text" : model.takes)));
  }
  curl();
}

function rowIn(text) {
  try {
    const row = JSON.parse(text);
    if (typeof row === "object" && row !== null && !Array.isArray(row)) return row;
  } catch { /* said below */ }
  throw new Error(word("json"));
}

function request(extra = {}) {
  const model = chosen();
  const about = { model: model.name, version: model.version, ...extra };
  const fields = [...$("inputs").querySelectorAll("input,textarea")];
  if (model.takes === "image") {
    const form = new FormData();
    for (const [name, value] of Object.entries(about)) form.append(name, String(value));
    if (fields[0].files.length > 0) form.append("image", fields[0].files[0]);
    return { body: form, headers: headers() };
  }
  const instance = model.takes === "table"
    ? model.columns ? Object.fromEntries(fields.filter((each) => each.value !== "").map((each) => [each.name, each.value])) : rowIn(fields[0].value)
    : fields[0].value;
  return { body: JSON.stringify({ ...about, instances: [instance] }), headers: headers({ "content-type": "application/json" }) };
}

function curl() {
  const model = chosen();
  const at = location.origin;
  const quoted = (text) => "'" + text.replaceAll("'", "'\\''") + "'";
  if (model.takes === "image") $("curl").textContent = "curl " + at + "/predict -F " + quoted("model=" + model.name) + " -F image=@photo.jpg";
  else if (model.takes === "prompt") {
    const { path, body } = chatRequest(false);
    $("curl").textContent = "curl " + at + path + " -d " + quoted(JSON.stringify(body));
  } else if (model.takes === "tensors") $("curl").textContent = "curl " + at + "/v2/models/" + model.name;
  else {
    let body = JSON.stringify({ model: model.name, instances: [{}] });
    try { body = request().body; } catch { /* what is typed is no JSON yet */ }
    $("curl").textContent = "curl " + at + "/predict -H 'content-type: application/json' -d " + quoted(body);
  }
}

// A request that reached nobody is a TypeError with the browser's own words.
const reason = (error) => (error instanceof TypeError ? word("gone") : error.message);
const fail = (text) => $("answer").replaceChildren(make("p", text, "failure"));

function bar(label, value, most) {
  const row = make("div", undefined, "bar");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 10");
  svg.setAttribute("preserveAspectRatio", "none");
  const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  rect.setAttribute("height", "10");
  rect.setAttribute("width", String((100 * Math.abs(value)) / most));
  rect.setAttribute("fill", value < 0 ? "#c2410c" : "#1b5fbf");
  svg.append(rect);
  row.append(make("span", label), svg, make("span", value.toFixed(3)));
  return row;
}

function answered(body) {
  const parts = [];
  for (const { probabilities, ...rest } of body.answers ?? []) {
    if (rest.label !== undefined) parts.push(make("h2", String(rest.label)));
    const sorted = Object.entries(probabilities ?? {}).sort((a, b) => b[1] - a[1]).slice(0, 10);
    for (const [label, value] of sorted) parts.push(bar(label, value, 1));
    if (probabilities === undefined) parts.push(make("pre", JSON.stringify(rest, null, 2)));
  }
  for (const one of body.explanations ?? []) {
    parts.push(make("h2", one.method + " · " + one.target));
    if (one.picture !== undefined) {
      const image = make("img");
      image.alt = one.method;
      image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(one.picture);
      parts.push(image);
    }
    // The picture shows the same.
    const bars = one.picture === undefined ? (one.contributions ?? []) : [];
    const most = Math.max(1e-12, ...bars.map(({ value }) => Math.abs(value)));
    for (const { label, value } of bars) parts.push(bar(label, value, most));
    for (const remark of one.remarks) parts.push(make("p", remark));
  }
  for (const note of body.notes ?? []) parts.push(make("p", note));
  $("answer").replaceChildren(...parts);
}

function chatRequest(stream) {
  const model = chosen();
  const content = $("inputs").querySelector("textarea")?.value ?? "";
  const more = { max_tokens: 256, stream };
  return isCompletion(model)
    ? { path: "/v1/completions", body: { model: model.name, prompt: content, ...more } }
    : { path: "/v1/chat/completions", body: { model: model.name, messages: [{ role: "user", content }], ...more } };
}

async function chat() {
  const { path, body } = chatRequest(true);
  const response = await fetch(path, { method: "POST", headers: headers({ "content-type": "application/json" }), body: JSON.stringify(body) });
  if (!response.ok) { fail((await response.json()).error.message); return; }
  const shown = make("pre", "");
  $("answer").replaceChildren(shown);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest_ = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest_ + value).split("\n");
    rest_ = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
      const event = JSON.parse(line.slice(6));
      if (event.error !== undefined) { fail(event.error.message); return; }
      const choice = event.choices[0];
      shown.textContent += choice?.delta?.content ?? choice?.text ?? "";
    }
  }
}

async function post(path, extra) {
  const response = await fetch(path, { method: "POST", ...request(extra) });
  const body = await response.json();
  if (response.ok) answered(body);
  else fail(body.error);
}

async function infer() {
  const { name, version } = chosen();
  const response = await fetch("/v2/models/" + name + "/versions/" + version + "/infer", {
    method: "POST", headers: headers({ "content-type": "application/json" }), body: $("inputs").querySelector("textarea").value,
  });
  const body = await response.json();
  if (response.ok) $("answer").replaceChildren(make("pre", JSON.stringify(body, null, 2)));
  else fail(body.error);
}

async function work(what) {
  for (const button of document.querySelectorAll(".buttons button")) button.disabled = true;
  $("answer").replaceChildren(make("p", word("waiting")));
  try { await what(); } catch (error) { fail(reason(error)); }
  for (const button of document.querySelectorAll(".buttons button")) button.disabled = false;
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const { takes } = chosen();
  void work(takes === "prompt" ? chat : takes === "tensors" ? infer : () => post("/predict", {}));
});
$("form").addEventListener("input", curl);
$("explain").addEventListener("click", () => void work(() => post("/explain", { picture: true })));
$("model").addEventListener("change", () => { $("answer").replaceChildren(); show(); });
const reload = () => void load().catch((error) => fail(reason(error)));
$("key").addEventListener("change", reload);
$("language").addEventListener("click", () => { language = language === "en" ? "zh" : "en"; speak(); });
speak();
reload();
`;
