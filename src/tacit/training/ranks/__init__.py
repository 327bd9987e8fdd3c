"""One run trained by several processes, its ranks: what they share, and what each has alone."""

from tacit.training.ranks.ranks import ALONE, RankLost, Ranks, RanksError

__all__ = ["ALONE", "RankLost", "Ranks", "RanksError"]
