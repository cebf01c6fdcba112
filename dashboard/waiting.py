"""How threads of a sum wait for each other: awake where a command works alone, asleep where pages are answered.

OpenMP reads it when torch is imported. Threads that wait awake train in half to three quarters of the time on a machine
of their own, and slow everything down where two processes share the cores, as a dashboard and a browser do. What the
user's environment says is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

POLICY = "OMP_WAIT_POLICY"
_OURS = "TAILSCOPE_WAITS"
"""Set where the policy is our choice, so that a process started from here may choose otherwise."""


def awake() -> None:
    """For a command that works alone."""
    _choose("ACTIVE")


def asleep() -> None:
    """For the server, and for what runs beside it."""
    _choose("PASSIVE")


def asleep_in(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for a process that answers pages, or runs beside one that does."""
    if POLICY in environment and _OURS not in environment:
        return dict(environment)
    return {**environment, POLICY: "PASSIVE", _OURS: "1"}


def _choose(policy: str) -> None:
    if POLICY not in os.environ or _OURS in os.environ:
        os.environ[POLICY], os.environ[_OURS] = policy, "1"
