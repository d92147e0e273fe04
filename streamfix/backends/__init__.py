"""How a network runs: torch, OpenVINO, ONNX Runtime."""
