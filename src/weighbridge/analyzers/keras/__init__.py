"""Keras models and the HDF5 that they lie in."""
