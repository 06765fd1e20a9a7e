"""Addresses thrown away after one use. The list comes with the package: no network is asked."""

from disposable_email_domains import blocklist


def is_disposable(email: str) -> bool:
    """Also a host below a listed one."""
    labels = email.rpartition("@")[2].lower().split(".")
    return any(".".join(labels[start:]) in blocklist for start in range(len(labels) - 1))
