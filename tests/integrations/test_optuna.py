"""Optuna: a study by hand, and the search with scikit-learn's interface."""

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna_integration import OptunaSearchCV
from sklearn.model_selection import KFold, cross_val_score

from ..test_ecosystem import small

FOLDS = KFold(2)


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def test_a_study_scores_each_trial_as_cross_validation_does(table):
    X, y = table

    def objective(trial):
        model = small(
            n_nodes=trial.suggest_int("n_nodes", 2, 10),
            head=trial.suggest_categorical("head", ["additive", "dual"]),
        )
        return cross_val_score(model, X, y, cv=FOLDS).mean()

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=0)
    )
    study.optimize(objective, n_trials=4)
    assert len(study.trials) == 4
    best = cross_val_score(small(**study.best_params), X, y, cv=FOLDS).mean()
    assert study.best_value == pytest.approx(best)
    assert study.best_value == max(trial.value for trial in study.trials)


@pytest.mark.filterwarnings(
    "ignore:OptunaSearchCV is experimental",
    # OptunaSearchCV uses it itself.
    "ignore:`optuna.terminator` module has been deprecated:FutureWarning",
)
def test_optuna_search_refits_its_best_parameters(table):
    X, y = table
    search = OptunaSearchCV(
        small(),
        {"n_nodes": IntDistribution(2, 10), "dropout": FloatDistribution(0.0, 0.4)},
        cv=FOLDS,
        n_trials=4,
        random_state=0,
    ).fit(X, y)
    assert len(search.trials_) == 4
    best = small(**search.best_params_)
    score = cross_val_score(best, X, y, cv=FOLDS).mean()
    assert search.best_score_ == pytest.approx(score)
    np.testing.assert_allclose(search.predict(X), best.fit(X, y).predict(X))
