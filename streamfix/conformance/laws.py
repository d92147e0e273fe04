"""What every filter owes its callers. Each law takes a maker of fresh filters and fails with AssertionError.

What a filter is, and by which attributes it says that it differs, stands at `streamfix.Filter`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import ceil, isfinite
from typing import Any, get_type_hints

import torch
from torch import Tensor

from ..boundary import Boundary
from ..chainspec import parse_chain
from ..filters.base import FILTERS, Filter
from ..filters.batcher import Batcher
from ..filters.restorer import Restorer
from ..filters.saved import packed, unpacked
from ..filters.tensors import called, in_two_parts, pad_to_multiple
from ..frame import LAYOUTS, Frame, scaled
from ..layout import to_layout
from ..pipeline import Pipeline
from .fakes import ListSink, ListSource, clip, coded, codes, constant, difference

Make = Callable[[], Filter[Any]]
Law = Callable[[Make], None]

SIZES = ((1, 1), (2, 2), (3, 5), (5, 3), (17, 31), (65, 35))
_CHANNELS = {"yuv420": 6, "rgb": 3, "luma": 1}


def restore(make: Make, frames: Sequence[Frame], threaded: bool = False, overlap: bool = False) -> list[Frame]:
    """What the pipeline gives for `frames` with one fresh filter."""
    with closing(make()) as filter:
        sink = ListSink()
        pipeline = Pipeline(ListSource(frames), Restorer(filter, overlap=overlap), sink, depth=2)
        if threaded:
            pipeline.run()
        else:
            pipeline.run_inline()
        return sink.frames


def window(filter: Filter[Any], start: int = 0, seed: int = 0, width: int = 48, height: int = 32) -> Tensor:
    """(1, T, C, H, W): T frames of a clip as `filter` sees them, from frame `start` on."""
    length = filter.past + filter.step + filter.future
    frames = clip(start + length, width, height, seed=seed)[start:]
    return pad_to_multiple(torch.stack([to_layout(f, filter.layout) for f in frames])[None], filter.multiple)


def is_documented(make: Make) -> None:
    """The class has a docstring, and every option a type that the command line can read."""
    with closing(make()) as filter:
        cls = type(filter)
    assert inspect.getdoc(cls) and cls.__doc__, f"{cls.__name__} has no docstring of its own; it is the filter's help"
    hints = get_type_hints(cls.__init__)
    for p in inspect.signature(cls).parameters.values():
        assert p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY), (
            f"option *{p.name} cannot be named on a command line"
        )
        assert p.name in hints, f"option {p.name!r} has no type; the command line cannot read it"


def declares_what_it_sees(make: Make) -> None:
    """layout, past, step, future, scale and multiple are of the right kind, and stay as they are."""
    with closing(make()) as filter:
        assert filter.arrays in ("torch", "numpy"), f"arrays is {filter.arrays!r}, neither torch nor numpy"
        assert filter.layout in LAYOUTS, f"layout is {filter.layout!r}, not one of {', '.join(LAYOUTS)}"
        for name, least in {"past": 0, "step": 1, "future": 0, "scale": 1, "multiple": 1}.items():
            value = getattr(filter, name)
            whole = isinstance(value, (int, Fraction) if name == "scale" else int)
            assert whole, f"{name} is {value!r}, not a whole number" + " or a Fraction" * (name == "scale")
            assert value >= least, f"{name} is {value}, at least {least} is needed"
        before = _declared(filter)
        with torch.inference_mode():
            called(filter, window(filter), [filter.init_state()])
        assert _declared(filter) == before, "a call changed what the filter declares"


def gives_the_declared_shape(make: Make) -> None:
    """(B, T, C, H, W) in, (B, step, C, H * scale, W * scale) out: finite, of the input's dtype; the input unchanged."""
    with closing(make()) as filter, torch.inference_mode():
        x = torch.cat([window(filter), window(filter, seed=1)])
        before = x.clone()
        y = called(filter, x, [filter.init_state(), filter.init_state()])
        b, _, c, h, w = x.shape
        want = (b, filter.step, c, ceil(h * filter.scale), ceil(w * filter.scale))
        assert c == _CHANNELS[filter.layout]
        assert tuple(y.shape) == want, f"gave {tuple(y.shape)}, declared is {want}"
        assert y.dtype == x.dtype, f"gave {y.dtype} for {x.dtype}"
        assert bool(torch.isfinite(y).all()), "gave values that are not finite"
        assert torch.equal(x, before), "the input tensor was changed in place"


def makes_new_states(make: Make) -> None:
    """init_state gives each stream an object of its own."""
    with closing(make()) as filter:
        a, b = filter.init_state(), filter.init_state()
        assert a is None or a is not b, "init_state gave the same object twice: streams would share it"


def gives_one_frame_for_each(make: Make) -> None:
    """One frame out for each in, in order, with the same times and tags, at any size and any length."""
    for width, height in SIZES:
        for frames in (1, 5):
            given = clip(frames, width, height)
            _check_accounting(make, given, f"{width}x{height}, {frames} frames")


def takes_any_pixel_format(make: Make) -> None:
    """8 and 10 bit, every subsampling, gray and R'G'B' come out in the format they came in."""
    for format in ("yuv420p10le", "yuv422p", "yuv444p", "gray", "gbrp"):
        _check_accounting(make, clip(3, 34, 22, format), format)


def keeps_more_than_8_bits(make: Make) -> None:
    """A 10-bit clip is not rounded to 8 bits on its way."""
    found = codes(restore(make, clip(3, 48, 32, "yuv420p10le"))[1])[0]
    assert bool((found % 4 != 0).any()), "all 10-bit codes are multiples of 4: the filter works at 8 bits"


def threaded_is_inline(make: Make) -> None:
    """A pipeline of threads gives what the calling thread alone gives."""
    frames = clip(7, cuts=(4,))
    _same(restore(make, frames, threaded=True), restore(make, frames), "threaded and inline differ")


def in_two_parts_is_in_one(make: Make) -> None:
    """A call in two parts, overlapping from window to window, gives what a whole call gives; damaged frames too."""
    frames = clip(9, cuts=(4,), damaged=(2, 6))
    _same(restore(make, frames, overlap=True), restore(make, frames), "in two parts and in one differ")
    with closing(make()) as filter, torch.inference_mode():
        x, states = window(filter), (filter.init_state(), filter.init_state())
        apart, whole = in_two_parts(filter, x, [states[0]])(), called(filter, x, [states[1]])
        assert torch.equal(apart, whole), "begin gives another result"


def is_deterministic(make: Make) -> None:
    """Two fresh filters give the same for the same clip."""
    frames = clip(5)
    _same(restore(make, frames), restore(make, frames), "two runs differ")


def split_at_cuts_is_whole(make: Make) -> None:
    """Shots restored apart give what the clip gives as a whole: nothing crosses a cut."""
    for cuts in ((3,), (1, 2), (4, 5)):
        frames = clip(8, cuts=cuts)
        ends = [0, *cuts, len(frames)]
        apart = [f for a, b in pairwise(ends) for f in restore(make, frames[a:b])]
        _same(restore(make, frames), apart, f"cuts at {cuts}: something crossed a cut")


def goes_on_from_a_saved_state(make: Make) -> None:
    """If it `saves`, another object that loads what was saved in the middle gives the rest as the same one would."""
    with closing(make()) as filter:
        if not filter.saves:
            return
    for cuts, damaged, at in (((), (), 4), ((4,), (), 4), ((3,), (4,), 4), ((), (2,), 3), ((6,), (), 5)):
        frames = clip(9, cuts=cuts, damaged=damaged)
        boundary = Boundary(1, Fraction(0))
        with closing(make()) as filter:
            stage = Restorer(filter)
            found = [item for given in (*frames[:at], boundary, *frames[at:]) for item in stage.push(given)]
            found += stage.flush()
        place = next(i for i, item in enumerate(found) if item is boundary)
        assert place == at, f"what was saved came behind {place} frames in place of {at}"
        whole = restore(make, frames)
        _same([f for f in found if f is not boundary], whole, f"cuts at {cuts}: saving the state changed the results")
        with closing(make()) as other:
            stage = Restorer(other)
            stage.load(unpacked(packed(boundary.states[0])))
            rest = [frame for given in frames[at:] for frame in stage.push(given)]
            rest += stage.flush()
        _same(rest, whole[at:], f"cuts at {cuts}: saved before frame {at}, it did not go on as before")


def looks_no_further_than_declared(make: Make) -> None:
    """Frames beyond the declared look-ahead do not change what comes out before them."""
    with closing(make()) as filter:
        step, future = filter.step, filter.future
    for windows in (1, 2):
        done = windows * step
        first_unseen = done + future
        frames = clip(first_unseen + 3)
        others = clip(first_unseen + 3, seed=99)
        changed = frames[:first_unseen] + [
            replace(f, picture=o.picture) for f, o in zip(frames[first_unseen:], others[first_unseen:], strict=True)
        ]
        a, b = restore(make, frames), restore(make, changed)
        _same(a[:done], b[:done], f"frame {first_unseen} changed an output before {done}; future={future} is declared")


def keeps_damaged_frames_out(make: Make) -> None:
    """What a damaged frame shows changes no other output, and it still comes out in its place."""
    for at in (0, 3, 6):
        frames = clip(7, damaged=(at,))
        other = clip(7, seed=99)[at]
        changed = [replace(f, picture=other.picture) if i == at else f for i, f in enumerate(frames)]
        a, b = restore(make, frames), restore(make, changed)
        assert len(a) == len(frames), "a frame is missing"
        _same(a[:at] + a[at + 1 :], b[:at] + b[at + 1 :], f"damaged frame {at} changed another output")


def hears_how_frames_were_coded(make: Make) -> None:
    """`tell` changes a stream's state alone; without `wants_coding` it makes no difference what frames say of it."""
    frames = clip(7, cuts=(4,), damaged=(2,))
    told = coded(frames)
    found = restore(make, told)
    _same(restore(make, told, threaded=True, overlap=True), found, "told how frames were coded, inline and threaded")
    apart = [*restore(make, told[:4]), *restore(make, told[4:])]
    _same(found, apart, "what was told of one shot changed another")
    with closing(make()) as filter:
        if not filter.wants_coding:
            _same(found, restore(make, frames), "it heeds how frames were coded and does not say wants_coding")
    _check_accounting(make, coded(clip(3, 35, 19)), "told how frames were coded, 35x19")


def batched_is_alone(make: Make) -> None:
    """Two streams in one batch get what each gets alone, and keep their states apart."""
    with closing(make()) as together, closing(make()) as alone, torch.inference_mode():
        states, single = ([f.init_state(), f.init_state()] for f in (together, alone))
        for call in range(3):
            x = [window(together, call * together.step, seed) for seed in (0, 7)]
            y = called(together, torch.cat(x), states)
            for stream in range(2):
                want = called(alone, x[stream], [single[stream]])
                _close(
                    y[stream : stream + 1], want, together, f"call {call}, stream {stream}: batched and alone differ"
                )


def shares_a_batcher(make: Make) -> None:
    """Two threads behind one Batcher get what each gets alone."""
    with closing(make()) as alone, closing(Batcher(make(), max_batch=2, max_wait_s=0.05)) as shared:
        _two_threads_are_alone(shared, alone, "behind a batcher and alone differ")


def is_thread_safe_where_declared(make: Make) -> None:
    """Two threads that call one `thread_safe` filter at once get what each gets alone."""
    with closing(make()) as alone, closing(make()) as shared:
        if shared.thread_safe:
            _two_threads_are_alone(shared, alone, "called from two threads and alone differ")


def keeps_the_level(make: Make) -> None:
    """A grey clip keeps its brightness and its hue within 3 of 255 codes: ranges and layouts are not mixed up."""
    with closing(make()) as filter:
        if filter.generative or not filter.keeps_level:
            return
    for level in (0.2, 0.5, 0.85):
        frames = constant(level)
        for given, found in zip(frames, restore(make, frames), strict=True):
            for plane, want, got in zip("YUV", codes(given), codes(found), strict=True):
                shift = float(got.float().mean() - want.float().mean())
                assert abs(shift) <= 3, f"{plane} of a grey clip of level {level} moved by {shift:.1f} codes"


def offers_what_exists(make: Make) -> None:
    """`lighter` names registered filters with options that they take; each chain has the same scale in total."""
    with closing(make()) as filter:
        chains, scale = list(filter.lighter()), filter.scale
    for text in chains:
        found: int | Fraction = 1
        for spec in parse_chain(text):
            assert spec.name in FILTERS, f"lighter() names {spec.name!r} in {text!r}; there are: {', '.join(FILTERS)}"
            with closing(FILTERS.create(spec.name, spec.options)) as part:
                found *= part.scale
        assert found == scale, f"lighter() offers {text!r}, which enlarges by {found}, in place of {scale}"


def reports_numbers(make: Make) -> None:
    """`report` gives finite numbers by name, before the first frame and after it."""
    with closing(make()) as filter, torch.inference_mode():
        state = filter.init_state()
        for _ in range(2):
            for name, value in filter.report(state).items():
                assert name.isidentifier(), f"report() has {name!r}, which is no name"
                assert isfinite(value), f"report() gives {name} as {value}"
            called(filter, window(filter), [state])


#: Every law by its name.
LAWS: dict[str, Law] = {
    law.__name__: law
    for law in (
        is_documented,
        declares_what_it_sees,
        gives_the_declared_shape,
        makes_new_states,
        gives_one_frame_for_each,
        takes_any_pixel_format,
        keeps_more_than_8_bits,
        threaded_is_inline,
        in_two_parts_is_in_one,
        is_deterministic,
        split_at_cuts_is_whole,
        goes_on_from_a_saved_state,
        looks_no_further_than_declared,
        keeps_damaged_frames_out,
        hears_how_frames_were_coded,
        batched_is_alone,
        shares_a_batcher,
        is_thread_safe_where_declared,
        keeps_the_level,
        offers_what_exists,
        reports_numbers,
    )
}


def _declared(filter: Filter[Any]) -> tuple[Any, ...]:
    return (filter.layout, filter.past, filter.step, filter.future, filter.scale, filter.multiple)


def _check_accounting(make: Make, given: Sequence[Frame], what: str) -> None:
    with closing(make()) as filter:
        scale = filter.scale
    found = restore(make, given)
    assert [f.pts for f in found] == [f.pts for f in given], f"{what}: pts in and out differ"
    for a, b in zip(given, found, strict=True):
        assert (b.width, b.height) == (scaled(a.width, scale), scaled(a.height, scale)), (
            f"{what}: {b} for {a} with scale={scale}"
        )
        assert b.picture.format == a.picture.format, f"{what}: came out as {b.picture.format.name}"
        assert (b.time_base, b.duration, b.color) == (a.time_base, a.duration, a.color), f"{what}: tags changed"
        codes(b)  # raises if the planes do not fit the format


def _two_threads_are_alone(shared: Filter[Any], alone: Filter[Any], what: str) -> None:
    def stream(filter: Filter[Any], seed: int) -> list[Tensor]:
        state = filter.init_state()
        with torch.inference_mode():
            return [called(filter, window(filter, call * filter.step, seed), [state]) for call in range(3)]

    want = [stream(alone, seed) for seed in (0, 7)]
    with ThreadPoolExecutor(2) as threads:
        got = list(threads.map(lambda seed: stream(shared, seed), (0, 7)))
    for seen, expected in zip(got, want, strict=True):
        for y, w in zip(seen, expected, strict=True):
            _close(y, w, alone, what)


def _same(a: Sequence[Frame], b: Sequence[Frame], what: str) -> None:
    assert [f.pts for f in a] == [f.pts for f in b], f"{what}: pts differ"
    for x, y in zip(a, b, strict=True):
        assert (largest := difference(x, y)) == 0, f"{what}: by {largest} codes at pts {x.pts}"


def _close(a: Tensor, b: Tensor, filter: Filter[Any], what: str) -> None:
    largest = float((a.float() - b.float()).abs().max())
    assert largest <= filter.batch_tolerance, f"{what}: by {largest:.3g}, stated is {filter.batch_tolerance:.3g}"
