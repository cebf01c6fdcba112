// Streamlit's widgets bring words of their own, in English. In another language they are exchanged where they stand, as
// they appear, and put back when English is chosen again. Texts are looked at only within parts of Streamlit's that hold
// no data; attributes everywhere, by whole words.

const ATTRIBUTES = ["aria-label", "title", "placeholder", "data-title", "alt"];
const WITHIN = [
  "stSkipToContent",
  "stFileUploaderDropzone",
  "stFileUploaderFile",
  "InputInstructions",
  "stSelectboxVirtualDropdown",
  "stMultiSelectDropdown",
  "stDataFrameColumnMenu",
  "stDataFrameColumnVisibilityMenu",
  "stDataFrameColumnFormattingMenu",
  "stStatusWidget",
  "stTooltipContent",
  "stDialog",
  "stConnectionStatus",
]
  .map((name) => `[data-testid^="${name}"]`)
  .join(", ");
const SPOKEN = "[data-live-announcer], [aria-live], [role=status]"; // what is only read aloud

const page = (window.tailscopeWords ??= { exact: {}, patterns: [], changed: new Map(), watcher: null });

function asPattern(said) {
  const parts = said.split("{}").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("(.+)")}$`);
}

function translated(text) {
  const said = text.trim();
  if (Object.hasOwn(page.exact, said)) return text.replace(said, page.exact[said]);
  for (const [pattern, words] of page.patterns) {
    const found = pattern.exec(said);
    if (found) return words.replace("{}", () => found[1]);
  }
  return null;
}

function exchange(node, key, now, write) {
  if (!now) return;
  const held = page.changed.get(node);
  if (held?.[key]?.to === now) return;
  const to = translated(now);
  if (to === null || to === now) return;
  page.changed.set(node, { ...held, [key]: { from: now, to } });
  write(to);
}

function lookAt(node) {
  if (node.nodeType === Node.TEXT_NODE) {
    if (!node.parentElement?.closest(`${WITHIN}, ${SPOKEN}`)) return;
    exchange(node, "", node.nodeValue, (to) => { node.nodeValue = to; });
  } else if (node.nodeType === Node.ELEMENT_NODE) {
    for (const name of ATTRIBUTES) {
      exchange(node, name, node.getAttribute(name), (to) => node.setAttribute(name, to));
    }
  }
}

function lookThrough(root) {
  lookAt(root);
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) lookAt(walker.currentNode);
}

function putBack() {
  for (const [node, held] of page.changed) {
    for (const [key, { from, to }] of Object.entries(held)) {
      if (key === "") {
        if (node.nodeValue === to) node.nodeValue = from;
      } else if (node.getAttribute(key) === to) {
        node.setAttribute(key, from);
      }
    }
  }
  page.changed.clear();
}

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.getRootNode();
  const place = (root.host ?? parentElement).closest('[data-testid="stElementContainer"]');
  if (place) place.style.display = "none"; // it draws nothing, so it takes no room
  document.documentElement.lang = data.lang === "zh" ? "zh-Hans" : data.lang;
  if (page.lang === data.lang) return;
  page.lang = data.lang;
  page.watcher?.disconnect();
  page.watcher = null;
  putBack();
  page.exact = data.words;
  page.patterns = Object.entries(data.words)
    .filter(([said]) => said.includes("{}"))
    .map(([said, words]) => [asPattern(said), words]);
  if (!Object.keys(page.exact).length) return;
  lookThrough(document.body);
  page.watcher = new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "childList") change.addedNodes.forEach(lookThrough);
      else lookAt(change.target);
    }
    for (const node of page.changed.keys()) if (!node.isConnected) page.changed.delete(node);
  });
  page.watcher.observe(document.body, {
    subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES,
  });
}
