"""Headers of weights: safetensors, GGUF, arrays of NumPy, MessagePack."""
