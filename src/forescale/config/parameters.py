"""SSM Parameter Store, read for `${ssm:/path/name}`."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from forescale.aws.clients import Clients
from forescale.aws.errors import translate
from forescale.aws.settings import AwsSettings
from forescale.config.tree import Node
from forescale.model.errors import ConfigError


class ParameterStore:
    """Reads parameters with the account and region of the file's own `aws` settings.

    Nothing is imported or connected before the first parameter is asked for.
    """

    def __init__(self, root: Node) -> None:
        self._root = root
        self._clients: Clients | None = None

    def __call__(self, names: Sequence[str]) -> Mapping[str, str]:
        """The values, decrypted, of those of up to ten names that exist.

        Raises `ConfigError` where the `aws` settings cannot be used, or an `AdapterError`.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        if self._clients is None:
            self._clients = Clients(_aws_settings(self._root), writable=False)
        region = self._clients.region()
        try:
            answer = self._clients.client("ssm").get_parameters(Names=list(names), WithDecryption=True)
        except (BotoCoreError, ClientError) as error:
            raise translate(error, action="ssm:GetParameters", region=region) from error
        found: dict[str, str] = {}
        for parameter in answer["Parameters"]:  # asked for as /name, /name:3 or /name:label
            found.setdefault(parameter["Name"] + parameter.get("Selector", ""), parameter["Value"])
            found[f"{parameter['Name']}:{parameter['Version']}"] = parameter["Value"]
        return found

    def close(self) -> None:
        """Close the connections, if any were opened."""
        if self._clients is not None:
            self._clients.close()


def _aws_settings(root: Node) -> AwsSettings:
    node = root.children.get("aws")
    try:
        return AwsSettings.model_validate(node.data() if node and node.value is not None else {})
    except ValidationError:
        raise ConfigError("the aws settings are wrong, or themselves refer to SSM") from None
