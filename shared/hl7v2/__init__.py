"""HL7 v2.5.1 messages made from a Bundle, for receivers that take no FHIR."""
