"""Where models are kept, and who trains them, as configured."""

import sys

import pytest

from forescale.config import load
from forescale.config.problems import InvalidConfig
from forescale.model.errors import ConfigError
from forescale.runtime.forecasting_wiring import workers_of

TARGETS = "targets:\n  web: {group: web}\n"


def folder(write, text=""):
    return load(write(text + TARGETS), {}).models_folder


def test_named_after_the_ledger_and_beside_it(write, tmp_path):
    assert folder(write) == tmp_path / "forescale.models"
    assert folder(write, "store: data/other.db\n") == tmp_path / "data" / "other.models"
    assert folder(write, "store: sqlite:////var/lib/x.db?timeout=3\n").as_posix() == "/var/lib/x.models"


def test_beside_the_configuration_where_the_ledger_is_on_a_server(write, tmp_path):
    assert folder(write, "store: postgresql://me@db/forescale\n") == tmp_path / "forescale.models"


def test_where_it_is_said_to_be(write, tmp_path):
    assert folder(write, "training: {models_dir: here}\n") == tmp_path / "here"
    assert folder(write, "training: {models_dir: /there}\n").as_posix() == "/there"
    assert folder(write, "training: {models_dir: ~/models}\n").name == "models"


@pytest.mark.parametrize("wrong", ["workers: 0", "cluster: host", "cluster: http://host:1", "models_dir: ''"])
def test_what_cannot_be(write, wrong):
    with pytest.raises(InvalidConfig, match=wrong.split(":")[0]):
        folder(write, f"training: {{{wrong}}}\n")


def test_a_cluster_without_dask(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    config = load(write("training: {cluster: 'tcp://host:8786'}\n" + TARGETS), {})
    with pytest.raises(ConfigError) as error:
        workers_of(config.training)
    assert "pip install 'forescale[dask]'" in str(error.value.hint)
