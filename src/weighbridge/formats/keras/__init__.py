"""HDF5, and the configurations of Keras."""
