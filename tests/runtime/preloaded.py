"""Imported by the fork server: what every life needs, read from disk once."""

import tempfile
from pathlib import Path

import mortal  # noqa: F401 - so that it is there

from forescale.aws import Clients
from forescale.aws.settings import AwsSettings
from forescale.demo.local_aws import CREDENTIALS
from forescale.store import Ledger

# botocore's descriptions of the services: megabytes of JSON, kept by a cache of ours.
_clients = Clients(AwsSettings(region="eu-west-1"), writable=True, credentials=CREDENTIALS)
for _service in ("autoscaling", "cloudwatch", "ec2"):
    _clients.client(_service)

# The database's dialect, and what makes its tables.
with tempfile.TemporaryDirectory() as _folder:
    Ledger.open(str(Path(_folder, "ledger.db"))).close()
