"""One of VapourSynth's denoisers as a program in a pipe; run by a Python that has VapourSynth, which is all it imports.

    ffmpeg -i CLIP -f rawvideo - | python vs_stream.py degrain3 WIDTH HEIGHT FRAMES | ffmpeg -i - OUT

Reads raw yuv420p, writes y4m. The parameters are those that `streamfix eval` finds best against noise of 8 codes.
"""

import sys
import threading

import numpy as np
import vapoursynth as vs

KEPT = 64  # frames that may be asked for again


def degrain3(clip: vs.VideoNode) -> vs.VideoNode:
    core = vs.core
    above = core.mv.Super(clip, pel=2, sharp=2)
    vectors = [
        core.mv.Analyse(above, blksize=8, overlap=4, isb=back, delta=delta, chroma=True, truemotion=True)
        for delta in (1, 2, 3)
        for back in (True, False)
    ]
    return core.mv.Degrain3(clip, above, *vectors, thsad=1400, thsadc=700, thscd1=16320, thscd2=255)


def nlmeans(clip: vs.VideoNode) -> vs.VideoNode:
    core = vs.core
    luma = core.nlm_ispc.NLMeans(clip, d=1, a=2, s=3, h=4.0, channels="Y")
    return core.nlm_ispc.NLMeans(luma, d=1, a=2, s=3, h=3.0, channels="UV")


def main() -> None:
    name, (width, height, frames) = sys.argv[1], map(int, sys.argv[2:5])
    size, lock = width * height * 3 // 2, threading.Lock()
    held: dict[int, np.ndarray] = {}

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        with lock:
            while n not in held:
                at = max(held, default=-1) + 1
                held[at] = np.frombuffer(sys.stdin.buffer.read(size), np.uint8)
                held.pop(at - KEPT, None)
            flat = held[n]
        f, at = f.copy(), 0
        for i in range(3):
            plane = np.asarray(f[i])
            plane[:] = flat[at : at + plane.size].reshape(plane.shape)
            at += plane.size
        return f

    blank = vs.core.std.BlankClip(
        width=width, height=height, format=vs.YUV420P8, length=frames, fpsnum=25, fpsden=1, keep=True
    )
    out = {"degrain3": degrain3, "nlmeans": nlmeans}[name](vs.core.std.ModifyFrame(blank, blank, fill))
    out.output(sys.stdout.buffer, y4m=True)


main()
