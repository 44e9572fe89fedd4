"""API credentials stored in AWS Secrets Manager."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Final

from pydantic import TypeAdapter, ValidationError

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
        SettingsError: The secret can't be read, or holds something else.
        TransientRemoteError: AWS could not be reached, or did not answer in time.
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
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    config = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard"})
    try:
        answer = boto3.client("secretsmanager", config=config).get_secret_value(SecretId=secret_id)
    except ClientError as error:
        raise SettingsError(
            "The secret named by BWP_API__CREDENTIALS_SECRET_ID can't be read "
            f"({error.response.get('Error', {}).get('Code', 'unknown')}). Nothing was asked. Check its name, the region, "
            "and that you may secretsmanager:GetSecretValue it."
        ) from None
    except (NoCredentialsError, NoRegionError) as error:
        raise SettingsError(
            f"AWS Secrets Manager can't be asked for the API credentials: {error} Nothing was asked."
        ) from None
    except BotoCoreError as error:
        raise TransientRemoteError(
            f"AWS Secrets Manager could not be reached ({type(error).__name__}). Nothing was asked; start again."
        ) from None
    return answer.get("SecretString") or ""
