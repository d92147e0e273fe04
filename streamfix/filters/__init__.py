"""What every filter shares: the base class, the stage that runs it, batching, tiling, cut detection."""
