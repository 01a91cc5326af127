"""TorchScript, torch.export, ExecuTorch, Torch7."""
