from .runner import run_study as run_study
from .seal import DetectorSettings as DetectorSettings
from .seal import seal_detector as seal_detector
from .up_to_date import is_up_to_date as is_up_to_date
from .verify import Broken as Broken
from .verify import repair_run as repair_run
from .verify import verify_run as verify_run
