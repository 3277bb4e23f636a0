"""From a case to an HL7 FHIR R4 Bundle."""
