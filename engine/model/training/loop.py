"""The training loop: from batches to the weights of the best validation. It touches no global state."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from engine.config import RunConfig
from engine.data.dataset import PAD
from engine.data.splits import Split, require_next_items
from engine.errors import TrainingError
from engine.model.content.tables import Content, Contents
from engine.model.network.config import ContentShape, NetworkConfig
from engine.model.network.next_item_state import user_rows, validation_ndcg
from engine.model.network.noise import Noise
from engine.model.network.transformer import Transformer, blank
from engine.model.training.augmentation import augmentation_of
from engine.model.training.batching import batches, count_batches, windows
from engine.model.training.lazy_adamw import LAZY_FROM, LazyAdamW
from engine.model.training.losses import softmax_loss
from engine.model.training.memory import within_memory
from engine.model.training.objectives import Batch, task_of
from engine.model.training.precision import arithmetic, compile_blocks
from engine.model.training.schedule import step_size
from engine.model.training.warm_start import Start, begin_from
from engine.progress import OnProgress, Progress, ignore

BETAS = (0.9, 0.98)
"""AdamW's."""

NOTHING_KNOWN = Contents()

Stop = Literal["max_epochs", "patience", "max_seconds", "interrupted"]


@dataclass(frozen=True)
class Epoch:
    """One pass over the training part: number (from 1), mean loss, NDCG@10 if validated, seconds since the start."""

    epoch: int
    loss: float
    valid_ndcg: float | None
    seconds: float


@dataclass(frozen=True)
class Checkpoint:
    """Everything that training needs to resume as if it had never stopped.

    Attributes:
        network: current weights by name.
        best: weights of the best validation so far; the current ones before the first.
        averaged: running average of the weights; empty where `training.average` is 0.
        optimiser: AdamW's moments and steps, by "index.name", and those of lazily updated rows, by "late.name".
        log: the epochs so far.
    """

    network: dict[str, Tensor]
    best: dict[str, Tensor]
    averaged: dict[str, Tensor]
    optimiser: dict[str, Tensor]
    log: tuple[Epoch, ...]


@dataclass(frozen=True)
class Trained:
    """A network with the weights of its best validation, and how its training went."""

    network: Transformer
    log: tuple[Epoch, ...]
    best_epoch: int
    stopped_by: Stop
    seconds: float


def choose_device(wish: str) -> torch.device:
    """The device that a `training.device` setting means on this machine.

    Raises:
        TrainingError: the requested device is not available.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wish == "auto":
        return torch.device(next(name for name, has in there.items() if has))
    if not there[wish]:
        raise TrainingError(
            "training.device = {wish!r}, but this machine offers {items}; use one of these, or auto.",
            wish=wish,
            items=", ".join((n for n, has in there.items() if has)),
        )
    return torch.device(wish)


def network_config(config: RunConfig, split: Split, contents: Contents = NOTHING_KNOWN) -> NetworkConfig:
    """The network's shape from resolved settings (`engine.model.training.defaults.resolve`)."""
    m = config.model
    assert m.max_len and m.d_model and m.n_layers and m.n_heads and m.d_ff and m.output and m.temperature
    assert m.dropout is not None
    return NetworkConfig(
        split.n_items,
        m.max_len,
        m.d_model,
        m.n_layers,
        m.n_heads,
        m.d_ff,
        m.dropout,
        m.output,
        m.temperature,
        m.architecture,
        _sizes(contents.items),
        len(split.train) if contents.users else 0,
        _sizes(contents.users),
    )


def _sizes(content: Content | None) -> ContentShape | None:
    return content and ContentShape(len(content.token_names), content.tokens.shape[1], content.dense.shape[1])


def train(
    split: Split,
    config: RunConfig,
    on_progress: OnProgress = ignore,
    save: Callable[[Callable[[], Checkpoint]], None] | None = None,
    resume: Checkpoint | None = None,
    contents: Contents = NOTHING_KNOWN,
    start: Start | None = None,
) -> Trained:
    """The trained network.

    Every epoch has its own seed and never uses a global generator, so training resumed from a checkpoint continues
    exactly as it would have. An interrupt (Ctrl-C) ends training; the best weights so far are returned.

    Args:
        split: `split.train` is trained on, `split.valid` decides when to stop.
        config: resolved settings.
        on_progress: called after every epoch, and now and then within one.
        save: called after every epoch with a function that creates a checkpoint if one is wanted.
        resume: a checkpoint of the same split, settings and contents.
        contents: the content of items, which becomes part of their vectors, and of users, which is added at every
            place.
        start: weights from another training; those it lacks are drawn at random.

    Raises:
        TrainingError: the loss is not a finite number, memory ran out, or no history is long enough to learn from.
    """
    with within_memory(config):
        loop = _Loop(split, config, on_progress, resume, contents, start)
        stopped_by: Stop
        try:  # checked before every epoch, since a checkpoint may be of a training that was about to stop
            while not (reason := loop.reason_to_stop()) and loop.epoch < loop.max_epochs:
                loop.run_epoch()
                if save:
                    save(loop.checkpoint)
            stopped_by = reason or "max_epochs"
        except KeyboardInterrupt:
            stopped_by = "interrupted"
        return loop.finish(stopped_by)


class _Loop:
    """The state of one training; exists only inside `train`."""

    def __init__(
        self,
        split: Split,
        config: RunConfig,
        on_progress: OnProgress,
        resume: Checkpoint | None,
        contents: Contents,
        start: Start | None,
    ) -> None:
        t = config.training
        assert t.max_epochs and t.patience and t.validate_every and t.batch_tokens and t.learning_rate
        assert t.weight_decay is not None and t.mask_share is not None and config.model.event_dropout is not None
        self.split, self.config, self.on_progress = split, config, on_progress
        self.max_epochs = t.max_epochs
        self.device = choose_device(t.device)
        self.network = blank(network_config(config, split, contents))
        self.network.initialise(torch.Generator().manual_seed(t.seed))
        self.network.item_vectors.begin(contents.items, torch.as_tensor(split.candidates))
        if self.network.user_vectors is not None and contents.users is not None:
            self.network.user_vectors.begin(contents.users)
        if start is not None:
            begin_from(self.network, start, contents)
        self.network.to(self.device)
        self.averaged = copy.deepcopy(self.network) if t.average else self.network
        noise = compile_blocks(self.network) if t.compile else None
        self.compiled, self.noise = noise is not None, noise or Noise
        self.windows = windows(split.train, self.network.config.max_len)
        require_next_items(split)
        self.task = task_of(config.model.architecture, self.network.mask, t.mask_share)
        self.n_batches = count_batches(self.windows, t.batch_tokens)
        self.augmentation = augmentation_of(split, config)
        own, mean = (n.item_vectors.own.weight for n in (self.network, self.averaged))
        few = t.loss == "sampled" and split.n_items >= LAZY_FROM and not t.l1
        self.late = LazyAdamW(own, mean.detach() if t.average else None, BETAS, t.weight_decay) if few else None
        left_out = (own, mean) if few else ()
        self.learnt, self.means = (
            [p for p in n.parameters() if all(p is not table for table in left_out)]
            for n in (self.network, self.averaged)
        )
        self.optimiser = torch.optim.AdamW(
            self.learnt,
            lr=t.learning_rate,
            betas=BETAS,
            weight_decay=t.weight_decay,
            fused=self.device.type != "mps",
        )
        chosen = np.random.default_rng([t.seed, 0]).permutation(len(split.valid))[: t.validation_users]
        self.valid = split.valid.take(np.sort(chosen))
        self.trained_items = torch.as_tensor(np.flatnonzero(split.candidates), device=self.device)
        self.log: list[Epoch] = []
        self.best = _copy(self.averaged)
        self.before = self.pretraining = start.seconds if start is not None else 0.0
        if resume:
            self._restore(resume)
        self.start = time.perf_counter()

    @property
    def epoch(self) -> int:
        return len(self.log)

    @property
    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.start

    @property
    def out_of_time(self) -> bool:
        """Whether the time limit has been reached."""
        limit = self.config.training.max_seconds
        return limit is not None and self.seconds >= limit

    def run_epoch(self) -> None:
        """One pass, or as much of it as the time limit allows, then a validation if one is due."""
        t = self.config.training
        number = self.epoch + 1
        noise = self.noise((t.seed, number), self.device, self.config.augmentation.input_noise)
        total, count = 0.0, 0
        assert t.batch_tokens and t.validate_every
        cut = self.augmentation.windows(self.windows, noise.rng)
        n_batches = self.n_batches if cut is self.windows else count_batches(cut, t.batch_tokens)
        for i, part in enumerate(batches(cut, t.batch_tokens, noise.rng)):
            step = self.epoch * self.n_batches + i * self.n_batches / n_batches  # as if all epochs had as many
            loss, size = self._step(self.task(part.padded(), noise.rng), part.users, step, noise)
            total, count = total + loss * size, count + size
            if self.out_of_time:  # a partial epoch is validated like a full one
                break
            if i % 20 == 19 and i + 1 < n_batches:  # the full epoch is reported below, with its validation
                self._report(number, (i + 1) / n_batches, total / count)
        if self.late:
            self.late.finish()
        due = number % t.validate_every == 0 or number == self.max_epochs or self.out_of_time
        ndcg = self.validate() if due else None
        previous = self.best_ndcg
        self.log.append(Epoch(number, total / count, ndcg, self.seconds))
        if ndcg is not None and (previous is None or ndcg > previous):
            self.best = _copy(self.averaged)
        self._report(number, 1.0, total / count)

    def _step(self, batch: Batch, users: np.ndarray | None, step: float, noise: Noise) -> tuple[float, int]:
        t = self.config.training
        read = self.augmentation.inputs(batch.items, noise.rng)
        items = torch.from_numpy(read).to(self.device)  # (B, L)
        targets = torch.from_numpy(batch.targets).to(self.device)  # (B, M)
        following = None if batch.following is None else torch.from_numpy(batch.following).to(self.device)
        share = self.config.model.event_dropout
        absent = noise.absences(items.shape[0], items.shape[1], share) if share else None
        real = targets != PAD
        share = (self.config.model.id_dropout or 0.0) if self.network.item_vectors.has_content else 0.0
        own = noise.mask((self.split.n_items + 1,), share) if share else None
        whose = user_rows(self.network, users)
        if whose is not None:
            whose = whose.masked_fill(noise.mask(whose.shape, self.config.model.user_dropout), 0)
        others = self.trained_items
        if t.loss == "sampled":
            assert t.n_negatives
            others = others[torch.from_numpy(noise.rng.integers(0, len(others), t.n_negatives)).to(self.device)]
        vectors = self.network.item_vectors
        few = None
        if t.loss == "sampled":
            few = (self.late.take if self.late else vectors.few)(self._read(items, targets, following, others))
        with arithmetic(t, self.device), vectors.hiding(own), vectors.reading(few):
            output = self.network(items, absent, noise=noise, following=following, users=whose)
            hidden = output.hidden[real]  # (N, D)
            loss = softmax_loss(self.network, hidden, targets[real], others, t.label_smoothing or 0.0)
            if t.content_loss and self.network.item_vectors.content is not None:
                positives = targets[real].unique()
                loss = loss + t.content_loss * softmax_loss(
                    self.network, self.network.item_vectors.content(positives), positives, others
                )
        size = step_size(t, step, self.max_epochs * self.n_batches)
        for group in self.optimiser.param_groups:
            group["lr"] = size
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        apart = [few.values] if self.late and few else []
        if few and not self.late:
            vectors.take_gradient(few)
        norm = torch.nn.utils.clip_grad_norm_([*self.learnt, *apart], t.clip_norm)
        value = loss.item()
        self._check_finite(value, norm.item())  # before the step, so that no checkpoint holds corrupted weights
        self.optimiser.step()
        if t.l1:
            self._soften(size * t.l1)
        kept = min(t.average or 0.0, (step + 1) / (step + 10))
        if self.late and few:
            self.late.step(few, size, kept)
        if t.average:
            self._average(kept)
        return value, int(hidden.shape[0])

    def _read(self, *items: Tensor | None) -> Tensor:
        """The items that a step reads, with repetitions; [MASK] is not an item."""
        flat = torch.cat([part.reshape(-1) for part in items if part is not None])
        return flat.masked_fill(flat == self.network.mask, PAD)

    def _check_finite(self, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        t = self.config.training
        what = f"loss became {loss}" if not math.isfinite(loss) else f"gradient became {norm}"
        raise TrainingError(
            "The training {what} in epoch {epoch}; a smaller training.learning_rate (now {learning_rate}) or "
            "training.clip_norm (now {clip_norm}) keeps it finite.",
            what=what,
            epoch=self.epoch + 1,
            learning_rate=t.learning_rate,
            clip_norm=t.clip_norm,
        )

    def validate(self) -> float:
        """NDCG@10 on the validation targets: full ranking, seen items excluded, ties pessimistic."""
        return validation_ndcg(self.averaged, self.valid, self.split.candidates, self.config.evaluation.seen_left_out)

    @property
    def best_ndcg(self) -> float | None:
        return max((e.valid_ndcg for e in self.log if e.valid_ndcg is not None), default=None)

    @property
    def best_epoch(self) -> int:
        scored = [e for e in self.log if e.valid_ndcg is not None]
        return max(scored, key=lambda e: (e.valid_ndcg or 0.0, -e.epoch)).epoch if scored else self.epoch

    def reason_to_stop(self) -> Stop | None:
        """Why training should stop now, or None."""
        t = self.config.training
        since = sum(1 for e in self.log if e.valid_ndcg is not None and e.epoch > self.best_epoch)
        if t.patience and since >= t.patience:
            return "patience"
        if self.log and self.out_of_time:
            return "max_seconds"
        return None

    def finish(self, stopped_by: Stop) -> Trained:
        """The network with its best weights; the current ones if there was no validation."""
        if self.late:
            self.late.finish()
        network = blank(self.network.config) if self.compiled else self.network  # the returned network is not compiled
        network.load_state_dict(self.best if self.best_ndcg is not None else _copy(self.averaged))
        network.eval()
        return Trained(network.cpu(), tuple(self.log), self.best_epoch, stopped_by, self.seconds)

    def checkpoint(self) -> Checkpoint:
        """A copy of all state."""
        state = self.optimiser.state_dict()["state"]
        moments = {f"{i}.{name}": value.cpu().clone() for i, held in state.items() for name, value in held.items()}
        if self.late:
            moments |= {f"late.{name}": value.cpu().clone() for name, value in self.late.state().items()}
        best = self.best if self.best_ndcg is not None else _copy(self.averaged)
        averaged = _copy(self.averaged) if self.config.training.average else {}
        return Checkpoint(_copy(self.network), best, averaged, moments, tuple(self.log))

    def _restore(self, saved: Checkpoint) -> None:
        self.network.load_state_dict(saved.network)
        if self.config.training.average:
            self.averaged.load_state_dict(saved.averaged)
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in saved.optimiser.items():
            index, name = key.split(".", 1)
            if index == "late":
                continue
            state.setdefault(int(index), {})[name] = value.clone()
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})
        if self.late:
            late = {k.removeprefix("late."): v for k, v in saved.optimiser.items() if k.startswith("late.")}
            self.late.restore(late)
        self.best = copy.copy(saved.best)
        self.log = list(saved.log)
        self.before = self.log[-1].seconds if self.log else 0.0

    @torch.no_grad()
    def _soften(self, by: float) -> None:
        """Move the items' id vectors towards zero: the proximal step of an L1 penalty (Daubechies et al. 2004)."""
        own = self.network.item_vectors.own.weight
        own.copy_(torch.nn.functional.softshrink(own, by))

    @torch.no_grad()
    def _average(self, kept: float) -> None:
        """Move the averaged weights towards the current ones; a share `kept` of the old average is kept."""
        for average, weights in zip(self.means, self.learnt, strict=True):
            average.lerp_(weights, 1 - kept)

    def _report(self, number: int, share: float, loss: float) -> None:
        done = (number - 1 + share) / self.max_epochs
        spent = self.seconds
        scored = [e.valid_ndcg for e in self.log if e.valid_ndcg is not None]
        begun = len(self.log) if share == 1.0 else number - 1 + share
        fresh = begun / self.max_epochs
        remaining = (spent - self.pretraining) * (1 - fresh) / fresh if fresh > 0 else None
        if (limit := self.config.training.max_seconds) is not None:  # whichever ends training first
            left = max(limit - spent, 0.0)
            remaining = left if remaining is None else min(remaining, left)
            done = max(done, min(spent / limit, 1.0))
        progress = Progress("train", done, f"epoch {number} of {self.max_epochs}", number, self.max_epochs, loss)
        self.on_progress(
            replace(progress, valid_ndcg=scored[-1] if scored else None, seconds=spent, remaining=remaining)
        )


def _copy(network: Transformer) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
