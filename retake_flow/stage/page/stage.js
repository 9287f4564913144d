// Stage: draws the state of a stream. `window.update(state)` takes the whole state (schemas/stage.schema.json) and changes what differs.
"use strict";

const WORDS = {
  starting: "Starting soon", live: "Now", welcome: "Live now: say something in the chat.", brb: "Be right back", ended: "Thank you for watching",
  on_air: "LIVE", quiet: "Say hello, this chat is read.", new: "new", agent: "agent",
  tips: "tips", follows: "follows", followed: "New follower", buy: "buys", sell: "sells", trades: "trades",
  time: "On air", messages: "Messages", viewers: "Viewers at most", supporters: "Tips",
};
const THEME = ["accent", "background", "text", "live", "fresh", "font", "heading"];
const MOST = { log: 40, chat: 60, text: 1200, name: 60, ticker: 20 };
const TICKER_SECONDS = 8;
const FEW = 3; // entries of the log beside which the face stays large

const byId = (id) => document.getElementById(id);
let state = {}, words = WORDS, received = 0, turn = 0, began = Infinity;

/** Text to show: without control characters and marks that turn the direction of writing, and with few combining marks. */
function clean(value, most = MOST.text) {
  const text = String(value ?? "").slice(0, most).toWellFormed();
  return text.replace(/[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/gu, " ").replace(/(\p{M}{3})\p{M}+/gu, "$1");
}

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) {
    made.textContent = text;
    made.dir = "auto";
  }
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
    come(node);
  }
  node.hidden = !text;
}

/** Lets something new come in, briefly; nothing moves for ever. The first picture is whole at once. */
function come(node) {
  if (performance.now() - began < 500) return;
  node.animate([{ opacity: 0, transform: "translateY(0.5rem)" }, {}], { duration: 240, easing: "ease-out" });
}

/** Makes the children of a list those of `items`, newest first, and keeps the elements of items that are there already. */
function reconcile(list, items, key, make) {
  const there = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item, index) => {
    const name = key(item, index);
    const child = there.get(name) ?? make(item);
    child.dataset.key = name;
    there.delete(name);
    return child;
  });
  for (const child of there.values()) child.remove();
  wanted.reverse().forEach((child, index) => {
    if (list.children[index] === child) return;
    list.insertBefore(child, list.children[index] ?? null);
    come(child);
  });
}

const keyOf = (item, index) => String(item.id ?? index) + "\0" + JSON.stringify(item);

// --- header and headline ------------------------------------------------------------------------------------

const two = (number) => String(number).padStart(2, "0");

function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

function hours(epoch) {
  const date = new Date(epoch * 1000);
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
}

const now = () => (state.now ?? Date.now() / 1000) + (performance.now() - received) / 1000;

function tick() {
  const scene = document.body.dataset.scene;
  const onAir = byId("onair");
  const since = state.on_air_since;
  const running = Number.isFinite(since) && scene !== "ended" && scene !== "starting";
  onAir.hidden = !running;
  setText(onAir.querySelector("b"), scene === "live" ? words.on_air : "");
  onAir.querySelector("time").textContent = running ? span(now() - since) : "";
  byId("clock").textContent = `${hours(now())} UTC`;
}

function drawHeader() {
  const name = clean(state.agent?.name || "retake-flow", MOST.name);
  byId("agent").textContent = name;
  const viewers = byId("viewers");
  viewers.hidden = !(state.viewers > 0);
  viewers.querySelector("b").textContent = (state.viewers ?? 0).toLocaleString("en");
}

function drawHeadline(scene) {
  const title = clean(state.title, 300), name = clean(state.agent?.name || "retake-flow", MOST.name);
  setText(byId("kicker"), scene === "live" ? (title ? words.live : "") : title ? name : "");
  setText(byId("title"), scene === "live" ? title || name : words[scene]);
  setText(byId("note"), clean(state.note, 400) || (scene !== "live" ? title || name : title ? "" : words.welcome));
  const summary = state.summary ?? {};
  const known = ["time", "viewers", "messages", "supporters"].filter((each) => summary[each]);
  byId("summary").replaceChildren(...known.map((each) => {
    const box = element("div");
    const value = each === "time" ? span(summary.time) : Number(summary[each]).toLocaleString("en");
    box.append(element("dd", "", value), element("dt", "", words[each]));
    return box;
  }));
}

// --- the face -----------------------------------------------------------------------------------------------

function hashed(text) {
  let value = 2166136261;
  for (const letter of text) value = Math.imul(value ^ letter.codePointAt(0), 16777619);
  return value >>> 0;
}

function shape(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A face that a name always gets: one of some thousand. */
function face(name) {
  const seed = hashed(name);
  const pick = (shift, of) => (seed >>> shift) % of;
  const hue = pick(0, 36) * 10, other = (hue + 150 + pick(5, 5) * 20) % 360;
  const skin = `oklch(0.86 0.09 ${hue})`, deep = `oklch(0.27 0.06 ${other})`, ink = `oklch(0.24 0.05 ${hue})`, bright = `oklch(0.72 0.15 ${other})`;
  const radius = [26, 38, 50][pick(9, 3)];
  const gap = 24 + pick(11, 3) * 4, eye = [[9, 9], [8, 12], [11, 11]][pick(13, 3)];
  const at = [100 - gap, 100 + gap];
  const extras = [
    [shape("path", { d: "M100 50V28", stroke: skin, "stroke-width": 6 }), shape("circle", { cx: 100, cy: 26, r: 9, fill: bright })],
    [shape("path", { d: "M40 104a60 60 0 0 1 120 0", fill: "none", stroke: bright, "stroke-width": 10 }),
      ...[34, 148].map((x) => shape("rect", { x, y: 90, width: 18, height: 40, rx: 9, fill: bright }))],
    [shape("path", { d: "M52 66 60 30 88 54ZM148 66 140 30 112 54Z", fill: skin, stroke: skin, "stroke-width": 8, "stroke-linejoin": "round" })],
    [shape("path", { d: "M100 52c-22-4-26-22-20-30 12 2 20 10 20 30Zm0 0c4-20 18-24 28-20 0 12-12 20-28 20Z", fill: bright })],
  ][pick(16, 4)];
  const eyes = (draw) => at.map(draw);
  return shape("svg", { viewBox: "0 0 200 200", "aria-hidden": "true" },
    shape("circle", { cx: 100, cy: 100, r: 100, fill: deep }),
    shape("circle", { cx: 100, cy: 100, r: 90, fill: "none", stroke: bright, "stroke-width": 3, "stroke-opacity": 0.55,
      class: "reel", "stroke-dasharray": `${60 + pick(19, 4) * 30} ${22 + pick(21, 3) * 14}` }),
    shape("rect", { x: 44, y: 52, width: 112, height: 106, rx: radius, fill: skin }),
    ...extras,
    shape("g", { class: "open", fill: ink }, ...eyes((x) => shape("ellipse", { cx: x, cy: 100, rx: eye[0], ry: eye[1] })),
      ...eyes((x) => shape("circle", { cx: x + eye[0] * 0.3, cy: 100 - eye[1] * 0.35, r: 2.6, fill: "#fff" }))),
    shape("g", { class: "shut", fill: "none", stroke: ink, "stroke-width": 5, "stroke-linecap": "round" },
      ...eyes((x) => shape("path", { d: `M${x - 10} 100q10 8 20 0` }))),
    shape("path", { class: "smile", d: "M84 130q16 13 32 0", fill: "none", stroke: ink, "stroke-width": 5, "stroke-linecap": "round" }),
    shape("ellipse", { class: "mouth", cx: 100, cy: 134, rx: 13, ry: 0, fill: ink }));
}

function drawAvatar(scene) {
  const box = byId("avatar"), picture = state.agent?.picture ?? "", name = state.agent?.name || "retake-flow";
  const key = picture || name;
  if (box.dataset.key !== key) {
    box.dataset.key = key;
    const image = element("img");
    image.onerror = () => image.replaceWith(face(name));
    image.src = picture;
    box.replaceChildren(picture.startsWith("data:image/") ? image : face(name));
  }
  box.classList.toggle("asleep", scene === "brb");
}

function blink() {
  const box = byId("avatar");
  box.classList.add("blink");
  setTimeout(() => box.classList.remove("blink"), 140);
  setTimeout(blink, 3000 + Math.random() * 5000);
}

let angle = 0;

/** Turns the reel around the face a little, as long as the tape runs. */
function turnReel() {
  if (document.body.dataset.scene !== "live") return;
  angle = (angle + 0.8) % 360;
  document.querySelector("#avatar .reel")?.setAttribute("transform", `rotate(${angle.toFixed(1)} 100 100)`);
}

let talking = 0;

function talk(speaks) {
  if (speaks === Boolean(talking)) return;
  clearInterval(talking);
  talking = speaks ? setInterval(() => move(2 + Math.random() * 9), 125) : 0;
  if (!speaks) move(0);
}

function move(height) {
  document.querySelector("#avatar .mouth")?.setAttribute("ry", height.toFixed(1));
  document.querySelector("#avatar .smile")?.setAttribute("visibility", height ? "hidden" : "visible");
}

// --- log, chat, caption, alert, ticker --------------------------------------------------------------------------

function logEntry(item) {
  const made = element("li", ["tip", "say"].includes(item.kind) ? item.kind : "");
  made.append(element("time", "", Number.isFinite(item.at) ? hours(item.at) : ""), element("p", "", clean(item.text)));
  return made;
}

const amountOf = (item) => Number.isFinite(item.amount) ? `${item.amount.toLocaleString("en", { maximumFractionDigits: 6 })} ${clean(item.currency, 12)}`.trim() : "";

function who(item) {
  const made = element("bdi", "who", clean(item.author, MOST.name) || "friend");
  made.style.setProperty("--hue", String(hashed(item.author ?? "") % 360));
  return made;
}

function does(item) {
  return { tip: words.tips, follow: words.follows, trade: words[item.side] ?? words.trades }[item.kind] ?? "";
}

function chatEntry(item) {
  const kind = ["message", "tip", "trade", "follow", "agent"].includes(item.kind) ? item.kind : "message";
  const made = element("li", item.new ? `${kind} new` : kind);
  const name = who(item), text = clean(item.text);
  if (kind === "tip") {
    const head = element("div", "head");
    head.append(name, element("span", "amount", amountOf(item)));
    made.append(head);
    if (text) made.append(element("p", "", text));
    return made;
  }
  const line = element("p");
  line.append(name);
  if (item.new) line.append(element("span", "mark", words.new));
  const said = kind === "message" || kind === "agent" ? text : [does(item), kind === "trade" ? amountOf(item) : ""].filter(Boolean).join(" ");
  line.append("  ", element("bdi", "", said));
  made.append(line);
  return made;
}

function drawAlert() {
  const box = byId("alert"), alert = state.alert, key = alert ? keyOf(alert, 0) : "";
  box.hidden = !alert;
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  if (!alert) return box.replaceChildren();
  const name = element("bdi", "who", clean(alert.author, MOST.name) || "friend");
  const line = element("div", "line");
  line.append(name, " ", amountOf(alert) ? does(alert) : "");
  const parts = [element("span", "amount", amountOf(alert) || words.followed), line];
  if (alert.text) parts.push(element("p", "", clean(alert.text, 300)));
  box.replaceChildren(...parts);
  come(box);
}

function drawTicker() {
  const items = (state.ticker ?? []).slice(0, MOST.ticker).map((each) => clean(each, 300)).filter(Boolean);
  setText(byId("ticker"), items.length ? items[turn % items.length] : "");
  document.querySelector("footer").hidden = !items.length;
}

function drawPicture(shows) {
  const box = byId("picture"), picture = shows ? state.picture : "";
  box.hidden = !picture;
  if (box.dataset.key === picture) return;
  box.dataset.key = picture;
  const image = element("img");
  image.src = picture;
  box.replaceChildren(...(picture ? [image] : []));
}

function drawMain(scene) {
  const log = (state.log ?? []).slice(-MOST.log), chat = (state.chat ?? []).slice(-MOST.chat);
  const picture = typeof state.picture === "string" && state.picture.startsWith("data:image/") && scene === "live";
  drawPicture(picture);
  document.body.toggleAttribute("data-busy", scene === "live" && (log.length > FEW || picture));
  byId("log").hidden = !log.length || picture;
  reconcile(byId("log"), log, keyOf, logEntry);
  reconcile(byId("chat"), chat.length ? chat : [{ id: "", kind: "quiet" }], keyOf,
    (item) => item.kind === "quiet" ? element("li", "empty", words.quiet) : chatEntry(item));
  const caption = byId("caption"), said = scene === "live" ? clean(state.caption, 400) : "";
  caption.hidden = !said;
  setText(caption.firstElementChild, said);
  talk(Boolean(state.caption) && scene === "live");
}

function drawTheme() {
  const root = document.documentElement.style;
  for (const name of THEME) {
    const value = state.theme?.[name];
    if (typeof value === "string" && value) root.setProperty(`--${name}`, value);
    else root.removeProperty(`--${name}`);
  }
}

/** Draws a state. Calling it again with the same state changes nothing. */
window.update = (next) => {
  const scene = Object.hasOwn({ starting: 1, live: 1, brb: 1, ended: 1 }, next.scene) ? next.scene : "live";
  state = next;
  received = performance.now();
  began = Math.min(began, received);
  words = { ...WORDS, ...next.words };
  document.documentElement.dataset.ready = "";
  document.body.dataset.scene = scene;
  drawTheme();
  drawHeader();
  drawHeadline(scene);
  drawAvatar(scene);
  drawAlert();
  drawMain(scene);
  drawTicker();
  tick();
};

setTimeout(() => state.scene ?? window.update({ scene: "starting" }), 1000);
setInterval(tick, 1000);
setInterval(() => { turn += 1; drawTicker(); }, TICKER_SECONDS * 1000);
setInterval(turnReel, 80);
setTimeout(blink, 2000);
