"""Notices of cameras that are lost, degraded or unwell, and well again: to a webhook, and to an MQTT broker."""
