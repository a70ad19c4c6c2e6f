"""What the estimator says of effects is true where the truth is known."""

import numpy as np
import pytest

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import (
    make_drifting_globe,
    make_geoshapley_grid,
    make_heterogeneous_globe,
    make_mgwr_grid,
    make_regional_globe,
)


def correlations(design, slopes):
    truth = design.local_effects
    return {
        name: np.corrcoef(truth[name], slopes[name])[0, 1]
        for name in truth
        if truth[name].std() > 1e-9
    }


@pytest.fixture(scope="module")
def regional():
    design = make_regional_globe(1_500, 150, random_state=0)
    model = STCGRegressor(n_folds=1, random_state=0).fit(design.data, design.target)
    return design, model, model.local_effects(design.data)


def test_an_irrelevant_feature_ranks_last(regional):
    design, model, _ = regional
    importance = dict(
        zip(model.feature_names_in_, model.feature_importances_, strict=True)
    )
    features = {name: importance[name] for name in design.feature_names}
    assert min(features, key=features.get) == "irrelevant"
    assert features["irrelevant"] < 0.15 * features["everywhere"]


def test_copies_share_the_effect_of_their_driver(regional):
    _, _, slopes = regional
    means = slopes[["copy_a", "copy_b"]].mean()
    assert np.allclose(means, 1 / 2.25, atol=0.1)


def test_a_regional_effect_stays_in_its_region(regional):
    design, _, slopes = regional
    truth = design.local_effects["monsoon"]
    assert slopes.loc[truth > 1, "monsoon"].mean() > 0.5
    assert slopes.loc[truth == 0, "monsoon"].abs().mean() < 0.15


def test_slopes_on_a_globe():
    globe = make_heterogeneous_globe(1_500, 50, random_state=0)
    model = STCGRegressor(n_folds=1, random_state=0).fit(globe.data, globe.target)
    found = correlations(globe, model.local_effects(globe.data))
    # Few rows for six slopes that change with place and season: 40,000 give 0.95.
    assert np.mean(list(found.values())) > 0.65
    unseen = make_heterogeneous_globe(3_000, 100, random_state=0)
    new = ~unseen.data["lat"].isin(globe.data["lat"])
    truth, slopes = unseen.local_effects[new], model.local_effects(unseen.data[new])
    assert len(slopes) > 500
    found = [np.corrcoef(truth[name], slopes[name])[0, 1] for name in truth]
    assert np.mean(found) > 0.25  # of 50 places seen; 2,000 give 0.95


def test_slopes_on_the_grid_of_mgwr():
    grid = make_mgwr_grid(random_state=0)
    model = STCGRegressor(
        lat="v", lon="u", metric="euclidean", n_folds=1, random_state=0
    )
    slopes = model.fit(grid.data, grid.target).local_effects(grid.data)
    found = correlations(grid, slopes)
    assert min(found.values()) > 0.85


def test_a_slope_that_is_the_same_everywhere_and_a_square_on_the_grid_of_geoshapley():
    grid = make_geoshapley_grid(25, random_state=0)
    model = STCGRegressor(
        lat="v", lon="u", metric="euclidean", n_folds=1, random_state=0
    )
    slopes = model.fit(grid.data, grid.target).local_effects(grid.data)
    assert min(correlations(grid, slopes).values()) > 0.85
    assert slopes["x3"].mean() == pytest.approx(2.0, abs=0.25)
    assert slopes["x3"].std() < 0.4
    bend = np.polyfit(grid.data["x4"], slopes["x4"], 1)  # the slope of a square: 2 x
    assert bend == pytest.approx([2.0, 0.0], abs=0.4)


def test_slopes_that_change_over_the_years():
    globe = make_drifting_globe(2_000, 100, random_state=0)
    model = STCGRegressor(n_folds=1, random_state=0).fit(globe.data, globe.target)
    found = correlations(globe, model.local_effects(globe.data))
    assert np.mean(list(found.values())) > 0.8
