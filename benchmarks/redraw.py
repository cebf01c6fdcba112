"""How long a person waits in the browser after an edit on the page What if.

python benchmarks/redraw.py ADDRESS RUN USER [USER ...] [--edits 8]

ADDRESS is that of a dashboard that is open, such as http://127.0.0.1:8501. For each user a headless Chromium opens the
page and removes events one by one. Needs what the tests need (`make test` installs it) and Chromium. Prints one JSON
document: median and 95th percentile, in milliseconds from the press of the button, until the page's first line has
changed, until the new list is there, until attention, Shapley values and the ranks that moved are, and until nothing
changes any more, Streamlit's own marks included.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from playwright.sync_api import Page, sync_playwright

from tests.e2e.conftest import find_chromium, settle

QUIET_MS = 1500
"""After so long without a change a page is taken to be drawn."""

WATCH = """() => {
  const main = document.querySelector('[data-testid="stMain"]');
  const roots = new Map();
  for (const element of main.querySelectorAll('[data-testid="stBidiComponentIsolated"]')) {
    const key = [...element.closest('[class*="st-key-"]').classList].find((name) => name.startsWith("st-key-"));
    roots.set(element.shadowRoot, key.slice("st-key-".length));
  }
  window.last = {};
  const mark = (name) => { window.last[name] = performance.now(); };
  window.watcher?.disconnect();
  window.watcher = new MutationObserver((changes) => {
    for (const { target } of changes) mark(roots.get(target.getRootNode()) ?? "rest");
  });
  for (const root of [main, ...roots.keys()]) {
    window.watcher.observe(root, { subtree: true, childList: true, characterData: true });
  }
  const begin = () => { window.last = { click: performance.now() }; };
  document.addEventListener("click", begin, { capture: true, once: true });
}"""


def waits(page: Page, n: int) -> list[dict[str, float]]:
    """Milliseconds of n edits, after one that is not counted."""
    found = []
    for _ in range(n + 1):
        page.evaluate(WATCH)
        page.get_by_role("button", name="Remove this event").nth(1).click()
        page.wait_for_function(f"performance.now() - Math.max(...Object.values(window.last)) > {QUIET_MS}")
        last = page.evaluate("window.last")
        found.append({name: last[name] - last["click"] for name in last if name != "click"})
    return found[1:]


def summary(rows: list[dict[str, float]]) -> dict[str, object]:
    """Median and 95th percentile of each wait."""
    told: dict[str, list[float]] = {  # two edits may have the same effect on the first line
        name: [row[key] for row in rows if key in row]
        for name, key in (("first_line", "said"), ("list", "new_list"), ("reasons", "reasons"))
    }
    told["all"] = [max(row.values()) for row in rows]
    return {
        name: {
            "edits": len(ms),
            "median_ms": round(float(np.median(ms))),
            "p95_ms": round(float(np.quantile(ms, 0.95))),
        }
        for name, ms in told.items()
        if ms
    }


def main() -> None:
    """Open, edit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("run")
    parser.add_argument("users", nargs="+")
    parser.add_argument("--edits", type=int, default=8)
    asked = parser.parse_args()
    answers: dict[str, object] = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"])
        for user in asked.users:
            page = browser.new_page(viewport={"width": 1440, "height": 1000}, locale="en-GB")
            page.goto(f"{asked.address.rstrip('/')}/what-if?run={asked.run}&user={user}&lang=en")
            settle(page)
            page.wait_for_timeout(8000)  # the server warms up beside the first page
            settle(page)
            answers[user] = summary(waits(page, asked.edits))
            page.close()
        browser.close()
    print(json.dumps({"run": asked.run, "users": answers}, indent=1))


if __name__ == "__main__":
    main()
