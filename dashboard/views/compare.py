"""Compare: did a change of models close the gap between head and tail, and who paid for it?"""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import compare as compare_cache, runs as run_cache
from dashboard.charts import compare as charts
from dashboard.charts.style import TRAINED
from dashboard.text import common as common_text, gap as gap_text
from dashboard.text.i18n import _, count, percent
from dashboard.ui import components, state
from dashboard.views.parts.metric import choose_metric
from dashboard.views.parts.page_frame import Page, open_page
from engine import EngineError

# On the pale accent of the dark theme Streamlit writes white, which nobody can read.
DARK_TAGS = '<style>[data-testid="stMultiSelectTagsContainer"] [data-tag] :is(span, button) { color: #0F1420; }</style>'
LINKS = 8  # users of either kind who get a link; the table beside them holds more
TRIED = 5  # runs on the same data that are looked at for one to begin with
Choice = tuple[str, str]  # a run and one of its models


def choose_runs(page: Page) -> tuple[run_cache.RunKey, ...]:
    """The run in the bar and those beside it, as the address has them; else the newest on the same data."""
    others = [run for run in run_cache.runs() if run.name != page.run.name]
    names = [run.name for run in others]
    asked = state.chosen("beside")
    if asked is None:
        data = page.run.dataset
        same = [r.name for r in others if (r.dataset, r.n_interactions) == (data.name, data.n_interactions)]
        beside = [name for name in same[:TRIED] if compare_cache.comparable(page.key, run_cache.run_key(name))][:1]
    else:
        beside = [name for name in asked.split(",") if name in names]
    if asked is None and beside:
        state.settle("beside", ",".join(beside))
    state.set_widget("compare_beside", beside)

    if page.dark:
        st.html(DARK_TAGS)

    def chosen() -> None:
        state.choose("beside", ",".join(state.widget("compare_beside")))

    st.multiselect(
        _("Runs beside {run}").format(run=page.run.name),
        names,
        key="compare_beside",
        placeholder=_("Choose runs on the same data"),
        on_change=chosen,
        width=420,
    )
    keys = [page.key, *(run_cache.run_key(name) for name in beside)]
    return tuple(key for key in keys if key is not None)


def choose_models(page: Page, rows: tuple[Choice, ...], metric: str, names: dict[Choice, str]) -> tuple[Choice, Choice]:
    """The model before and the model after, as the address has them."""
    after = _asked("after", rows) or (page.run.name, page.run.answers)
    before = _asked("before", rows)
    if before is None or before == after:
        before = _default_before(page, [row for row in rows if row != after], metric)
    with st.container(horizontal=True):
        picked = []
        for key, title, value in (("before", _("Before"), before), ("after", _("After"), after)):
            state.set_widget(f"compare_{key}", "/".join(value))
            text = st.selectbox(
                title,
                ["/".join(row) for row in rows],
                format_func=lambda text: names[_choice(text)],
                key=f"compare_{key}",
                width=320,
                on_change=state.choose_from,
                args=(key, f"compare_{key}"),
            )
            picked.append(_choice(text))
            state.settle(key, text)
    return picked[0], picked[1]


def _choice(text: str) -> Choice:
    run, _slash, model = text.partition("/")
    return run, model


def _asked(key: str, rows: tuple[Choice, ...]) -> Choice | None:
    text = state.chosen(key)
    return next((row for row in rows if "/".join(row) == text), None)


def _default_before(page: Page, rows: list[Choice], metric: str) -> Choice:
    """What another run trained, if there is one beside; else the best of this run's other models."""
    trained = [row for row in rows if row[0] != page.run.name and row[1] in TRAINED]
    if trained:
        return trained[0]
    own = [row for row in rows if row[0] == page.run.name and row[1] not in TRAINED] or rows
    models = page.run.evaluation.models
    measured = [row for row in own if row[1] in models]
    sign = -1 if engine.term_of(metric).better == "lower" else 1
    return max(measured, key=lambda row: sign * models[row[1]].overall.metrics[metric].value, default=own[0])


def names_of(rows: tuple[Choice, ...]) -> dict[Choice, str]:
    """What people call the rows: the model, and its run where there are several."""
    several = len({run for run, _model in rows}) > 1
    text = _("{model} of {run}") if several else "{model}"
    return {(run, model): text.format(model=common_text.model_name(model), run=run) for run, model in rows}


def side_by_side(page: Page, table: engine.RunComparison, names: dict[Choice, str], after: Choice) -> None:
    """Figures by cohort, and what each row gains against the first."""
    metric = common_text.metric_name(table.metric)
    base = names[table.models[0].run, table.models[0].model]
    left, right = st.columns(2, gap="large")
    with left:
        components.section(_("Side by side"))
        rows = [_row(m, dict(m.figures), names, after) for m in table.models]
        alt = _("{metric} of head and tail users for every model that is compared.").format(metric=metric)
        components.chart(charts.by_cohort(rows, metric, page.dark), "compare_figures", alt)
    with right:
        components.section(_("Against {base}").format(base=base))
        rows = [
            _row(m, {c: d.comparison.difference for c, d in m.differences.items()}, names, after)
            for m in table.models[1:]
        ]
        fig = charts.by_cohort(rows, charts.axis_of_differences(metric, base), page.dark, differences=True)
        components.chart(fig, "compare_gains", _("What each model gains for head and for tail users, with intervals."))
    components.note(
        _(
            "Differences are paired, user by user; bars are {share} intervals. {head} head and {tail} tail users; "
            "baselines are hollow."
        ).format(
            share=percent(table.confidence),
            head=count(table.sizes.get("head", 0)),
            tail=count(table.sizes.get("tail", 0)),
        )
    )
    components.data_table(_figures(table, names), _("Side by side"))


def _row(model: engine.ComparedModel, cells: dict[Any, engine.Estimate], names: dict[Choice, str], after: Choice):
    key = (model.run, model.model)
    estimates = {cohort: e for cohort, e in cells.items() if cohort != "all"}
    return charts.Row(names[key], model.model, estimates, key == after)


def _figures(table: engine.RunComparison, names: dict[Choice, str]) -> pd.DataFrame:
    rows = []
    for model in table.models:
        for cohort, e in model.figures.items():
            apart = model.differences.get(cohort)
            d = apart.comparison.difference if apart else None
            rows.append(
                (
                    names[model.run, model.model],
                    common_text.cohort_name(cohort),
                    table.sizes[cohort],
                    *(e.value, e.low, e.high),
                    *((d.value, d.low, d.high) if d else (None, None, None)),
                    apart.p_holm if apart else None,
                )
            )
    columns = [
        *(_("Model"), _("Cohort"), _("Users"), common_text.metric_name(table.metric), _("Low"), _("High")),
        *(_("Difference"), _("Difference, low"), _("Difference, high"), _("p-value, corrected")),
    ]
    return pd.DataFrame(rows, columns=columns)


def settings(table: engine.RunComparison) -> None:
    """What is set otherwise."""
    if len(table.runs) < 2:
        return
    components.section(_("Settings that differ"))
    if not table.settings:
        components.note(_("All settings are the same."))
        return
    rows = [(key, *("–" if v is None else str(v) for v in values)) for key, values in table.settings.items()]
    components.frame(
        pd.DataFrame(rows, columns=[_("Setting"), *table.runs]), hide_index=True, alt=_("Settings that differ")
    )


def rank_changes(page: Page, old: compare_cache.Side, new: compare_cache.Side) -> None:
    """Who gained and who lost most, each with a link to them."""
    components.section(_("Who gained and who lost most"))
    found = compare_cache.rank_changes(page.key, old, new, page.lang)
    for side, title, column in zip(
        ("gained", "lost"), (_("Gained most"), _("Lost most")), st.columns(2, gap="large"), strict=True
    ):
        rows = found.loc[found["side"] == side].head(LINKS)
        with column:
            st.subheader(title, anchor=False)
            if len(rows) == 0:
                components.note(_("Nobody."))
            for row in rows.to_dict("records"):
                _mover(row, new[0][1])
    components.note(
        _(
            "By the ratio of ranks: from 20th to 2nd is as long a step as from 200th to 20th. The rank is that of the "
            "held-out item."
        )
    )
    ranks = {c: [count(r) if r else _("miss") for r in found[c]] for c in ("old_rank", "new_rank")}
    sides = {"gained": _("gained"), "lost": _("lost")}
    shown = found.assign(
        cohort=found["cohort"].map(common_text.cohort_name), side=found["side"].map(sides.get), **ranks
    )
    names = [_("Side"), _("User"), _("Cohort"), _("Training events"), _("Rank before"), _("Rank after"), _("Item")]
    components.data_table(shown.set_axis(names, axis=1), _("Who gained and who lost most"), has_chart=False)


def _mover(row: dict[Any, Any], run: str) -> None:
    """One line: the user, from which rank to which, and of what."""
    old, new = (common_text.ordinal(int(row[c])).strip() if row[c] else _("miss") for c in ("old_rank", "new_rank"))
    text = _("{old} → {new}, {cohort}: {title}").format(
        old=old, new=new, cohort=common_text.cohort_name(row["cohort"]).lower(), title=row["title"]
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.page_link(
            "views/recommendations.py",
            label=components.escape_markdown(str(row["user_id"])),
            icon=":material/person:",
            query_params=state.link(run=run, user=str(row["user_id"]), view="evaluated"),
        )
        components.note(text)


def draw() -> None:
    """Draw the page."""
    page = open_page()
    top = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        keys = choose_runs(page)
        metric = choose_metric(page)
    try:
        rows = compare_cache.models(keys, metric)
    except EngineError as error:
        with top:
            components.headline(_("These runs cannot be compared"))
            components.error_panel(error)
        st.stop()
    if len(rows) < 2:
        with top:
            components.headline(_("There is nothing to compare yet"))
            components.note(_("This run measured one model alone. Choose a run on the same data beside it."))
        st.stop()
    names = names_of(rows)
    before, after = choose_models(page, rows, metric, names)
    state.show_in_address("beside", "before", "after")
    of_run = {key[1]: key for key in keys}
    old, new = (of_run[before[0]], before[1]), (of_run[after[0]], after[1])
    table = compare_cache.compared(keys, metric, before)
    with top:
        if all(table.sizes.get(cohort) for cohort in ("head", "tail")):
            _answer(page, old, new, metric, names[before], names[after])
        else:
            components.headline(_("Head and tail cannot be compared in this run"))
            sizes = {cohort: count(table.sizes.get(cohort, 0)) for cohort in ("head", "tail")}
            components.note(_("Of the tested users {head} are head and {tail} are tail.").format(**sizes))
    side_by_side(page, table, names, after)
    settings(table)
    rank_changes(page, old, new)


def _answer(page: Page, old: compare_cache.Side, new: compare_cache.Side, metric: str, before: str, after: str) -> None:
    """The page's first line, and what supports it."""
    try:
        change = compare_cache.gap_change(page.key, old, new, metric)
    except EngineError as error:
        components.headline(_("Head and tail cannot be compared in this run"))
        components.error_panel(error)
        return
    components.headline(gap_text.changed(change, before, after))
    components.note(gap_text.change_evidence(change))


draw()
