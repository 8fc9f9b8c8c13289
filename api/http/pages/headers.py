"""Headers: what a browser may do while it shows one of our pages. Nothing comes from elsewhere, nothing goes there."""

from __future__ import annotations


def page_headers(content_security_policy: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-security-policy", content_security_policy.encode()),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-frame-options", b"DENY"),
    ]
