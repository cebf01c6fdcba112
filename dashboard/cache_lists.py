"""What is worked out of lists that somebody brings to the page Head vs tail, cached as in `dashboard.cache`."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import engine
from dashboard import cache, findings
from dashboard.cache import RunKey


@st.cache_data(max_entries=8, show_spinner=False)
def more(
    key: RunKey, name: str, content: bytes, metric: str, lang: str
) -> tuple[list[str], pd.DataFrame, pd.DataFrame]:
    """Findings in the language in use, which is `lang`; curves of the lists and of the run's model; bins of the lists.

    Raises:
        EngineError: the file holds no lists for this run's users.
    """
    run, found = cache.load(key), cache.outside(key, name, content)
    config, own = run.config.evaluation, found.given.name
    said = findings.of_lists(found, cache.facts(key), run.config, metric)
    ours = cache.quality_curve(key, metric)
    theirs = engine.quality_curve(found.evaluation, metric, config)
    curves = pd.concat([ours.loc[ours["model"] == run.answers], theirs.loc[theirs["model"] == own]], ignore_index=True)
    return said, curves, engine.quality_by_length(found.evaluation, metric, [own], config)
