"""What AWS and its client say, in the words of the error tree, with a hint a person can follow."""

from difflib import get_close_matches
from typing import Any

from forescale.model.errors import (
    AdapterError,
    ConfigError,
    Denied,
    ForescaleError,
    NotFound,
    Throttled,
    Unavailable,
)

# Codes as listed in botocore's own retry handler (botocore/retries/standard.py), plus EC2's.
THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "EC2ThrottledException",
        "SlowDown",
    }
)
NOT_ALLOWED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "OptInRequired"}
)
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
NOT_KNOWN = frozenset(
    {
        "AuthFailure",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
    }
)
# The resource is busy for a moment: AWS says so, sometimes as a 500, and has done nothing.
BUSY = frozenset({"ScalingActivityInProgress", "ScalingActivityInProgressFault", "ResourceContention"})
OUT_OF_ORDER = frozenset({"ServiceUnavailable", "InternalFailure", "InternalError", "InternalServiceError"})
LOG_IN = (
    "log in with `aws sso login` or `aws configure`, name a profile (aws.profile, AWS_PROFILE), "
    "or give the machine an instance profile"
)


class WriteForbidden(Denied):
    """A client that may only read was asked to write. Nothing was sent."""


class Rejected(AdapterError):
    """AWS understood the caller but not the request: the same request will fail again.

    `code` is AWS's own word for it, such as `ValidationError`.
    """

    def __init__(self, message: str, *, code: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


def translate(error: Exception, *, action: str, region: str) -> ForescaleError:
    """The error of ours that a botocore exception stands for.

    Args:
        error: what botocore raised.
        action: what was called, as IAM names it: `autoscaling:SetDesiredCapacity`.
        region: the region it was called in.
    """
    from botocore import exceptions as botocore
    from botocore.parsers import ResponseParserError

    if isinstance(error, botocore.ClientError):
        return _answered(error.response, action, region)
    text = f"{action} in {region}: {error}"
    if isinstance(error, _no_way_in()):
        return Denied(text, hint=LOG_IN)
    if isinstance(error, botocore.EndpointConnectionError):
        return Unavailable(text, hint=_region_hint(action, region))
    if isinstance(error, botocore.HTTPClientError):  # time-outs, refused and broken connections, TLS
        return Unavailable(text, hint="check the network and any proxy; it will be tried again")
    if isinstance(error, ResponseParserError):
        return Unavailable(f"{action} in {region}: not an answer of AWS", hint="is a proxy in between?")
    if isinstance(error, botocore.ProfileNotFound | botocore.NoRegionError | botocore.InvalidRegionError):
        return ConfigError(str(error), hint="see aws.profile and aws.region in the configuration")
    if isinstance(error, botocore.ParamValidationError):
        return Rejected(text, code="ParamValidation")
    return AdapterError(text)


def _no_way_in() -> tuple[type[Exception], ...]:
    from botocore import exceptions as botocore

    return (
        botocore.NoCredentialsError,
        botocore.PartialCredentialsError,
        botocore.CredentialRetrievalError,
        botocore.TokenRetrievalError,
        botocore.SSOError,
        botocore.NoAuthTokenError,
    )


def _answered(response: Any, action: str, region: str) -> ForescaleError:
    error, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = str(error.get("Code", "")), int(meta.get("HTTPStatusCode", 0))
    text = f"{action} in {region}: {error.get('Message') or 'no message'} ({code})"
    if code in THROTTLED or status == 429:
        return Throttled(text)
    if code in OUT_OF_ORDER or (status >= 500 and code not in BUSY):
        return Unavailable(text, hint="AWS itself has trouble; it will be tried again")
    denied = _denied(code, text, action, region)
    if denied:
        return denied
    if "NotFound" in code or code == "NoSuchEntity" or _says_not_found(code, str(error.get("Message"))):
        return NotFound(text)
    return Rejected(text, code=code)


def _denied(code: str, text: str, action: str, region: str) -> Denied | None:
    if code in NOT_ALLOWED:
        return Denied(text, hint=f"allow {action} in the IAM policy of the role or user that runs forescale")
    if code in EXPIRED:
        return Denied(
            text,
            hint="the session has expired (or this machine's clock is wrong): `aws sso login`, or new keys",
        )
    if code in NOT_KNOWN:
        return Denied(
            text, hint=f"AWS does not know these credentials in {region}: wrong keys, or a region not enabled"
        )
    return None


def _says_not_found(code: str, message: str) -> bool:
    """The Auto Scaling API says `ValidationError` of a group that is not there."""
    return code == "ValidationError" and ("not found" in message or "does not exist" in message)


def _region_hint(action: str, region: str) -> str:
    import botocore.session

    known = botocore.session.get_session().get_available_regions(action.partition(":")[0])
    if region in known:
        return "check the network and any proxy; it will be tried again"
    close = ", ".join(get_close_matches(region, known, n=3)) or "eu-west-1, us-east-1, ..."
    return f"is the region {region!r} spelt right? Known ones: {close}"
