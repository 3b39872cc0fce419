from .data import RunData as RunData
from .ledger import StageEntry as StageEntry
from .run import Run as Run
from .run import StackedCells as StackedCells
from .run import Summary as Summary
from .run import open_run as open_run
from .tables import read_records as read_records
from .tables import write_records as write_records
