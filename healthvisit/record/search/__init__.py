"""Search of the record: "?code=..." in, rows of those whom the requester reaches out.

Must not know HTTP, nor what a review is. Visitors (all of them in `record/`) use:

- `index.rows(resource, rid, definitions)` -> IndexRows, at every write; `index.put`, `index.remove`;
- `query.parse(type, parameters, definitions)` -> SearchQuery, or Invalid for what is not understood;
- `select.page(connection, query, condition, at)` -> Page, every statement under the reach predicate.

One file per search type (`token`, `date`, `string`, `reference`) holds its rows and its condition side by
side; `statement` writes the SQL. Which parameters there are is data, `fhir/searchparameters/`, that
`parameter` reads.  https://hl7.org/fhir/R4/search.html
"""
