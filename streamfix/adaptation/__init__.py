"""Learning from one camera's own footage, without clean targets: `streamfix train adapt`."""
