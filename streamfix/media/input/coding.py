"""How the pictures of a stream were coded: asked of the decoder, and read from the headers of motion JPEG."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import av
import av.filter
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from ...coding import MACROBLOCK, FrameCoding
from .. import pyav
from ..picture.side_data import side_data_of_type

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The decoder's option that makes it tell each macroblock's quantiser.
_OPTION, _WANTED = "export_side_data", "venc_params"
_SIDE_DATA = "VIDEO_ENC_PARAMS"
_EXPORTING = {
    *("h264", "mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "h263", "h263p", "flv1"),
    *("wmv1", "wmv2"),
}
_BLOCK_BYTES = 20  # of a block: its place, its size, its difference from the picture's quantiser
_H264, _MPEG2 = 1, 2  # AVVideoEncParamsType; VP9's quantisers are not of this kind
_LEAST_STEP = 0.625  # of H.264's quantiser at QP 0, codes

_TYPES: dict[PictureType, Literal["I", "P", "B"]] = {
    PictureType.I: "I",
    PictureType.SI: "I",
    PictureType.BI: "I",
    PictureType.P: "P",
    PictureType.S: "P",
    PictureType.SP: "P",
    PictureType.B: "B",
}

# JPEG (ITU-T T.81, table B.1): markers without a length, the tables, and where the picture's own data begins.
_BARE = {0x01, *range(0xD0, 0xD9)}
_TABLES, _SCAN = 0xDB, 0xDA
_ALIKE = 15  # of a table's values in zigzag order: the frequencies in which pictures have most of their detail


class CodingReader:
    """Tells how each frame of a decoder was coded.

    options: the decoder's, by name, as the user has them: side data that is asked for there stays in the frames.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        self._kept = _WANTED in options.get(_OPTION, "")
        self._since_key: int | None = None
        self._jpeg = self._lossless = False
        self._graph: av.filter.Graph | None = None
        self._shape: tuple[int, int, str] | None = None

    def prepare(self, context: VideoCodecContext, options: Mapping[str, str]) -> dict[str, str]:
        """Make ready for the frames of this decoder, which is not open yet; return its options with what they need.

        libavcodec exports the quantisers of a picture when it lets it out, which frame threads do while another one
        still decodes it: such a decoder has no frame threads.
        """
        name = context.codec.canonical_name
        self._jpeg = name == "mjpeg"
        self._lossless = context.codec.lossless and not context.codec.lossy
        self.restart()
        if self._jpeg:
            context.flags |= Flags.copy_opaque
        if name not in _EXPORTING:
            return dict(options)
        context.thread_type = "SLICE"
        return {**options, _OPTION: "+".join(option for option in (options.get(_OPTION), _WANTED) if option)}

    def restart(self) -> None:
        """Forget the last keyframe: what comes does not continue it."""
        self._since_key = None

    def packet(self, packet: av.Packet[Any]) -> None:
        """Note what a packet's own headers tell, before it is decoded."""
        if self._jpeg:
            packet.opaque = jpeg_qp(memoryview(packet))

    def take(self, frame: av.VideoFrame) -> tuple[FrameCoding | None, av.VideoFrame]:
        """How the frame was coded, None if nothing is known of it; and the frame without what the decoder added.

        The frame that is returned shares the picture of the one that was given.
        """
        key, kind = frame.key_frame, _TYPES.get(PictureType(frame.pict_type))
        if key:
            self._since_key = 0
        elif self._since_key is not None:
            self._since_key += 1
        if self._jpeg:
            told = frame.opaque
            qp = _uniform(told, frame.width, frame.height) if isinstance(told, float) else None
            clean = frame
        else:
            data = side_data_of_type(frame, _SIDE_DATA)
            qp = None if data is None else qp_map(data, frame.width, frame.height, frame.format.components[0].bits)
            clean = frame if data is None or self._kept else self._without(frame)
        if kind is None and qp is None and not self._lossless:
            return None, clean
        return FrameCoding(kind, self._since_key, qp, self._lossless), clean

    def _without(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame without the decoder's parameters, of which outputs and libavfilter's filters know nothing then."""
        shape = (frame.width, frame.height, frame.format.name)
        if self._graph is None or shape != self._shape:
            graph = av.filter.Graph()
            source = graph.add(
                "buffer",
                f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000000"
                f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}",
            )
            delete = graph.add("sidedata", f"mode=delete:type={_SIDE_DATA}")
            graph.link_nodes(source, delete, graph.add("buffersink")).configure()
            self._graph, self._shape = graph, shape
        self._graph.push(frame)
        clean = self._graph.pull()
        assert isinstance(clean, av.VideoFrame)
        clean.colorspace, clean.color_range = frame.colorspace, frame.color_range
        clean.pts = frame.pts
        pyav.set_duration(clean, pyav.duration_of(frame))
        if frame.time_base is not None:
            clean.time_base = frame.time_base
        return clean


def qp_map(data: bytes, width: int, height: int, depth: int = 8) -> NDArray[np.float32] | None:
    """The quantisers of a picture's macroblocks, see `FrameCoding`, from libavutil's AVVideoEncParams.

    None if they are of a kind that is not known here, or not of all macroblocks.
    """
    import numpy as np

    try:
        blocks, offset, size, kind, base = struct.unpack_from("=I4xQQii", data)
        table = np.frombuffer(data, np.int32, blocks * size // 4, offset).reshape(blocks, size // 4)
    except (struct.error, ValueError, OverflowError):
        return None
    rows, columns = -(-height // MACROBLOCK), -(-width // MACROBLOCK)
    if kind not in (_H264, _MPEG2) or blocks < rows * columns or size < _BLOCK_BYTES:
        return None
    row, column = table[:, 1] // MACROBLOCK, table[:, 0] // MACROBLOCK
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    qp = np.zeros((rows, columns), np.float32)
    told = (base + table[inside, 4]).astype(np.float32)
    if kind == _H264:
        told -= 6 * (depth - 8)  # deeper pictures have as many more steps
    else:
        told = _of_step(np.maximum(told, 1))
    qp[row[inside], column[inside]] = told
    qp.flags.writeable = False
    return qp


def jpeg_qp(data: memoryview | bytes) -> float | None:
    """The quantiser of a JPEG picture's luma on the scale of `FrameCoding.qp`, None if it has no table of its own."""
    import numpy as np

    steps: list[int] | None = None
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _BARE or marker == 0xFF:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _TABLES:
            steps = _first_table(bytes(data[at + 4 : at + 2 + length])) or steps
        elif marker == _SCAN:
            break
        at += 2 + length
    if not steps:
        return None
    return float(_of_step(np.float32(np.exp(np.mean(np.log(np.maximum(steps[:_ALIKE], 1)))))))


def _first_table(segment: bytes) -> list[int] | None:
    """Table 0, the luma's, of a segment of quantisation tables: 64 steps in zigzag order; None if it is not there."""
    at = 0
    while at < len(segment):
        wide, number = segment[at] >> 4, segment[at] & 15
        size = 128 if wide else 64
        values = segment[at + 1 : at + 1 + size]
        if len(values) == size and number == 0:
            return list(struct.unpack(">64H", values)) if wide else list(values)
        at += 1 + size
    return None


def _of_step(step: Any) -> Any:
    """The QP at which H.264 has this step."""
    import numpy as np

    return 6 * np.log2(step / np.float32(_LEAST_STEP))


def _uniform(qp: float, width: int, height: int) -> NDArray[np.float32]:
    import numpy as np

    made = np.full((-(-height // MACROBLOCK), -(-width // MACROBLOCK)), qp, np.float32)
    made.flags.writeable = False
    return made
