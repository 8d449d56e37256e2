"""Settings: each key once, with its unit, default and meaning. Read from the environment, prefix HEALTHVISIT_."""

import sysconfig
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def packaged(folder: str) -> Path:
    """Where `fhir` or `migrations` stands: beside the package in a checkout, else in the installed wheel's data."""
    checkout = Path(__file__).resolve().parent.parent
    # Beside an installed package stands another `fhir`: the one that holds fhir.resources.
    if (checkout / "setup.cfg").is_file():
        return checkout / folder
    return Path(sysconfig.get_path("data")) / "share" / "healthvisit" / folder


class Settings(BaseSettings):
    """Everything a deployer may set. A key that does not fit stops the service at start."""

    model_config = SettingsConfigDict(env_prefix="HEALTHVISIT_", frozen=True, extra="ignore")

    mode: Literal["demo", "production"] = Field(
        "demo", description="demo allows local sign-in and the demonstration clock; production refuses both"
    )
    database_url: str = Field(
        "sqlite:///instance/healthvisit.db", description="SQLAlchemy URL; sqlite:/// or postgresql+psycopg://"
    )
    owner_database_url: str | None = Field(
        None,
        description="PostgreSQL: URL of the login that owns the tables, for shell commands; not for what serves, which "
        "logs in by database_url as a role that owns nothing",
    )
    base_url: str = Field(
        "http://127.0.0.1:8000", description="public address without a final slash; FHIR is at /fhir below it"
    )
    secrets_folder: Path = Field(
        Path("instance/secrets"),
        description="folder of the cookie secret and the token signing keys, mode 0700",
    )
    definitions_folder: Path = Field(packaged("fhir"), description="folder of the FHIR definitions")
    instrument_folder: Path | None = Field(
        None,
        description="folder of the licensed instrument pack; without it the practice pack in demo, no wording "
        "and no cut-offs in production",
    )
    clock_offset_days: int = Field(
        0, description="demo only: days added to the real clock, so that a synthetic caseload has a today"
    )
    body_limit_bytes: int = Field(5_000_000, gt=0, description="largest request body, bytes")
    access_token_s: int = Field(600, gt=0, le=3600, description="life of an access token, seconds")
    export_folder: Path = Field(
        Path("instance/exports"),
        description="folder of exported files, mode 0700; one folder for all processes that serve or export",
    )
    export_hours: int = Field(24, gt=0, description="how long exported files can be fetched, hours")
    export_jobs: int = Field(2, gt=0, description="exports that one account may have under way")
    export_in_service: bool = Field(
        True,
        description="whether the service makes exports beside its requests; else healthvisit export-worker",
    )
    proxies: int = Field(
        0,
        ge=0,
        description="reverse proxies of your own, each of which adds to X-Forwarded-For: what slows guesses counts "
        "by the address that the outermost of them saw",
    )
    session_s: int = Field(8 * 3600, gt=0, description="life of a signed-in browser session, seconds")
    identity_providers: Path | None = Field(
        None,
        description="JSON file of the identity providers that people sign in through; without it nobody signs in "
        "to a production service",
    )
    staff_assurance: int = Field(
        2, ge=2, le=3, description="authenticator assurance level (AAL) that staff must reach at theirs"
    )

    @classmethod
    def from_environ(cls) -> Self:
        return cls()

    @model_validator(mode="after")
    def _production_is_strict(self) -> Self:
        if self.mode == "production" and self.clock_offset_days:
            raise ValueError("clock_offset_days is for demonstration only")
        if self.mode == "production" and not self.base_url.startswith("https://"):
            raise ValueError("base_url must be https in production")
        return self

    def serving_login(self) -> str | None:
        """The user of database_url, where the tables are another's; else None."""
        if self.owner_database_url is None:
            return None
        serving, owner = (urlsplit(url).username for url in (self.database_url, self.owner_database_url))
        return None if serving == owner else serving

    def instruments(self) -> Path | None:
        """Folder of the instrument pack to load: the licensed one, else the practice pack in a demonstration."""
        if self.instrument_folder is None and self.mode == "demo":
            return self.definitions_folder / "packs" / "practice"
        return self.instrument_folder

    @property
    def fhir_base(self) -> str:
        return f"{self.base_url}/fhir"
