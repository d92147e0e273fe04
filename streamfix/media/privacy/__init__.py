"""Masks over what nobody may see, burnt into decoded pictures before anything else has them."""
