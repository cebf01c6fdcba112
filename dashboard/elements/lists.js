// Lists with buttons, of rows and of chips. A press goes back to Python as a trigger: see sheet.js.
// Texts come from people's files: they are set as text and never as HTML.

const ICONS = {
  up: "M8 13V3M3.5 7.5 8 3l4.5 4.5",
  down: "M8 3v10M3.5 8.5 8 13l4.5-4.5",
  cross: "m4 4 8 8M12 4l-8 8",
  plus: "M8 3v10M3 8h10",
  undo: "M6 3 3 6l3 3M3 6h6.5a3.5 3.5 0 0 1 0 7H6",
  reset: "M3 3v3.5h3.5M3.4 6.5A5 5 0 1 1 3 9",
};

function make(name, classes, text) {
  const element = document.createElement(name);
  if (classes) element.className = classes;
  if (text !== undefined) element.textContent = text;
  return element;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function makeButton(act, row) {
  const button = make("button");
  button.type = "button";
  button.disabled = act.off;
  if (act.on !== null) button.setAttribute("aria-pressed", act.on);
  button.dataset.act = act.name;
  button.dataset.row = row;
  button.dataset.next = row + act.follows;
  if (act.icon) button.append(icon(act.icon));
  if (act.text) button.append(make("span", "", act.text));
  if (act.label !== act.text) {
    button.setAttribute("aria-label", act.label);
    button.title = act.label;
  }
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

function makeChip(act, at) {
  const item = make("li");
  item.append(makeButton(act, at));
  return item;
}

function makeList(block) {
  const list = make("ul", block.kind);
  list.dataset.list = block.key;
  list.setAttribute("aria-label", block.label);
  list.append(...(block.kind === "rows" ? block.rows.map(makeRow) : block.chips.map(makeChip)));
  return list;
}

// The keyboard stays where it was, or goes with the row that it moved.
function focusAgain(root, wanted) {
  const rows = root.querySelectorAll(`ul[data-list="${wanted.list}"] > li`);
  if (!rows.length) return;
  const row = rows[Math.min(Math.max(wanted.row, 0), rows.length - 1)];
  const same = row.querySelector(`button[data-act="${wanted.act}"]:not(:disabled)`);
  (same || row.querySelector("button:not(:disabled)"))?.focus();
}
