// One step of Back for each act of a person. Streamlit makes a step of everything that it writes into the address, also of
// what nobody chose: the page's defaults, and the choices that a page is opened with. Here the first address written after
// an act is a step, and whatever is written after it replaces that one's address.

(() => {
  const push = history.pushState.bind(history);
  const replace = history.replaceState.bind(history);
  let acted = false;
  for (const act of ["pointerdown", "click", "keydown", "input", "change", "drop"]) {
    addEventListener(act, () => { acted = true; }, { capture: true, passive: true });
  }
  addEventListener("popstate", () => { acted = false; }, { capture: true });
  history.pushState = (...step) => {
    (acted ? push : replace)(...step);
    acted = false;
  };
})();
