from .shards import LayerStates as LayerStates
from .shards import StateShard as StateShard
from .states import StateStore as StateStore
from .stored import StoreReader as StoreReader
from .tensors import TensorReader as TensorReader
