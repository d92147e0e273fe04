"""From a live job's filter chain to its ladder: the chain itself, then lighter ones, down to none of our filters.

libavfilter's filters stay on every step: they shape the picture, or paint a mask over what nobody may see, and their
cost is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from math import prod
from typing import TYPE_CHECKING, Any

from ..chainspec import FilterSpec, chain_text, parse_chain
from ..filters import FILTERS
from ..live.health import Health
from ..live.ladder.restoration import LiveRestoration
from ..live.ladder.runner import LadderStep
from ..live.policy import LivePolicy
from ..pipeline import Closable, close_all
from .chain import Restoration, check_chain, restore_stage
from .osd import NAME as OSD
from .osd import split_osd
from .privacy import refuse_privacy

if TYPE_CHECKING:
    from ..filters.base import Filter
    from .pool import FilterPool


def live_restoration(
    chain: Sequence[FilterSpec],
    policy: LivePolicy,
    health: Health,
    *,
    device: str = "auto",
    dropped: Callable[[], int] = lambda: 0,
    pool: FilterPool | None = None,
) -> LiveRestoration:
    """The stage that restores a live stream with that chain or the lighter ones below it, all of them made now.

    dropped: says how many frames were dropped so far in front of it. Raises what `restore_stage` raises, for
    `policy.ladder` too.
    """

    def step_of(part: Sequence[FilterSpec], name: str) -> LadderStep:
        def make() -> Restoration | None:
            return restore_stage(part, device, pool, live=True)

        made = LadderStep(name, make(), make)
        opened.append(made)
        return made

    opened: list[Closable] = []
    try:
        keeps, _ = split_osd(chain)
        for text in policy.ladder or ():
            check_chain(part := parse_chain(text))
            refuse_privacy(part)
        whole = step_of(chain, _name(chain))
        restoration = whole.stage if isinstance(whole.stage, Restoration) else None
        filters = () if restoration is None else restoration.filters
        bare = without_filters(chain, filters)
        texts = steps_of(chain, filters)[1:] if policy.ladder is None else [*policy.ladder, chain_text(bare)]
        steps = [whole]
        for text in texts:
            part = parse_chain(text) if text else []
            if keeps and part and part[0].name != OSD:
                part = [*keeps, *part]
            part = part if _name(part) else bare
            if (name := _name(part)) not in [step.name for step in steps]:
                steps.append(step_of(part, name))
        scale = prod(f.scale for f in filters)
        return LiveRestoration(
            steps,
            policy,
            health,
            scale=scale,
            generative=() if restoration is None else restoration.generative,
            wants_coding=any(isinstance(step.stage, Restoration) and step.stage.wants_coding for step in steps),
            dropped=dropped,
            bypass=step_of(bare, _name(bare)),
        )
    except BaseException:
        close_all(opened)
        raise


def steps_of(chain: Sequence[FilterSpec], filters: Sequence[Filter[Any]] | None = None) -> list[str]:
    """The ladder's chains as text: the chain, what its filters offer instead, step by step, the chain without them.

    An empty text is the empty chain. filters: our filters in the chain, in order; None makes them.
    """
    if filters is None:
        made: list[Filter[Any]] = []
        try:
            made += (FILTERS.create(spec.name, spec.options) for spec in chain if spec.name in FILTERS)
            return steps_of(chain, made)
        finally:
            close_all(made)
    offers = [list(f.lighter()) for f in filters]
    found = [_name(chain)]
    if not filters:
        return found
    most = max(map(len, offers))
    for step in range(most):
        # A filter that offers nothing lighter stays until all others are at their lightest.
        taken = [parse_chain(offer[min(step, len(offer) - 1)]) if offer else None for offer in offers]
        found.append(_name(_with(chain, taken)))
    if most and not all(offers):
        lightest = [parse_chain(o[-1]) if o else _enlarged(f) for o, f in zip(offers, filters, strict=True)]
        found.append(_name(_with(chain, lightest)))
    found.append(_name(without_filters(chain, filters)))
    return list(dict.fromkeys(found))


def without_filters(chain: Sequence[FilterSpec], filters: Sequence[Filter[Any]]) -> list[FilterSpec]:
    """The chain without our filters; one that enlarges is replaced by libavfilter's `scale`."""
    return _with(chain, [_enlarged(f) for f in filters])


def _enlarged(filter: Filter[Any]) -> list[FilterSpec]:
    if filter.scale == 1:
        return []
    size = "{}*{}" if isinstance(filter.scale, int) else "2*floor({}*{}/2+0.5)"  # as `frame.scaled` rounds
    width, height = (size.format(side, filter.scale) for side in ("iw", "ih"))
    return [FilterSpec("scale", f"{width}:{height}:flags=bicubic")]


def _with(chain: Sequence[FilterSpec], instead: Sequence[Sequence[FilterSpec] | None]) -> list[FilterSpec]:
    """The chain with other filters instead of ours; None leaves one as it is."""
    number = count()
    found: list[FilterSpec] = []
    for spec in chain:
        put = instead[next(number)] if spec.name in FILTERS else None
        found += [spec] if put is None else put
    return found


def _name(chain: Sequence[FilterSpec]) -> str:
    return chain_text(spec for spec in chain if spec.name != "null")
