from .engine import Measured as Measured
from .engine import best as best
from .engine import best_class as best_class
from .engine import difference as difference
from .engine import ratio as ratio
from .intervals import decide as decide
from .number import Number as Number
