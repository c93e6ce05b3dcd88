"""What training needs and the product does not: random scenes, the example pool, the loss, the ONNX graph."""
