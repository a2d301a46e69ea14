"""Run by the Python that has real Caffe: what ``caffe.io`` makes of images, into an .npz."""

import json
import sys

import caffe.io
import numpy as np
import skimage.io

# Caffe's loader asks for as_grey, which scikit-image renamed to as_gray.
_read = skimage.io.imread
skimage.io.imread = lambda name, as_grey: _read(name, as_gray=as_grey)


def prepare(job):
    channels, height, width = job["shape"]
    image = caffe.io.load_image(job["image"], color=channels == 3)
    size = np.array(job["images_dim"] or (height, width))
    image = caffe.io.resize_image(image, size)
    top, left = ((size - (height, width)) / 2).astype(int)
    transformer = caffe.io.Transformer({"data": (1, channels, height, width)})
    transformer.set_transpose("data", (2, 0, 1))
    if job["mean"] is not None:
        transformer.set_mean("data", np.array(job["mean"]))
    if job["input_scale"] is not None:
        transformer.set_input_scale("data", job["input_scale"])
    if job["channel_swap"] is not None:
        transformer.set_channel_swap("data", job["channel_swap"])
    transformer.set_raw_scale("data", job["raw_scale"])
    return transformer.preprocess("data", image[top : top + height, left : left + width])


with open(sys.argv[1]) as stream:
    jobs = json.load(stream)
np.savez(sys.argv[2], *[prepare(job) for job in jobs])
