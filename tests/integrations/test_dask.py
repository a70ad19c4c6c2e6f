"""dask: predictions and searches on workers of a client."""

import numpy as np
import pytest
import xarray as xr
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, KFold

from spatialheteroreg import predict_dataset

from ..pages import run_page
from ..test_ecosystem import small

distributed = pytest.importorskip("distributed")


@pytest.fixture
def client():
    """Give two worker threads in this process, which start at once."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_grid_search_through_joblib(client, table):
    X, y = table
    search = GridSearchCV(
        small(n_folds=1), {"n_nodes": [4, 8]}, cv=KFold(2), error_score="raise"
    )
    by_hand = search.fit(X, y).cv_results_["mean_test_score"]
    with parallel_config("dask", scatter=[X, y]):
        search.fit(X, y)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], by_hand)
    ran = client.run_on_scheduler(
        lambda dask_scheduler: [*dask_scheduler.task_prefixes]
    )
    assert any(name.startswith("batch_of__fit_and_score") for name in ran)


def test_a_cube_is_predicted_by_workers(client, table):
    X, y = table
    model = small(n_folds=1).fit(X[["lat", "lon", "rain", "heat"]], y)
    random = np.random.RandomState(0)
    ds = xr.Dataset(
        {
            name: (("lat", "lon"), random.normal(9.0, 3.0, (6, 4)))
            for name in X[["rain", "heat"]]
        },
        {"lat": np.linspace(50, -50, 6), "lon": np.arange(4.0)},
    )
    wanted = predict_dataset(model, ds)["prediction"]
    found = predict_dataset(model, ds.chunk(lat=1))["prediction"]
    np.testing.assert_allclose(found.compute(), wanted, rtol=1e-6)


def test_code_of_the_page_runs():
    _, page = run_page("docs/large.rst")
    assert page["found"]["prediction"].sizes == {"time": 2, "lat": 18, "lon": 36}
    assert page["search"].best_params_["n_nodes"] in (12, 30)
    assert page["seconds"] > 0
