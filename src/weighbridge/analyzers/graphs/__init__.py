"""Graphs of other frameworks: ONNX, Core ML, OpenVINO, Paddle, MXNet, Caffe, CNTK, XLA."""
