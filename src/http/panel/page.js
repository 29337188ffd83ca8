// Copy buttons, spellings to choose from, times that count down, and pages that renew themselves without losing
// what is open, what has the focus and where one reads. Everything works without.
"use strict";

const copyText = async (text) => {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
};

// One place that screen readers listen to. It stays while the page around it is replaced.
const spoken = document.createElement("p");
spoken.className = "aside";
spoken.setAttribute("role", "status");
document.body.append(spoken);
const say = (text) => { spoken.textContent = text; };

const addButtons = (root) => {
  for (const block of root.querySelectorAll("pre.copy, code.copy")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy " + block.textContent.trim().slice(0, 60));
    button.addEventListener("click", async () => {
      await copyText(block.textContent.trimEnd());
      button.textContent = "Copied";
      say("Copied");
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    block.after(button);
  }
};

// Which spelling was chosen, by the name of the choice.
const chosen = new Map();

const addChoices = (root) => {
  for (const ways of root.querySelectorAll("[data-ways]")) {
    const name = ways.dataset.ways;
    const parts = [...ways.querySelectorAll(":scope > [data-way]")];
    if (parts.length < 2) continue;
    const bar = document.createElement("div");
    bar.className = "choose";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", name);
    const show = (wanted) => {
      chosen.set(name, wanted);
      parts.forEach((part) => { part.hidden = part.dataset.way !== wanted; });
      [...bar.children].forEach((b) => b.setAttribute("aria-pressed", String(b.textContent === wanted)));
    };
    for (const part of parts) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = part.dataset.way;
      button.addEventListener("click", () => show(part.dataset.way));
      bar.append(button);
    }
    ways.classList.add("chosen");
    ways.prepend(bar);
    const before = chosen.get(name);
    show(parts.some((part) => part.dataset.way === before) ? before : parts[0].dataset.way);
  }
};

// How far away an instant is, as the server says it, and a little finer.
const distance = (seconds) => {
  const s = Math.abs(seconds);
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  const amount = s < 60 ? `${Math.floor(s)} s`
    : s < 3600 ? `${Math.floor(s / 60)} min`
    : s < 86400 ? `${h} h ${m} min`
    : s < 172800 ? `${h} h` : `${Math.floor(s / 86400)} days`;
  if (s < 1) return "now";
  return seconds > 0 ? `in ${amount}` : `${amount} ago`;
};

// Counted from the clock of the service as the page tells it: it may differ from this machine's.
let ahead = 0;
const setClock = (root) => {
  const told = Date.parse(root.querySelector("[data-now]")?.dataset.now ?? "");
  if (!Number.isNaN(told)) ahead = told - Date.now();
};
const countDown = (root) => {
  for (const place of root.querySelectorAll("[data-countdown]")) {
    const at = Date.parse(place.dataset.countdown);
    const text = distance((at - Date.now() - ahead) / 1000);
    if (place.textContent !== text) place.textContent = text;
  }
};

const prepare = (root) => {
  setClock(root);
  addChoices(root);
  addButtons(root);
  countDown(root);
};

const openOnes = (root) =>
  new Map([...root.querySelectorAll("details")].map((d, i) => [i + d.querySelector("summary").textContent, d.open]));

// Where an element stands, so that the one that takes its place is found again.
const wayTo = (element, root) => {
  if (!element || element === root || !root.contains(element)) return null;
  if (element.id) return (main) => main.querySelector(`#${CSS.escape(element.id)}`);
  const kind = element.tagName;
  const label = element.getAttribute("aria-label") ?? element.textContent;
  return (main) => [...main.querySelectorAll(kind)].find((e) => (e.getAttribute("aria-label") ?? e.textContent) === label);
};

const renew = async (shown) => {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return shown;
  const main = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  const busy = String(getSelection()) !== "" || document.activeElement.closest("form") || document.querySelector("main input:checked");
  if (!main || main.innerHTML === shown || busy) return shown;
  const fresh = main.innerHTML;
  const old = document.querySelector("main");
  const open = openOnes(old);
  const again = wayTo(document.activeElement, old);
  const said = old.querySelector("#answer")?.textContent;
  const top = scrollY;
  old.replaceWith(main);
  [...main.querySelectorAll("details")].forEach((d, i) => {
    const was = open.get(i + d.querySelector("summary").textContent);
    if (was !== undefined) d.open = was;
  });
  prepare(main);
  again?.(main)?.focus({ preventScroll: true });
  scrollTo({ top, behavior: "instant" });
  const now = main.querySelector("#answer")?.textContent;
  if (now !== undefined && now !== said) say(now);
  return fresh;
};

let shown = document.querySelector("main").innerHTML;
prepare(document);
setInterval(() => countDown(document), 1000);

let renewing = false;
const look = async () => {
  if (renewing || document.hidden) return;
  renewing = true;
  try { shown = await renew(shown); } catch { /* the next turn may find the service again */ }
  renewing = false;
};

const seconds = Number(document.body.dataset.refresh);
if (seconds > 0) setInterval(look, seconds * 1000);

// Where the page can hear of news, it is renewed at once. A hidden page gives its place up.
const live = () => document.querySelector("[data-live]")?.dataset.live;
let source = null;
const listen = () => {
  if (document.hidden || !live()) {
    source?.close();
    source = null;
  } else if (source === null) {
    source = new EventSource(live());
    source.addEventListener("changed", look);
    source.onerror = () => { if (source?.readyState === EventSource.CLOSED) source = null; };
  }
};
document.addEventListener("visibilitychange", () => { listen(); look(); });
listen();

// One part of the page takes what the same part of an answer holds.
const takePart = async (id, address, init) => {
  const answer = await fetch(address, init);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(id);
  const part = document.getElementById(id);
  if (!fresh || !part) return false;
  part.replaceChildren(...fresh.childNodes);
  return true;
};

// A button that only looks: what it shows comes by itself when the domains are written.
for (const button of document.querySelectorAll("button[data-check]")) {
  let last = "";
  const look = async () => {
    const sent = new URLSearchParams(new FormData(button.form));
    button.disabled = true;
    try {
      if (!await takePart(button.dataset.check, button.formAction, { method: "POST", body: sent })) button.form.requestSubmit(button);
    } catch { /* the button can be pressed again */ }
    button.disabled = false;
  };
  button.addEventListener("click", (event) => { event.preventDefault(); look(); });
  const domains = button.form.elements.domains;
  domains.addEventListener("change", () => {
    const now = domains.value.trim();
    if (now && now !== last) { last = now; look(); }
  });
}

// Sliders over time: the answer follows the hand.
for (const form of document.querySelectorAll("form[data-follow]")) {
  for (const range of form.querySelectorAll("input[data-days]")) {
    const day = form.elements[range.dataset.days];
    range.hidden = false;
    range.addEventListener("input", () => {
      const at = new Date(range.dataset.from + "T00:00:00Z");
      at.setUTCDate(at.getUTCDate() + Number(range.value));
      day.value = at.toISOString().slice(0, 10);
    });
  }
  let waiting;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const address = form.action + "?" + new URLSearchParams(new FormData(form));
      try { if (await takePart(form.dataset.follow, address)) history.replaceState(null, "", address); } catch { /* the button does the same */ }
    }, 120);
  });
}
