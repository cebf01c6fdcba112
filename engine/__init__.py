"""Tailscope's engine: train a Transformer recommender on an interaction log, and see whom it fails and why.

These names are all that a front end or a notebook needs; they are loaded when first used, so `import engine` is free.

    import engine
    run = engine.load_run("sample-shop")
    engine.recommend(run, "c0007", k=5).items
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
