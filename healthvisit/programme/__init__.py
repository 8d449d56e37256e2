"""What health visiting knows: plain functions over plain values.

Must not know SQL, HTTP, or today's date: the day is passed in; nor FHIR, but for `form`, whose matter is one
Questionnaire and its answers. Standard library only. Visitors use `form.examine` (what is asked, missing and wrong),
`dates` (months, ages, quarters), `pathway.standing` (how a review stands on a day), `asq3` (form, points,
zone), `digitisation` (capture class and rate), `indicators.coverage`, `national.quarter.of_quarter` (C1 to C8),
`intervals.wilson`, `spc.chart`, `disclosure.withhold`, `boroughs` and `nhs_number`.

Three clocks are kept apart, because one visit may satisfy one and not another: the statutory windows and the
Greater Manchester stages are tables of windows read by `pathway`; the rule of a national indicator stands in
`indicators` and `national`.
"""
