"""What an item's own vectors read and learn from."""

from __future__ import annotations

import torch

from engine.model.network.item_vectors import ItemVectors


def _loss(vectors: ItemVectors, items: torch.Tensor) -> torch.Tensor:
    return (vectors(items) * torch.arange(1.0, 1 + items.numel())[:, None]).square().sum()


def test_a_few_rows_give_the_table_the_gradient_of_the_whole_step_after_step() -> None:
    few, whole = ItemVectors(9, 4), ItemVectors(9, 4)
    whole.load_state_dict(few.state_dict())
    for asked in ([3, 1, 1, 0], [8, 3], [2, 9]):  # rows of an earlier step must not linger, nor padding learn
        items = torch.tensor(asked)
        taken = few.few(items)
        few.own.weight.grad = whole.own.weight.grad = None
        with few.reading(taken):
            _loss(few, items).backward()
        few.take_gradient(taken)
        _loss(whole, items).backward()
        assert few.own.weight.grad is not None
        assert whole.own.weight.grad is not None
        assert torch.equal(few.own.weight.grad, whole.own.weight.grad)
        assert few.own.weight.grad[asked[0]].any()
        with torch.no_grad():
            for vectors in (few, whole):
                assert vectors.own.weight.grad is not None
                vectors.own.weight.sub_(vectors.own.weight.grad, alpha=0.01)
