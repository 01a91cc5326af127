"""TensorFlow's files: SavedModel, graphs, checkpoints. Parsers only: they know no rule."""
