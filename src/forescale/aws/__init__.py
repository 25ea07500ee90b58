"""What every AWS adapter shares: clients in threads, errors in our words, batched calls."""

from forescale.aws.batch import Batcher
from forescale.aws.clients import Clients
from forescale.aws.errors import BUSY, Rejected, WriteForbidden
from forescale.aws.settings import AwsSettings, Credentials

__all__ = ["BUSY", "AwsSettings", "Batcher", "Clients", "Credentials", "Rejected", "WriteForbidden"]
