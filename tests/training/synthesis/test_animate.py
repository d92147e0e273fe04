"""Synthetic clips: what the flow says is what the pictures show."""

from __future__ import annotations

from dataclasses import fields

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from streamfix.motion import Warper
from streamfix.training.synthesis import compositing
from streamfix.training.synthesis.animate import Scenery, animate
from streamfix.training.synthesis.camera_path import CameraKind, CameraMix, camera_path, similarity, translation
from streamfix.training.synthesis.layers import Layer
from tests.training.scenes import floats, still

KINDS: list[CameraKind] = ["static", "shake", "pan", "zoom", "rotate", "drive"]
STILLS = [still(360, 480, seed) for seed in range(3)]
SIZE = (96, 128)


def only(kind: str, **options: object) -> Scenery:
    mix = CameraMix(**{f.name: float(f.name == kind) for f in fields(CameraMix)})
    return Scenery(camera=mix, **options)  # type: ignore[arg-type]  # options are Scenery's


@pytest.mark.parametrize("supersample", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_frame_before_warped_by_the_flow_is_the_frame_where_visible(kind: str, supersample: int) -> None:
    errors, hidden = [], []
    for seed in range(3):
        moving = animate(STILLS, 6, SIZE, np.random.default_rng(seed), only(kind, supersample=supersample))
        for t in range(5):
            warped = Warper(*SIZE).aim(moving.flow[t])(moving.clip[t], cubic=True)
            difference = np.abs(warped - moving.clip[t + 1]).mean(-1) * 255
            errors.append(difference[moving.visible[t]])
            hidden.append(difference[~moving.visible[t]])
    every = np.concatenate(errors)
    # Two roundings to 8 bits and one bicubic interpolation of detail five pixels large.
    assert np.sqrt(np.mean(every**2)) < 1.0
    assert np.quantile(every, 0.999) < 6
    assert len(every) > 0.75 * 3 * 5 * np.prod(SIZE)
    unexplained = np.concatenate(hidden)
    assert np.sqrt(np.mean(unexplained**2)) > 4 * np.sqrt(np.mean(every**2))  # else there was no need to hide it


def test_the_same_seed_gives_the_same_clip_and_another_another() -> None:
    a, b, c = (animate(STILLS, 4, SIZE, np.random.default_rng(seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(a.clip, b.clip)
    np.testing.assert_array_equal(a.flow, b.flow)
    np.testing.assert_array_equal(a.visible, b.visible)
    assert np.abs(a.clip - c.clip).max() > 0.1


def test_shapes_types_and_ranges() -> None:
    moving = animate(STILLS, 5, (40, 56), np.random.default_rng(1), Scenery(supersample=2, flicker=1.0))
    assert moving.clip.shape == (5, 40, 56, 3)
    assert moving.flow.shape == (4, 40, 56, 2)
    assert moving.visible.shape == (4, 40, 56)
    assert [str(a.dtype) for a in (moving.clip, moving.flow, moving.visible)] == ["float32", "float32", "bool"]
    assert moving.clip.min() >= 0
    assert moving.clip.max() <= 1
    assert animate(STILLS, 1, (40, 56), np.random.default_rng(1)).flow.shape == (0, 40, 56, 2)


def test_a_static_camera_and_no_movers_repeat_one_picture() -> None:
    moving = animate(STILLS, 5, SIZE, np.random.default_rng(3), only("static", movers=(1.0,)))
    np.testing.assert_array_equal(moving.clip, np.broadcast_to(moving.clip[:1], moving.clip.shape))
    assert not moving.flow.any()
    assert moving.visible.all()


def test_a_third_of_the_cameras_stand_still_and_most_scenes_have_movers() -> None:
    rng = np.random.default_rng(0)
    static = [CameraMix().draw(rng) == "static" for _ in range(2000)]
    assert np.mean(static) == pytest.approx(0.30, abs=0.04)


def test_a_known_translation_and_a_known_zoom() -> None:
    xs, ys = np.arange(8, dtype=np.float32), np.arange(6, dtype=np.float32)[:, None]
    out = np.empty((6, 8, 2), np.float32)
    # now shows the texture 3 to the right and 1 up of where the frame before does: it lay there at p + (3, -1)
    compositing.relative(translation(13, 4), translation(10, 5), xs, ys, out)
    np.testing.assert_allclose(out, np.broadcast_to(floats(3, -1), out.shape), atol=1e-6)
    compositing.relative(similarity(0, 0.5), np.eye(3), xs, ys, out)  # enlarged twice about the origin
    np.testing.assert_allclose(out[..., 0], np.broadcast_to(-xs / 2, (6, 8)), atol=1e-6)
    np.testing.assert_allclose(out[..., 1], np.broadcast_to(-ys / 2, (6, 8)), atol=1e-6)


def test_the_flow_of_a_tilted_plane_is_the_homographys() -> None:
    before, now = np.eye(3), np.array([[1.01, 0.02, 3], [-0.01, 0.98, 1], [4e-4, -2e-4, 1]])
    xs, ys = np.arange(40, dtype=np.float32), np.arange(30, dtype=np.float32)[:, None]
    out = np.empty((30, 40, 2), np.float32)
    compositing.relative(now, before, xs, ys, out)
    points = np.stack(np.meshgrid(xs, ys[:, 0]), -1).astype(np.float64)
    there = cv2.perspectiveTransform(points.reshape(-1, 1, 2), now).reshape(points.shape)
    np.testing.assert_allclose(out, there - points, atol=1e-4)


def test_a_mover_hides_what_is_behind_it_and_uncovers_it_again() -> None:
    texture = np.full((20, 20, 4), 255, np.uint8)
    moments = translation(np.array([-20.0, -24.0, -28.0]), -10.0)  # a square that moves to the right by 4
    layer = Layer(texture, moments)
    alphas = np.zeros((1, 3, 40, 64), np.uint16)
    picture = np.zeros((40, 64, 3), np.uint8)
    for t in range(3):
        compositing.composite(picture, layer, t, alphas[0, t])
    still_camera = np.broadcast_to(np.eye(3), (3, 3, 3))
    flow, visible = compositing.truth(still_camera, [layer.to_texture], alphas)
    inside = (slice(12, 28), slice(27, 42))  # the square in frame 1 covers columns 24 to 43
    np.testing.assert_allclose(flow[0][inside], np.broadcast_to(floats(-4, 0), (16, 15, 2)), atol=1e-5)
    assert visible[0][inside].all()
    assert not visible[0][12:28, 20:24].any()  # uncovered in frame 1, hidden in frame 0
    assert not flow[0][12:28, 20:24].any()  # and of the background's motion
    assert visible[0][:8].all()


def test_a_second_scene_begins_at_the_cut() -> None:
    moving = animate(STILLS, 8, SIZE, np.random.default_rng(2), Scenery(cut=1.0))
    assert 0 < moving.cut < 8
    assert not moving.visible[moving.cut - 1].any()
    assert not moving.flow[moving.cut - 1].any()
    steps = np.abs(np.diff(moving.clip, axis=0)).mean((1, 2, 3))
    assert steps.argmax() == moving.cut - 1


def test_flicker_changes_brightness_and_nothing_else() -> None:
    base = only("static", movers=(1.0,))
    flickering = animate(STILLS, 12, SIZE, np.random.default_rng(5), only("static", movers=(1.0,), flicker=1.0)).clip
    plain = animate(STILLS, 12, SIZE, np.random.default_rng(5), base).clip
    unclipped = (plain > 0.02) & (plain < 0.6)
    gains = [np.ptp((a / np.maximum(b, 1e-3))[u]) for a, b, u in zip(flickering, plain, unclipped, strict=True)]
    assert max(gains) < 1e-3


def test_a_blurred_frame_is_the_mean_of_moments_in_linear_light() -> None:
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    coded = 1.055 * 0.25 ** (1 / 2.4) - 0.055
    np.testing.assert_allclose(compositing.expose([white, black, black, black]), coded, atol=1e-4)


def test_smaller_steps_are_moments_of_the_same_motion() -> None:
    whole = animate(STILLS, 4, SIZE, np.random.default_rng(11), only("drive", movers=(1.0,)))
    # Speeds do not depend on the number of pictures, so the flow of a step an eighth as long is an eighth as large.
    fine = animate(STILLS, 4, SIZE, np.random.default_rng(11), only("drive", movers=(1.0,), step=1 / 8))
    lengths: list[NDArray[np.float32]] = [np.hypot(m.flow[..., 0], m.flow[..., 1]).mean() for m in (whole, fine)]
    assert 3 < lengths[0] / lengths[1] < 24


def test_speeds_are_those_of_footage() -> None:
    times = np.arange(8.0)
    lengths = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        path = camera_path(CameraMix().draw(rng), SIZE, times, rng)
        middle = path @ (SIZE[1] / 2, SIZE[0] / 2, 1)
        steps = np.diff(middle[:, :2] / middle[:, 2:], axis=0)
        lengths.append(np.hypot(*steps.T).mean())
    assert np.median(lengths) < 3
    assert max(lengths) < 15


@pytest.mark.parametrize("stills", [[still(30, 40, 0)], [still(97, 131, 1)]])
def test_stills_that_are_too_small_are_continued(stills: list[NDArray[np.uint8]]) -> None:
    for seed in range(6):
        moving = animate(stills, 4, SIZE, np.random.default_rng(seed))
        assert moving.clip.std() > 0.01
        assert np.isfinite(moving.flow).all()


def test_nothing_to_animate_is_refused() -> None:
    with pytest.raises(ValueError, match="got 0 and 3"):
        animate([], 3, SIZE, np.random.default_rng(0))
    with pytest.raises(ValueError, match="got 3 and 0"):
        animate(STILLS, 0, SIZE, np.random.default_rng(0))
