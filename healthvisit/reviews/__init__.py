"""Where the programme meets the record: FHIR in, programme values out, and back again.

Must not know SQL or HTTP. Visitors use `arrival.complete`, `timeline.of_child`, `caseload.of_practitioner`,
and `quarter.close` and `quarter.figures`.
"""
