"""Small nets whose channels go: in groups of a convolution, or with many operations each."""

from __future__ import annotations

import numpy as np
from small_models import make_model

from netsurgery.network import Model

GROUPS = """\
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 2 dim: 5 dim: 5 } } }
layer { name: "one" type: "Convolution" bottom: "data" top: "one"
        convolution_param { num_output: 6 kernel_size: 1 bias_term: false } }
layer { name: "two" type: "Convolution" bottom: "one" top: "two"
        convolution_param { num_output: 6 kernel_size: 1 bias_term: false group: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "two" top: "fc"
        inner_product_param { num_output: 3 bias_term: false } }
"""


def in_groups() -> Model:
    """Two convolutions, of which the second divides what it reads and what it makes."""
    random = np.random.RandomState(4)
    shapes = {"one": (6, 2, 1, 1), "two": (6, 3, 1, 1), "fc": (3, 150)}
    return make_model(GROUPS, {name: [random.normal(size=s)] for name, s in shapes.items()})


WIDE = """\
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 2 dim: 8 dim: 8 } } }
layer { name: "one" type: "Convolution" bottom: "data" top: "one"
        convolution_param { num_output: 5 kernel_size: 3 bias_term: false } }
layer { name: "relu" type: "ReLU" bottom: "one" top: "one" }
layer { name: "two" type: "Convolution" bottom: "one" top: "two"
        convolution_param { num_output: 4 kernel_size: 3 stride: 2 bias_term: false } }
layer { name: "fc" type: "InnerProduct" bottom: "two" top: "fc"
        inner_product_param { num_output: 3 bias_term: false } }
"""


def wide() -> Model:
    """Two convolutions, of which a channel of the first takes many more operations."""
    random = np.random.RandomState(1)
    shapes = {"one": (5, 2, 3, 3), "two": (4, 5, 3, 3), "fc": (3, 16)}
    return make_model(WIDE, {name: [random.normal(size=s)] for name, s in shapes.items()})
