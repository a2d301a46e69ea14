"""A model's layers as a table."""

from __future__ import annotations

import json

from command_line import tables_in


def test_the_tables_say_what_the_json_says(netsurgery, pair) -> None:
    found = json.loads(netsurgery("inspect", *pair, "--json").out)
    done = netsurgery("inspect", *pair)
    (rows,) = tables_in(done.out)[:1]
    layers = {layer["name"]: layer for layer in found["layers"]}
    fc6 = next(row for row in rows if row["layer"] == "fc6")
    totals = found["totals"]
    assert fc6["blobs"] == "32x48 32"
    assert fc6["params"] == f"{layers['fc6']['params']:,}"
    assert fc6["share"] == f"{100 * layers['fc6']['params'] / totals['params']:.1f}%"
    assert fc6["MACs"] == f"{layers['fc6']['macs']:,}"
    assert fc6["breaks even"] == f"rank {layers['fc6']['low_rank']['breakeven']}"
    energies = layers["fc6"]["low_rank"]["energies"]
    assert fc6["energy there"] == f"{energies['19']:.3f}"
    assert fc6["at half"] == f"{energies['9']:.3f}"
    assert fc6["at a quarter"] == f"{energies['4']:.3f}"
    assert fc6["spectrum"] == layers["fc6"]["low_rank"]["sketch"]
    assert f"{totals['params']:,} parameters (6.9 kB), {totals['macs']:,} MACs" in done.out


def test_what_depends_on_regions_is_told_for_common_numbers_of_them(netsurgery, tmp_path) -> None:
    net = tmp_path / "net.prototxt"
    net.write_text(
        'layer { name: "data" type: "Input" top: "data"\n'
        "  input_param { shape { dim: 1 dim: 2 dim: 8 dim: 8 } } }\n"
        'layer { name: "rois" type: "Input" top: "rois"\n'
        "  input_param { shape { dim: 1 dim: 5 } } }\n"
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"\n'
        "  convolution_param { num_output: 3 kernel_size: 1 } }\n"
        'layer { name: "pool" type: "ROIPooling" bottom: "conv" bottom: "rois" top: "pool"\n'
        "  roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 1 } }\n"
        'layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"\n'
        "  inner_product_param { num_output: 10 } }\n"
    )
    printed = netsurgery("inspect", net).out
    # 2 * 3 * 64 of the convolution, and 12 * 10 of each region.
    assert "MACs at n regions: 384 + n * 120" in printed
    assert f"at 300 regions {100 * 36000 / 36384:.1f}% of them are behind the regions" in printed
