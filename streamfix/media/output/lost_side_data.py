"""Names the side data of frames (captions, dynamic HDR, telemetry) that an encoder leaves out."""

from __future__ import annotations

import logging
from typing import Any

import av

from ..picture.side_data import side_data
from .options import default_option

log = logging.getLogger("streamfix.media")

# libavutil's types that mean something to a viewer: what each is, and what keeps it. Others describe the coding, or are
# carried elsewhere (display matrix, HDR10) and named there.
_MEANING = {
    "A53_CC": ("closed captions (CEA-608/708)", "-c:v libx264 or libx265 keeps them"),
    "DYNAMIC_HDR_PLUS": ("HDR10+ metadata", "no encoder here takes it; only a copy of the video keeps it"),
    "DYNAMIC_HDR_VIVID": ("HDR Vivid metadata", "no encoder here takes it; only a copy of the video keeps it"),
    "DOVI_RPU_BUFFER": ("Dolby Vision metadata", "no encoder here takes it; only a copy of the video keeps it"),
    "AMBIENT_VIEWING_ENVIRONMENT": ("the ambient viewing environment", "only a copy of the video keeps it"),
    "SEI_UNREGISTERED": ("data of the camera in the video (SEI, user data)", "-c:v libx264 keeps it"),
    "S12M_TIMECODE": ("a timecode in each picture (SMPTE ST 12-1)", "only a copy of the video keeps it"),
    "AFD": ("the active format description", "crop the picture with -vf crop=..."),
    "STEREO3D": ("how the picture holds two views (stereo 3D)", "only a copy of the video keeps it"),
    "SPHERICAL": ("the projection of spherical video", "put it back into the file with a tool for 360 degree video"),
    "VIEW_ID": ("the second view of spatial video", "only a copy of the video keeps it"),
    "LCEVC": ("the enhancement layer (LCEVC)", "only a copy of the video keeps it"),
    "ICC_PROFILE": ("the colour profile (ICC)", "-c:v png or mjpeg keeps it"),
    "EXIF": ("the photo's Exif data", "-c:v png keeps it"),
}  # fmt: skip
_OPTION_THAT_KEEPS = {"A53_CC": "a53cc", "SEI_UNREGISTERED": "udu_sei"}
_KEPT_BY = {
    "ICC_PROFILE": {"png", "apng", "mjpeg"},
    "EXIF": {"png", "apng"},
}
# x264 and x265 say who they are and how they were set; that is not the video's.
_ENCODERS = {bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef"), bytes.fromhex("2ca2de09b51747dbbb55a4fe7fc2fc4e")}


def kinds_of(frame: av.VideoFrame) -> set[str]:
    """The types of a frame's side data that mean something to a viewer."""
    return {data.type.name for data in side_data(frame) if data.type.name in _MEANING and not _of_an_encoder(data)}


def keeping_options(encoder: str, first: av.VideoFrame) -> dict[str, str]:
    """Options with which an encoder writes the side data that it leaves out by itself.

    Captions may begin later. Data of the camera is looked for in the first frame: with that option the old encoder's
    word on itself is kept as well, which nobody wants.
    """
    wanted = {"A53_CC"} | kinds_of(first)
    options = [option for kind, option in _OPTION_THAT_KEEPS.items() if kind in wanted]
    return {option: "1" for option in options if default_option(encoder, option) in ("false", "0")}


class LostSideData:
    """Tells once of each kind of side data that an encoder leaves out.

    options: those that the encoder was given.
    """

    def __init__(self, encoder: str, options: dict[str, str], shown: str) -> None:
        self._encoder, self._options, self._shown = encoder, options, shown
        self._told: set[str] = set()

    def check(self, frame: av.VideoFrame, time_s: float) -> None:
        """Warn of what this frame has and none before it had."""
        for kind in kinds_of(frame) - self._told:
            self._told.add(kind)
            if not self._keeps(kind):
                what, remedy = _MEANING[kind]
                log.warning(
                    "%s: %s does not carry %s (from %.3f s on): left out; %s",
                    *(self._shown, self._encoder, what, time_s, remedy),
                )

    def _keeps(self, kind: str) -> bool:
        option = _OPTION_THAT_KEEPS.get(kind)
        if option is None:
            return self._encoder in _KEPT_BY.get(kind, ())
        return self._options.get(option, default_option(self._encoder, option)) not in (None, "0", "false")


def _of_an_encoder(data: Any) -> bool:
    return data.type.name == "SEI_UNREGISTERED" and bytes(data)[:16] in _ENCODERS
