"""Which weights are those of which net, told by what the files hold."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Dict, Iterator

import h5py
import numpy as np
import pytest
from zoo_files import DATA, INPUT, LOSS, RELU, SIGMOID, SOLVER, net, product, weights, write

from netsurgery.errors import FormatError
from netsurgery.jobs import convert
from netsurgery.zoo import discover, walking
from netsurgery.zoo.walking import walk


def found(folder: Path) -> Dict[str, str]:
    """Each model by its name, with its prototxt and its weights."""
    return {
        entry.name: " ".join(
            path.relative_to(folder).as_posix() for path in (entry.prototxt, entry.weights)
        )
        for entry in discover(folder).entries
    }


def reasons(folder: Path) -> Dict[str, str]:
    """What is left out, with why."""
    return {one.path.relative_to(folder).as_posix(): one.reason for one in discover(folder).skipped}


def index_of(zoo: Path) -> Iterator[tuple[str, str]]:
    """Every weights file of the zoo's INDEX.md with its prototxt."""
    for line in (zoo / "INDEX.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 11 and ".caffemodel" in cells[0]:
            yield cells[0], f"{cells[0].split('/')[0]}/{cells[1]}"


def test_each_of_the_zoo_gets_its_net_or_a_true_reason(zoo: Path) -> None:
    wanted = dict(index_of(zoo))
    assert len(wanted) == 39
    batch = discover(zoo)
    given = {
        entry.weights.relative_to(zoo).as_posix(): entry.prototxt.relative_to(zoo).as_posix()
        for entry in batch.entries
    }
    refused = {
        "autopruning_lenet/pruning_iter_35000.caffemodel": "train_test_pruning.prototxt alone, "
        "which is to train by",
        "mtcnn_cholihao_det2/det2.caffemodel": "layer 'conv1' blob 0 (weights) is 32x3x3x3, "
        "but 28x3x3x3 in the weights",
    }
    assert given == {file: net for file, net in wanted.items() if file not in refused}
    left_out = {one.path.relative_to(zoo).as_posix(): one.reason for one in batch.skipped}
    for file, reason in refused.items():
        assert reason in left_out[file]
    assert not {name for name in left_out if name.endswith("deploy.prototxt")} - {
        "mtcnn_cholihao_det2/deploy.prototxt",
        "mobilenet_yolov3lite_tusimple_seg/deploy.prototxt",  # a fork's words for the other one
    }


def test_two_weights_of_one_net_are_two_models(tmp_path: Path) -> None:
    write(
        tmp_path, {"deploy.prototxt": net(), "a.caffemodel": weights(), "b.caffemodel": weights()}
    )
    assert found(tmp_path) == {
        "a": "deploy.prototxt a.caffemodel",
        "b": "deploy.prototxt b.caffemodel",
    }


def test_shapes_tell_nets_of_the_same_layers_apart(tmp_path: Path) -> None:
    files = {"1.prototxt": net(8), "2.prototxt": net(9), "x.caffemodel": weights(9)}
    write(tmp_path, {**files, "y.caffemodel": weights(8)})
    assert found(tmp_path) == {"x": "2.prototxt x.caffemodel", "y": "1.prototxt y.caffemodel"}


def test_of_two_nets_that_fit_the_one_that_was_saved_is_taken(tmp_path: Path) -> None:
    files = {"a.prototxt": net(middle=RELU), "b.prototxt": net(middle=SIGMOID)}
    write(tmp_path, {**files, "net.caffemodel": weights(middle=("sigmoid", "Sigmoid"))})
    assert found(tmp_path) == {"net": "b.prototxt net.caffemodel"}
    assert reasons(tmp_path) == {
        "a.prototxt": "net.caffemodel fits it, but b.prototxt was taken for it, as its other "
        "layers are those that were saved"
    }


def test_a_part_of_a_net_makes_way_for_the_whole(tmp_path: Path) -> None:
    files = {"a.prototxt": INPUT + product("fc1", 8, "data"), "whole.prototxt": net()}
    write(tmp_path, {**files, "net.caffemodel": weights()})
    assert found(tmp_path) == {"net": "whole.prototxt net.caffemodel"}
    assert "a.prototxt" in reasons(tmp_path)


def test_names_tell_apart_what_nothing_else_does(tmp_path: Path) -> None:
    files = {"deploy_a.prototxt": net(middle=RELU + "# a\n"), "deploy_b.prototxt": net()}
    write(tmp_path, {**files, "a_iter_5.caffemodel": weights(), "b_iter_5.caffemodel": weights()})
    assert found(tmp_path) == {
        "a_iter_5": "deploy_a.prototxt a_iter_5.caffemodel",
        "b_iter_5": "deploy_b.prototxt b_iter_5.caffemodel",
    }


def test_the_nearest_of_nets_that_fit_is_taken(tmp_path: Path) -> None:
    files = {"a/net.prototxt": net(), "b/net.prototxt": net(), "b/w/net.caffemodel": weights()}
    write(tmp_path, {**files, "a/net.caffemodel": weights()})
    assert found(tmp_path) == {
        "a/net": "a/net.prototxt a/net.caffemodel",
        "b/w/net": "b/net.prototxt b/w/net.caffemodel",
    }


def test_texts_and_weights_may_lie_in_folders_of_their_own(tmp_path: Path) -> None:
    files = {f"texts/{width}.prototxt": net(width) for width in (5, 6, 7)}
    numbers = {f"weights/n{width}.caffemodel": weights(width) for width in (5, 6, 7)}
    write(tmp_path, {**files, **numbers})
    assert found(tmp_path) == {
        f"weights/n{width}": f"texts/{width}.prototxt weights/n{width}.caffemodel"
        for width in (5, 6, 7)
    }


def test_what_is_to_train_by_is_left_out(tmp_path: Path) -> None:
    files = {"train_val.prototxt": net(head=DATA, tail=LOSS), "solver.prototxt": SOLVER}
    write(tmp_path, {**files, "deploy.prototxt": net(), "net.caffemodel": weights()})
    assert found(tmp_path) == {"net": "deploy.prototxt net.caffemodel"}
    assert reasons(tmp_path) == {
        "solver.prototxt": 'this is a solver prototxt; its net is `net: "train_val.prototxt"`',
        "train_val.prototxt": "is to train by: its layer 'data' (Data) reads data",
    }


def test_weights_that_fit_a_text_to_train_by_alone_say_what_is_missing(tmp_path: Path) -> None:
    files = {"train_val.prototxt": net(head=DATA, tail=LOSS)}
    write(tmp_path, {**files, "net.caffemodel": weights()})
    assert not found(tmp_path)
    assert reasons(tmp_path)["net.caffemodel"] == (
        "fits train_val.prototxt alone, which is to train by, as its layer 'data' (Data) reads "
        "data; put a prototxt of the net as it is used beside it"
    )


def test_weights_that_fit_nothing_say_why(tmp_path: Path) -> None:
    write(tmp_path, {"deploy.prototxt": net(8), "net.caffemodel": weights(9)})
    assert not found(tmp_path)
    why = "layer 'fc1' blob 0 (weights) is 8x4, but 9x4 in the weights (and 2 more)"
    assert reasons(tmp_path) == {
        "net.caffemodel": f"does not fit deploy.prototxt: {why}",
        "deploy.prototxt": f"no weights here fit it; net.caffemodel does not, as {why}",
    }


def test_weights_and_nets_alone_say_so(tmp_path: Path) -> None:
    write(tmp_path, {"a/net.caffemodel": weights()})
    assert reasons(tmp_path) == {"a/net.caffemodel": "no prototxt here has layers of these names"}
    write(tmp_path, {"b/n.prototxt": INPUT + RELU.replace("fc1", "data")})
    assert reasons(tmp_path)["b/n.prototxt"] == "has no layers with weights"
    write(tmp_path, {"c/n.prototxt": INPUT + product("other", 2, "data")})
    assert reasons(tmp_path)["c/n.prototxt"] == "no weights here have layers of its names"


def test_a_net_that_caffe_would_not_build_is_none(tmp_path: Path) -> None:
    broken = net(middle=RELU.replace('bottom: "fc1"', 'bottom: "nobody"'))
    write(tmp_path, {"deploy.prototxt": broken, "net.caffemodel": weights()})
    assert not found(tmp_path)
    assert "no net that Caffe builds: " in reasons(tmp_path)["net.caffemodel"]
    assert "'nobody'" in reasons(tmp_path)["net.caffemodel"]


def test_files_are_told_by_what_they_hold(tmp_path: Path) -> None:
    write(tmp_path, {"net.txt": net(), "model.bin": weights(), "notes.txt": "read me"})
    assert found(tmp_path) == {"model.bin": "net.txt model.bin"}
    assert not reasons(tmp_path)


def test_names_of_files_that_are_swapped_mislead_nobody(tmp_path: Path) -> None:
    write(tmp_path, {"net.caffemodel": net(), "deploy.prototxt": weights()})
    assert found(tmp_path) == {"deploy.prototxt": "net.caffemodel deploy.prototxt"}


def test_weights_as_hdf5(tmp_path: Path) -> None:
    write(tmp_path, {"deploy.prototxt": net(), "in.caffemodel": weights()})
    convert(tmp_path / "in.caffemodel", tmp_path / "net.caffemodel.h5")
    (tmp_path / "in.caffemodel").unlink()
    assert found(tmp_path) == {"net": "deploy.prototxt net.caffemodel.h5"}


def test_data_as_hdf5_is_no_model(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "train.hdf5", "w") as file:
        file["label"] = np.zeros(3)
    assert not reasons(tmp_path)


def test_broken_files_cost_themselves_alone(tmp_path: Path) -> None:
    good = {"deploy.prototxt": net(), "net.caffemodel": weights()}
    write(tmp_path, good)
    whole = (tmp_path / "net.caffemodel").read_bytes()
    write(
        tmp_path,
        {
            "cut.caffemodel": whole[: len(whole) // 2],
            "empty.caffemodel": b"",
            "lfs.caffemodel": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "page.caffemodel": b"<!DOCTYPE html><html></html>",
            "noise.prototxt": b"\x00\xff" * 99,
            "cut.prototxt": net()[:150],
            "iter.solverstate": b"\x08\x05\x1a\x03abc\x1a\x03abc",
        },
    )
    assert found(tmp_path) == {"net": "deploy.prototxt net.caffemodel"}
    told = reasons(tmp_path)
    assert set(told) == {
        *("cut.caffemodel", "empty.caffemodel", "lfs.caffemodel", "page.caffemodel"),
        *("noise.prototxt", "cut.prototxt", "iter.solverstate"),
    }
    assert told["lfs.caffemodel"] == "is a Git LFS pointer, not the file it points to"
    assert "damaged or cut" in told["cut.caffemodel"]
    assert "HTML" in told["page.caffemodel"]
    assert all("\n" not in reason for reason in told.values())


links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


@links
def test_links_in_a_ring_end(tmp_path: Path) -> None:
    write(tmp_path, {"a/deploy.prototxt": net(), "a/net.caffemodel": weights()})
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "gone.caffemodel").symlink_to(tmp_path / "nowhere")
    (tmp_path / "a" / "same.caffemodel").symlink_to(tmp_path / "a" / "net.caffemodel")
    assert found(tmp_path) == {"a/net": "a/deploy.prototxt a/net.caffemodel"}
    told = reasons(tmp_path)
    assert told["a/same.caffemodel"] == f"is the same file as {tmp_path}/a/net.caffemodel"
    assert "cannot be read" in told["self"]
    assert "cannot be read" in told["gone.caffemodel"]


@links
def test_pipes_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {".git/deploy.prototxt": net(), ".net.caffemodel": weights()})
    os.mkfifo(tmp_path / "deploy.prototxt")
    assert not list(walk(tmp_path))


def test_results_of_a_run_are_no_models_to_begin_with(tmp_path: Path) -> None:
    write(tmp_path, {"out/zoo.json": "{}", "out/a/deploy.prototxt": net()})
    assert reasons(tmp_path) == {"out": "holds the result of a run, and no models to begin with"}


def test_a_huge_folder_is_walked_as_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a thousand folders the first file is there when the first folder was listed."""
    for number in range(50):
        write(tmp_path, {f"{number:03}/notes.txt": "x"})
    listed = []
    real = os.listdir
    monkeypatch.setattr(walking.os, "listdir", lambda path: listed.append(path) or real(path))
    first = next(walk(tmp_path))
    assert first == tmp_path / "000" / "notes.txt"
    assert len(listed) == 2


def test_pictures_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {f"{number}.jpg": b"\xff\xd8\xff" for number in range(9)})
    monkeypatch.setattr("builtins.open", lambda *given, **more: pytest.fail(f"opened {given}"))
    assert not discover(tmp_path).entries


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="is no folder; give a folder with models"):
        discover(tmp_path / "nothing")


def test_no_more_pairs_are_held_together_than_need_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each weights file looks at its own folder's net, and not at all that have its names."""
    from netsurgery.zoo.fitting import Fitting

    for number in range(12):
        write(tmp_path, {f"{number}/n.prototxt": net(), f"{number}/n.caffemodel": weights()})
    asked = []
    real = Fitting.misfit
    monkeypatch.setattr(Fitting, "misfit", lambda *given: asked.append(given) or real(*given))
    assert len(discover(tmp_path).entries) == 12
    assert len(asked) == 12
