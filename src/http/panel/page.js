// Copy buttons, and pages that renew themselves without losing what is open. Everything works without.
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

const addButtons = (root) => {
  for (const block of root.querySelectorAll("pre.copy, code.copy")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy " + block.textContent.slice(0, 40));
    button.addEventListener("click", async () => {
      await copyText(block.textContent.trimEnd());
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    block.after(button);
  }
};

const openOnes = (root) =>
  new Map([...root.querySelectorAll("details")].map((d, i) => [i + d.querySelector("summary").textContent, d.open]));

const renew = async (shown) => {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return shown;
  const main = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  const busy = String(getSelection()) !== "" || document.activeElement.closest("form");
  if (!main || main.innerHTML === shown || busy) return shown;
  const fresh = main.innerHTML;
  const open = openOnes(document.querySelector("main"));
  document.querySelector("main").replaceWith(main);
  [...main.querySelectorAll("details")].forEach((d, i) => {
    const was = open.get(i + d.querySelector("summary").textContent);
    if (was !== undefined) d.open = was;
  });
  addButtons(main);
  return fresh;
};

const seconds = Number(document.body.dataset.refresh);
let shown = document.querySelector("main").innerHTML;
addButtons(document);
if (seconds > 0) {
  setInterval(async () => {
    if (document.hidden) return;
    try { shown = await renew(shown); } catch { /* the next turn may find the service again */ }
  }, seconds * 1000);
}
