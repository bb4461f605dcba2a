"""From a finished run to files that stand alone: plain PyTorch source, a torch program, ONNX, ONNX of 8-bit numbers."""

# The formats, in the order in which a prediction prefers them, and the main file of each.
FORMATS = {
    "python": "network.py",
    "torch": "network.pt2",
    "onnx": "network.onnx",
    "int8": "network-int8.onnx",
}
