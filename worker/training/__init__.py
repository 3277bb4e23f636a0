"""Scripts that train our own small weights, one script a model."""
