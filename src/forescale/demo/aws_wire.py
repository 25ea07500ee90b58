"""AWS's wire formats, from the server's side: the calls that the local AWS answers by itself.

botocore has only the client's half. Its service models say everything needed for the other
half of the two protocols these services use, query (XML answers) and JSON 1.0.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

_SERVICES = {"monitoring": "cloudwatch"}  # signing name -> service, where they differ
_REQUEST_ID = "00000000-0000-4000-8000-000000000000"


class Call(NamedTuple):
    """One request: which operation of which service, and its parameters.

    Times among the parameters are seconds since the epoch. Parameters of services that the
    local AWS does not answer by itself are flat, as they were sent.
    """

    service: str
    operation: str
    region: str
    parameters: Mapping[str, Any]
    json: bool


class AwsError(Exception):
    """An error as AWS answers it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Reply(NamedTuple):
    """What goes back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def read_call(environ: Mapping[str, Any], body: bytes) -> Call | None:
    """The call that an HTTP request makes; None where it is not a signed one of these protocols."""
    try:
        scope = environ.get("HTTP_AUTHORIZATION", "").split("Credential=")[1].split(",")[0].split("/")
        region, service = scope[2], _SERVICES.get(scope[3], scope[3])
    except IndexError:
        return None
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        operation = target.rpartition(".")[2]
        return Call(service, operation, region, _from_json(service, operation, body), json=True)
    flat = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    operation = flat.pop("Action", "")
    if not operation:
        return None
    return Call(service, operation, region, _from_query(service, operation, flat), json=False)


def reply(call: Call, result: Mapping[str, Any]) -> Reply:
    """A successful answer."""
    if call.json:
        return Reply(200, [("Content-Type", "application/x-amz-json-1.0")], _to_json(result))
    output = _model(call.service).operation_model(call.operation).output_shape
    inner = ""
    if output is not None:
        wrapper = output.serialization.get("resultWrapper", f"{call.operation}Result")
        inner = f"<{wrapper}>{_members(output, result)}</{wrapper}>"
    namespace = _model(call.service).metadata.get("xmlNamespace", "")
    text = (
        f'<{call.operation}Response xmlns="{namespace}">{inner}'
        f"<ResponseMetadata><RequestId>{_REQUEST_ID}</RequestId></ResponseMetadata>"
        f"</{call.operation}Response>"
    )
    return Reply(200, [("Content-Type", "text/xml")], text.encode())


def refuse(call: Call, error: AwsError) -> Reply:
    """An answer that is an error."""
    if call.json:
        body = json.dumps({"__type": error.code, "message": error.message}).encode()
        kind = "Sender" if error.status < 500 else "Receiver"
        headers = [
            ("Content-Type", "application/x-amz-json-1.0"),
            ("x-amzn-query-error", f"{error.code};{kind}"),
        ]
        return Reply(error.status, headers, body)
    said = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    if call.service == "ec2":
        text = (
            f"<Response><Errors><Error>{said}</Error></Errors><RequestID>{_REQUEST_ID}</RequestID></Response>"
        )
    else:
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type>{said}</Error>"
            f"<RequestId>{_REQUEST_ID}</RequestId></ErrorResponse>"
        )
    return Reply(error.status, [("Content-Type", "text/xml")], text.encode())


@cache
def _model(service: str) -> Any:
    from botocore.session import get_session

    return get_session().get_service_model(service)


def _input(service: str, operation: str) -> Any:
    from botocore.exceptions import UnknownServiceError
    from botocore.model import OperationNotFoundError

    try:
        return _model(service).operation_model(operation).input_shape
    except (UnknownServiceError, OperationNotFoundError):
        return None


def _from_json(service: str, operation: str, body: bytes) -> Mapping[str, Any]:
    value = json.loads(body or b"{}")
    shape = _input(service, operation)
    return _times(shape, value) if shape is not None else value  # type: ignore[no-any-return]


def _times(shape: Any, value: Any) -> Any:
    """The value with its times as seconds, however they were written."""
    if shape.type_name == "structure":
        return {key: _times(shape.members[key], v) for key, v in value.items() if key in shape.members}
    if shape.type_name == "list":
        return [_times(shape.member, v) for v in value]
    return _seconds(value) if shape.type_name == "timestamp" else value


def _seconds(value: Any) -> float:
    if isinstance(value, str):
        return datetime.fromisoformat(value).timestamp()
    return float(value)


def _from_query(service: str, operation: str, flat: Mapping[str, str]) -> Mapping[str, Any]:
    shape = _input(service, operation)
    if shape is None or service == "ec2":  # EC2's own variant; it is left to moto
        return flat
    return _decode(shape, flat, "")  # type: ignore[no-any-return]


def _decode(shape: Any, flat: Mapping[str, str], at: str) -> Any:
    if shape.type_name == "structure":
        members = {name: (member, f"{at}.{name}" if at else name) for name, member in shape.members.items()}
        return {name: _decode(m, flat, key) for name, (m, key) in members.items() if _present(flat, key)}
    if shape.type_name == "list":
        found, index = [], 1
        while _present(flat, key := f"{at}.member.{index}"):
            found.append(_decode(shape.member, flat, key))
            index += 1
        return found
    return _scalar(shape.type_name, flat[at])


def _present(flat: Mapping[str, str], key: str) -> bool:
    return key in flat or any(k.startswith(f"{key}.") for k in flat)


def _scalar(kind: str, text: str) -> Any:
    match kind:
        case "integer" | "long":
            return int(text)
        case "float" | "double":
            return float(text)
        case "boolean":
            return text == "true"
        case "timestamp":
            return _seconds(text)
        case _:
            return text


def _members(shape: Any, value: Mapping[str, Any]) -> str:
    return "".join(
        f"<{name}>{_xml(shape.members[name], v)}</{name}>" for name, v in value.items() if v is not None
    )


def _xml(shape: Any, value: Any) -> str:
    match shape.type_name:
        case "structure":
            return _members(shape, value)
        case "list":
            return "".join(f"<member>{_xml(shape.member, v)}</member>" for v in value)
        case "timestamp":
            return (
                datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            )
        case "boolean":
            return "true" if value else "false"
        case _:
            return escape(str(value))


def _to_json(result: Mapping[str, Any]) -> bytes:
    return json.dumps({key: value for key, value in result.items() if value is not None}).encode()
