"""Bytes to plain objects and back: prototxt, caffemodel and HDF5 files."""
