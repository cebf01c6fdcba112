"""A map lays out what can be recommended, puts what is asked for beside its like, and is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.analyses import item_map
from tests.conftest import BLENDED_RUN


@pytest.fixture(scope="module")
def run(blended_run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> engine.Run:
    """The blended run in a folder that may be written to."""
    folder = tmp_path_factory.mktemp("maps")
    shutil.copytree(blended_run_dir / BLENDED_RUN, folder / BLENDED_RUN)
    return engine.load_run(BLENDED_RUN, folder)


def test_principal_components_are_those_of_the_unit_vectors(run: engine.Run) -> None:
    found = engine.item_map(run)
    vectors = run.recommender.output_vectors()[found.items].astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    centred = unit - unit.mean(axis=0)
    values = np.sort(np.linalg.eigvalsh(centred.T @ centred))[::-1]
    assert found.kept == pytest.approx(values[:2].sum() / values.sum(), rel=1e-4)
    spread = (found.places**2).sum(axis=0)
    assert spread[1] / spread[0] == pytest.approx(values[1] / values[0], rel=1e-3)
    assert np.abs(found.places).max() == pytest.approx(1)
    assert set(found.items) == set(np.flatnonzero(run.recommender.candidates))


def test_items_outside_the_draw_stand_where_they_would_within_it(
    run: engine.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_map, "SAMPLE", 30)
    drawn = engine.item_map(run)
    assert drawn.sampled.sum() == len(drawn.items) == 30
    outside = [i for i in np.flatnonzero(run.recommender.candidates) if i not in drawn.items][:3]
    more = engine.item_map(run, always=tuple(run.dataset.items.ids_of(np.array(outside))))
    assert more.items[-3:].tolist() == outside
    assert more.sampled.sum() == 30
    np.testing.assert_allclose(more.places[:30], drawn.places)
    inside = engine.item_map(run, always=tuple(run.dataset.items.ids_of(drawn.items[:2])))
    assert len(inside.items) == 30


def test_a_tsne_is_kept_and_places_others_among_their_nearest(run: engine.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_map, "SAMPLE", 40)
    assert not engine.has_tsne(run)
    first = engine.item_map(run, "tsne")
    assert engine.has_tsne(run)
    monkeypatch.setattr(item_map, "_lay_out", lambda unit, seed: pytest.fail("the kept one should serve"))
    outside = int(next(i for i in np.flatnonzero(run.recommender.candidates) if i not in first.items))
    again = engine.item_map(run, "tsne", (run.dataset.items.id_of(outside),))
    np.testing.assert_allclose(again.places[:-1], first.places, atol=1e-4)
    vectors = run.recommender.output_vectors()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)
    near = again.places[:-1][np.argsort(-(unit[outside] @ unit[first.items].T))[:3]]
    assert (near.min(axis=0) - 1e-9 <= again.places[-1]).all()
    assert (again.places[-1] <= near.max(axis=0) + 1e-9).all()
    (run.path / item_map.ITEM_MAP).write_text("{}")
    assert not engine.has_tsne(run)
