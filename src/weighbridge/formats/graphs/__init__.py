"""Graphs: ONNX, Core ML, Paddle, MXNet, Caffe, CNTK, MLIR."""
