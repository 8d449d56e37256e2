"""People sign in here, and apps get their tokens here: SMART App Launch 2.2 on OAuth 2.0.

Must not know SQL, nor clinical content. Joined by `blueprint`; whom a credential admits is the door's to say.
`server` is the authorization server, `pages` what people see of it, `account` where they end it, `opening`
where a health visitor opens an app for one child, `smart` the documents that describe it,
`elsewhere` what scripts of apps on other origins may ask; `federation` lets
people in through their identity provider, by the calls of `outbound`, and `browsing` keeps their session;
`keys.ensure` makes the secrets that they need, from the shell.
"""

from flask import Blueprint

from healthvisit.accounts import keys

blueprint = Blueprint("sign_in", __name__, template_folder="templates")

# The routes stand in these modules; importing them puts them on the blueprint.
from healthvisit.faces.sign_in import account, elsewhere, federation, opening, pages, server, smart  # noqa: E402

__all__ = ["account", "blueprint", "elsewhere", "federation", "keys", "opening", "pages", "server", "smart"]
