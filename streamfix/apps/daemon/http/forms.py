"""The JSON that the API takes, as its OpenAPI document shows it. What it says is checked like the file, in `config`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

YARD: dict[str, Any] = {
    "name": "yard",
    "input": "rtsp://${env:CAM_USER}:${env:CAM_PASSWORD}@192.0.2.5/stream",
    "filters": "denoise",
    "outputs": ["rtsp://media.example:8554/yard"],
    "max_latency": "200ms",
    "on_lost": "hold",
}


class Login(BaseModel):
    """The daemon's token."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"token": "..."}]})

    token: str = Field(max_length=4096)


class OutputBody(BaseModel):
    """An output, as a table of [[streams]] has it."""

    url: str
    format: str | None = None
    options: dict[str, str | int | float | bool] = {}
    video_codec: str | None = None
    video_options: dict[str, str | int | float | bool] = {}
    audio_codec: str | None = None
    overwrite: bool = False


Duration = Annotated[str | float, Field(description='seconds, or a text such as "200ms"', examples=["200ms", 0.2])]


class StreamChange(BaseModel):
    """Fields of a stream, as [[streams]] of the configuration file has them; null is back to the default."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"filters": "smooth", "max_latency": "100ms"}]})

    input: str | None = Field(None, description="URL, device or absolute path")
    outputs: list[str | OutputBody] | None = Field(None, min_length=1)
    filters: str | None = Field(None, description="a chain as -vf has it")
    enabled: bool | None = None
    input_format: str | None = None
    input_options: dict[str, str | int | float | bool] | None = None
    audio: bool | None = None
    audio_codec: str | None = None
    video_codec: str | None = None
    video_options: dict[str, str | int | float | bool] | None = None
    max_latency: Duration | None = None
    on_lost: Literal["wait", "hold", "slate", "end"] | None = None
    on_damaged: Literal["pass", "hold"] | None = None
    lost_after: Duration | None = None
    open_timeout: Duration | None = None
    ladder: list[str] | None = None


class StreamBody(StreamChange):
    """A whole stream."""

    model_config = ConfigDict(json_schema_extra={"examples": [YARD]})

    name: str = Field(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")
    input: str = Field(description="URL, device or absolute path")
    outputs: list[str | OutputBody] = Field(min_length=1)
