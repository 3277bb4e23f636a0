"""fhir-kit-client (npm) as a process that tests drive."""
