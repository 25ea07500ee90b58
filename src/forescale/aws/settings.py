"""Which account and region, and how to get in."""

from pydantic import Field

from forescale.model.settings import Settings
from forescale.model.value import Value


class AwsSettings(Settings):
    """How AWS is reached. Everything left out is found as the AWS CLI finds it."""

    region: str | None = Field(default=None, min_length=1)
    """The region, such as `eu-west-1`; left out: AWS_REGION or the profile's own."""
    profile: str | None = Field(default=None, min_length=1)
    """A profile of `~/.aws/config`."""
    role_arn: str | None = Field(
        default=None,
        pattern=r"^arn:[\w-]+:iam::\d{12}:role/.+$",
        examples=["arn:aws:iam::123456789012:role/forescale"],
    )
    """A role to assume with those credentials, for instance in another account."""
    external_id: str | None = Field(default=None, min_length=2)
    """The external id that the role's trust policy asks for."""
    endpoint_url: str | None = Field(
        default=None, pattern=r"^https?://[^\s/]+(/\S*)?$", examples=["http://localhost:5000"]
    )
    """Another address for every AWS API: a local AWS or a private endpoint."""


class Credentials(Value, frozen=True):
    """Explicit credentials, for tests and the local AWS. Never written in a configuration."""

    access_key: str
    secret_key: str
    token: str | None = None
