"""The file of masks beside a pair goes along with what is made of it, or the job is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Tuple

import numpy as np
import pytest
from small_models import make_model, two_layers

import netsurgery as ns
from netsurgery.errors import FormatError, NetsurgeryError
from netsurgery.formats import read_masks, write_masks

Files = Tuple[Path, Path]
KEY = ("fc6", 0)
NORMED = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }
layer { name: "fc6" type: "InnerProduct" bottom: "data" top: "fc6"
        inner_product_param { num_output: 6 bias_term: false } }
layer { name: "bn" type: "BatchNorm" bottom: "fc6" top: "fc6" }
layer { name: "fc7" type: "InnerProduct" bottom: "fc6" top: "fc7"
        inner_product_param { num_output: 3 } }
"""


def masked(folder: Path, model: ns.Model) -> Files:
    """The files of a pruned pair, and its masks beside them."""
    plain = folder / "plain" / "net.prototxt", folder / "plain" / "net.caffemodel"
    model.save(*plain)
    done = ns.prune(plain, ns.PruneRequest(sparsity=0.6, layers=["fc6"]), folder / "pruned")
    assert done.files[2].name == "net.masks.npz"
    return done.files[0], done.files[1]


@pytest.fixture
def pair(tmp_path: Path) -> Files:
    return masked(tmp_path, two_layers())


def carried(out: Path) -> np.ndarray:
    """The mask beside a new pair, which its weights keep to."""
    mask = read_masks(out / "net.masks.npz")[KEY]
    weights = ns.load(out / "net.prototxt", out / "net.caffemodel").blobs("fc6")[0].array()
    assert not weights[~mask].any()
    return mask


def edits(*given: ns.Edit) -> Any:
    return ns.CompressRequest(plan=ns.Plan(given), verify=False)


def test_other_layers_are_rewritten_and_masks_go_along(pair: Files, tmp_path: Path) -> None:
    before = read_masks(pair[1].with_name("net.masks.npz"))[KEY]
    out = tmp_path / "out"
    done = ns.compress(pair, edits(ns.Edit("fc7", "svd", {"rank": 2})), out)
    assert out / "net.masks.npz" in done.files
    assert np.array_equal(carried(out), before)
    plan = ns.Plan((ns.Edit("fc7", "svd", {"rank": 2}),))
    written = ns.write_applied(pair, plan, tmp_path / "applied")
    assert tmp_path / "applied" / "net.masks.npz" in written.files
    assert np.array_equal(carried(tmp_path / "applied"), before)


def test_a_masked_layer_is_not_factored(pair: Files, tmp_path: Path) -> None:
    request = edits(ns.Edit("fc6", "svd", {"rank": 3}))
    with pytest.raises(NetsurgeryError, match="svd would lose the mask") as refused:
        ns.compress(pair, request, tmp_path / "out")
    assert "move the file of masks away" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()
    pair[1].with_name("net.masks.npz").unlink()
    assert ns.compress(pair, request, tmp_path / "out")


def test_a_thinned_pair_has_what_is_left_of_the_masks(pair: Files, tmp_path: Path) -> None:
    before = read_masks(pair[1].with_name("net.masks.npz"))[KEY]
    keep = [1, 5, 30]
    plan = ns.Plan((ns.Edit("fc6", "thin", {"keep": keep}),))
    ns.compress(pair, ns.CompressRequest(plan=plan, verify=False), tmp_path / "a")
    assert np.array_equal(carried(tmp_path / "a"), before[keep])
    ns.thin(pair, ns.ThinRequest(keep={"fc6": 8}, verify=False), tmp_path / "b")
    assert carried(tmp_path / "b").shape == (8, before.shape[1])


def test_a_fold_keeps_masks(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    statistics = [random.normal(size=6), random.uniform(1, 2, 6), np.ones(1)]
    weights = {"fc6": [random.normal(size=(6, 4))], "bn": statistics}
    weights["fc7"] = [random.normal(size=(3, 6)), np.zeros(3)]
    files = masked(tmp_path, make_model(NORMED, weights))
    before = read_masks(files[1].with_name("net.masks.npz"))[KEY]
    request = ns.CompressRequest(rank={"fc7": 1}, fold_batchnorm=True, verify=False)
    ns.compress(files, request, tmp_path / "out")
    assert len(ns.load(*files).blobs("fc6")) == 1
    assert "bn" not in (tmp_path / "out" / "net.prototxt").read_text()
    assert np.array_equal(carried(tmp_path / "out"), before)


def test_converted_weights_have_their_masks(pair: Files, tmp_path: Path) -> None:
    before = read_masks(pair[1].with_name("net.masks.npz"))[KEY]
    done = ns.convert(pair[1], tmp_path / "half.caffemodel.h5", ns.ConvertRequest(float16=True))
    assert done.notes == (f"masks carried along: {tmp_path / 'half.masks.npz'}",)
    assert np.array_equal(read_masks(tmp_path / "half.masks.npz")[KEY], before)
    data = pair[1].with_name("net.masks.npz").read_bytes()
    ns.convert(pair[1], pair[1].with_name("net.caffemodel.h5"))
    assert pair[1].with_name("net.masks.npz").read_bytes() == data
    other = write_masks({KEY: np.ones((2, 2), bool)})
    pair[1].with_name("net.masks.npz").write_bytes(other)
    with pytest.raises(NetsurgeryError, match="layer 'fc6': its mask of blob 0 does not fit"):
        ns.convert(pair[1], tmp_path / "bad.caffemodel.h5")
    assert not (tmp_path / "bad.caffemodel.h5").exists()


def test_an_upgraded_pair_has_its_masks(pair: Files, tmp_path: Path) -> None:
    done = ns.upgrade(pair, tmp_path / "out")
    assert done.files[2] == tmp_path / "out" / "net.masks.npz"
    before = pair[1].with_name("net.masks.npz").read_bytes()
    assert done.files[2].read_bytes() == before


def test_masks_of_other_weights_are_refused(pair: Files, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "plain" / "net.caffemodel", pair[1])
    request = edits(ns.Edit("fc7", "svd", {"rank": 2}))
    told = r"net\.masks\.npz: layer 'fc6': its mask closes \d+ weights of blob 0, and \d+ of them"
    with pytest.raises(NetsurgeryError, match=told):
        ns.compress(pair, request, tmp_path / "out")
    pair[1].with_name("net.masks.npz").write_bytes(b"no archive")
    with pytest.raises(FormatError, match=r"net\.masks\.npz"):
        ns.compress(pair, request, tmp_path / "out")


def test_masks_of_an_earlier_pair_do_not_stay_beside_another(pair: Files, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(pair[1].with_name("net.masks.npz"), out)
    plain = tmp_path / "plain" / "net.prototxt", tmp_path / "plain" / "net.caffemodel"
    ns.compress(plain, edits(ns.Edit("fc7", "svd", {"rank": 2})), out)
    assert not (out / "net.masks.npz").exists()
