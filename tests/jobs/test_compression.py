from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_models import two_layers

from netsurgery import linalg
from netsurgery.engine import engine
from netsurgery.errors import EngineError, FormatError
from netsurgery.formats.weights import Blob, LayerWeights
from netsurgery.jobs.compressed import Compression
from netsurgery.jobs.proving import Proof, write_proved
from netsurgery.methods import Edit
from netsurgery.methods.pieces import CarriedBlob
from netsurgery.network.model import Model, load
from netsurgery.planning import Plan
from netsurgery.surgery import Surgery

PLAN = Plan((Edit("fc6", "svd", {"rank": 4}), Edit("fc7", "svd", {"rank": 2})))


def compressed(folder: Path, **proof: object) -> Compression:
    return write_proved(two_layers(), PLAN, folder / "out", Proof(**proof))


def test_a_sound_pair_is_proved(tmp_path: Path, caffe_python: str) -> None:
    done = compressed(tmp_path)
    assert done
    assert done.equality
    assert done.effect.error > 0.1
    assert [layer.layer for layer in done.layers] == ["fc6", "fc7"]
    assert all(layer.explained for layer in done.layers)


def test_wrong_factors_are_found_without_running_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truncated_svd = linalg.truncated_svd

    def wrong(*arguments, **options):
        factors = truncated_svd(*arguments, **options)
        right = factors.right.copy()
        right[0] *= -1
        return replace(factors, right=right)

    monkeypatch.setattr(linalg, "truncated_svd", wrong)
    done = compressed(tmp_path, wanted=False)
    assert not done
    assert "are explained by truncation" in done.reasons[0]
    assert done.unproven == "nothing was run, on request"


@pytest.mark.parametrize("engine_name", ["caffe", "opencv"])
def test_what_truncation_does_not_explain_is_found_by_running(
    engine_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caffe_python: str
) -> None:
    # The pair's weights are right, but its first layer reads the wrong blob of two alike.
    of = CarriedBlob.of
    monkeypatch.setattr(
        CarriedBlob, "of", lambda one, layer: '"twin of data"' if one.reads else of(one, layer)
    )
    model = two_layers()
    text = model.prototxt.data.replace(
        b'layer {\n  name: "fc6"',
        b'layer { name: "power" type: "Power" bottom: "data" top: "twin of data" '
        b'power_param { scale: 1.001 } }\nlayer { name: "silence" type: "Silence" '
        b'bottom: "twin of data" }\nlayer {\n  name: "fc6"',
    )
    model = Model(type(model.prototxt).parse(text), model.weights)
    plan = Plan((PLAN.edits[0],))
    done = write_proved(model, plan, tmp_path / "out", Proof(engine=engine(engine_name)))
    assert all(layer.explained for layer in done.layers)
    assert not done
    assert any("not explained by truncation" in reason for reason in done.reasons)


def test_a_lost_bias_is_found_by_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caffe_python: str
) -> None:
    twin = Surgery.twin

    def without_bias(self, weights=None, folder=None):
        found = twin(self, weights, folder)
        matrix = found.blobs("fc6")[0].array()
        layer = LayerWeights("fc6", None, (Blob.of(matrix), Blob.of(np.zeros(32))))
        return Model(found.prototxt, found.weights.replace({"fc6": [layer]}))

    monkeypatch.setattr(Surgery, "twin", without_bias)
    done = compressed(tmp_path)
    assert not done
    assert any("float noise explains" in reason for reason in done.reasons)


def test_an_engine_that_was_asked_for_and_cannot_run_is_an_error(tmp_path: Path) -> None:
    missing = engine("caffe", python=str(tmp_path / "no-python"))
    with pytest.raises(EngineError):
        compressed(tmp_path, engine=missing)
    assert not list((tmp_path / "out").iterdir())


STRANGE = b'layer { name: "strange" type: "Strange" bottom: "fc7" top: "strange" }\n'


def test_a_net_no_engine_runs_is_written_and_said_to_be_unproven(
    tmp_path: Path, caffe_python: str
) -> None:
    model = two_layers()
    text = model.prototxt.data + STRANGE
    model = Model(type(model.prototxt).parse(text), model.weights)
    done = write_proved(model, PLAN, tmp_path / "out")
    assert done
    assert "no engine here can judge the original (caffe: " in done.unproven
    assert load(*done.files[:2]).prototxt.data.endswith(STRANGE)


def test_the_same_compression_gives_the_same_bytes(tmp_path: Path, caffe_python: str) -> None:
    first, second = (
        write_proved(two_layers(), PLAN, tmp_path / name, Proof()) for name in ("one", "two")
    )
    for one, two in zip(first.files, second.files):
        assert one.read_bytes() == two.read_bytes()


def test_a_place_that_is_taken_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "netsurgery.json").mkdir(parents=True)
    (out / "deploy.prototxt").write_text("what was there")
    with pytest.raises(FormatError, match=r"netsurgery.json: cannot write"):
        compressed(tmp_path, wanted=False)
    assert (out / "deploy.prototxt").read_text() == "what was there"
    assert sorted(path.name for path in out.iterdir()) == ["deploy.prototxt", "netsurgery.json"]
