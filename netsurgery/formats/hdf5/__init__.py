"""HDF5: weights as Caffe saves them, and data."""
