"""One Settings class. No secret has a default; only entry points and plumbing read it."""

import re
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

import limits
from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.money import check_currency

_PRICE = re.compile(
    r"(?P<amount>\d+(\.\d+)?) (?P<currency>[A-Z]{3}) per "
    r"(?P<unit>second|image|film|1000 characters), (?P<day>\d{4}-\d\d-\d\d), (?P<document>.+)",
    re.ASCII,
)
# Each puts a part of an installation outside its data directory.
ELSEWHERE = (
    "DATABASE_URL",
    "UNDERSTUDY_DATABASE_URL",
    "UNDERSTUDY_KEYS_DIRECTORY",
    "UNDERSTUDY_ROOT_KEYS_DIRECTORY",
    "UNDERSTUDY_PKCS11_MODULE",
    "UNDERSTUDY_KMS_PREFIX",
    "UNDERSTUDY_OBJECT_DIRECTORY",
    "UNDERSTUDY_OBJECT_URL",
    "UNDERSTUDY_PERFORMER_KEYS_DIRECTORY",
    "UNDERSTUDY_PERFORMER_KEYS_URL",
)


class Settings(BaseSettings):
    """Every setting of an installation, from the environment; see docs/configuration.md."""

    model_config = SettingsConfigDict(env_prefix="UNDERSTUDY_", extra="ignore")

    data_dir: Path = Field(Path("var"), description="Where database, keys and objects live.")
    database_url: str = Field(
        "",
        validation_alias=AliasChoices("UNDERSTUDY_DATABASE_URL", "DATABASE_URL"),
        description="SQLAlchemy URL; empty means SQLite in the data directory.",
    )
    keys_directory: Path | None = Field(None, description="Private keys; default DATA_DIR/keys.")
    root_keys_directory: Path | None = Field(
        None, description="Root keys, to be taken away; default: `roots` among the keys."
    )
    pkcs11_module: str = Field("", description="PKCS#11 library that keeps the certificates' keys.")
    pkcs11_token: str = Field("understudy", description="Label of the PKCS#11 token.")
    kms_prefix: str = Field(
        "",
        pattern=r"^([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)?$",
        description="Keep the certificates' keys in AWS KMS, under aliases that begin so.",
    )
    kms_url: str = Field("", description="Endpoint of AWS KMS, where it is not the region's own.")
    object_directory: Path | None = Field(None, description="Objects; default DATA_DIR/objects.")
    object_url: str = Field("", description="A bucket for objects instead: s3://BUCKET/PREFIX.")
    object_url_over_http: bool = Field(
        False, description="Speak to the bucket without TLS; for one on this machine only."
    )
    performer_keys_directory: Path | None = Field(
        None, description="Performers' keys, a store of their own; default DATA_DIR/performer-keys."
    )
    performer_keys_url: str = Field("", description="A bucket for performers' keys instead.")
    policy_directory: Path | None = Field(None, description="Cedar rules; default: shipped.")
    policy_packs: str = Field("", description="Packs on for every contract, parted by commas.")
    installation: Literal["sandbox", "production"] = Field(
        "sandbox", description="Outside a sandbox somebody vouches for a performer before any use."
    )
    host: str = Field("127.0.0.1", description="Address the server binds to.")
    port: int = Field(8420, ge=0, le=65535, description="Port the server binds to.")
    public_url: str = Field(
        "http://127.0.0.1:8420", description="How strangers reach this server; stands in manifests."
    )
    origin: str = Field(
        "http://localhost:8420",
        pattern=r"^https?://[a-z0-9.-]+(:[0-9]+)?$",
        description="Where people open the pages; passkeys are made for its host.",
    )
    tsa_url: str = Field(
        "", description="RFC 3161 authority to ask; empty: this installation's own."
    )
    tsa_roots: Path | None = Field(None, description="PEM of the roots an outside authority has.")
    c2pa_trust_list: Path | None = Field(
        None, description="PEM file of other people's roots, such as C2PA's trust list."
    )
    log_origin: str = Field("understudy.local/log", description="Origin line of the public log.")
    log_witnesses: str = Field("", description="Verifier keys of the log's witnesses, spaced.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log line written."
    )
    worker_in_process: bool = Field(True, description="Run the pipeline inside `understudy serve`.")
    worker_id: str = Field("worker-1", description="Stable name under which a worker resumes.")
    local_generator: bool = Field(
        True, description="Offer the local puppet (non-commercial landmark model, GPL encoders)."
    )
    models_that_do_not_train: str = Field(
        "", description="Vendors' promises to this operator: MODEL=DOCUMENT, parted by semicolons."
    )
    vendor_prices: str = Field(
        "",
        description="What vendors bill this operator: "
        "MODEL=AMOUNT CURRENCY per UNIT, DATE, DOCUMENT, parted by semicolons.",
    )
    renderers: str = Field(
        "", description="Renderers outside: NAME=ORGANIZATION, parted by semicolons."
    )
    upload_limit_bytes: int = Field(40 << 20, gt=0, description="Largest portrait upload.")
    material_limit_bytes: int = Field(
        128 << 20, gt=0, description="Largest material of a scene to upload."
    )
    verify_limit_bytes: int = Field(512 << 20, gt=0, description="Largest file to verify.")
    import_limit_bytes: int = Field(
        512 << 20, gt=0, description="Largest upload of an agency's table and photos."
    )
    rate_lookups: str = Field(
        "300/minute", description="How often one address may ask without a key; empty: as it likes."
    )
    rate_files: str = Field(
        "10/minute;100/hour", description="How often one address may send a file without a key."
    )
    rate_alike: str = Field(
        "60/hour;200/day",
        description="How many different files of one content are told if they are marked.",
    )
    private_providers: str = Field(
        "",
        description="Studios' sign-in providers on private networks: HOST[:PORT], by commas.",
    )
    answer_step_s: float = Field(
        2.0, ge=0, description="Strangers' files are answered at multiples of this; 0: at once."
    )
    allow_unsandboxed_media: bool = Field(
        False, description="Parse untrusted media even where the kernel offers no isolation."
    )
    smtp_host: str = Field("", description="Mail server that notices leave by; empty: no mail.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How it is spoken to; `none` for one on this machine only."
    )
    smtp_user: str = Field("", description="Name to sign in with there; empty: not at all.")
    smtp_ca: Path | None = Field(None, description="PEM of the roots its certificate has.")
    mail_from: str = Field("", description="Address that mails come from.")
    clock_tolerance_s: int = Field(
        300, gt=0, description="How far the clock may be off before nothing is permitted."
    )
    download_link_s: int = Field(60, gt=0, description="How long a download link lasts.")

    rate_keys: str = Field(
        "60000/minute",
        description="How often one API key may ask, counted over all processes of the machine.",
    )

    rate_people: str = Field(
        "600/minute", description="How often one person may open a page or send a form."
    )

    rate_enrollments: str = Field(
        "50/day",
        description="How many portraits to enroll, and stills to check live, one house may send.",
    )

    @field_validator(
        "rate_lookups", "rate_files", "rate_alike", "rate_keys", "rate_people", "rate_enrollments"
    )
    @classmethod
    def _is_a_rate(cls, text: str) -> str:
        if text:
            limits.parse_many(text)  # raises ValueError: a wrong rate does not start
        return text

    @field_validator("vendor_prices")
    @classmethod
    def _are_prices(cls, text: str) -> str:
        for pair in filter(str.strip, text.split(";")):
            model, _, said = pair.partition("=")
            found = _PRICE.fullmatch(said.strip())
            if not model.strip() or found is None:
                raise ValueError(
                    f"{pair.strip()!r} states no price: write MODEL=0.15 USD per second, "
                    "2026-11-20, the document that says so"
                )
            date.fromisoformat(found["day"])  # raises ValueError, as the next does
            check_currency(found["currency"])
        return text

    @property
    def database(self) -> str:
        """The database URL in force, with the psycopg 3 driver named."""
        if not self.database_url:
            return f"sqlite:///{(self.data_dir / 'understudy.sqlite').absolute()}"
        for plain in ("postgres://", "postgresql://"):
            if self.database_url.startswith(plain):
                return "postgresql+psycopg://" + self.database_url.removeprefix(plain)
        return self.database_url

    @property
    def packs_on(self) -> tuple[str, ...]:
        """The packs of rules that are on for every contract of this installation."""
        return tuple(filter(None, (name.strip() for name in self.policy_packs.split(","))))

    @property
    def identity_floor(self) -> int:
        """How far a performer's identity is proven before any use: in a sandbox, not at all."""
        return 0 if self.installation == "sandbox" else 1

    @cached_property
    def promised_not_to_train(self) -> dict[str, str]:
        """The models that do not learn from inputs, and by which document of the operator's."""
        pairs = (pair.partition("=") for pair in self.models_that_do_not_train.split(";"))
        return {model.strip(): paper.strip() for model, _, paper in pairs if paper.strip()}

    @cached_property
    def stated_prices(self) -> dict[str, re.Match[str]]:
        """What a vendor bills this operator for a model: amount, currency, unit, day, document."""
        pairs = (pair.partition("=") for pair in self.vendor_prices.split(";"))
        return {
            model.strip(): found
            for model, _, said in pairs
            if (found := _PRICE.fullmatch(said.strip()))
        }

    @cached_property
    def renderer_organizations(self) -> dict[str, str]:
        """The organization whose pipeline renders each model `renderer/NAME`."""
        pairs = (pair.partition("=") for pair in self.renderers.split(";"))
        return {f"renderer/{n.strip()}": org.strip() for n, _, org in pairs if org.strip()}

    @cached_property
    def keys_dir(self) -> Path:
        """Where private keys live."""
        return self.keys_directory or self.data_dir / "keys"

    @property
    def ocsp_url(self) -> str:
        """Where the status of certificates is asked for; stands in them, and ends in a slash."""
        return f"{self.public_url.rstrip('/')}/ocsp/"

    @cached_property
    def root_keys_dir(self) -> Path:
        """Where the keys of the certificates' roots live, as long as they are not taken away."""
        return self.root_keys_directory or self.keys_dir / "roots"

    @cached_property
    def objects_dir(self) -> Path:
        """Where the object store lives."""
        return self.object_directory or self.data_dir / "objects"

    @cached_property
    def performer_keys_dir(self) -> Path:
        """Where performers' keys live, apart from what they seal."""
        return self.performer_keys_directory or self.data_dir / "performer-keys"

    @cached_property
    def policies_dir(self) -> Path:
        """Where the Cedar rules live."""
        return self.policy_directory or Path(__file__).parent.parent / "policies"


@lru_cache
def settings() -> Settings:
    """Return this process's settings, read once; tests call `settings.cache_clear()`."""
    return Settings()
