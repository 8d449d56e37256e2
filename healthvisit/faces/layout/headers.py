"""Security headers, on every answer of every face. Checked by tests/faces/layout on every route.

The policy lets a page load from this service alone, and runs no script and no style that stands in the page.
Source: OWASP ASVS 5.0, 3.4; https://www.w3.org/TR/CSP3/
"""

from functools import lru_cache

from flask import Flask, Response, request

from healthvisit.faces import door

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}

HSTS = "max-age=31536000; includeSubDomains"


@lru_cache(maxsize=64)
def policy(*, form_action: tuple[str, ...] = ()) -> str:
    """Content-Security-Policy; form_action: further origins that a form of this page may lead to.

    A browser holds redirects to the policy too, so a consent page names the origin that the code is sent to.
    """
    return "; ".join(
        f"{name} {' '.join((value, *form_action)) if name == 'form-action' else value}"
        for name, value in _POLICY.items()
    )


def install(app: Flask) -> None:
    app.after_request(_dressed)


def _dressed(response: Response) -> Response:
    response.headers.extend(_ALWAYS)
    response.headers.setdefault("Content-Security-Policy", policy())
    if door.house().settings.base_url.startswith("https://"):
        response.headers["Strict-Transport-Security"] = HSTS
    if not _is_asset(response):
        # The Back button after signing out, and every proxy between, must have nothing to show.
        response.headers["Cache-Control"] = "no-store"
    return response


def _is_asset(response: Response) -> bool:
    return (request.endpoint or "").endswith(".static") and "ETag" in response.headers
