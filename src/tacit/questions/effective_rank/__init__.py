"""Do codes tell images apart: effective rank and spread."""
