"""The REST API, the figures, the page and its pictures, over HTTP."""
