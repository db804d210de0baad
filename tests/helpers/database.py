"""The motif database that ships with the repository."""

from pathlib import Path

JASPAR = Path(__file__).parents[2] / "resources" / "demo" / "JASPAR2024_CORE_vertebrates_non-redundant.meme.gz"
