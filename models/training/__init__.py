"""What only training needs: random scenes, the pool of examples, the loss, and the ONNX graph."""
