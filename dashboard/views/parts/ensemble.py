"""The part of a page that tells of a run's ensemble: which model answers, and how much each member counts."""

from __future__ import annotations

from dashboard.charts import ensemble as charts
from dashboard.text import common as common_text
from dashboard.text.i18n import _
from dashboard.ui import components
from dashboard.views.parts.page_frame import Page


def who_answers(page: Page) -> None:
    """One line: which model answers in this run, and by what figures; nothing where there is no choice."""
    if page.run.ensemble is not None:
        components.note(common_text.answering(page.run.ensemble.weights, page.run.answers))


def members(page: Page) -> None:
    """How much each member counts, for short histories and long ones, with what each does alone on validation."""
    if page.run.ensemble is None:
        return
    weights = page.run.ensemble.weights
    components.section(_("How much each model counts in the ensemble"))
    alt = _("For each range of history lengths, a bar divided among the members of the ensemble.")
    components.chart(charts.influence(weights, page.dark), "influence", alt)
    components.note(common_text.validation_figures(weights) + " " + common_text.answering_rule())
    components.note(
        _(
            "Shares: a member's weight times the usual spread of its scores. Weights are learnt on validation alone, "
            "for each range of lengths; a history without events is the Transformer's."
        )
    )
    table = charts.blend_table(weights)
    names = {"label": _("Events"), "n": _("Validation users")}
    for column in table.columns[2:]:
        what, name = column.split()
        title = {"influence": _("{model}: share"), "weight": _("{model}: weight"), "ndcg": _("{model}: NDCG@10")}[what]
        names[column] = title.format(model=common_text.model_name(name))
    components.data_table(table.rename(columns=names), _("How much each model counts in the ensemble"))
