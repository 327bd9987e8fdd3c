from .annealed import annealed_importance_sampling as annealed_importance_sampling
from .estimate import LogProbEstimate as LogProbEstimate
from .importance import importance_sampling as importance_sampling
from .proposals import from_encoder as from_encoder
from .proposals import from_prior as from_prior
