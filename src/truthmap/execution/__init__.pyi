from .doctor import Check as Check
from .doctor import CheckStatus as CheckStatus
from .doctor import Checkup as Checkup
from .doctor import examine as examine
from .estimate import Forecast as Forecast
from .estimate import forecast as forecast
