"""Another system's lists, brought along and held against this run's model, on the page Head vs tail."""

from __future__ import annotations

import re

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import external_lists as external_lists_cache, runs as run_cache
from dashboard.charts import curve as curves, gap as charts
from dashboard.text import common as common_text, gap as gap_text
from dashboard.text.i18n import _, count, figure, translate
from dashboard.ui import components
from dashboard.views.parts.gap.lists import figures_of_lists
from dashboard.views.parts.page_frame import Page
from engine import EngineError

ENDINGS = ["csv", "tsv", "txt", "gz", "parquet", "json", "jsonl", "ndjson"]
# How the engine speaks of a choice of column, to who types commands.
_OPTION = re.compile(r"--(user|item)( [A-Z]+)?")


def own_lists(page: Page, metric: str) -> None:
    """Choose a file, and see whom its lists serve; nothing of it is kept."""
    components.section(_("Bring your own recommendations"))
    given = st.file_uploader(
        _("A file with a user, an item, and a rank or a score in each row"),
        type=ENDINGS,
        key="own_lists",
        max_upload_size=external_lists_cache.LARGEST,
    )
    components.note(
        _(
            "Lists for the users who are tested here, made from what came before. The file is read, measured and not "
            "kept. Up to {rows} rows are read, and {size} MB where it is packed."
        ).format(
            rows=count(external_lists_cache.LIMIT.max_rows or 0),
            size=count((external_lists_cache.LIMIT.max_bytes or 0) / 10**6),
        )
    )
    if given is None:
        return
    file = external_lists_cache.Brought(given.file_id, given.name, given.getvalue())
    components.note(_("{name}: {size} MB").format(name=file.plain_name, size=figure(given.size / 10**6)))
    try:
        user, item = _columns(file)
        with st.spinner(_("Measuring the lists…")):
            found = external_lists_cache.outside(page.key, file, user, item)
            gap = engine.gap(found.evaluation, metric, found.lists.name, "users", page.run.config.evaluation)
    except EngineError as error:
        components.error_panel(_on_the_page(error))
        return
    verdict = gap_text.verdict_of(found.evaluation, metric, found.lists.name, page.run.config)
    st.markdown(components.escape_markdown(f"{found.lists.name}: {verdict.text}"))
    components.note(verdict.evidence)
    for text in found.notes:
        components.note(translate(text))
    ours = run_cache.gap(page.key, metric, page.run.answers, "users")
    scores = {
        page.run.answers: {"head": ours.head, "tail": ours.tail},
        found.lists.name: {"head": gap.head, "tail": gap.tail},
    }
    sizes = {"head": gap.n_head, "tail": gap.n_tail}
    components.chart(
        charts.cohorts(scores, sizes, metric, page.dark, None, page.run.answers),
        "own_cohorts",
        _("This run's model and the uploaded lists, head and tail."),
    )
    rows = [
        (common_text.model_name(model), common_text.cohort_name(cohort), sizes[cohort], e.value, e.low, e.high)
        for model, parts in scores.items()
        for cohort, e in parts.items()
    ]
    columns = [_("Model"), _("Cohort"), _("Users"), common_text.metric_name(metric), _("Low"), _("High")]
    components.data_table(pd.DataFrame(rows, columns=columns), _("Uploaded lists"))
    _more(page, metric, file, (user, item), found)


def _labels() -> dict[str, str]:
    """What the two boxes are called."""
    return {"user": _("Column of user ids"), "item": _("Column of item ids")}


def _columns(file: external_lists_cache.Brought) -> tuple[str | None, str | None]:
    """The columns that somebody chose for users and items; None where it is left to their names.

    Raises:
        EngineError: the file is no table, or larger than it may be.
    """
    with st.spinner(_("Reading the file…")):
        names = external_lists_cache.columns(file)
    chosen = []
    with st.container(horizontal=True):
        for role, label in _labels().items():
            chosen.append(
                st.selectbox(
                    label,
                    names,
                    index=None,
                    key=f"own_{role}_{file.id}",
                    placeholder=_("Recognised by its name"),
                    width=260,
                )
            )
    return chosen[0], chosen[1]


def _on_the_page(error: EngineError) -> str:
    """What went wrong, with the boxes above in place of the command's options."""
    labels = _labels()
    return _OPTION.sub(lambda found: _("“{title}”").format(title=labels[found[1]]), translate(error))


@st.fragment
def _more(
    page: Page,
    metric: str,
    file: external_lists_cache.Brought,
    columns: tuple[str | None, str | None],
    found: engine.ExternalDiagnosis,
) -> None:
    """What can be told of the lists beside the gap, with their curve over history length and what they are like."""
    with st.spinner(_("Looking for who fares worst…")):
        said, smooth, bins = external_lists_cache.more(page.key, file, *columns, metric, page.lang)
    for text in said:
        st.markdown(components.escape_markdown(text))
    model = found.lists.name
    fig = curves.by_length(smooth, bins, metric, page.run.cohorts.user_cut, page.dark, model)
    alt = _("{metric} against events in training history for the lists and for this run's model.")
    components.chart(fig, "own_curve", alt.format(metric=common_text.metric_name(metric)))
    names = {
        "model": _("Model"),
        "length": _("Events"),
        "n": _("Users"),
        "value": common_text.metric_name(metric),
        "low": _("Low"),
        "high": _("High"),
    }
    table = smooth.assign(model=smooth["model"].map(common_text.model_name))
    components.data_table(table.loc[:, list(names)].rename(columns=names), _("The lists against history length"))
    figures_of_lists(found.evaluation, model, int(metric.partition("@")[2]))
