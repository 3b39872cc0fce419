from .load import load_model as load_model
from .load import pick_device as pick_device
from .load import pick_dtype as pick_dtype
from .load_settings import LoadSettings as LoadSettings
from .model import LanguageModel as LanguageModel
from .nli import EntailmentModel as EntailmentModel
from .nli import load_entailment as load_entailment
