"""Reviews: what a clinician says of a result, kept sealed, and the Bundle as it reads after it."""
