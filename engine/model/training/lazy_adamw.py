"""AdamW and a running average for a large table of which a step touches few rows; the others catch up when needed.

Dense AdamW moves every row in every step: a row without a gradient still decays, and drifts for some steps by its
remaining momentum. With a million rows that costs many times the rest of a step. Here a row is left alone until a step
reads it, and then makes up for all steps it has missed in one update. After the k steps s + 1 ... t without a gradient,
with step sizes lr, bias corrections c_i = sqrt(1 - beta2^i) / (1 - beta1^i) and r = beta1 / sqrt(beta2):

    w -> w prod(1 - lr_i decay) - m / (sqrt(v) + epsilon) sum(r^(i - s) c_i lr_i)
    m -> m beta1^k,   v -> v beta2^k,   average -> average prod(kept_i) + w (1 - prod(kept_i))

This equals dense steps except for three small differences: epsilon stays as it was while v falls, the drift itself does
not decay, and the average treats the row as if it had been at its final place all along. Dense: Loshchilov and Hutter,
"Decoupled weight decay regularization" (ICLR 2019), algorithm 2.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from engine.model.network.gathered_rows import GatheredRows

LAZY_FROM = 50_000
"""Catalogues of this many items or more are trained this way, if each step uses a sample of them."""

_BLOCK = 1 << 16

_REACH = 128
"""Steps after which momentum is spent: r to this power is below 0.00001."""


class LazyAdamW:
    """The moments of a table's rows, and how many steps each row is behind."""

    def __init__(self, table: Tensor, average: Tensor | None, betas: tuple[float, float], decay: float) -> None:
        """Start with all rows up to date.

        Args:
            table: (n, D) float32, moved in place.
            average: (n, D) its running average, moved in place too; None for none.
            betas: AdamW's.
            decay: AdamW's decoupled decay.
        """
        self.table, self.average, self.betas, self.decay = table.detach(), average, betas, decay
        self.m, self.v = torch.zeros_like(self.table), torch.zeros_like(self.table)
        self.eps = 1e-8
        self.steps = 0
        self._places = torch.zeros(len(table), dtype=torch.int64, device=table.device)
        self._begin()

    def _begin(self) -> None:
        """Every row is up to date."""
        self._last = torch.zeros(len(self.table), dtype=torch.int64, device=self.table.device)
        # By step since then: running sums of logarithms, in double precision since their differences are small, and the
        # drift missed by a row that was last updated there.
        self._now = 0
        self._decays, self._kept, self._drifts = (np.zeros(1024) for _ in range(3))

    @torch.no_grad()
    def take(self, needed: Tensor) -> GatheredRows:
        """The distinct rows among the (n,) row numbers needed, brought up to date, and row 0, which is padding."""
        rows = torch.cat([needed.reshape(-1), needed.new_zeros(1)]).unique()
        self._catch_up(rows)
        self._places[rows] = torch.arange(len(rows), device=rows.device)
        return GatheredRows(rows, self.table[rows].requires_grad_(), self._places)

    @torch.no_grad()
    def step(self, taken: GatheredRows, size: float, kept: float) -> None:
        """One AdamW step on the gathered rows, by the gradient of their copy; all others fall behind by one.

        Args:
            taken: what `take` gave.
            size: the learning rate.
            kept: share of the old average that is kept.
        """
        beta1, beta2 = self.betas
        rows, gradient = taken.rows, taken.values.grad
        assert gradient is not None
        self.steps += 1
        m = self.m[rows].lerp_(gradient, 1 - beta1)
        v = self.v[rows].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        correction = math.sqrt(1 - beta2**self.steps) / (1 - beta1**self.steps)
        moved = (m / (v.sqrt() + self.eps * math.sqrt(1 - beta2**self.steps))).mul_(size * correction)
        weights = self.table[rows].mul_(1 - size * self.decay).sub_(moved)
        self.m[rows], self.v[rows], self.table[rows] = m, v, weights
        if self.average is not None:
            self.average[rows] = self.average[rows].lerp_(weights, 1 - kept)
        self._note(size, size * correction, kept)
        self._last[rows] = self._now

    @torch.no_grad()
    def finish(self) -> None:
        """Bring all rows up to date, so that table, average and moments are as after dense steps."""
        for start in range(0, len(self.table), _BLOCK):
            stop = min(start + _BLOCK, len(self.table))
            self._catch_up(torch.arange(start, stop, device=self.table.device))
        self._begin()

    def state(self) -> dict[str, Tensor]:
        """What `restore` needs besides the table and its average, after `finish`."""
        return {"m": self.m, "v": self.v, "steps": torch.tensor(self.steps)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from what `state` gave."""
        self.m.copy_(state["m"])
        self.v.copy_(state["v"])
        self.steps = int(state["steps"])
        self._begin()

    def _note(self, size: float, drift: float, kept: float) -> None:
        """Record a step."""
        now = self._now = self._now + 1
        if now == len(self._decays):
            books = (self._decays, self._kept, self._drifts)
            self._decays, self._kept, self._drifts = (np.concatenate([book, np.zeros(now)]) for book in books)
        self._decays[now] = self._decays[now - 1] + math.log1p(-size * self.decay)
        self._kept[now] = self._kept[now - 1] + (math.log(kept) if self.average is not None else 0.0)
        first = max(0, now - _REACH)
        r = self.betas[0] / math.sqrt(self.betas[1])
        self._drifts[first:now] += drift * r ** np.arange(now - first, 0, -1)

    def _catch_up(self, rows: Tensor) -> None:
        """Apply to rows all steps that they have missed."""
        last = self._last[rows]
        behind = last < self._now
        rows, last = rows[behind], last[behind].cpu().numpy()
        if len(rows) == 0:
            return
        beta1, beta2 = self.betas
        missed = (self._now - last).astype(np.float64)
        decayed, old = (np.exp(book[self._now] - book[last]) for book in (self._decays, self._kept))
        m, v = self.m[rows], self.v[rows]
        weights = self.table[rows] * self._column(decayed)
        weights -= m / (v.sqrt() + self.eps) * self._column(self._drifts[last])
        self.table[rows] = weights
        self.m[rows], self.v[rows] = m * self._column(beta1**missed), v * self._column(beta2**missed)
        if self.average is not None:
            self.average[rows] = weights + (self.average[rows] - weights) * self._column(old)
        self._last[rows] = self._now

    def _column(self, values: np.ndarray) -> Tensor:
        """(R, 1) float32 where the table is."""
        return torch.from_numpy(values.astype(np.float32))[:, None].to(self.table.device)
