"""The tablet face: the page that a health visitor lives in, with or without a signal.

The server gives a shell without data, the files of the page, the service worker that keeps them, and one
caseload to an access token; everything else happens on the tablet (static/) and comes back through /fhir.
Must not know SQL, nor score or class anything: `reviews` does. `blueprint` joins the views.

static/: app.js starts and routes; screens/ draw; forms.js draws fields; form_engine.js, form_rules.js, asq3.js,
pathway.js, review.js, draft.js, outbox.js and civil.js are plain values in and out, tested by node; vault.js seals,
store.js and notebook.js keep, auth.js and sync.js talk to the server.
"""

from healthvisit.faces.tablet.views import blueprint

__all__ = ["blueprint"]
