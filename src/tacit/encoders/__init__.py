"""Encoders from elsewhere: trained by somebody else already, frozen, on original pictures."""
