"""What happens to pictures between scene and file, a file a subject; the mixtures are `surveillance` and `driving`.

Clips are float32 (T, H, W, 3): R'G'B' coded as sRGB, or linear light where a name or docstring says so. Random numbers
come only from the generator that is passed in: the same seed gives the same result.
"""
