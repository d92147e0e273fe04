"""Training: data, degradations, losses and the loop. What it needs beyond streamfix is the extra `train`."""
