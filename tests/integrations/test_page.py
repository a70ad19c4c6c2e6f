"""The code of the page of integrations runs as it stands."""

import pytest

from ..pages import run_page


@pytest.mark.filterwarnings("ignore:.*training time:UserWarning")
def test_code_runs(capsys):
    n_blocks, namespace = run_page("docs/integrations.rst")
    assert n_blocks == 6
    assert namespace["bounds"].shape == (100, 2, 1)
    assert namespace["explanation"].values.shape == (5, 10)
    assert namespace["scores"]["test_score"].shape == (5,)
