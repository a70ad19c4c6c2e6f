"""The invariance penalty: whom it suspects, and what it is good for."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_spurious_regions
from spatialheteroreg.graph import ConditionGraph
from spatialheteroreg.network import inputs_of
from spatialheteroreg.network.invariance import RegionRisks, Withheld, withhold
from spatialheteroreg.network.layers import RandomSource
from spatialheteroreg.regions import node_regions
from spatialheteroreg.row_inputs import network_inputs

from .conftest import make_table

QUICK = {"random_state": 0, "n_nodes": 8, "max_iter": 2}
REGIONS = torch.arange(4)


@pytest.fixture(scope="module")
def globe():
    return make_spurious_regions(40_000, 4_000, random_state=0)


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table(80)
    model = STCGRegressor(**QUICK, invariance_penalty=5.0).fit(X, y)
    arrays = model._inputs.transform(model._read_fitted(X))
    inputs = inputs_of(network_inputs(arrays), 0)
    batch = {name: torch.as_tensor(value) for name, value in inputs.items()}
    return model, batch


def risks_of(*pairs):
    """Region risks with and without each of some features."""
    risks = RegionRisks(REGIONS, len(pairs), 1.0)
    risks.errors += torch.tensor(pairs)
    risks.counts += 1.0
    return risks


NOISE = [0.4, 0.4, 0.4, 0.4]
EFFECT = [[0.4, 0.3, 0.2, 0.05], NOISE]
CAUSE = [[0.4, 0.41, 0.39, 0.4], [0.5, 0.9, 0.6, 1.2]]


class TestSuspicion:
    def test_an_effect_is_suspected_and_a_cause_is_not(self):
        torch.testing.assert_close(
            risks_of(EFFECT, CAUSE).suspicion(), torch.tensor([1.0, 0.0])
        )

    def test_an_effect_of_which_little_is_used_is_suspected_as_well(self):
        little = [[0.4, 0.399, 0.398, 0.3965], NOISE]
        assert risks_of(little).suspicion().item() == pytest.approx(1.0, abs=1e-3)

    def test_noise_that_differs_is_not_the_fault_of_a_cause(self):
        cause = [[0.1, 0.4, 0.2, 0.3], [0.6, 0.8, 0.5, 0.9]]
        assert risks_of(cause).suspicion().item() < 0.1

    def test_regions_without_rows_do_not_count(self):
        risks = risks_of(EFFECT)
        risks.errors[..., 1] = 0.0
        risks.counts[..., 1] = 0.0
        assert risks.suspicion().item() == pytest.approx(1.0)

    def test_nobody_is_suspected_before_anything_is_seen(self):
        risks = RegionRisks(REGIONS, 3, 1.0)
        assert risks.suspicion().tolist() == [0.0, 0.0, 0.0]

    def test_suspects_are_withheld_more_often(self):
        risks, random = risks_of(EFFECT, CAUSE, CAUSE), RandomSource(0)
        drawn = [risks.draw_feature(random) for _ in range(300)]
        share = np.mean([feature == 0 for feature, _ in drawn])
        assert share == pytest.approx(4 / 6, abs=0.1)
        for feature, chance in drawn:
            assert float(chance) == pytest.approx(1 / 6 if feature else 4 / 6)


class TestObserving:
    def observe(self, risks, feature=0, errors=None, weight=None):
        withheld = Withheld(None, feature, torch.tensor(1.0), REGIONS, risks)
        errors = torch.tensor(EFFECT) if errors is None else errors
        risks.observe(withheld, errors, torch.ones(4) if weight is None else weight)

    def test_errors_become_means_by_weight(self):
        risks = RegionRisks(torch.tensor([0, 1]), 1, 1.0)
        withheld = Withheld(None, 0, torch.tensor(1.0), torch.tensor([0, 0, 1]), risks)
        errors = torch.tensor([[1.0, 4.0, 2.0], [2.0, 8.0, 4.0]])
        risks.observe(withheld, errors, torch.tensor([1.0, 3.0, 0.5]))
        mean = risks.errors[0] / risks.counts[0]
        torch.testing.assert_close(mean, torch.tensor([[3.25, 2.0], [6.5, 4.0]]))

    def test_what_was_long_ago_is_forgotten(self):
        risks = RegionRisks(REGIONS, 1, 1.0)
        self.observe(risks, errors=torch.full((2, 4), 99.0))
        for _ in range(300):
            self.observe(risks)
        torch.testing.assert_close(
            risks.errors[0] / risks.counts[0], torch.tensor(EFFECT), atol=1e-3, rtol=0
        )

    def test_features_are_told_apart(self):
        risks = RegionRisks(REGIONS, 2, 1.0)
        self.observe(risks, feature=1)
        assert (risks.counts[0] == 0).all()
        assert (risks.counts[1] == 1).all()


def test_withholding_makes_one_feature_missing():
    numeric, missing = torch.ones(3, 2), torch.zeros(3, 2, dtype=torch.bool)
    codes = torch.full((3, 2), 4)
    without, absent, same = withhold(numeric, missing, codes, 1)
    assert without.tolist() == [[1.0, 0.0]] * 3
    assert absent.tolist() == [[False, True]] * 3
    assert same is codes
    same, _, without = withhold(numeric, missing, codes, 2)
    assert same is numeric
    assert without.tolist() == [[1, 4]] * 3
    assert (numeric == 1).all()
    assert not missing.any()
    assert (codes == 4).all()


@pytest.mark.parametrize("metric", ["haversine", "euclidean"])
def test_regions_are_compact_and_repeat(metric):
    random = np.random.RandomState(0)
    lat = np.repeat([-50.0, 0.0, 50.0], 10) + random.uniform(-5, 5, 30)
    lon = np.repeat([-90.0, 0.0, 90.0], 10) + random.uniform(-5, 5, 30)
    graph = ConditionGraph(30, n_neighbors=12, metric=metric, random_state=0)
    graph.fit(lat, lon)
    region = node_regions(graph, 3)
    assert set(region) == {0, 1, 2}
    for center in (-50.0, 0.0, 50.0):
        assert len(set(region[np.abs(graph.node_lat - center) < 10])) == 1
    np.testing.assert_array_equal(region, node_regions(graph, 3))
    assert set(node_regions(graph)) == set(range(8))


class TestNetwork:
    def test_a_feature_is_withheld_in_training_only(self, fitted):
        model, batch = fitted
        network = model.net_.module_.first
        assert network.eval()(**batch).withheld is None
        withheld = network.train()(**batch).withheld
        network.eval()
        region = network.invariance.region[batch["node_index"][:, 0]]
        assert torch.equal(withheld.region, region)
        # Of a missing number the value is learned, the same in all rows.
        if withheld.feature < batch["numeric"].shape[1]:
            assert len(withheld.output.values[:, withheld.feature].unique()) == 1

    def test_only_the_predictions_with_the_feature_are_penalized(self, fitted):
        model, batch = fitted
        network = model.net_.module_.first.train()
        output = network(**batch)
        network.eval()
        risks = output.withheld.risks
        j = output.withheld.feature
        risks.errors[j] = 1e6 * torch.linspace(0.1, 1.0, risks.errors.shape[-1])
        risks.errors[j, 1] = 1e6
        risks.counts[j] = 1e6
        for part in (output.prediction, output.withheld.output.prediction):
            part.retain_grad()
        target = torch.zeros(len(output.prediction), 1)
        penalty = risks.penalty(output, target)
        penalty.backward()
        change = (output.prediction - output.withheld.output.prediction) ** 2
        term = (output.weights[:, 0, j] * output.values[:, j]) ** 2
        expected = 5.0 / output.withheld.chance * (change.mean() + term.mean())
        torch.testing.assert_close(penalty, expected, rtol=1e-2, atol=1e-6)
        assert output.prediction.grad.abs().sum() > 0
        assert output.withheld.output.prediction.grad is None


class TestRegressor:
    @pytest.mark.parametrize(
        "options",
        [
            {"head": "dual"},
            {"n_members": 3, "calibration_fraction": 0},
            {"precision": "float64"},
            {"early_stopping": "rows", "validation_fraction": 0.2},
        ],
        ids=str,
    )
    def test_every_kind_of_model_takes_it(self, options):
        X, y = make_table(80)
        weight = np.random.RandomState(0).uniform(0.5, 2.0, len(X))
        model = STCGRegressor(**QUICK, invariance_penalty=10.0, **options)
        model.fit(X, y, weight)
        assert np.isfinite(model.predict(X)).all()
        again = clone(model).fit(X, y, weight)
        np.testing.assert_array_equal(model.predict(X), again.predict(X))
        counts = model.net_.module_.first.invariance.counts
        assert counts.sum() > 0

    def test_off_adds_nothing_to_the_network(self):
        X, y = make_table(60)
        state = STCGRegressor(**QUICK).fit(X, y).net_.module_.state_dict()
        assert not any("invariance" in name for name in state)

    def test_it_leaves_an_intercept_alone(self):
        X, y = make_table(60)
        X = X[["lat", "lon", "time"]]
        plain, penalized = (
            STCGRegressor(**QUICK, invariance_penalty=on).fit(X, y).predict(X)
            for on in (0.0, 10.0)
        )
        np.testing.assert_array_equal(plain, penalized)

    @pytest.mark.parametrize("columns", [["lat", "lon"], ["lat", "lon", "time"]])
    @pytest.mark.filterwarnings("ignore:No coordinates found:UserWarning")
    def test_without_places_there_are_no_regions(self, columns):
        X, y = make_table(60)
        model = STCGRegressor(**QUICK, invariance_penalty=1.0)
        with pytest.raises(ValueError, match="one place or none"):
            model.fit(X.drop(columns=columns), y)

    def test_a_cause_keeps_its_share_and_an_effect_loses_it(self):
        globe = make_spurious_regions(3_000, 300, random_state=0)
        new = (globe.region == 7).to_numpy()
        error, share = {}, {}
        for penalty in (0.0, 10.0):
            model = STCGRegressor(
                n_nodes=60,
                d_condition=32,
                max_iter=20,
                batch_size=128,
                learning_rate=0.01,
                invariance_penalty=penalty,
                n_folds=1,
                random_state=0,
            ).fit(globe.data[~new], globe.target[~new])
            missed = model.predict(globe.data[new]) - globe.target[new]
            error[penalty] = np.sqrt(np.mean(missed**2))
            share[penalty] = pd.Series(model.feature_importances_, list(globe.data))
        assert error[10.0] < 0.75 * error[0.0]
        assert share[10.0]["effect"] < 0.6 * share[0.0]["effect"]
        for cause in ("cause_a", "cause_b"):
            assert share[10.0][cause] > share[0.0][cause]


class TestGenerator:
    def test_the_effect_is_made_of_the_target(self, globe):
        for region, strength in enumerate((0.0, 1.0, 0.25, 2.0, 0.5, 1.5, 0.75, -1.0)):
            here = globe.region == region
            rest = globe.data["effect"][here] - strength * globe.target[here]
            assert rest.std() == pytest.approx(0.5, rel=0.05)
            assert abs(np.corrcoef(rest, globe.target[here])[0, 1]) < 0.05

    def test_the_target_is_made_of_the_causes(self, globe):
        rest = globe.target - globe.noise_free_target
        for region in range(8):
            assert rest[globe.region == region].std() == pytest.approx(0.6, rel=0.05)
        effects, X = globe.local_effects, globe.data
        causes = ["cause_a", "cause_b"]
        np.testing.assert_allclose(
            (effects[causes] * X[causes]).sum(axis=1), globe.noise_free_target
        )
        assert (effects["effect"] == 0).all()
        assert list(effects) == list(globe.contributions) == globe.feature_names
        assert effects["cause_a"].between(0.5, 1.5).all()
        assert effects["cause_b"].between(-1.5, 0.5).all()

    def test_regions_are_octants(self, globe):
        north, X = globe.region < 4, globe.data
        assert (X["lat"][north] >= 0).all()
        assert (X["lat"][~north] < 0).all()
        width = X.groupby(globe.region)["lon"].agg(np.ptp)
        assert width.between(85, 90).all()
        assert globe.region.value_counts(normalize=True).between(0.1, 0.15).all()

    def test_repeats_and_takes_other_strengths(self):
        first, second = (make_spurious_regions(200, 20, random_state=1) for _ in "ab")
        pd.testing.assert_frame_equal(first.data, second.data)
        other = make_spurious_regions(200, 20, strengths=[0.0] * 8, random_state=1)
        pd.testing.assert_series_equal(first.target, other.target)
        assert other.data["effect"].std() == pytest.approx(0.5, rel=0.2)

    @pytest.mark.parametrize("strengths", [[1.0], [np.nan] * 8])
    def test_refuses(self, strengths):
        with pytest.raises(ValueError, match="strengths must be 8 finite numbers"):
            make_spurious_regions(20, 5, strengths=strengths)
