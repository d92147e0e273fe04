"""The configuration: a TOML file, checked, each mistake with its line."""
