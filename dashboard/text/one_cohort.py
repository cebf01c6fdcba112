"""What is said where all tested users are of one cohort, so that there is no gap between two. Plain text."""

from __future__ import annotations

from dashboard.text.i18n import _, count, ngettext

SHARE = "evaluation.head_share"


def headline(cohort: str) -> str:
    """The answer to a page that asks for a gap."""
    return {
        "head": _("There is no gap to show: all tested users are head users"),
        "tail": _("There is no gap to show: all tested users are tail users"),
    }[cohort]


def why(cohort: str, n: int, cut: int, share: float) -> str:
    """Which threshold left one cohort without users."""
    text = {
        "head": ngettext(
            "Head users have {cut} training events or more, and so has the one tested user ({setting} = {share}).",
            "Head users have {cut} training events or more, and so have all {n} tested users ({setting} = {share}).",
            n,
        ),
        "tail": ngettext(
            "Head users have {cut} training events or more, and the one tested user has fewer ({setting} = {share}).",
            "Head users have {cut} training events or more, and all {n} tested users have fewer ({setting} = {share}).",
            n,
        ),
    }[cohort]
    return text.format(cut=count(cut), n=count(n), setting=SHARE, share=f"{share:g}")


def way_out(cohort: str, lengths: tuple[int, int], run: str) -> str:
    """What parts the users, if a threshold can.

    Args:
        cohort: of all tested users, "head" or "tail".
        lengths: the shortest and the longest training history of a tested user.
        run: the run's name.
    """
    groups = _(
        "Groups of users by other things than activity can still be held against each other on the page Head vs tail."
    )
    if lengths[0] == lengths[1]:
        alone = _("All their training histories are equally long, so no threshold separates them.")
        return f"{alone} {groups}"
    text = {
        "head": _("A smaller share separates them: tailscope evaluate {run} --set {setting}=SHARE, or train with it."),
        "tail": _("A larger share separates them: tailscope evaluate {run} --set {setting}=SHARE, or train with it."),
    }[cohort]
    return f"{text.format(run=run, setting=SHARE)} {groups}"
