"""Architectures of published video networks, with small weights of our own in the published names."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from streamfix.evaluation.peers import PeerError, make
from streamfix.evaluation.peers.dvdnet import DvdNet, SpatialBlock, TemporalBlock
from streamfix.evaluation.peers.fastdvdnet import FastDvdNet, mirrored
from streamfix.evaluation.peers.networks import dvdnet, fast_dvdnet
from streamfix.evaluation.suites import degrade
from tests.evaluation.material import moving


def frames(count: int, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand((1, 3, 16, 24), generator=generator) for _ in range(count)]


def small(convolutions: int) -> FastDvdNet:
    torch.manual_seed(0)
    return FastDvdNet(2, (4, 6, 8), convolutions).eval()


def save(path: Path, network: torch.nn.Module) -> Path:
    """As DataParallel's users save."""
    torch.save({f"module.{k}": v for k, v in network.state_dict().items()}, path)
    return path


@pytest.mark.parametrize("convolutions", [1, 2])
def test_a_network_is_rebuilt_from_the_shapes_of_its_weights(convolutions: int) -> None:
    network = small(convolutions)
    again = FastDvdNet.from_weights(network.state_dict())
    with torch.inference_mode():
        a, b = (n.denoise(frames(3), 0.1) for n in (network, again))
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_published_names_are_the_keys() -> None:
    keys = set(small(2).state_dict())
    assert {"temp1.inc.convblock.3.weight", "temp2.downc0.convblock.3.convblock.4.running_var"} <= keys
    assert {"temp1.upc2.convblock.0.convblock.3.weight", "temp2.upc1.convblock.1.weight"} <= keys
    assert {"temp1.outc.convblock.3.weight"} <= keys
    spatial, temporal = SpatialBlock(8, 2).state_dict(), TemporalBlock(8, 2).state_dict()
    assert {"conv_relu_bn.0.weight", "conv_relu_bn.2.weight", "conv_relu_bn.6.running_mean"} <= set(spatial)
    assert {"down_conv.0.weight", "conv1x1.weight", "block_conv.3.weight", "out_conv.3.weight"} <= set(temporal)


def test_five_frames_count_and_no_more() -> None:
    network, clip = small(1), frames(9)
    changed = [*clip]
    changed[6] = frames(1, seed=5)[0]
    with torch.inference_mode():
        a, b = network.denoise(clip, 0.1), network.denoise(changed, 0.1)
    assert [not torch.equal(x, y) for x, y in zip(a, b, strict=True)] == [t in (4, 5, 6, 7, 8) for t in range(9)]


def test_a_network_that_finds_no_noise_changes_nothing() -> None:
    network = small(1)
    for block in (network.temp1, network.temp2):
        torch.nn.init.zeros_(block.outc.convblock[3].weight)  # type: ignore[arg-type]  # a convolution has weights
    clip = frames(4)
    with torch.inference_mode():
        assert all(torch.equal(x, y) for x, y in zip(network.denoise(clip, 0.1), clip, strict=True))


def test_a_clip_is_mirrored_at_its_ends() -> None:
    assert [mirrored(t, 4) for t in range(-2, 6)] == [2, 1, 0, 1, 2, 3, 2, 1]
    assert mirrored(3, 1) == 0


def test_dvdnet_aligns_what_moved() -> None:
    """What its second block sees of the neighbours lies where the middle frame has it."""
    clip = moving(5, 96, 64)
    network = DvdNet(SpatialBlock(4, 1).eval(), TemporalBlock(4, 1).eval())
    here, there = (torch.from_numpy(clip.rgb(t))[None] for t in (2, 3))
    aligned = network._aligned(there, clip.y[3], clip.y[2])
    inside = (..., slice(12, -12), slice(12, -12))
    assert float((aligned - here)[inside].abs().mean()) < 0.2 * float((there - here)[inside].abs().mean())


def test_weights_files_become_peers(tmp_path: Path) -> None:
    degraded = degrade("gaussian-rgb-20", "street", moving(3, 66, 46))  # no multiple of 4: padded and cropped
    torch.manual_seed(0)
    fast = fast_dvdnet(save(tmp_path / "tiny.pth", small(1)))
    both = dvdnet(save(tmp_path / "s.pth", SpatialBlock(4, 1)), save(tmp_path / "t.pth", TemporalBlock(4, 1)))
    assert (fast.name, fast.kind, both.name) == ("tiny", "network", "dvdnet")
    for peer in (fast, both):
        (axis,) = peer.axes(degraded)
        assert list(axis.values) == [20]  # the noise is known here
        assert peer(degraded, {"sigma": 20}).clip.y.shape == degraded.noisy.y.shape
    assert len(fast.axes(degrade("gaussian-20", "street", moving(3)))[0].values) > 8


def test_other_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(PeerError, match="no weights of the FastDVDnet family"):
        fast_dvdnet(path)
    with pytest.raises(PeerError, match="no weights of DVDnet"):
        make(f"dvdnet={path}:{path}")
    with pytest.raises(PeerError, match="No such file"):
        make(f"fastdvdnet={tmp_path / 'gone.pth'}")


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    path, ran = tmp_path / "a.pth", tmp_path / "ran"
    path.write_bytes(pickle.dumps({"a": _Touch(ran)}, 2))
    with pytest.raises(PeerError, match="is not a file of tensors"):
        fast_dvdnet(path)
    assert not ran.exists()


class _Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._path,)
