"""Keys in a cloud's key service, AWS KMS: they are made there, sign there and never come out.

Each key is found by an alias, `alias/PREFIX/NAME`. Region and credentials are where AWS's own tools
look for them: environment, profile, role of the machine. What may be done there is listed in
docs/provenance-keys.md. boto3 is the optional extra `kms`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from app.errors import AppError
from app.keys import KeyMissing

SPECS = {"P-256": "ECC_NIST_P256", "P-384": "ECC_NIST_P384"}
ALGORITHMS = {"P-256": "ECDSA_SHA_256", "P-384": "ECDSA_SHA_384"}
DIGESTS: dict[str, hashes.HashAlgorithm] = {"P-256": hashes.SHA256(), "P-384": hashes.SHA384()}
SIZES = {"P-256": 32, "P-384": 48}
RAW_BYTES = 4096  # the service takes no longer messages; of longer ones it gets the digest
DELETION_DAYS = 7  # the least there is; until then an operator can take it back
PATIENCE = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard"})


class KeyServiceUnavailable(AppError):
    """The cloud's key service does not do as asked."""

    status, code = 503, "key-service-unavailable"


class CloudKeys:
    """The keeper of keys in AWS KMS; says what `app.keys.Keeper` says."""

    def __init__(self, prefix: str, url: str = "") -> None:
        self._prefix, self._url = prefix, url

    def create(self, name: str, kind: str) -> bool:
        """Make a key pair in the service that cannot be read out of it."""
        with self._asking(name) as kms:
            with suppress(kms.exceptions.NotFoundException):
                kms.describe_key(KeyId=self._alias(name))
                return False
            made = kms.create_key(
                KeySpec=SPECS[kind], KeyUsage="SIGN_VERIFY", Description=f"Understudy: {name}"
            )["KeyMetadata"]["KeyId"]
            try:
                kms.create_alias(AliasName=self._alias(name), TargetKeyId=made)
            except kms.exceptions.AlreadyExistsException:  # another process was first
                kms.schedule_key_deletion(KeyId=made, PendingWindowInDays=DELETION_DAYS)
                return False
        return True

    def public_key(self, name: str) -> ec.EllipticCurvePublicKey:
        """Return the public half of a key in the service."""
        with self._asking(name) as kms:
            told = kms.get_public_key(KeyId=self._alias(name))["PublicKey"]
        key = serialization.load_der_public_key(told)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise KeyMissing(f"the key {name!r} in the key service is of an unexpected kind")
        return key

    def sign(self, name: str, data: bytes, kind: str) -> bytes:
        """Have the service sign `data`: raw r||s."""
        message, how = data, "RAW"
        if len(data) > RAW_BYTES:
            hashing = hashes.Hash(DIGESTS[kind])
            hashing.update(data)
            message, how = hashing.finalize(), "DIGEST"
        with self._asking(name) as kms:
            der = kms.sign(
                KeyId=self._alias(name),
                Message=message,
                MessageType=how,
                SigningAlgorithm=ALGORITHMS[kind],
            )["Signature"]
        r, s = utils.decode_dss_signature(der)
        return r.to_bytes(SIZES[kind], "big") + s.to_bytes(SIZES[kind], "big")

    def destroy(self, name: str) -> None:
        """Let a key sign nothing from now on, and have the service delete it in a week."""
        with suppress(KeyMissing), self._asking(name) as kms:
            key = kms.describe_key(KeyId=self._alias(name))["KeyMetadata"]["KeyId"]
            kms.delete_alias(AliasName=self._alias(name))
            kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=DELETION_DAYS)

    def _alias(self, name: str) -> str:
        """`claim@org_X.2` as `alias/PREFIX/claim/of/org_X/2`: aliases know neither @ nor dots."""
        return f"alias/{self._prefix}/{name.replace('@', '/of/').replace('.', '/')}"

    @contextmanager
    def _asking(self, name: str) -> Iterator[Any]:
        """Lend the service's client; say what is missing, or what does not answer."""
        try:
            client = _client(self._url)
            try:
                yield client
            except client.exceptions.NotFoundException:
                raise KeyMissing(
                    f"the key service holds no key {name!r} under {self._alias(name)}; run "
                    "`understudy setup`, or cancel its deletion there"
                ) from None
        except (BotoCoreError, ClientError) as error:
            said = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
            raise KeyServiceUnavailable(
                f"the key service does not do as asked for {name!r} "
                f"({said or type(error).__name__}); see that region, credentials and the rights of "
                "this role are right"
            ) from error


@lru_cache(maxsize=4)
def _client(url: str) -> Any:
    return boto3.client("kms", endpoint_url=url or None, config=PATIENCE)
