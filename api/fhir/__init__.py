"""The FHIR face of the service: $extract, its asynchronous pattern, and batches as bulk data."""
