"""Search of the record: "?code=..." in, rows of those whom the requester reaches out.

Must not know HTTP, nor what a review is. Visitors (all of them in `record/`) use:

- `index.rows(resource, rid, definitions)` -> IndexRows, at every write; `index.put` and `index.remove` keep
them; - `query.parse(type, parameters, definitions)` -> SearchQuery, or Invalid for anything that is not
understood; - `select.page(connection, query, condition, at)` -> Page, every statement of it carrying the
reach predicate.

One file per search type (`token`, `date`, `string`, `reference`) holds its rows and its condition side by
side. Which parameters there are is data: `fhir/searchparameters/`.  https://hl7.org/fhir/R4/search.html
"""
