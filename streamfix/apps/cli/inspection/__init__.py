"""`streamfix inspect`: what a video is, what its pictures tell, and what to do about it."""
