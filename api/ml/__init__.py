"""Direct prediction, the models behind it, and what they have done so far: what /api/v1/ml answers."""
