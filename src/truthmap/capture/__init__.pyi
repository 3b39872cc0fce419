from .second_pass import CaptureSettings as CaptureSettings
from .second_pass import StateCapture as StateCapture
from .second_pass import capture_states as capture_states
