"""Models on disk: what is trusted, and what is not."""

import json
import os
import stat

import numpy as np
import pytest
from forecasting_world import predictive

from forescale.forecast.settings import ForecastSettings
from forescale.model.errors import StoreError
from forescale.runtime import forecasting_files
from forescale.runtime.forecasting_files import Memory, ModelFiles, Unusable, read_about, settings_key
from forescale.runtime.forecasting_jobs import Job, do, pack
from forescale.series.regular import Series

SETTINGS = ForecastSettings(models=("persistence",))
MEMORY = Memory(None, 4, 60.0, 0.0, np.ones(3), np.ones(3))


@pytest.fixture(scope="module")
def trained():
    values = np.concatenate((np.ones(100), np.full(30, np.nan), np.ones(100)))
    return do(Job("web", Series(0.0, values), SETTINGS, 4))


@pytest.fixture
def files(tmp_path):
    return ModelFiles(tmp_path / "a" / "models", "web", "key")


def folder(files):
    return files._folder


def test_what_was_kept_comes_back(files, trained):
    assert files.load_models() is None
    assert files.load_memory() is None
    files.save_models(pack(trained), trained)
    files.save_memory(MEMORY)
    again = files.load_models()
    assert (again.target, again.lead, again.models.time) == ("web", 4, trained.models.time)
    assert again.models.poison == trained.models.poison != ()
    assert files.load_memory().demand.tolist() == [1.0, 1.0, 1.0]


def test_nobody_else_can_read_or_write_it(files, trained):
    files.save_models(pack(trained), trained)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder(files).iterdir()}
    assert (stat.S_IMODE(folder(files).stat().st_mode), modes) == (0o700, {0o600})


def test_its_first_lines_say_what_it_is(files, trained):
    files.save_models(pack(trained), trained)
    header = json.loads((folder(files) / "web.models").read_bytes().split(b"\n")[1])
    assert header["target"] == "web"
    assert header["models"] == ["persistence"]
    assert header["known_minutes"] == 200
    assert header["version"] == forecasting_files.__version__
    first = header["poison"][0]
    assert (first["kind"], first["start"], first["end"]) == ("gap", 6000.0, 7800.0)


def damage(how):
    return {
        "truncated": lambda data: data[: len(data) // 2],
        "almost whole": lambda data: data[:-1],
        "a bit that has turned": lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
        "empty": lambda data: b"",
        "something else": lambda data: b"\x80\x04certainly no models",
        "no header": lambda data: data.split(b"\n")[0] + b"\n",
        "another format": lambda data: data.replace(b"forecasting 1", b"forecasting 9"),
        "header of something else": lambda data: data.split(b"\n")[0] + b"\n[1]\n" + b"x",
    }[how]


@pytest.mark.parametrize(
    "how",
    [
        "truncated",
        "almost whole",
        "a bit that has turned",
        "empty",
        "something else",
        "no header",
        "another format",
        "header of something else",
    ],
)
def test_a_damaged_file_is_not_even_unpickled(files, trained, monkeypatch, how):
    files.save_models(pack(trained), trained)
    place = folder(files) / "web.models"
    place.write_bytes(damage(how)(place.read_bytes()))
    monkeypatch.setattr(forecasting_files, "unpack", pytest.fail)
    with pytest.raises(Unusable):
        files.load_models()


@pytest.mark.parametrize(("target", "key"), [("web", "another"), ("other", "key")])
def test_nor_one_of_other_settings_or_of_another_target(files, trained, target, key):
    files.save_models(pack(trained), trained)
    other = ModelFiles(folder(files), target, key)
    (folder(files) / "web.models").rename(folder(files) / f"{target}.models")
    with pytest.raises(Unusable, match="other settings"):
        other.load_models()


def test_the_key_is_that_of_settings_and_versions(monkeypatch):
    key = settings_key(predictive())
    assert key == settings_key(predictive())
    assert key == settings_key(predictive(policies=[{"type": "predictive", "budget": "5%"}]))
    assert key != settings_key(predictive(forecast={"models": ["persistence"]}))
    assert key != settings_key(predictive(demand={"signal": "cpu", "per_instance": 50.0}))
    monkeypatch.setattr(forecasting_files, "__version__", "99.0")
    assert key != settings_key(predictive())


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_nor_one_that_others_can_write(files, trained, what):
    files.save_models(pack(trained), trained)
    place = folder(files) if what == "folder" else folder(files) / "web.models"
    place.chmod(0o777)
    with pytest.raises(Unusable, match="others than us can write"):
        files.load_models()


def test_a_whole_file_of_something_else(files):
    files.save_memory(MEMORY)
    (folder(files) / "web.pipeline").rename(folder(files) / "web.models")
    with pytest.raises(Unusable, match="something else"):
        files.load_models()


def test_the_old_file_stands_until_the_new_one_is_whole(files, trained, monkeypatch):
    files.save_models(pack(trained), trained)
    before = (folder(files) / "web.models").read_bytes()
    monkeypatch.setattr(
        forecasting_files.os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "full"))
    )
    with pytest.raises(StoreError, match="cannot be written: full"):
        files.save_models(pack(trained) + b"x", trained)
    assert (folder(files) / "web.models").read_bytes() == before


def test_a_folder_that_cannot_be_made(tmp_path, trained):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as error:
        ModelFiles(tmp_path / "file", "web", "key").save_models(pack(trained), trained)
    assert "training.models_dir" in error.value.hint


def test_how_it_stands_in_words(files):
    assert read_about(folder(files), "web") is None
    files.tell({"lacking": "this"})
    assert read_about(folder(files), "web") == {"lacking": "this"}
    (folder(files) / "web.json").write_text("[1")
    assert read_about(folder(files), "web") is None
