"""The ledger: what happened, what was decided and what came of it, in one database.

`Ledger` is the way in; `fold` holds the rules by which the uneventful takes little room.
"""

from forescale.store.leases import Held
from forescale.store.ledger import Ledger
from forescale.store.rows import Lease, Pruned, Recorded, RecordedAction
from forescale.store.writer import Conflict

__all__ = ["Conflict", "Held", "Lease", "Ledger", "Pruned", "Recorded", "RecordedAction"]
