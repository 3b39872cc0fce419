from .doctor import Checkup as Checkup
from .doctor import examine as examine
from .estimate import Forecast as Forecast
from .estimate import forecast as forecast
from .state_laws import Check as Check
from .state_laws import CheckStatus as CheckStatus
