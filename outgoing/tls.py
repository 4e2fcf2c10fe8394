"""How certificates are checked: by the system's authorities, or those that SSL_CERT_FILE names."""

import ssl
from functools import cache


@cache
def context() -> ssl.SSLContext:
    """Made once: loading the authorities takes longer than a request."""
    return ssl.create_default_context()
