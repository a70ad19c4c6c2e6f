"""STCGRegressor: what it takes, what it refuses, what it promises."""

import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

from spatialheteroreg import STCGRegressor
from spatialheteroreg.batches import split_validation

from .conftest import make_table

QUICK = {"random_state": 0, "n_nodes": 8, "max_iter": 3}


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table()
    return STCGRegressor(**QUICK).fit(X, y), X, y


class TestPrediction:
    def test_the_turn_of_longitude_changes_nothing(self):
        X, y = make_table()
        X = X.round({"lat": 4, "lon": 4})
        turned = X.assign(lon=X.lon % 360)
        one = STCGRegressor(**QUICK).fit(X, y).predict(X)
        other = STCGRegressor(**QUICK).fit(turned, y).predict(turned)
        np.testing.assert_array_equal(one, other)

    def test_a_row_is_predicted_alike_alone_and_in_company(self, fitted):
        model, X, _ = fitted
        together = model.predict(X)
        alone = np.concatenate([model.predict(X.iloc[[i]]) for i in range(20)])
        np.testing.assert_allclose(alone, together[:20], rtol=1e-9, atol=1e-9)
        shuffled = X.sample(frac=1.0, random_state=0)
        np.testing.assert_allclose(
            model.predict(shuffled), together[shuffled.index], rtol=1e-9, atol=1e-9
        )

    def test_the_seed_decides(self, fitted):
        model, X, y = fitted
        again = clone(model).fit(X, y)
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        other = clone(model).set_params(random_state=1).fit(X, y)
        assert not np.allclose(other.predict(X), model.predict(X))

    def test_fits_in_threads_give_the_result_they_give_alone(self, fitted):
        model, X, y = fitted
        with ThreadPoolExecutor(3) as pool:
            seeds = [0, 0, 1]
            models = list(
                pool.map(
                    lambda s: clone(model).set_params(random_state=s).fit(X, y), seeds
                )
            )
        expected = model.predict(X)
        np.testing.assert_array_equal(models[0].predict(X), expected)
        np.testing.assert_array_equal(models[1].predict(X), expected)
        assert not np.allclose(models[2].predict(X), expected)

    @pytest.mark.parametrize("head", ["additive", "dual"])
    def test_pickle_and_joblib_keep_everything(self, fitted, tmp_path, head):
        model, X, y = fitted
        model = clone(model).set_params(head=head).fit(X, y)
        joblib.dump(model, tmp_path / "model.joblib")
        for copy in (
            pickle.loads(pickle.dumps(model)),
            joblib.load(tmp_path / "model.joblib"),
        ):
            np.testing.assert_array_equal(copy.predict(X), model.predict(X))
            np.testing.assert_array_equal(
                copy.explain(X).values, model.explain(X).values
            )

    def test_columns_by_name_and_by_position_are_the_same_model(self, fitted):
        _, X, y = fitted
        X = X.drop(columns="cover").assign(time=2001 + np.arange(len(X)) / 50)
        named = STCGRegressor(**QUICK, period=1.0).fit(X, y)
        placed = STCGRegressor(**QUICK, period=1.0, lat=0, lon=1, time=2)
        placed.fit(X.to_numpy(), y)
        np.testing.assert_array_equal(named.predict(X), placed.predict(X.to_numpy()))

    def test_rows_may_come_from_new_places_times_and_categories(self, fitted):
        model, X, _ = fitted
        new = X.iloc[:3].assign(
            lat=[90.0, -90.0, 0.0],
            lon=[180.0, -180.0, 359.0],
            time=pd.Timestamp("2006-05-05"),
            rain=np.nan,
            cover=["lava", None, "grass"],
        )
        assert np.isfinite(model.predict(new)).all()

    def test_learns_a_law_that_flips_across_the_equator(self):
        X, y = make_table(1500)
        X, y = X.drop(columns=["cover", "time"]).fillna(0.0), y
        train, test = np.arange(1200), np.arange(1200, 1500)
        scores = {
            condition: STCGRegressor(n_folds=1, random_state=0, condition=condition)
            .fit(X.iloc[train], y[train])
            .score(X.iloc[test], y[test])
            for condition in ("graph", "none")
        }
        assert scores["graph"] > 0.9
        assert scores["none"] < 0.3


class TestChunks:
    def test_long_tables_are_predicted_in_parts(self, fitted, monkeypatch):
        model, X, _ = fitted
        whole = model.predict(X), model.explain(X), model.feature_weights(X)
        slopes = model.local_effects(X)
        monkeypatch.setattr("spatialheteroreg.chunks.CHUNK_ROWS", 7)
        np.testing.assert_allclose(model.predict(X), whole[0], rtol=1e-9)
        explanation = model.explain(X)
        np.testing.assert_allclose(explanation.values, whole[1].values, atol=1e-9)
        np.testing.assert_array_equal(explanation.data, whole[1].data)
        np.testing.assert_allclose(model.feature_weights(X), whole[2], atol=1e-9)
        pd.testing.assert_frame_equal(model.local_effects(X), slopes)

    def test_errors_name_the_rows_of_the_whole_table(self, fitted, monkeypatch):
        model, X, _ = fitted
        monkeypatch.setattr("spatialheteroreg.chunks.CHUNK_ROWS", 7)
        X = X.copy()
        X.iloc[[50, 90], 0] = 99.0
        with pytest.raises(ValueError, match="rows 50, 90 hold 99, 99"):
            model.predict(X)

    def test_memory_does_not_grow_with_the_table(self, fitted, monkeypatch):
        model, X, _ = fitted
        monkeypatch.setattr("spatialheteroreg.chunks.CHUNK_ROWS", 500)
        long = pd.concat([X] * 200, ignore_index=True)
        tracemalloc.start()
        model.predict(long)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 100 * len(long)  # the inputs of all rows take 250 bytes each


class TestGroups:
    """Labels of stations, whose rows are held out together."""

    @staticmethod
    def held_out(model, X, y, groups, monkeypatch):
        seen = []

        def split(kind, fraction, place, random):
            training, held = split_validation(kind, fraction, place, random)
            seen.append(held)
            return training, held

        monkeypatch.setattr("spatialheteroreg.fitting.split_validation", split)
        model.fit(X, y, groups=groups)
        return seen[0]

    def test_all_rows_of_a_label_are_held_out_together(self, fitted, monkeypatch):
        _, X, y = fitted
        model = STCGRegressor(**QUICK, early_stopping="places", validation_fraction=0.3)
        groups = np.array(["oak", "elm", "ash", "fir"] * 30)
        held = self.held_out(model, X, y, groups, monkeypatch)
        assert 0 < len(held) < len(X)
        assert not set(groups[held]) & set(np.delete(groups, held))

    def test_without_place_wise_stopping_they_change_nothing(self, fitted):
        model, X, y = fitted
        again = clone(model).fit(X, y, groups=np.arange(len(X)))
        np.testing.assert_array_equal(again.predict(X), model.predict(X))

    def test_one_label_for_each_row_is_needed(self, fitted):
        _, X, y = fitted
        model = STCGRegressor(**QUICK, early_stopping="places")
        with pytest.raises(ValueError, match="groups has 3 labels for 120 rows"):
            model.fit(X, y, groups=["a", "b", "c"])

    @pytest.mark.parametrize(
        "groups",
        [
            [None, "a", "b"] * 40,
            [np.nan, 1.0, 2.0] * 40,
            pd.Series([pd.NA, "a", "b"] * 40, dtype="string"),
        ],
        ids=["None", "NaN", "NA"],
    )
    def test_missing_labels_are_refused(self, fitted, groups):
        _, X, y = fitted
        with pytest.raises(ValueError, match="groups has no label in rows 0, 3, 6"):
            STCGRegressor(**QUICK).fit(X, y, groups=groups)


class TestWeights:
    def test_only_their_ratios_count(self, fitted):
        _, X, y = fitted
        weight = np.random.RandomState(0).uniform(0.5, 2.0, len(X))
        one, huge = (
            STCGRegressor(**QUICK).fit(X, y, unit * weight).predict(X)
            for unit in (1.0, 2.0**1000)
        )
        np.testing.assert_allclose(one, huge, rtol=1e-4)

    @pytest.mark.parametrize(
        ("first", "others", "message"),
        [
            (1e308, 1e-308, "leaves 1 row to learn from"),
            (1.0, 0.0, "leaves 1 row to learn from"),
            (1e40, 1.0, "rows with the same y"),
        ],
    )
    def test_weights_that_leave_one_row_are_refused(
        self, fitted, first, others, message
    ):
        _, X, y = fitted
        weight = np.full(len(X), others)
        weight[0] = first
        with pytest.raises(ValueError, match=message):
            STCGRegressor(**QUICK).fit(X, y, weight)


class TestCoordinates:
    def test_without_any_it_warns_and_fits_without_a_graph(self, fitted):
        _, X, y = fitted
        X = X[["rain", "heat"]]
        with pytest.warns(UserWarning, match="Pass lat=, lon= and time="):
            model = STCGRegressor(**QUICK).fit(X, y)
        assert model.graph_ is None
        assert np.isfinite(model.predict(X)).all()

    def test_condition_none_ignores_coordinates(self, fitted):
        _, X, y = fitted
        model = STCGRegressor(**QUICK, condition="none").fit(X.assign(lat=np.nan), y)
        assert model.graph_ is None
        assert model.feature_importances_[:3].tolist() == [0.0, 0.0, 0.0]
        moved = X.assign(lat=12.0, lon=-3.0)
        np.testing.assert_array_equal(model.predict(X), model.predict(moved))

    def test_time_alone_makes_one_node(self, fitted):
        _, X, y = fitted
        X = X.drop(columns=["lat", "lon"])
        model = STCGRegressor(**QUICK).fit(X, y)
        assert model.graph_.n_nodes == 1
        later = X.assign(time=X.time + pd.Timedelta(days=90))
        assert not np.allclose(model.predict(X), model.predict(later))

    def test_place_alone_makes_one_step(self, fitted):
        _, X, y = fitted
        X = X.drop(columns="time")
        model = STCGRegressor(**QUICK).fit(X, y)
        assert np.isfinite(model.predict(X)).all()

    def test_projected_coordinates(self, fitted):
        _, X, y = fitted
        X = X.assign(lat=X.lat * 1e5, lon=X.lon * 1e5)
        model = STCGRegressor(**QUICK, metric="euclidean").fit(X, y)
        assert np.isfinite(model.predict(X)).all()

    @pytest.mark.parametrize(
        "parameters",
        [
            {"gcn_layers": 0, "lstm_layers": 0},
            {"gcn_layers": 2, "lstm_layers": 2, "n_layers": 2},
            {"n_layers": 0},
            {"attention": "softmax"},
            {"cross_attention": False},
            {"cross_attention": False, "condition": "none"},
            {"time_axis": "sequence"},
            {"time_axis": "cycle", "n_steps": 4},
            {"n_attached": 1},
            {"bandwidth": 300.0},
            {"categorical_features": None, "head": "dual"},
        ],
        ids=str,
    )
    def test_every_part_can_be_switched(self, fitted, parameters):
        _, X, y = fitted
        if parameters.get("categorical_features", 0) is None:
            X = X.drop(columns="cover")
        model = STCGRegressor(**{**QUICK, **parameters}).fit(X, y)
        assert np.isfinite(model.predict(X)).all()


def bad_cases():
    X, y = make_table(30)
    numbers = X[["lat", "lon", "rain"]].fillna(0.0)
    yield (
        "latitude 95",
        X.assign(lat=95.0),
        y,
        {},
        r"latitude must lie in \[-90, 90\].*row",
    )
    yield "missing column", X, y, {"lat": "breite"}, "'breite' is not a column of X"
    yield "NaN coordinate", X.assign(lon=np.nan), y, {}, "longitude is missing.*rows 0"
    yield (
        "unparsable time",
        X.assign(time="soon"),
        y,
        {},
        "time cannot be read in rows 0",
    )
    yield "missing time", X.assign(time=pd.NaT), y, {}, "time is missing"
    yield (
        "one of two",
        X.drop(columns="lon"),
        y,
        {},
        "Only one of latitude and longitude",
    )
    yield "empty X", X.iloc[:0], y[:0], {}, r"0 sample\(s\).*X is empty"
    yield "one row", X.iloc[:1], y[:1], {}, "at least 2 rows.*n_samples=1"
    yield "constant target", X, y * 0 + 3, {}, r"y is constant \(3 in all 30"
    yield "y with NaN", X, np.where(y > y.min(), y, np.nan), {}, "y contains NaN"
    yield "lengths", X, y[:-1], {}, "inconsistent numbers of samples"
    yield (
        "two targets",
        X,
        np.stack([y, y], 1),
        {},
        "1d array.*one target.*MultiOutputRegressor",
    )
    yield "dates as target", X, X.time, {}, "y holds dates or durations"
    yield "infinite", X.assign(rain=np.inf), y, {}, "'rain': Input X contains infinity"
    yield (
        "text",
        numbers.astype(object).assign(rain="much"),
        y,
        {"categorical_features": None},
        "'rain': feature must be numeric.*'much'",
    )
    yield "parameter", X, y, {"head": "both"}, "'head' parameter.*'additive'"
    yield "range", X, y, {"dropout": 1.5}, "'dropout' parameter"
    yield "heads", X, y, {"n_heads": 3}, "n_heads=3 must divide d_token=16"
    yield "device", X, y, {"device": "abacus"}, "'abacus' cannot be used"
    yield "no y", X, None, {}, "requires y to be passed"


@pytest.mark.parametrize(
    ("X", "y", "parameters", "message"),
    [pytest.param(*case[1:], id=case[0]) for case in bad_cases()],
)
class TestRefusal:
    def test_says_what_and_where_and_stays_unfitted(self, X, y, parameters, message):
        model = STCGRegressor(**{**QUICK, **parameters})
        before = vars(model).copy()
        with pytest.raises(ValueError, match=message):
            model.fit(X, y)
        assert vars(model) == before
        with pytest.raises(NotFittedError):
            model.predict(X)

    def test_leaves_an_earlier_fit_as_it_was(self, X, y, parameters, message, fitted):
        good, X_good, y_good = fitted
        model = clone(good).fit(X_good, y_good)
        old = model.get_params()
        model.set_params(**parameters)
        with pytest.raises(ValueError, match=message):
            model.fit(X, y)
        model.set_params(**old)
        np.testing.assert_array_equal(model.predict(X_good), good.predict(X_good))


class TestRefusalAtPredict:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"lat": 99.0}, "latitude must lie"),
            ({"lon": np.nan}, "longitude is missing"),
            ({"time": 3.0}, "time held dates in fit and holds numbers now"),
            ({"rain": -np.inf}, "contains infinity"),
        ],
    )
    def test_checks_what_fit_checks(self, fitted, change, message):
        model, X, _ = fitted
        with pytest.raises(ValueError, match=message):
            model.predict(X.assign(**change))

    def test_columns_in_another_order_are_refused(self, fitted):
        model, X, _ = fitted
        with pytest.raises(ValueError, match="same order"):
            model.predict(X[X.columns[::-1]])

    def test_times_before_training_are_held_with_a_warning(self, fitted):
        _, X, y = fitted
        model = STCGRegressor(**QUICK, time_axis="sequence").fit(X, y)
        with pytest.warns(UserWarning, match="well before the first training time"):
            model.predict(X.assign(time=pd.Timestamp("1990-01-01")))

    def test_a_missing_category_says_nothing_if_training_had_none(self, fitted):
        model, X, _ = fitted
        missing, unseen = (
            model.explain(X.assign(cover=value)) for value in (None, "lava")
        )
        mean = missing.values[:, 5].mean()
        np.testing.assert_allclose(missing.values[:, 5], mean)
        np.testing.assert_allclose(missing.values[:, 5], unseen.values[:, 5])


class TestUnusualTables:
    def test_coordinates_alone_interpolate(self, fitted):
        _, X, y = fitted
        model = STCGRegressor(**QUICK).fit(X[["lat", "lon"]], y)
        assert np.isfinite(model.predict(X[["lat", "lon"]])).all()
        assert model.local_effects(X[["lat", "lon"]]).shape == (len(X), 0)
        explanation = model.explain(X[["lat", "lon"]])
        total = explanation.values.sum(axis=1) + explanation.base_values
        np.testing.assert_allclose(total, model.predict(X[["lat", "lon"]]))

    @pytest.mark.parametrize("kind", ["rows", "places"])
    def test_held_out_rows_may_be_the_latest(self, fitted, kind):
        _, X, y = fitted
        X = X.assign(time=np.arange(len(X), dtype=float))
        for seed in range(6):
            model = STCGRegressor(
                **{**QUICK, "random_state": seed, "max_iter": 1}, early_stopping=kind
            )
            assert np.isfinite(model.fit(X, y).explain(X).values).all()

    def test_rows_without_weight_decide_nothing(self, fitted):
        model, X, y = fitted
        odd = X.iloc[:5].assign(lat=0.0, rain=1e9, cover="lava")
        more, targets = pd.concat([X, odd]), np.r_[y, np.full(5, -1e6)]
        weight = np.r_[np.ones(len(X)), np.zeros(5)]
        heavy = clone(model).fit(more, targets, weight)
        np.testing.assert_array_equal(
            heavy.predict(X), clone(model).fit(X, y, np.ones(len(X))).predict(X)
        )

    def test_a_code_is_the_same_category_alone_and_in_company(self):
        code = np.array(["10", "20", "x1"] * 20, dtype=object)
        X = np.stack([code, np.arange(60.0)], axis=1)
        y = np.tile([-2.0, 0.0, 2.0], 20) + np.arange(60) / 60
        model = STCGRegressor(random_state=0, lat=None, lon=None, time=None).fit(X, y)
        np.testing.assert_allclose(model.predict(X[:2]), model.predict(X)[:2])

    def test_object_arrays_may_hold_dates_of_numpy(self, fitted):
        _, X, y = fitted
        array = X.assign(time=0).to_numpy(dtype=object)
        array[:, 2] = list(X.time.to_numpy().astype("datetime64[D]"))
        model = STCGRegressor(**QUICK, lat=0, lon=1, time=2).fit(array, y)
        assert model.explain(array).data[0, 2] > 2000

    def test_held_out_places_do_not_depend_on_the_turn_of_longitude(self, fitted):
        _, X, y = fitted
        X = X.round({"lat": 4, "lon": 4})
        one, other = (
            STCGRegressor(**QUICK, early_stopping="places").fit(table, y).predict(X)
            for table in (X, X.assign(lon=X.lon % 360))
        )
        np.testing.assert_array_equal(one, other)

    def test_without_condition_missing_times_are_no_obstacle(self, fitted):
        _, X, y = fitted
        X = X.assign(time=pd.NaT)
        model = STCGRegressor(**QUICK, condition="none").fit(X, y)
        assert np.isnan(model.explain(X).data[:, 2]).all()

    def test_a_cycle_needs_a_period(self, fitted):
        _, X, y = fitted
        X = X.assign(time=np.arange(len(X)))
        with pytest.raises(ValueError, match="pass period="):
            STCGRegressor(**QUICK, time_axis="cycle").fit(X, y)

    def test_a_mask_of_categories_is_refused(self, fitted):
        _, X, y = fitted
        mask = [False] * 5 + [True]
        with pytest.raises(ValueError, match="instead of a mask"):
            STCGRegressor(**QUICK, categorical_features=mask).fit(X, y)

    def test_slopes_are_zero_where_values_are_held(self, fitted):
        model, X, _ = fitted
        slopes = model.local_effects(X.assign(rain=1e6))
        assert (slopes.rain == 0).all()


class TestWarmStart:
    def test_goes_on_alike_after_a_pickle(self, fitted):
        model, X, y = fitted
        model = clone(model).set_params(warm_start=True).fit(X, y)
        copied = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(
            model.fit(X, y).predict(X), copied.fit(X, y).predict(X)
        )
        assert [epoch["epoch"] for epoch in model.history_] == [1, 2, 3, 4, 5, 6]

    def test_an_error_leaves_the_fitted_network_as_it_was(self, fitted):
        good, X, y = fitted
        model = clone(good).set_params(warm_start=True).fit(X, y)
        model.set_params(learning_rate=1e30)
        with pytest.raises(FloatingPointError):
            model.fit(X, y)
        np.testing.assert_array_equal(model.predict(X), good.predict(X))

    def test_may_go_on_with_later_times(self, fitted):
        _, X, y = fitted
        X = X.assign(time=np.arange(len(X), dtype=float))
        model = STCGRegressor(**QUICK, warm_start=True).fit(X, y)
        later = X.assign(time=X.time + 60)
        assert np.isfinite(model.fit(later, y).explain(later).values).all()


class TestScikitLearn:
    def test_grid_search_and_cross_validation(self, fitted):
        model, X, y = fitted
        search = GridSearchCV(model, {"head": ["additive", "dual"]}, cv=2).fit(X, y)
        assert search.best_params_["head"] in {"additive", "dual"}
        assert np.isfinite(cross_val_score(model, X, y, cv=3)).all()

    def test_sample_weights_pull_the_fit(self, fitted):
        _, X, _ = fitted
        y = np.r_[np.zeros(60), np.ones(60)]
        X = X.assign(rain=0.0, heat=0.0, cover="grass")
        for heavy, expected in ((slice(60), 0.0), (slice(60, None), 1.0)):
            weight = np.full(120, 1e-6)
            weight[heavy] = 1.0
            model = STCGRegressor(**{**QUICK, "max_iter": 40}).fit(X, y, weight)
            assert model.predict(X).mean() == pytest.approx(expected, abs=0.2)
