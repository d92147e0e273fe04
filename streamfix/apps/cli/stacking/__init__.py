"""`streamfix stack`: one good picture from many frames."""
