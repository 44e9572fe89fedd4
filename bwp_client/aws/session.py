"""AWS sessions: the profile, Region, endpoints and credentials that every client of this program uses.

boto3 reads the standard AWS variables and files. This module adds AWS_REGION, which boto3 ignores although every other AWS
SDK reads it, and refuses a configuration that a client would only fail with later: each in a way of its own.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from bwp_client.aws.answers import refuse_other_servers
from bwp_client.aws.errors import AwsCall, configuration_errors, error_of
from bwp_client.aws.problems import AwsProblem
from bwp_client.errors import SettingsError

if TYPE_CHECKING:
    from boto3 import Session
    from botocore.credentials import ReadOnlyCredentials

_CONFIGURATION = AwsCall("the AWS configuration")
_ENDPOINT_NAMES = {"events": "eventbridge", "secretsmanager": "secrets_manager"}
"""The names of services in endpoint variables and in the configuration file, where they are not the client's."""


def aws_session(*services: str, fallback_region: str | None = None) -> Session:
    """Return a new boto3 session, configured by the standard AWS variables and files.

    It is not the default session, which keeps the first credentials that it finds in this process.

    Args:
        services: The boto3 names of the services that clients will be made for; their endpoints are checked.
        fallback_region: The Region if none is configured.

    Raises:
        SettingsError: The profile does not exist, a file can't be parsed, or the Region or an endpoint is not valid.
    """
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        if os.environ.get(name) == "":
            raise SettingsError(
                f"{name} is set, but empty. Nothing was read or written. Unset it, or set it to the name of a profile."
            )
    with configuration_errors(_CONFIGURATION):
        import boto3

        from bwp_client.aws.call_limit import limit_calls

        limit_calls()
        session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
        region = session.region_name or fallback_region
        if region != session.region_name:
            session = boto3.Session(region_name=region)
        has_endpoint = [endpoint_of(session, service) is not None for service in services]
        if region and not all(has_endpoint):  # a server other than AWS may have any Region
            _check_region(region)
    return session


def aws_client(service: str, config: Any, *, fallback_region: str | None = None) -> Any:
    """Return a boto3 client of a service, after getting its credentials once: they fail before the first call, not in it.

    Raises:
        SettingsError: The configuration is wrong, a profile is not logged in, or there are no credentials.
        RemoteError: The service that grants the credentials refused or failed.
    """
    session = aws_session(service, fallback_region=fallback_region)
    with configuration_errors(_CONFIGURATION):
        client = cast("Any", session).client(service, config=config)
    if client.meta.service_model.metadata.get("protocol") == "json":
        client.meta.events.register("before-parse", refuse_other_servers)
    credentials_of(session)
    return client


def credentials_of(session: Session) -> ReadOnlyCredentials:
    """Return the credentials of a session as they are now.

    Raises:
        SettingsError: They are missing, incomplete or malformed, a profile is not logged in, or a helper program failed.
        RemoteError: The service that grants the credentials refused or failed.
    """
    with configuration_errors(_CONFIGURATION):
        credentials = session.get_credentials()
        frozen = credentials and credentials.get_frozen_credentials()
    if not frozen:
        raise error_of(AwsProblem.NO_CREDENTIALS, _CONFIGURATION, code="")
    parts = [frozen.access_key, frozen.secret_key, *([frozen.token] if frozen.token else [])]
    if not all(isinstance(part, str) and part.isascii() and part.isprintable() and " " not in part for part in parts):
        detail = "a key or token is no text, or holds a blank or a line break"
        raise error_of(AwsProblem.CONFIGURATION, _CONFIGURATION, code="", detail=detail)
    return frozen


def endpoint_of(session: Session, service: str) -> str | None:
    """Return the configured address of a server other than AWS for a service, or None.

    Raises:
        SettingsError: It is no absolute http:// or https:// address.
    """
    name, address = next(_configured_endpoints(session, _ENDPOINT_NAMES.get(service, service)), ("", None))
    if address is None:
        return None
    if not _is_absolute(address):
        shown = repr(address[:80]) if "@" not in address else "not valid"
        raise SettingsError(
            f"{name} is {shown}; it must be an absolute address that begins with http:// or https:// and names a host. "
            "Nothing was read or written. Correct it, such as http://localhost:9000, or remove it."
        )
    ignored = session._session.get_config_variable("ignore_configured_endpoint_urls")  # noqa: SLF001 - boto3 has no public way
    return None if ignored else address


def _configured_endpoints(session: Session, service: str) -> Any:
    """Yield the places that configure the endpoint of a service, and the addresses there, in boto3's order."""
    from botocore.exceptions import InvalidConfigError

    core = session._session  # noqa: SLF001 - boto3 shows the configuration of a profile nowhere else
    for name in (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL"):
        if address := os.environ.get(name):
            yield name, address
    profile, services = core.get_scoped_config(), core.full_config.get("services", {})
    if (section_name := profile.get("services")) and section_name not in services:
        raise InvalidConfigError(error_msg=f'the section "services {section_name}" does not exist')
    where = f"endpoint_url of AWS profile {session.profile_name!r}"
    for section in (services.get(section_name, {}).get(service, {}), profile):
        if isinstance(section, dict) and (address := section.get("endpoint_url")):
            yield where, address


def _is_absolute(address: str) -> bool:
    """Return whether an address is one that every client takes: botocore checks the host, and Rust's clients the rest."""
    from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url

    try:
        parts = urlsplit(address)
        has_port = parts.port is None or parts.port > 0
        is_host = is_valid_endpoint_url(address) or is_valid_ipv6_endpoint_url(address)
    except ValueError:
        return False
    rest = (parts.query, parts.fragment, parts.username)
    is_plain = address.isprintable() and " " not in address and not any(rest)
    return parts.scheme in ("http", "https") and has_port and is_host and is_plain


@lru_cache(maxsize=8)
def _check_region(region: str) -> None:
    """Raise an error if no partition of AWS has Regions of such a name."""
    import boto3

    boto3.Session(region_name="us-east-1").get_partition_for_region(region)
