"""API credentials stored in AWS Secrets Manager."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from bwp_client.errors import SettingsError, TransientRemoteError
from bwp_client.settings import ApiCredential, ApiSettings

_SHAPE = '{"<business product ID, or *>": {"client_id": "…", "client_secret": "…"}}'


def with_stored_credentials(settings: ApiSettings) -> ApiSettings:
    """Return the settings with the credentials of `credentials_secret_id` added; directly set credentials take precedence.

    Raises:
        SettingsError: The secret can't be read, or holds something else.
        TransientRemoteError: AWS could not be reached.
    """
    if not settings.credentials_secret_id:
        return settings
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    try:
        answer = boto3.client("secretsmanager").get_secret_value(SecretId=settings.credentials_secret_id)
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
    try:
        stored = TypeAdapter(dict[str, ApiCredential]).validate_json(answer.get("SecretString") or "")
    except ValidationError:
        # Not chained, because the cause quotes the secret.
        raise SettingsError(
            f"The secret named by BWP_API__CREDENTIALS_SECRET_ID is not JSON of the form {_SHAPE}. Nothing was asked."
        ) from None
    return settings.model_copy(update={"credentials": stored | settings.credentials})
