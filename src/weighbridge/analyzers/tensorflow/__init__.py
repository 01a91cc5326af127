"""TensorFlow graphs, checkpoints and TFLite."""
