"""The training loop, the same for every task, on a CPU and on a GPU."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from ..errors import ModelError, UsageError
from . import losses, run_folder, sheet
from .config import Config, Schedule
from .dataset.dataset import Material
from .pool import CHUNK, Pool, SampleStream
from .recipe import Batch, Recipe

_log = logging.getLogger(__name__)
APART = 5  # one sample in so many is taken for validation: neighbours come of one clip and are much alike


class Trainer:
    """One run in the folder `out`: checkpoint.pt, weights.safetensors, sheets/, tensorboard/.

    material: opens the dataset, in each worker process. validation: opens what is held out of it. Raises UsageError
    where a stage asks for a kind that the recipe does not have.
    """

    def __init__(
        self,
        recipe: Recipe,
        config: Config,
        material: Callable[[], Material],
        validation: Callable[[], Material],
        out: Path,
        device: torch.device,
    ) -> None:
        self.recipe, self.config, self.out, self.device = recipe, config, out, device
        self._material, self._validation = material, validation
        for i, stage in enumerate(config.stages):
            try:
                recipe.check(stage.mix)
            except UsageError as error:
                raise UsageError(f"stages[{i}].mix: {error}") from error
        torch.manual_seed(config.schedule.seed)
        network: Any = recipe.network().to(device)  # torch 2.11's types know no memory_format
        self.network: nn.Module = network.to(memory_format=torch.channels_last)
        self.average = AveragedModel(self.network, multi_avg_fn=_average(config.schedule.ema_decay))
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), config.schedule.rate, weight_decay=config.schedule.weight_decay, fused=True
        )
        self.step = 0
        self._figures = run_folder.FigureLog(out / "tensorboard")

    def run(self, stop_at: int | None = None) -> None:
        """Train to the end of the schedule, or to step `stop_at`; the state is on disk on return."""
        config, schedule = self.config, self.config.schedule
        compute: Callable[..., Any] = torch.compile(self.network) if schedule.compile else self.network
        held_out = self._held_out()
        rng = np.random.default_rng((schedule.seed, 2, self.step))
        pool, stage = None, -1
        began_s, since = time.monotonic(), self.step
        last = min(schedule.steps, stop_at or schedule.steps)
        while self.step < last:
            progress = self.step / schedule.steps
            if config.stage_at(progress) != stage:
                stage = config.stage_at(progress)
                pool = self._pool(stage)
            assert pool is not None
            batch = self.recipe.augment(_to(pool.draw(), self.device), rng)
            loss = self._learn(compute, batch, progress)
            self.step += 1
            if self.step % config.log.every == 0:
                rate = (self.step - since) / (time.monotonic() - began_s)
                self._report({"loss": float(loss), "rate": _rate(schedule, self.step), "steps_per_s": rate})
                began_s, since = time.monotonic(), self.step
            if self.step % config.log.validate_every == 0 or self.step == last:
                self.validate(held_out)
            if self.step % config.log.checkpoint_every == 0 or self.step == last:
                self.save()
        self._figures.close()

    def _learn(self, compute: Callable[..., Any], batch: Batch, progress: float) -> Tensor:
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = _rate(config.schedule, self.step)
        pairs = config.loss.temporal > 0 and progress >= config.loss.temporal_from
        bf16 = config.schedule.precision == "bf16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            restored, target = self.recipe.predict(compute, batch, pairs)  # type: ignore[arg-type]  # compiled or not
        loss = losses.total(restored.float(), target, config.loss, progress)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), config.schedule.clip_norm)
        if torch.isfinite(norm):  # one batch that overflows must not end the run
            self.optimizer.step()
        else:
            _log.warning("step %d: the gradient is not finite; the batch is left out", self.step)
        self.average.update_parameters(self.network)
        return loss.detach()

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, float]:
        """Log the figures of the averaged weights on the samples held out, and write a sheet of pictures."""
        network: nn.Module = self.average.module.eval()
        figures = self.recipe.figures(network, batch)
        self._report(figures)
        sheet.write(self.out / "sheets" / f"{self.step:07d}.png", self.recipe.pictures(network, batch))
        return figures

    def save(self) -> None:
        """Write the checkpoint, and the averaged weights beside it."""
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        self.out.mkdir(parents=True, exist_ok=True)
        run_folder.save_checkpoint(self.out / run_folder.CHECKPOINT, state)
        schedule = self.config.schedule
        metadata = {"step": str(self.step), "steps": str(schedule.steps), "seed": str(schedule.seed)}
        run_folder.export_weights(self.average.module, self.out / run_folder.WEIGHTS, metadata)

    def begin_with(self, weights: Path) -> None:
        """Start from weights of an earlier run instead of random ones, as the recipe takes them.

        Raises ModelError if they do not fit.
        """
        found = run_folder.load_weights(weights)
        try:
            self.recipe.begin_with(self.network, found)
        except (RuntimeError, ModelError) as error:
            raise of_another(weights, error, "give those of a run with the same recipe") from error
        self.average.module.load_state_dict(self.network.state_dict())

    def resume(self) -> None:
        """Continue from the checkpoint in the run's folder. Raises ModelError if there is none that fits."""
        path = self.out / run_folder.CHECKPOINT
        state = run_folder.load_checkpoint(path)
        try:
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = int(state["step"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise of_another(path, error, "give its own configuration, or another --out") from error

    def _pool(self, stage: int) -> Pool:
        config = self.config
        seed = hash((config.schedule.seed, stage, self.step)) % 2**31
        stream = SampleStream(self.recipe, self._material, config.stages[stage].mix, seed)
        size = config.pool
        return Pool(stream, size.samples, config.schedule.batch, size.reuse, size.workers, seed)

    def _held_out(self) -> Batch:
        """Samples for validation, of the last stage's mix; the same in every run."""
        count = self.config.log.validation_samples
        stream = SampleStream(self.recipe, self._validation, self.config.stages[-1].mix, 12345, APART)
        chunks = list(islice(stream, math.ceil(count / CHUNK)))
        whole = {name: torch.cat([c[name] for c in chunks])[:count] for name in chunks[0]}
        return _to(whole, self.device)

    def _report(self, figures: dict[str, float]) -> None:
        _log.info("step %d: %s", self.step, ", ".join(f"{k} {v:.5g}" for k, v in figures.items()))
        self._figures.add(figures, self.step)


def of_another(path: Path, error: Exception, remedy: str) -> ModelError:
    """The error for a file whose weights are of another network than the recipe's."""
    why = " ".join(str(error).split())[:200]
    return ModelError(f"{path}: of another network than the recipe's ({why}); {remedy}")


def _average(decay: float) -> Callable[[Any, Any, Any], None]:
    """An exponential average that begins short, so that the first, random weights do not stay in it."""

    @torch.no_grad()
    def update(averaged: Any, current: Any, count: Any) -> None:
        share = 1 - min(decay, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(averaged, current, share)

    return update


def _rate(schedule: Schedule, step: int) -> float:
    """Linear warm-up, then cosine (Loshchilov and Hutter, SGDR, 2017)."""
    if step < schedule.warmup_steps:
        return schedule.rate * (step + 1) / schedule.warmup_steps
    part = (step - schedule.warmup_steps) / max(schedule.steps - schedule.warmup_steps, 1)
    return schedule.final_rate + (schedule.rate - schedule.final_rate) * (1 + math.cos(math.pi * min(part, 1))) / 2


def _to(batch: Batch, device: torch.device) -> Batch:
    return {name: values.to(device).float() for name, values in batch.items()}
