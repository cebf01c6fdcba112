// A list whose rows have buttons. Python sends what the rows say; a press goes back as a trigger.
// Texts come from people's files: they are set as text and never as HTML.

const ICONS = {
  up: "M8 13V3M3.5 7.5 8 3l4.5 4.5",
  down: "M8 3v10M3.5 8.5 8 13l4.5-4.5",
  cross: "m4 4 8 8M12 4l-8 8",
};

function make(name, classes, text) {
  const element = document.createElement(name);
  if (classes) element.className = classes;
  if (text !== undefined) element.textContent = text;
  return element;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function makeButton(act, row) {
  const button = make("button", act.icon ? "icon" : "");
  button.type = "button";
  button.disabled = act.off;
  button.dataset.act = act.name;
  button.dataset.row = row;
  button.dataset.next = row + act.follows;
  if (act.icon) {
    button.append(icon(act.icon));
    button.title = act.label;
  } else {
    button.textContent = act.text;
  }
  button.setAttribute("aria-label", act.label);
  return button;
}

function makeRow(row, at) {
  const item = make("li");
  if (row.lead) item.append(make("span", "lead", row.lead));
  const words = make("div", "words");
  words.append(make("div", "title", row.title));
  const below = make("div", "below");
  row.below.forEach(([text, tone], i) => {
    if (i) below.append(make("span", "gray", " · "));
    below.append(make("span", tone, text));
  });
  words.append(below);
  item.append(words);
  if (row.mark) {
    const mark = make("span", `mark ${row.mark.tone}${row.mark.badge ? " badge" : ""}`);
    if (row.mark.icon) mark.append(icon(row.mark.icon));
    mark.append(make("span", "", row.mark.text));
    if (row.mark.label) {
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", row.mark.label);
      mark.title = row.mark.label;
    }
    item.append(mark);
  }
  row.acts.forEach((act) => item.append(makeButton(act, at)));
  return item;
}

// The keyboard stays where it was, or goes with the row that it moved.
function focusAgain(list, wanted) {
  const rows = list.querySelectorAll("li");
  if (!rows.length) return;
  const row = rows[Math.min(Math.max(wanted.row, 0), rows.length - 1)];
  const same = row.querySelector(`button[data-act="${wanted.act}"]:not(:disabled)`);
  (same || row.querySelector("button:not(:disabled)"))?.focus();
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const list = parentElement.querySelector("ul");
  const held = list.getRootNode().activeElement;
  const wanted = list.wanted || (held?.dataset?.act && { act: held.dataset.act, row: Number(held.dataset.row) });
  list.wanted = undefined;
  list.setAttribute("aria-label", data.label);
  list.setAttribute("aria-busy", "false");
  list.replaceChildren(...data.rows.map(makeRow));
  if (wanted) focusAgain(list, wanted);
  list.onclick = (event) => {
    const button = event.target.closest("button");
    if (!button || list.getAttribute("aria-busy") === "true") return;
    list.setAttribute("aria-busy", "true"); // until the answer has been drawn: places mean something else then
    list.wanted = { act: button.dataset.act, row: Number(button.dataset.next) };
    button.closest("li").classList.add("pressed", button.dataset.act);
    setTriggerValue("press", { act: button.dataset.act, row: Number(button.dataset.row), stamp: data.stamp });
  };
}
