"""Clips from still photographs, with exact optical flow and occlusion."""
