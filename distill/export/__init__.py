"""Students for other runtimes: ONNX, and engines that answer with them as vLLM does."""
