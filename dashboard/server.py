"""Streamlit's server with all that pages need imported and the newest run loaded, so that no first visitor waits.

python -m dashboard.server [streamlit's own flags]
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import engine
from dashboard.web import kinship, open_files

NEEDED = ("list_runs", "load_run", "gap", "recommend", "attention", "explain", "lift_over_uniform")
"""Names of the facade that pages use; touching one imports its home."""


def main() -> None:
    """Import, then serve until stopped."""
    kinship.heed()
    open_files.raise_limit()
    # Threads that have done their part of a sum sleep rather than spin: the browser wants the processor too, and with
    # two cores an edit of What if is answered in two thirds of the time. Read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in NEEDED:
        getattr(engine, name)
    from streamlit.logger import get_logger
    from streamlit.web import cli

    # Cached functions are made before there is a server, which Streamlit would remark on once for each.
    get_logger("streamlit.runtime.caching.cache_data_api").setLevel("ERROR")
    from dashboard.cache import runs as run_cache
    from dashboard.text import common as common_text  # noqa: F401
    from dashboard.ui import unexpected
    from dashboard.web import guard

    guard.stay_at_home()
    unexpected.keep_log(Path(run_cache.runs_dir()))

    # What is there by now stays. The collector need not look at it again each time: that takes more than a tenth of a
    # second, in which no page is answered. For the same reason Streamlit's own collection after every answer is off.
    gc.freeze()
    threading.Thread(target=prepare, args=(run_cache.prepare_newest,), daemon=True).start()
    sys.argv = ["streamlit", "run", str(Path(__file__).parent / "web" / "asgi.py"), *sys.argv[1:]]
    cli.main()


def prepare(load: Callable[[], None]) -> None:
    """Load a run, which stays too."""
    load()
    gc.freeze()


if __name__ == "__main__":
    main()
