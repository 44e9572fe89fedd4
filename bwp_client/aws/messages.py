"""The messages of AWS errors: for each problem the type of the error, what happened, and the next step."""

from __future__ import annotations

from typing import Final

from bwp_client.aws.problems import AwsProblem
from bwp_client.errors import (
    ArchivedObjectError,
    BwpError,
    ObjectNotFoundError,
    SettingsError,
    SourceNotFoundError,
    TerminalRemoteError,
    TransientRemoteError,
    UnconfirmedError,
    UsageError,
)

_START_AGAIN = "Then start the command again."
MESSAGES: Final[dict[AwsProblem, tuple[type[BwpError], str, str]]] = {
    AwsProblem.PROFILE: (
        SettingsError, "{profile} does not exist in the AWS configuration",
        "Set AWS_PROFILE to a profile that `aws configure list-profiles` shows.",
    ),
    AwsProblem.CONFIG_FILE: (
        SettingsError, "{detail} can't be parsed as an AWS configuration file",
        "Mend it; each [section] and each key of a section may occur once.",
    ),
    AwsProblem.CONFIGURATION: (
        SettingsError, "The AWS configuration of {profile} can't be used: {detail}",
        "Mend the profile in ~/.aws/config, or the AWS_ variables.",
    ),
    AwsProblem.REGION: (
        SettingsError, "The Region {detail} is not known",
        "Set AWS_REGION, or `region` of the profile, to a Region such as us-east-1.",
    ),
    AwsProblem.NO_REGION: (SettingsError, "No AWS Region is set", "Set AWS_REGION, or `region` of {profile}."),
    AwsProblem.NO_CREDENTIALS: (
        SettingsError, "No AWS credentials were found for {profile}",
        "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, as for any AWS program.",
    ),
    AwsProblem.PARTIAL_CREDENTIALS: (
        SettingsError, "The AWS credentials of {profile} are incomplete: {detail}", "Set the missing part.",
    ),
    AwsProblem.SSO_LOGIN: (
        SettingsError, "{profile} is not logged in to AWS, or its login has expired",
        "Run `aws sso login{option}`. " + _START_AGAIN,
    ),
    AwsProblem.LOGIN: (
        SettingsError, "{profile} is not logged in to AWS, or its login has expired",
        "Run `aws login{option}`. " + _START_AGAIN,
    ),
    AwsProblem.HELPER: (
        SettingsError, "The helper program of {profile} returned no valid credentials",
        "Run the profile's credential_process by hand, and mend it until it prints JSON with a key.",
    ),
    AwsProblem.CREDENTIAL_SERVICE: (
        TransientRemoteError, "The credentials of {profile} could not be fetched from this machine's credential service",
        "Check the role of the machine or container. {retry}",
    ),
    AwsProblem.EXPIRED: (
        TerminalRemoteError, "{service} refused {call}, because the credentials in {holder} have expired", "{renew}",
    ),
    AwsProblem.UNKNOWN_KEY: (
        TerminalRemoteError, "{service} refused {call}, because it does not know the key in {holder}",
        "Check the Region: keys of one partition (aws, aws-cn, aws-us-gov) are unknown in another. {renew}",
    ),
    AwsProblem.WRONG_SECRET: (
        TerminalRemoteError,
        "{service} refused {call}, because the secret key in {holder} is not that of its key ID",
        "Copy both keys anew. {renew}",
    ),
    AwsProblem.CLOCK: (
        TerminalRemoteError, "{service} refused {call}, because this machine's clock is wrong",
        "Switch on time synchronisation (NTP), then start the command again.",
    ),
    AwsProblem.REFUSED: (
        TerminalRemoteError, "{service} refused {call}",
        "The app needs {permission}; `doctor` lists every permission.",
    ),
    AwsProblem.KEY_REFUSED: (
        TerminalRemoteError, "{service} refused {call}",
        "The app needs kms:Decrypt on the encryption key, and {permission}; `doctor` lists every permission.",
    ),
    AwsProblem.KEY_UNUSABLE: (
        TerminalRemoteError, "{service} can't read {call}, because its encryption key is disabled, deleted or not usable",
        "Enable the KMS key, or cancel its deletion. {retry}",
    ),
    AwsProblem.CUSTOMER_KEY: (
        TerminalRemoteError, "{call} is encrypted with a key of its writer's own (SSE-C), which S3 does not hold",
        "Copy it without that key, and load the copy.",
    ),
    AwsProblem.ACCOUNT: (
        TerminalRemoteError, "{service} refused {call}, because the AWS account may not use it",
        "Ask the account's owner: the account or bucket is suspended, or the service or Region is not enabled for it.",
    ),
    AwsProblem.MISSING: (
        SourceNotFoundError, "{call} does not exist", "Check its name, the Region and the account.",
    ),
    AwsProblem.NO_BUCKET: (
        SourceNotFoundError, "The bucket of {call} does not exist",
        "Check its name, and AWS_ENDPOINT_URL where it is set; the buckets of another partition do not exist here.",
    ),
    AwsProblem.NO_OBJECT: (ObjectNotFoundError, "{call} does not exist", "Check its name."),
    AwsProblem.OTHER_REGION: (
        TerminalRemoteError, "{call} is in {region}", "Set AWS_REGION to that Region.",
    ),
    AwsProblem.ARCHIVED: (
        ArchivedObjectError, "{call} is in an archive storage class", "Restore it, or keep the prefix out of Glacier.",
    ),
    AwsProblem.CHANGED: (TransientRemoteError, "{call} was overwritten while it was read", "{retry}"),
    AwsProblem.ENDED: (TerminalRemoteError, "{service} refused {call}, because it has ended", "{retry}"),
    AwsProblem.TAKEN: (TerminalRemoteError, "{service} refused {call}, because the name is taken", "{retry}"),
    AwsProblem.INVALID: (UsageError, "{service} refused {call} as not valid", "Check the names and the window."),
    AwsProblem.LIMIT: (
        TransientRemoteError, "{service} refused {call}, because a limit of the account is reached", "{retry}",
    ),
    AwsProblem.THROTTLED: (TransientRemoteError, "{service} is throttling {call}", "Wait some minutes. {retry}"),
    AwsProblem.FAULT: (TransientRemoteError, "{service} failed on {call}", "{retry}"),
    AwsProblem.CERTIFICATE: (
        TerminalRemoteError, "{service} could not be asked for {call}: its certificate is not trusted, or it speaks no TLS",
        "Set AWS_CA_BUNDLE to the file of your certificate authority, or check AWS_ENDPOINT_URL.",
    ),
    AwsProblem.PROXY: (
        UnconfirmedError, "{service} could not be reached for {call}: the proxy refused the connection",
        "Check HTTPS_PROXY and NO_PROXY. {retry}",
    ),
    AwsProblem.NO_AWS: (
        TerminalRemoteError, "The answer to {call} is none of {service}'s",
        "Check AWS_ENDPOINT_URL, and that no proxy or login page answers in its place.",
    ),
    AwsProblem.SLOW: (
        UnconfirmedError, "{service} did not complete its answer to {call} within {detail}",
        "Check the network, and that no proxy holds answers back. {retry}",
    ),
    AwsProblem.UNREACHABLE: (
        UnconfirmedError, "{service} could not be reached for {call}", "Check the network. {retry}",
    ),
}  # fmt: skip
"""The error for each problem: its type, a description of the failure, and the next step."""
