"use strict";
// Asks every second what lies on a phone, and writes it with textContent only: what people say is never markup.
const BASE = "/_sandbox/phones";
const TICK_MS = 1000;
const QUICK = ["image", "audio", "document", "location", "contacts"];
const TICKS = { accepted: "○", sent: "✓", delivered: "✓✓", read: "✓✓", played: "✓✓", failed: "!" };
const phone = decodeURIComponent(location.pathname.slice(BASE.length + 1)).replace(/\D/g, "");
const main = document.getElementById("main");
let seen = "", chosen = new URLSearchParams(location.search).get("number"), view = null, atEnd = true;

function el(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

async function ask(path, body) {
  const more = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, { cache: "no-store", credentials: "same-origin", ...more });
  const text = await answer.text();
  if (!answer.ok) {
    let problem = {};
    try { problem = JSON.parse(text); } catch { /* not JSON: the status says enough */ }
    throw new Error(problem.detail || problem.error || `HTTP ${answer.status}`);
  }
  return text;
}

const time = (at) => new Date(at).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
const shown = (digits) => (digits.length === 11 && digits[0] === "7"
  ? `+7 ${digits.slice(1, 4)} ${digits.slice(4, 7)}-${digits.slice(7, 9)}-${digits.slice(9)}` : `+${digits}`);
const initials = (name) => name.replace(/[^\p{L}\p{N} ]/gu, "").trim().split(/\s+/).map((one) => one[0] ?? "").join("").slice(0, 2).toUpperCase();

function setLive(isLive) {
  const live = document.getElementById("live");
  live.textContent = word(isLive ? "live" : "lost");
  live.classList.toggle("off", !isLive);
}

// --- the list of phones ---

async function drawIndex() {
  const [people, magic] = await Promise.all([ask(`${BASE}/data`), drawIndex.magic || ask("/_sandbox/magic")]);
  drawIndex.magic = magic;
  if (people + language === seen) return;
  seen = people + language;
  document.title = word("phones");
  const rows = JSON.parse(people).phones.map((row) => el("a", "row", ...indexRow(row)));
  JSON.parse(people).phones.forEach((row, at) => { rows[at].href = `${BASE}/${row.phone}`; });
  const list = el("section", "card", el("h1", "", word("phones")), opener(), ...(rows.length ? rows : [el("p", "hint", word("nobody"))]));
  const kept = document.activeElement && document.activeElement.id === "open" ? document.activeElement.value : null;
  main.className = "index";
  main.replaceChildren(list, magicTable(JSON.parse(magic).numbers));
  if (kept !== null) { const field = document.getElementById("open"); field.value = kept; field.focus(); }
}

function indexRow(row) {
  const said = row.text || word(row.type);
  return [el("span", "avatar", row.phone.slice(-2)), el("span", "who", el("strong", "", shown(row.phone)), el("span", "said", `${row.own ? "" : "→ "}${said}`)), el("time", "", time(row.at))];
}

function opener() {
  const field = el("input"), button = el("button", "primary", word("open")), form = el("form", "opener", field, button);
  field.id = "open"; field.inputMode = "tel"; field.autocomplete = "off"; field.placeholder = "+7 999 700-00-31"; field.setAttribute("aria-label", word("phone"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const digits = field.value.replace(/\D/g, "");
    if (digits.length > 2) location.href = `${BASE}/${digits}`;
  });
  return form;
}

function magicTable(numbers) {
  const people = numbers.filter((one) => one.code === null || one.code === undefined);
  const codes = numbers.filter((one) => typeof one.code === "number");
  const row = (one) => {
    const link = el("a", "", shown(one.phone.slice(1)));
    link.href = `${BASE}/${one.phone.slice(1)}`;
    return el("tr", "", el("td", "number", link), el("td", "", one[language]));
  };
  const table = (rows) => el("table", "", el("tbody", "", ...rows));
  const more = el("details", "", el("summary", "", "+7 999 8/9 CCC-CC-CC"), table(codes.map(row)));
  return el("section", "card magic", el("h2", "", word("magic")), el("p", "hint", word("magicText")), table(people.map(row)), codes.length ? more : "");
}

// --- one phone ---

async function drawPhone() {
  const text = await ask(`${BASE}/${phone}/data`);
  if (text + language + chosen === seen) return;
  seen = text + language + chosen;
  view = JSON.parse(text);
  document.title = shown(phone);
  const talk = view.conversations.find((one) => one.phone_number_id === chosen) || view.conversations[0] || null;
  const old = main.querySelector(".bubbles");
  atEnd = !old || old.scrollHeight - old.scrollTop - old.clientHeight < 60;
  const top = old ? old.scrollTop : 0;
  const composer = main.querySelector(".composer");
  main.className = "talk";
  const device = el("section", "device", deviceHead(talk), bubbles(talk), composer && composer.dataset.of === (talk ? talk.phone_number_id : "") + language ? composer : newComposer(talk));
  main.replaceChildren(side(), device);
  const fresh = main.querySelector(".bubbles");
  fresh.scrollTop = atEnd ? fresh.scrollHeight : top;
}

function side() {
  const back = el("a", "back", `← ${word("back")}`);
  back.href = BASE;
  const tabs = view.conversations.map((one) => {
    const tab = el("button", "row", el("span", "avatar", initials(one.name)), el("span", "who", el("strong", "", one.name), el("span", "said", one.display_phone_number || one.phone_number_id)));
    tab.type = "button";
    tab.setAttribute("aria-pressed", String(one.phone_number_id === (chosen || view.conversations[0].phone_number_id)));
    tab.addEventListener("click", () => {
      chosen = one.phone_number_id;
      history.replaceState(null, "", `?number=${encodeURIComponent(chosen)}`);
      drawPhone();
    });
    return tab;
  });
  const facts = [view.magic ? el("p", "badge magic", `★ ${view.magic[language]}`) : "", view.bsuid_only ? el("p", "badge", word("noPhone")) : ""];
  return el("aside", "card", back, el("h1", "", shown(phone)), ...facts, ...tabs);
}

function deviceHead(talk) {
  if (!talk) return el("div", "head", el("strong", "", shown(phone)));
  const state = el("span", talk.window_open ? "state open" : "state", word(talk.window_open ? "windowOpen" : "windowClosed"));
  return el("div", "head", el("span", "avatar", initials(talk.name)), el("span", "who", el("strong", "", talk.name), el("span", "said", talk.display_phone_number)), state);
}

function bubbles(talk) {
  const area = el("div", "bubbles");
  area.tabIndex = 0;
  area.setAttribute("role", "log");
  if (!talk) { area.append(el("p", "hint center", word("empty"))); return area; }
  const byId = new Map(talk.bubbles.map((one) => [one.wamid, one]));
  let day = "";
  for (const one of talk.bubbles) {
    const today = new Date(one.at).toLocaleDateString(language, { day: "numeric", month: "long" });
    if (today !== day) area.append(el("p", "day", (day = today)));
    area.append(bubble(one, byId, talk));
  }
  return area;
}

function bubble(one, byId, talk) {
  const quoted = one.quotes && byId.get(one.quotes);
  const quote = quoted ? el("div", "quote", quoted.text || word(quoted.type)) : "";
  const plain = ["text", "template", "interactive", "button"].includes(one.type);
  const label = (plain && one.text) || (one.media && one.media.id) ? "" : el("div", "kind", kindWords(one));
  const ticks = el("span", `ticks ${one.status}`, TICKS[one.status] || "");
  ticks.title = word(one.status);
  ticks.setAttribute("aria-label", word(one.status));
  const foot = el("div", "foot", one.status === "failed" ? el("span", "failed", word("failed")) : "", el("time", "", time(one.at)), ticks);
  const body = el("div", `bubble ${one.own ? "own" : ""} ${one.status}`, quote, media(one.media), label, one.header ? el("div", "header", one.header) : "", one.text ? el("div", "text", one.text) : "", one.footer ? el("div", "footer", one.footer) : "", foot);
  const buttons = one.buttons.map((button) => pressable(button, one, talk));
  return el("div", `line ${one.own ? "own" : ""}`, el("div", "stack", body, ...buttons));
}

const kindWords = (one) => word(one.type);

// Drawn here, because not every machine has a font for pictograms.
const PATHS = {
  image: "M3 5h18v14H3z M3 16l5-5 4 4 3-3 6 6 M15.5 9.5h.01",
  audio: "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3z M6 11a6 6 0 0 0 12 0 M12 17v4",
  document: "M6 3h8l4 4v14H6z M14 3v4h4 M9 12h6 M9 16h6",
  location: "M12 21s7-6.5 7-11.5A7 7 0 0 0 5 9.5C5 14.5 12 21 12 21z M12 11.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  contacts: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z M4 21c0-4 3.6-6 8-6s8 2 8 6",
};

function icon(kind) {
  const space = "http://www.w3.org/2000/svg";
  const drawn = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
  drawn.setAttribute("viewBox", "0 0 24 24");
  drawn.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[kind]);
  drawn.append(path);
  return drawn;
}

function media(given) {
  if (!given) return "";
  if (!given.id) {
    if (!given.link) return "";
    return el("div", "link", `${word("link")}: ${given.link}`);
  }
  const source = `${BASE}/media/${encodeURIComponent(given.id)}`;
  if (given.kind === "image" || given.kind === "sticker") {
    const picture = el("img", given.kind);
    picture.src = source; picture.alt = word(given.kind);
    picture.addEventListener("load", () => { if (atEnd) picture.closest(".bubbles")?.scrollTo(0, 1e9); });
    return picture;
  }
  if (given.kind === "audio" || given.kind === "video") {
    const player = el(given.kind);
    player.controls = true; player.preload = "none"; player.src = source;
    return player;
  }
  const file = el("a", "file", given.filename || word("document"));
  file.href = source;
  return file;
}

function pressable(button, one, talk) {
  const made = el("button", "press", el("span", "", button.title), button.description ? el("small", "", button.description) : "");
  made.type = "button";
  made.disabled = button.press === null;
  made.addEventListener("click", () => say({ type: "interactive", press: button.press, reply_to: one.wamid, phone_number_id: talk.phone_number_id }, made));
  return made;
}

function newComposer(talk) {
  const field = el("textarea"), send = el("button", "primary", "➤"), form = el("form", "composer");
  form.dataset.of = (talk ? talk.phone_number_id : "") + language;
  field.rows = 1; field.maxLength = 4096; field.placeholder = word("write"); field.setAttribute("aria-label", word("write"));
  send.title = word("send"); send.setAttribute("aria-label", word("send"));
  const to = el("input", "to");
  to.placeholder = word("to"); to.setAttribute("aria-label", word("to")); to.inputMode = "numeric"; to.hidden = Boolean(talk);
  const number = () => (talk ? talk.phone_number_id : to.value.trim());
  const quick = el("div", "quick", ...QUICK.map((kind) => {
    const made = el("button", "", icon(kind));
    made.type = "button"; made.title = word(kind); made.setAttribute("aria-label", word(kind));
    made.addEventListener("click", () => say({ type: kind, voice: kind === "audio", phone_number_id: number() }, made));
    return made;
  }));
  form.append(el("p", "problem"), to, quick, field, send);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (text && await say({ text, phone_number_id: number() }, send)) field.value = "";
    field.focus();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
  });
  return form;
}

async function say(writing, button) {
  const problem = main.querySelector(".problem");
  button.disabled = true;
  try {
    await ask(`/_sandbox/people/${phone}/messages`, writing);
    if (problem) problem.textContent = "";
    await drawPhone();
    return true;
  } catch (error) {
    if (problem) problem.textContent = `${word("refused")}: ${error.message}`;
    return false;
  } finally {
    button.disabled = false;
  }
}

async function tick() {
  try {
    await (phone ? drawPhone() : drawIndex());
    setLive(true);
  } catch {
    setLive(false);
  }
  setTimeout(tick, TICK_MS);
}

for (const one of document.querySelectorAll("[data-language]"))
  one.addEventListener("click", () => { speak(one.dataset.language); seen = ""; (phone ? drawPhone() : drawIndex()).then(() => setLive(true), () => setLive(false)); });
speak();
tick();
