"""The training set: photographs and short clips found, cleaned, held in one file, read back."""
