"""What a network is run on: arrays, images prepared as Caffe does it, random values."""

from netsurgery.calibration.arrays import fit_arrays
from netsurgery.calibration.batching import batch_size, input_shapes, largest_batch
from netsurgery.calibration.inputs import Batch, Inputs
from netsurgery.calibration.preprocessing import Preprocessing
from netsurgery.calibration.random_values import random_inputs
from netsurgery.calibration.roles import Role, input_roles
from netsurgery.calibration.sources import read_inputs

__all__ = [
    "Batch",
    "Inputs",
    "Preprocessing",
    "Role",
    "batch_size",
    "fit_arrays",
    "input_roles",
    "input_shapes",
    "largest_batch",
    "random_inputs",
    "read_inputs",
]
