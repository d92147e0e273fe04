"""From a job's filter chain to the stage that runs it. torch is imported only for a filter of ours."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..chainspec import FilterSpec
from ..errors import BadOption, UnknownName
from ..filters import FILTERS
from ..pipeline import Chain, Stage, close_all
from .osd import NAME as OSD
from .osd import boxes_of, guarded, split_osd
from .privacy import NAME as PRIVACY
from .privacy import refuse_privacy, split_privacy

if TYPE_CHECKING:
    from ..filters.base import Filter
    from .pool import FilterPool


class Restoration(Chain):
    """The stage that runs a whole filter chain in one thread, and releases its filters at the end.

    filters: ours, in order. repeatable: False if a stage beside them remembers frames. generative: names of those that
    may invent detail. wants_coding: one of them looks at `Frame.coding`.
    """

    def __init__(self, stages: Sequence[Stage], filters: Mapping[str, Filter[Any]], *, repeatable: bool = True) -> None:
        super().__init__(*stages, name="restore")
        self._repeatable = repeatable
        self.filters = tuple(filters.values())
        self.generative = [name for name, f in filters.items() if f.generative]
        self.wants_coding = any(f.wants_coding for f in self.filters)

    @property
    def saves(self) -> bool:
        """True if all that the stages know of a stream can be saved at a `Boundary`."""
        return self._repeatable and all(each.saves for each in self.filters) and not self._graphs_remember()

    def load_states(self, saved: Sequence[Mapping[str, Any]]) -> None:
        """Go on from a boundary's states, which another chain of these filters added; nothing has been pushed yet."""
        left = list(saved)
        for stage in self.stages:
            if type(stage).load is not Stage.load:
                stage.load(left.pop(0))

    def close(self) -> None:
        close_all((*self.stages, *self.filters))

    def _graphs_remember(self) -> bool:
        from ..media.picture.avfilter import GraphStage, memory

        graphs = [stage for stage in self.stages if isinstance(stage, GraphStage)]
        return any(memory(spec.name) != "none" for graph in graphs for spec in graph.specs)


def restore_stage(
    chain: Iterable[FilterSpec],
    device: str = "auto",
    pool: FilterPool | None = None,
    *,
    live: bool = False,
    exit_on_error: bool = False,
    explain: bool = False,
) -> Restoration | None:
    """The filters of a chain as one stage; None if the chain is empty or has only `null`.

    A name that a package has announced is ours; any other is libavfilter's, and neighbours among these share one graph.
    With a pool on the same device, our filters are shared with other stages. live: the filters get the options that
    they set for live streams. exit_on_error, explain: see `filters.restorer.Restorer`. Raises UnknownName, BadOption,
    DeviceError, or what a filter raises when it loads its model.
    """
    chain = tuple(chain)
    check_chain(chain)
    refuse_privacy(chain)
    orders, chain = split_osd(chain)
    wanted = [_for_live(spec) if live else spec for spec in chain if spec.name != "null"]
    stages: list[Stage] = []
    filters: dict[str, Filter[Any]] = {}
    graph: list[FilterSpec] = []
    cut_detected = False

    def end_graph() -> None:
        if graph:
            from ..media.picture.avfilter import GraphStage

            stages.append(GraphStage(tuple(graph)))
            graph.clear()

    try:
        for spec in wanted:
            if spec.name not in FILTERS:
                graph.append(spec)
                continue
            end_graph()
            from .. import devices
            from ..filters.cut import CutDetector
            from ..filters.restorer import Restorer

            on = devices.choose(device)
            shared = pool if pool is not None and pool.device == on else None
            made = FILTERS.create(spec.name, spec.options) if shared is None else shared.lease(spec)
            filters[_label(spec.name, filters)] = made
            if shared is None:
                devices.move(made, on)
            if not cut_detected and _is_temporal(made):
                stages.append(CutDetector())
                cut_detected = True
            options = {"exit_on_error": exit_on_error, "explain": explain}
            stages.append(Restorer(made, on, spec.name, overlap=not live, **options))
        end_graph()
    except BaseException:
        close_all((*stages, *filters.values()))
        raise
    if not stages:
        return None
    if orders:
        from ..filters.overlays import Keeping, Remembering

        before = Remembering(guarded(orders))
        stages = [before, *stages, Keeping(before)]
    return Restoration(stages, filters, repeatable=not orders)


def check_chain(chain: Iterable[FilterSpec]) -> None:
    """Raise UnknownName or BadOption for mistakes that can be seen before a filter is made or a model loaded."""
    _, rest = split_privacy(chain)
    orders, rest = split_osd(rest)
    boxes_of(orders)
    for spec in rest:
        if spec.name in FILTERS:
            _ = spec.options
        elif spec.name != "null":
            _check_libavfilter(spec)
        elif spec.arguments:
            raise BadOption(f"null takes no options, got {spec.arguments!r}")


def _check_libavfilter(spec: FilterSpec) -> None:
    import av.filter

    from ..media.picture import avfilter

    if not avfilter.exists(spec.name):
        ours = list(FILTERS)
        near = difflib.get_close_matches(spec.name, [*ours, PRIVACY, OSD], n=1)
        theirs = difflib.get_close_matches(spec.name, av.filter.filters_available, n=3)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownName(
            f"no filter {spec.name!r}.{hint} streamfix has: {', '.join(ours)}; "
            + (f"libavfilter's nearest: {', '.join(theirs)}" if theirs else "libavfilter has none like it")
        )
    avfilter.check(spec)


def _for_live(spec: FilterSpec) -> FilterSpec:
    """The filter with the options that it sets for live streams, except those that the user has set."""
    if spec.name not in FILTERS:
        return spec
    given = FILTERS.values(spec.name, spec.options)
    more = [f"{k}={v}" for k, v in FILTERS.get(spec.name).live_options.items() if k not in given]
    return FilterSpec(spec.name, ":".join([*([spec.arguments] if spec.arguments else []), *more]))


def _is_temporal(made: Filter[Any]) -> bool:
    """True if the filter sees more than one frame at a time, or keeps state."""
    from ..filters.base import Filter
    from .pool import Lease

    windowed = made.past or made.future or made.step > 1
    own = made.wrapped if isinstance(made, Lease) else made
    return bool(windowed) or type(own).init_state is not Filter.init_state


def _label(name: str, taken: Mapping[str, Any]) -> str:
    """The name, with a number where the chain has it twice."""
    count = sum(label.partition("#")[0] == name for label in taken)
    return f"{name}#{count + 1}" if count else name
