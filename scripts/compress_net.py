#!/usr/bin/env python3
"""Compress a Fast R-CNN model with truncated SVD, under the flags of its compress_net.py.

    compress_net.py --def test.prototxt --net vgg16_fast_rcnn.caffemodel
    compress_net.py --def test.prototxt --def-svd compressed/test.prototxt --net ...

Writes ``<net>_svd_fc6_1024_fc7_256.caffemodel`` beside --net, as the original does. Without
--def-svd the compressed prototxt is written too, beside --def; --rank says which layers, and
how thin. With it, every pair ``X_L``, ``X_U`` there that replaces an InnerProduct layer X is
filled, whatever X is called. Needs netsurgery only: no Caffe, and any Python it runs on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import List, Optional, Sequence

import netsurgery as ns
from netsurgery.errors import PlanError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.methods import low_rank_method
from netsurgery.planning.low_rank import LowRankRequest, plan_low_rank
from netsurgery.planning.rules import parse_rule

FAST_RCNN_RANKS = ["fc6=1024", "fc7=256"]


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = make_parser()
    if arguments is None and len(sys.argv) == 1:
        parser.print_help()
        return 1
    given = parser.parse_args(arguments)
    try:
        for path in compress(given):
            print(f"written {path}")
    except (ns.NetsurgeryError, OSError) as error:
        print(f"compress_net.py: {error}", file=sys.stderr)
        return 2
    return 0


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Compress a Fast R-CNN network")
    parser.add_argument("--def", dest="prototxt", required=True, help="uncompressed prototxt")
    parser.add_argument(
        "--def-svd", dest="prototxt_svd", help="compressed prototxt, if you have it"
    )
    parser.add_argument("--net", dest="caffemodel", required=True, help="the model to compress")
    parser.add_argument(
        "--rank",
        action="append",
        metavar="LAYER=RANK",
        help=f"without --def-svd: what to compress (default: {' '.join(FAST_RCNN_RANKS)})",
    )
    return parser


def compress(given: argparse.Namespace) -> List[Path]:
    model = ns.load(given.prototxt, given.caffemodel)
    if given.prototxt_svd:
        plan = plan_of_pairs(model, Prototxt.read(given.prototxt_svd))
    else:
        rules = [parse_rule("rank", rank) for rank in given.rank or FAST_RCNN_RANKS]
        plan = plan_low_rank(
            model, LowRankRequest(rules, method="svd", allow_growth=True, predict=False)
        )
    thin = ns.apply(model, plan)
    net = Path(given.caffemodel)
    ranks = "".join(f"_{edit.layer}_{edit.options['rank']}" for edit in plan.edits)
    weights = net.with_name(f"{net.stem}_svd{ranks}{net.suffix}")
    if given.prototxt_svd:
        thin.weights.write(weights)
        return [weights]
    prototxt = Path(given.prototxt)
    return list(thin.save(prototxt.with_name(f"{prototxt.stem}_svd{prototxt.suffix}"), weights))


def plan_of_pairs(model: ns.Model, compressed: Prototxt) -> ns.Plan:
    """Find the pairs of a hand-written compressed prototxt, and their ranks."""
    layers, svd = {layer.name: layer for layer in compressed.layers}, low_rank_method("svd")
    edits = []
    for name in dict.fromkeys(layer.name for layer in model.prototxt.layers):
        if f"{name}_L" not in layers and f"{name}_U" not in layers:
            continue
        rank = check_pair(name, layers, svd.tradeoff(model, name).shape, compressed.file)
        edits.append(ns.Edit(name, "svd", {"rank": rank}))
    if not edits:
        raise PlanError(
            "no layer is split into a pair here",
            file=compressed.file,
            remedy="a layer X becomes X_L and X_U; leave --def-svd out to have it written",
        )
    return ns.Plan(tuple(edits))


def check_pair(name: str, layers: dict, shape: tuple, file: Optional[str]) -> int:
    """Return the rank of a pair that fits the layer it replaces."""
    for suffix, bias in (("_L", False), ("_U", None)):
        layer = layers.get(name + suffix)
        if layer is None or layer.type != "InnerProduct":
            raise PlanError(f"there is no InnerProduct layer {name + suffix!r}", file=file)
        if bias is not None and layer.parameter.inner_product_param.bias_term != bias:
            raise PlanError("it must have bias_term: false", file=file, layer=layer.name)
    outputs = layers[f"{name}_U"].parameter.inner_product_param.num_output
    if outputs != shape[0]:
        raise PlanError(
            f"num_output is {outputs}, that of {name!r} is {shape[0]}",
            file=file,
            layer=f"{name}_U",
        )
    return layers[f"{name}_L"].parameter.inner_product_param.num_output


if __name__ == "__main__":
    sys.exit(main())
