"""Whom the user trusts to sign models: what a signature is verified with."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """One way to verify signatures; by default there is none, and signatures are only read.

    Attributes:
        key: absolute path of a public key in PEM.
        certificates: absolute paths of certificates in PEM, of whom the signer's descends.
        identity: whom Sigstore must have seen sign: an address of mail or of a workflow.
        provider: address of the OpenID provider that vouched for the identity.
        trust_root: absolute path of Sigstore's trust root; None for the one that comes with its library.

    Raises:
        UsageError: the attributes are of more than one way, or of half a one.
    """

    key: str | None = None
    certificates: tuple[str, ...] = ()
    identity: str | None = None
    provider: str | None = None
    trust_root: str | None = None

    def __post_init__(self) -> None:
        ways = (self.key is not None, bool(self.certificates), self.identity is not None)
        if sum(ways) > 1:
            raise UsageError(
                "verify signatures by one of --signing-key, --signing-certificate and --signing-identity"
            )
        if (self.identity is None) != (self.provider is None):
            raise UsageError("--signing-identity and --signing-provider belong together")
        if self.trust_root is not None and self.identity is None:
            raise UsageError("--signing-trust-root is for --signing-identity, which is not given")

    @property
    def is_given(self) -> bool:
        """True when signatures are to be verified."""
        return self.key is not None or bool(self.certificates) or self.identity is not None


NOBODY = Trust()
"""Signatures are read, and not verified."""
