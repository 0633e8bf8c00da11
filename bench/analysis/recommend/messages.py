"""The words of a recommendation that depend on what a user asks: templates for the command and for a page's script.

A page answers without Python: its script fills the same templates, so each wording stands in one place.
"""

from typing import NamedTuple


class Field(NamedTuple):
    """By what a user says one part of a question."""

    option: str
    """Of the command."""
    label: str
    """Of the page's form."""


FIELDS = {
    "images": Field("--images", "Training images"),
    "like": Field("--target", "Images like"),
    "classes": Field("--classes", "Classes"),
    "pixels": Field("--image-size", "Image size, px"),
    "pretraining": Field("--pretraining", "Pretraining"),
    "machine": Field("--device", "Machine"),
    "percentile": Field("--percentile", "Percentile of the latency"),
    "latency_ms": Field("--max-latency-ms", "Latency \N{LESS-THAN OR EQUAL TO} ms"),
    "memory_mib": Field("--max-memory-mib", "Memory \N{LESS-THAN OR EQUAL TO} MiB"),
    "parameters": Field("--max-parameters", "Parameters \N{LESS-THAN OR EQUAL TO}"),
    "within": Field("--within", "Accuracy to give up (points)"),
}
"""Part of a question -> its field; a template names it as `{<part>_field}`, or as `{field}` if it is one of several."""

MESSAGES = {
    "wrong images": "{images_field} {images}: must be a whole number from 1 to {most} labelled images",
    "wrong percentile": "{percentile_field} {percentile}: must be one of {known}",
    "wrong points": "{within_field} {points}: must be from 0 to 100 percentage points",
    "wrong limit": "{field} {limit}: must be a number above zero",
    "wrong number": "{field} {number}: must be a whole number above zero",
    "wrong target": "{like_field} {target}: not a target of this suite; its targets are {known}",
    "which machine": "a limit on latency or memory needs {machine_field}; measured on: {known}",
    "far": "{target} was measured with {sizes} labelled images; {images} {are} {times}, and nothing is extrapolated",
    "more": "{times} times as many as {size}",
    "fewer": "too few: {size} are {times} times as many",
    "real target": "a real target for {like_field}: {known}",
    "other size": "a suite with the target {target}@{images}",
    "turns": "the recommendation turns between {first} and {second} labelled images: it is {models}",
    "at size": "{model} with {size}",
    "pretraining": "the suite {suite} did not run the pretraining {name}",
    "other pretraining": "{pretraining_field} {known}, or a suite with that rung",
    "other pixels": "measured on images of {pixels} pixels a side, not {asked}",
    "suite at pixels": "a suite with `image_size: {asked}`, or images scaled to {pixels} pixels",
    "no classes": "no record says how many classes the target has",
    "more classes": "measured with {classes} classes; {asked} are more than {times} times as many",
    "suite of classes": "a suite with a target of about as many classes",
    "machine": "no model of the suite was measured on {machine} at {pixels} pixels (measured on: {known}), and speeds "
    "are never estimated from multiply-accumulates",
    "no machine": "no machine measured this suite's models at {pixels} pixels, and speeds are never estimated from "
    "multiply-accumulates",
    "measure": "`make throughput` measures the speeds of a suite's models on the machine that it runs on",
    "no latency": "no model's latency was measured on {machine} at {pixels} pixels",
    "no memory": "memory was not measured on {machine}; it is on GPUs alone",
    "other machine": "a machine with a GPU for {machine_field}",
    "no parameters": "no record counts parameters",
    "present code": "`bench run` with the present code",
    "none fits": "no model fits; {limits}",
    "none is shown to fit": "no model is shown to fit; {limits}; whether {models} {fit} cannot be told",
    "higher": "a higher limit, or a suite with other models",
    "more calls": "more calls on a quiet machine, and the models that were not measured: {measure}",
    "met": "at most {limit}: met by {models}",
    "nearest": "at most {limit}: nearest is {model}, {beyond}",
    "unmeasured": "{amount} not measured",
    "bounded": "{value} ({low} to {high})",
    "few calls": "unknown, by too few calls",
    "over": "{value}, {by} over the limit",
    "seeds": "about {seeds} would tell",
    "images": "more test images would tell",
    "too many seeds": "{most} seeds would not tell",
    "failed seeds": "seeds that failed to train object",
    "left out": "left out: {row}",
    "of model": "{model}: {note}",
    "rows": "Rows compared: {rows} {pretraining}.",
    "default rows": "Rows compared: {rows} {pretraining} (the default; {pretraining_field} takes another, or scratch).",
    "sizes": "This holds for models of {sizes} parameters on images of {pixels} pixels; nothing is carried over to "
    "larger models.",
    "latency cost": "p{percentile} latency on {machine}",
    "macs cost": "multiply-accumulates",
    "best": "it has {best}",
    "best and cheapest": "it has {best}, and is the cheapest by {cost} of the {good} shown to be within {points}",
    "cheapest": "it is the cheapest by {cost} of the {good} shown to be within {points} of {best}",
    "highest": "the highest mean accuracy",
    "highest that fits": "the highest mean accuracy of the models that fit",
    "untold": "{reason}; whether {number} others are as good cannot be told",
    "one untold": "{reason}; whether 1 other is as good cannot be told",
    "worse": "{reason}; {number} are worse by more than {points}",
    "one worse": "{reason}; 1 is worse by more than {points}",
    "scratch": "{reason}; trained from scratch it has {accuracy}, shown to be no worse by more than {points}",
    "corrected": "behind the best: intervals at {levels}, corrected over the models compared (Holm)",
    "why": "{accuracy} on {target}, interval at {level}; {reason}",
    "why on machine": "{accuracy} on {target}, {cost} {latency}, intervals at {level}; {reason}",
    "at level": "{gap} at {level}",
}
"""Name -> template."""


def message(name: str, /, **values: object) -> str:
    """Return a template with its values, and with the command's options as fields."""
    return MESSAGES[name].format(**{f"{part}_field": field.option for part, field in FIELDS.items()}, **values)
