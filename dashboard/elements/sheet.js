// Blocks in columns. Only those that changed are drawn anew; a press goes back to Python as a trigger.

function makeText(block) {
  const paragraph = make("p");
  if (block.lead) paragraph.append(make("strong", "", block.lead), " ");
  paragraph.append(block.text);
  return paragraph;
}

function makePoints(block) {
  const list = make("ul", "points");
  list.append(...block.texts.map((text) => make("li", "", text)));
  return list;
}

const BLOCKS = {
  headline: (block) => make("h1", "", block.text),
  heading: (block) => make("h2", "", block.text),
  text: makeText,
  note: (block) => make("p", "note", block.text),
  points: makePoints,
  rows: makeList,
  chips: makeList,
  chart: makeChart,
};

function drawColumn(column, blocks, data) {
  const held = column.held || [];
  column.held = blocks.map((block, i) => {
    const said = JSON.stringify(block) + (block.key && block.kind !== "chart" ? data.stamp : "");
    if (held[i]?.said === said) return held[i];
    const element = BLOCKS[block.kind](block, data);
    const before = held.find((one) => one.key && one.key === block.key)?.element.querySelector("details");
    if (before?.open && element.querySelector("details")) element.querySelector("details").open = true;
    return { said, key: block.key, element };
  });
  const wanted = column.held.map((one) => one.element);
  if (wanted.length !== column.children.length || wanted.some((element, i) => column.children[i] !== element)) {
    column.replaceChildren(...wanted);
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".sheet");
  const focused = root.getRootNode().activeElement?.closest?.("button[data-act]");
  const wanted =
    root.wanted ||
    (focused && {
      list: focused.closest("[data-list]").dataset.list,
      act: focused.dataset.act,
      row: Number(focused.dataset.row),
    });
  root.wanted = undefined;
  root.setAttribute("aria-busy", "false");
  // The last column stands below the others: see sheet.py.
  while (root.children.length < data.columns.length) root.append(make("div", "column"));
  while (root.children.length > data.columns.length) root.lastChild.remove();
  data.columns.forEach((blocks, i) => drawColumn(root.children[i], blocks, data));
  root.querySelectorAll(".chart").forEach((chart) => chart.redraw());
  if (wanted) focusAgain(root, wanted);
  root.onclick = (event) => {
    const button = event.target.closest("button[data-act]");
    if (!button || root.getAttribute("aria-busy") === "true") return;
    root.setAttribute("aria-busy", "true"); // until the answer has been drawn: places mean something else then
    const { list } = button.closest("[data-list]").dataset;
    const { act } = button.dataset;
    root.wanted = { list, act, row: Number(button.dataset.next) };
    button.closest("li").classList.add("pressed", act);
    setTriggerValue("press", { list, act, row: Number(button.dataset.row), stamp: data.stamp });
  };
}
