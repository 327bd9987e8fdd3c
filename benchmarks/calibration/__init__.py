"""How often intervals cover and rules err, on fabricated measurements whose truth is known."""
