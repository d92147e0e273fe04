"""How a network runs: torch, ONNX Runtime."""
