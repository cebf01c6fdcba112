"""The loop: it learns, repeats itself, resumes as if nothing had happened, and stops when it should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import engine.model.training.loop as training
from engine.config import RunConfig
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.errors import TrainingError
from engine.evaluation.metrics.accuracy import ndcg
from engine.evaluation.ranking import ranks_of_targets
from engine.model.network.next_item_state import next_item_states, validation_ndcg
from engine.model.training.checkpoint import load_checkpoint, load_network, save_checkpoint, save_network
from engine.model.training.defaults import resolve
from engine.model.training.loop import Checkpoint, choose_device, train
from engine.progress import Progress
from engine.recommender import TransformerRecommender


def split_of(rows: list[list[int]], n_items: int) -> Split:
    histories = Histories.of(rows)
    users = np.arange(len(rows))
    ends = np.arange(len(rows) + 1)
    last, before = histories.items[histories.offsets[1:] - 1], histories.items[histories.offsets[1:] - 2]
    train_part = histories.drop_last(2)
    candidates = np.zeros(n_items + 1, dtype=bool)
    candidates[np.unique(train_part.items)] = True
    valid = Holdout(users, train_part, Histories(ends, before))
    return Split(
        "leave-last-out", train_part, valid, Holdout(users, histories.drop_last(1), Histories(ends, last)), candidates
    )


def cycles(n_users: int = 60, n_items: int = 12, length: int = 9) -> Split:
    """Every user walks the same circle of items from a place of their own: the next item is certain."""
    return split_of([[(u + t) % n_items + 1 for t in range(length)] for u in range(n_users)], n_items)


def settings(split: Split, **training_settings: object) -> RunConfig:
    quick = {"max_epochs": 6, "validate_every": 1, "patience": 50, "batch_tokens": 64, "learning_rate": 3e-3, "seed": 3}
    small = {"d_model": 16, "n_layers": 1, "n_heads": 2, "max_len": 8, "dropout": 0.1, "event_dropout": 0.1}
    return resolve(RunConfig().replace({"training": {**quick, **training_settings}, "model": small}), split)


REGULARISED = (
    {"training": {"label_smoothing": 0.1, "loss": "sampled"}},
    {"training": {"l1": 0.1}},
    {"training": {"schedule": "cosine"}},
    {"training": {"schedule": "linear", "final_share": 0.0}},
    {"training": {"precision": "bfloat16"}},
    *({"augmentation": {name: 0.5}} for name in ("crop", "reorder", "substitute", "truncate_head", "input_noise")),
    {"augmentation": {"crop": 0.5, "substitute": 0.5, "input_noise": 0.1}, "model": {"architecture": "masked"}},
    {"augmentation": {"crop": 0.5, "substitute": 0.5}, "model": {"architecture": "encoder-decoder"}},
)

ARCHITECTURES = ("causal", "masked", "encoder-decoder")


@pytest.mark.parametrize("architecture", ARCHITECTURES[1:])
def test_the_other_architectures_learn_it_too(architecture: str) -> None:
    split = cycles()
    config = settings(split, max_epochs=60, loss="full", warmup_steps=5, validate_every=10)
    trained = train(split, config.replace({"model": {"architecture": architecture}}))
    assert validation_ndcg(trained.network, split.test, split.candidates, exclude_seen=True) > 0.95


@pytest.mark.parametrize("loss", ["full", "sampled"])
@pytest.mark.parametrize("output", ["cosine", "dot"])
def test_it_learns_a_repeating_log(loss: str, output: str) -> None:
    split = cycles()
    config = settings(split, max_epochs=40, loss=loss, n_negatives=8, warmup_steps=5)
    trained = train(split, config.replace({"model": {"output": output}}))
    assert validation_ndcg(trained.network, split.test, split.candidates, exclude_seen=True) > 0.95
    assert trained.log[-1].loss < trained.log[0].loss


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_same_seed_gives_the_same_weights_and_another_does_not(architecture: str) -> None:
    split = cycles()
    kind = {"model": {"architecture": architecture}}
    first, second = (train(split, settings(split, max_epochs=3).replace(kind)).network for _ in range(2))
    other = train(split, settings(split, max_epochs=3, seed=4).replace(kind)).network
    for name, weights in first.state_dict().items():
        assert torch.equal(weights, second.state_dict()[name]), name
    assert not torch.equal(first.item_vectors.own.weight, other.item_vectors.own.weight)


def test_training_leaves_global_generators_alone() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    np.random.seed(11)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # pyright: ignore[reportArgumentType, reportIndexIssue, reportAttributeAccessIssue]
    split = cycles()
    train(split, settings(split, max_epochs=1))
    assert torch.equal(torch.rand(3), expected)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002  # pyright: ignore[reportArgumentType, reportIndexIssue]


@pytest.mark.parametrize(
    ("stop", "average", "architecture"),
    [
        (1, 0.0, "causal"),
        (3, 0.0, "causal"),
        (4, 0.0, "causal"),
        (3, 0.9, "causal"),
        (3, 0.0, "masked"),
        (3, 0.9, "encoder-decoder"),
    ],
)
def test_resumed_training_ends_with_the_very_same_weights(
    stop: int, average: float, architecture: str, tmp_path
) -> None:
    split = cycles()
    config = settings(split, validate_every=2, average=average).replace({"model": {"architecture": architecture}})
    kept: list[Checkpoint] = []
    whole = train(split, config, save=lambda make: kept.append(make()))
    save_checkpoint(kept[stop - 1], tmp_path / "c.safetensors")
    resumed = train(split, config, resume=load_checkpoint(tmp_path / "c.safetensors"))
    assert [e.epoch for e in resumed.log] == [e.epoch for e in whole.log]
    assert [(e.loss, e.valid_ndcg) for e in resumed.log] == [(e.loss, e.valid_ndcg) for e in whole.log]
    for name, weights in whole.network.state_dict().items():
        assert torch.equal(weights, resumed.network.state_dict()[name]), name


@pytest.mark.parametrize("extra", REGULARISED, ids=str)
def test_settings_that_regularise_change_the_weights_and_resume_likewise(extra: dict[str, dict[str, object]]) -> None:
    split = split_of([[(u + t) % 12 + 1 for t in range(5 + u % 5)] for u in range(60)], 12)
    plain = settings(split, warmup_steps=5)
    config = plain.replace(extra)
    kept: list[Checkpoint] = []
    whole = train(split, config, save=lambda make: kept.append(make())).network.state_dict()
    resumed = train(split, config, resume=kept[2]).network.state_dict()
    kind = {"model": {"architecture": config.model.architecture}}
    without = train(split, plain.replace(kind)).network.state_dict()
    assert all(torch.equal(weights, resumed[name]) for name, weights in whole.items())
    assert not all(torch.equal(weights, without[name]) for name, weights in whole.items())


def test_l1_sets_numbers_of_item_vectors_to_nothing_and_the_more_the_larger_it_is() -> None:
    split = cycles()
    zeros = []
    for l1 in (0.0, 0.2, 2.0):
        own = train(split, settings(split, l1=l1, average=0.0)).network.item_vectors.own.weight[1:]
        zeros.append(float((own == 0).float().mean()))
    assert zeros[0] == 0.0
    assert 0.0 < zeros[1] < zeros[2]


def test_gradients_longer_than_the_limit_are_cut_to_it() -> None:
    """With plain steps in AdamW's place, no step is longer than step size times limit."""
    split = cycles()

    class Plain(torch.optim.SGD):
        def __init__(self, parameters, lr: float, **_: object) -> None:
            super().__init__(parameters, lr=lr)

    def length(clip_norm: float) -> float:
        one = {"max_epochs": 1, "batch_tokens": 100_000, "average": 0.0, "warmup_steps": 0, "learning_rate": 1.0}
        config = settings(split, clip_norm=clip_norm, **one)
        start = train(split, config.replace({"training": {"learning_rate": 1e-30}})).network.state_dict()
        after = train(split, config).network.state_dict()
        return float(torch.cat([(after[name] - start[name]).ravel() for name in after]).norm())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "AdamW", Plain)
        assert length(1e-3) == pytest.approx(1e-3, rel=0.01)
        assert length(1e3) > 0.01


def test_averaged_weights_lie_between_those_of_the_steps() -> None:
    split = cycles()
    kept: list[Checkpoint] = []
    averaged = train(
        split, settings(split, max_epochs=4, average=0.5), save=lambda make: kept.append(make())
    ).network.state_dict()
    plain = train(split, settings(split, max_epochs=4, average=0.0)).network.state_dict()
    name = "blocks.0.widen.weight"
    assert torch.equal(kept[-1].network[name], plain[name])  # the average looks on and changes nothing
    assert not torch.equal(averaged[name], plain[name])
    last, before = kept[-1].network[name], kept[0].network[name]
    assert (averaged[name] - last).norm() < 0.5 * (before - last).norm()


def test_the_weights_of_the_best_validation_are_kept() -> None:
    split = cycles()
    config = settings(split, max_epochs=8, average=0.0)
    kept: list[Checkpoint] = []
    scores = iter([0.1, 0.2, 0.9, 0.3, 0.4, 0.9, 0.1, 0.0])  # the first of two equal bests counts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "validation_ndcg", lambda *_: next(scores))
        trained = train(split, config, save=lambda make: kept.append(make()))
    assert trained.best_epoch == 3
    assert torch.equal(trained.network.item_vectors.own.weight, kept[2].network["item_vectors.own.weight"])


def test_patience_ends_training_early() -> None:
    split = cycles()
    scores = iter([0.5, 0.6, 0.1, 0.2, 0.3, 0.9])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "validation_ndcg", lambda *_: next(scores))
        trained = train(split, settings(split, max_epochs=6, patience=3))
    assert (trained.stopped_by, len(trained.log), trained.best_epoch) == ("patience", 5, 2)


def test_a_time_limit_ends_training() -> None:
    split = cycles()
    trained = train(split, settings(split, max_epochs=50, max_seconds=1e-6))
    assert (trained.stopped_by, len(trained.log)) == ("max_seconds", 1)


def test_the_time_limit_is_heeded_within_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch of a large log takes hours; what there was time for is validated and kept."""
    split = cycles(n_users=120)
    clock = iter(range(10_000))
    steps: list[float] = []
    step = training._Loop._step

    def counted(loop: training._Loop, *given: Any) -> tuple[float, int]:
        steps.append(given[2])
        return step(loop, *given)

    monkeypatch.setattr(training._Loop, "_step", counted)
    monkeypatch.setattr(training.time, "perf_counter", lambda: float(next(clock)))
    told: list[Progress] = []
    config = settings(split, max_epochs=50, max_seconds=5, validate_every=50, batch_tokens=16)
    trained = train(split, config, told.append)
    assert trained.stopped_by == "max_seconds"
    assert len(trained.log) == 1
    assert len(steps) <= 5 < training.count_batches(training.windows(split.train, 8), 16)
    assert trained.log[0].valid_ndcg is not None
    assert told[-1].done == 1


def test_the_time_left_is_no_longer_than_the_time_limit() -> None:
    split, told = cycles(), []
    train(split, settings(split, max_epochs=1000, max_seconds=0.5), told.append)
    assert all(p.remaining is not None and p.seconds is not None for p in told)
    assert all(p.remaining <= 0.5 - min(p.seconds, 0.5) + 1e-9 for p in told)
    assert told[-1].done > 0.9  # time may run out between a report and the look that ends training
    assert [p.done for p in told] == sorted(p.done for p in told)


def test_an_interrupt_keeps_the_best_weights_so_far() -> None:
    split = cycles()
    kept: list[Checkpoint] = []

    def interrupt(progress: Progress) -> None:
        if progress.epoch == 4:
            raise KeyboardInterrupt

    trained = train(split, settings(split), interrupt, save=lambda make: kept.append(make()))
    assert trained.stopped_by == "interrupted"
    assert trained.best_epoch <= 4
    best = kept[trained.best_epoch - 1] if trained.best_epoch <= len(kept) else None
    if best:
        assert torch.equal(trained.network.item_vectors.own.weight, best.network["item_vectors.own.weight"])


def test_validation_of_several_targets_is_the_ndcg_of_the_evaluation() -> None:
    split = split_of([[(u + 3 * t) % 40 + 1 for t in range(12)] for u in range(50)], 40)
    network = train(split, settings(split, max_epochs=1)).network
    rng = np.random.default_rng(0)
    rows = [rng.choice(40, rng.integers(1, 14), replace=False) + 1 for _ in range(50)]
    holdout = Holdout(split.valid.users, split.valid.histories, Histories.of(rows))
    candidates = np.arange(41) % 7 != 0  # index 0, padding, among those that are barred
    ranks = ranks_of_targets(TransformerRecommender(network, candidates), holdout)
    expected = ndcg(ranks, holdout.targets.offsets, 10).mean()
    assert 0.1 < expected < 0.9
    assert validation_ndcg(network, holdout, candidates, exclude_seen=True, chunk=16) == pytest.approx(
        expected, abs=1e-6
    )


def test_progress_tells_epochs_losses_and_the_time_left() -> None:
    split = cycles()
    told: list[Progress] = []
    train(split, settings(split, max_epochs=3), told.append)
    ends = [p for p in told if p.valid_ndcg is not None]
    assert {p.epoch for p in told} == {1, 2, 3}
    assert told[-1].done == 1.0
    assert told[-1].remaining == pytest.approx(0.0)
    assert all(p.loss is not None and p.loss > 0 for p in ends)
    assert [p.done for p in told] == sorted(p.done for p in told)


def test_a_loss_that_is_no_number_is_said_with_its_learning_rate() -> None:
    split = cycles()
    config = settings(split, learning_rate=1.0, clip_norm=1e9, warmup_steps=0, max_epochs=200)
    config = config.replace({"model": {"output": "dot"}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "softmax_loss", lambda *a: torch.tensor(float("nan"), requires_grad=True))
        with pytest.raises(TrainingError, match=r"nan in epoch 1.*learning_rate \(now 1\.0\)"):
            train(split, config)


def test_histories_too_short_to_learn_from_are_refused() -> None:
    split = split_of([[1, 2, 3], [2, 3, 1]], 3)
    with pytest.raises(TrainingError, match="two training interactions"):
        train(split, settings(split))


def test_an_absent_device_is_refused_by_name() -> None:
    missing = next(
        name
        for name, has in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()))
        if not has
    )
    with pytest.raises(TrainingError, match=missing):
        choose_device(missing)
    assert choose_device("cpu").type == "cpu"


def test_validation_ranks_pessimistically_without_seen_items_or_strangers() -> None:
    split = cycles()
    network = train(split, settings(split, max_epochs=1)).network
    network.item_vectors.own.weight.data[1:] = network.item_vectors.own.weight.data[1]  # every item scores the same
    none = validation_ndcg(network, split.valid, split.candidates, exclude_seen=False)
    assert none == 0.0  # twelve items tie, so the target ranks twelfth
    some = validation_ndcg(network, split.valid, split.candidates, exclude_seen=True)
    assert some == pytest.approx(1 / np.log2(1 + 12 - 7))  # seven of the twelve are seen
    strangers = split.candidates.copy()
    strangers[np.unique(split.valid.targets.items)] = False
    assert validation_ndcg(network, split.valid, strangers, exclude_seen=True) == 0.0


def test_last_hidden_is_the_same_alone_and_in_company() -> None:
    split = cycles()
    network = train(split, settings(split, max_epochs=1)).network
    histories = Histories.of([[1, 2, 3], [], [4], list(range(1, 12)), [5, 6]])
    together = next_item_states(network, histories)
    for row in range(len(histories)):
        alone = next_item_states(network, Histories.of([histories[row]]))
        torch.testing.assert_close(together[row], alone[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(together[3], next_item_states(network, Histories.of([list(range(4, 12))]))[0])


def test_a_network_survives_the_disk(tmp_path) -> None:
    split = cycles()
    network = train(split, settings(split, max_epochs=1)).network
    save_network(network, tmp_path / "m.safetensors")
    again = load_network(tmp_path / "m.safetensors")
    assert again.config == network.config
    assert torch.equal(next_item_states(again, split.train), next_item_states(network, split.train))
