"""Caffe's databases of samples."""
