"""What can go wrong with the record. The room that knows raises; the face that speaks translates.

RecordError
├── Invalid          the body or the query is not well formed           structure, value, required ...
├── Unprocessable    well formed, but breaks a rule of the field        business-rule, invariant, code-invalid
├── NotFound         no such resource, or none that can be reached      not-found
├── Gone             the resource was deleted                           deleted
├── Forbidden        role or scope lacks the interaction                forbidden
├── VersionConflict  If-Match names another version                     conflict
├── MultipleMatches  a conditional interaction matched more than one    multiple-matches
├── Conflict         something else stands in the way                   conflict
├── TooMany          more at once than an account may have              throttled
└── TooCostly        over a stated limit                                too-costly

Messages name resources as Type/id and elements as FHIRPath, never a person.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Issue(NamedTuple):
    """One fault. code: FHIR issue type; expression: FHIRPath of the element, "" where there is none. detail: code
    of CodeSystem refusal where an app can do more than show the text, else ""."""

    code: str
    diagnostics: str
    expression: str = ""
    detail: str = ""


class RecordError(Exception):
    code = "processing"

    def __init__(self, problem: str | Sequence[Issue], expression: str = "") -> None:
        if isinstance(problem, str):
            problem = (Issue(self.code, problem, expression),)
        self.issues: tuple[Issue, ...] = tuple(problem)
        super().__init__("; ".join(f"{issue.expression}: {issue.diagnostics}" for issue in self.issues))


class Invalid(RecordError):
    """Not well formed: the same request can never succeed."""

    code = "invalid"


class Unprocessable(RecordError):
    """Well formed, but a rule of FHIR or of the field says no."""

    code = "business-rule"


class NotFound(RecordError):
    """No such resource, or none that this requester can reach: the two are never told apart."""

    code = "not-found"

    def __init__(self) -> None:
        super().__init__("No such resource.")


class Gone(RecordError):
    code = "deleted"


class Forbidden(RecordError):
    code = "forbidden"


class VersionConflict(RecordError):
    """The resource has changed since the version that If-Match names."""

    code = "conflict"


class MultipleMatches(RecordError):
    code = "multiple-matches"


class Conflict(RecordError):
    code = "conflict"


class TooMany(RecordError):
    """The same request may succeed when others of the account have ended."""

    code = "throttled"


class TooCostly(RecordError):
    code = "too-costly"
