"""The error for a server that answers without bytes. Catching it loads no HTTP library."""

from __future__ import annotations

from weighbridge.errors import ReadError


class Refused(ReadError):
    """The server answered with a status that gives no bytes.

    Attributes:
        status: the HTTP status.
        error_code: the registry's own word for it (`GatedRepo`), when it gives one.
        from_endpoint: False when the storage behind a redirect refused.
    """

    def __init__(
        self, message: str, *, status: int, error_code: str | None, from_endpoint: bool
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.from_endpoint = from_endpoint
