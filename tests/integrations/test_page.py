"""The code of the page of integrations runs as it stands."""

import pytest

from ..pages import run_page


@pytest.mark.filterwarnings("ignore:.*training time:UserWarning")
def test_code_runs(capsys):
    n_blocks, namespace = run_page("docs/integrations.rst")
    assert n_blocks == 7
    failed = [
        check["check_name"] for check in namespace["checks"] if check["exception"]
    ]
    assert [name for name in failed if name != "check_array_api_input"] == [
        "check_sample_weight_equivalence_on_dense_data"
    ]
    assert namespace["bounds"].shape == (100, 2, 1)
    assert namespace["explanation"].values.shape == (5, 10)
    assert namespace["scores"]["test_score"].shape == (5,)
