"""What can go wrong with an account. Messages never name a person."""


class AccountError(Exception):
    pass


class NotAdmitted(AccountError):
    """The credential does not stand, or its account does not: which of the two is never told."""


class TooManyAttempts(AccountError):
    """Sign-in with this name or from this address must wait; said alike whether or not the name exists.

    wait_s: seconds until the next attempt is looked at.
    """

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"wait {wait_s} seconds")
        self.wait_s = wait_s


class BadRegistration(AccountError, ValueError):
    """An account or an app cannot be registered like this; the text says why."""
