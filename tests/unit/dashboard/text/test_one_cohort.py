"""What is said where all tested users are head, or all tail."""

from __future__ import annotations

import pytest

from dashboard.text import one_cohort


@pytest.mark.parametrize("cohort", ["head", "tail"])
@pytest.mark.parametrize("n", [1, 1234])
def test_the_threshold_and_the_users_are_named(cohort: str, n: int) -> None:
    assert f"all tested users are {cohort} users" in one_cohort.headline(cohort)
    said = one_cohort.why(cohort, n, 5, 0.2)
    assert "5 training events or more" in said
    assert "evaluation.head_share = 0.2" in said
    assert ("1,234 tested users" in said) == (n > 1)
    assert ("fewer" in said) == (cohort == "tail")


@pytest.mark.parametrize(("cohort", "share"), [("head", "smaller"), ("tail", "larger")])
def test_a_share_is_advised_only_where_one_can_part_the_users(cohort: str, share: str) -> None:
    apart, alike = (one_cohort.way_out(cohort, lengths, "shop") for lengths in ((5, 9), (5, 5)))
    assert apart.startswith(f"A {share} share separates them: tailscope evaluate shop --set evaluation.head_share=")
    assert "--set" not in alike
    assert "no threshold" in alike
    assert all("Groups of users" in said for said in (apart, alike))
