"""API credentials stored in AWS Secrets Manager."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Final

from pydantic import TypeAdapter, ValidationError

from bwp_client.aws import aws_client, aws_errors
from bwp_client.errors import SettingsError, TransientRemoteError
from bwp_client.settings import ApiCredential, ApiSettings

MIN_SECRET_SECONDS: Final = 5.0
MAX_SECRET_SECONDS: Final = 60.0
_SHAPE = '{"<business product ID, or *>": {"client_id": "…", "client_secret": "…"}}'


def with_stored_credentials(settings: ApiSettings, *, max_seconds: float = float("inf")) -> ApiSettings:
    """Return the settings with the credentials of `credentials_secret_id` added; directly set credentials take precedence.

    Args:
        settings: The settings of the API.
        max_seconds: The time that the caller has; AWS gets no less than a few seconds, and no more than a minute.

    Raises:
        SettingsError: The secret holds something else, or the AWS configuration is wrong.
        SourceNotFoundError: There is no such secret.
        RemoteError: AWS refused, failed, or did not answer in time.
    """
    if not settings.credentials_secret_id:
        return settings
    secret_id, answer = settings.credentials_secret_id, Future[str]()
    # A thread of its own, because boto3 limits each connection and each read, and never the whole call. The thread is a
    # daemon, so that a call that never ends does not keep the process.
    threading.Thread(target=_settle, args=(answer, secret_id), daemon=True).start()
    try:
        text = answer.result(max(MIN_SECRET_SECONDS, min(max_seconds, MAX_SECRET_SECONDS)))
    except TimeoutError:
        raise TransientRemoteError(
            "AWS Secrets Manager did not answer in time. Nothing was asked; start again."
        ) from None
    try:
        stored = TypeAdapter(dict[str, ApiCredential]).validate_json(text)
    except ValidationError:
        # Not chained, because the cause quotes the secret.
        raise SettingsError(
            f"The secret named by BWP_API__CREDENTIALS_SECRET_ID is not JSON of the form {_SHAPE}. Nothing was asked."
        ) from None
    return settings.model_copy(update={"credentials": stored | settings.credentials})


def _settle(answer: Future[str], secret_id: str) -> None:
    try:
        answer.set_result(_read_secret(secret_id))
    except Exception as error:  # noqa: BLE001 - raised by the thread that waits for the answer
        answer.set_exception(error)


def _read_secret(secret_id: str) -> str:
    from botocore.config import Config

    config = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard"})
    with aws_errors(
        f"the secret {secret_id}",
        state="Nothing was asked.",
        permission="secretsmanager:GetSecretValue on it",
        retry="Start the command again.",
        service="AWS Secrets Manager",
    ):
        answer = aws_client("secretsmanager", config).get_secret_value(SecretId=secret_id)
    return str(answer.get("SecretString") or "")
