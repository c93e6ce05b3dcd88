"""One declaration, three ways to say it: the command line, a file and Python mean the same and refuse the same."""

from __future__ import annotations

import json
import re
import shlex
import string
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpdeblur.models.runtime import card
from dpdeblur.models.runtime.backends import BACKENDS
from dpdeblur.pipelines.cli import main
from dpdeblur.pipelines.options import command_line, model_opening
from dpdeblur.pipelines.options.address import Address
from dpdeblur.pipelines.options.command_line import Said
from dpdeblur.pipelines.options.commands import COMMANDS, name_of
from dpdeblur.pipelines.options.declaration import Option, known_flags, options_of
from dpdeblur.pipelines.options.jobs import DeblurOptions
from dpdeblur.pipelines.options.values import NamedRun, Names, PixelSize, SceneLimit, Share, text
from dpdeblur.transforms.arriving import watched_place
from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.layouts import LAYOUTS
from dpdeblur.transforms.scoring import paired, protocols
from dpdeblur.transforms.selection import Part

NAMES = st.text(string.ascii_letters + string.digits + " _-./:=,'\"\\{}[]#&*!|>%@`~é😀", min_size=1).filter(
    lambda name: name.strip("- ") and not name.strip().endswith("://")  # the beginning of an address alone is refused
)
BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "Address": st.builds(Address, st.ip_addresses().map(str), st.integers(1, 65535)),
    "SceneLimit": st.builds(SceneLimit, st.none() | st.integers(0, 10**6)),
    "Share": st.one_of(st.integers(0, 10**6).map(lambda n: Share(float(n))), st.just(Share(2.5, percent=True))),
    "Part": st.just(Part(2, 8)),
    "PixelSize": st.builds(PixelSize, st.integers(64, 16384), st.integers(64, 16384)),
    "float": st.floats(0.001, 64),
    "int": st.integers(1, 10**12),
    "Path": NAMES.filter(lambda name: "\\" not in name).map(Path),
    "str": NAMES,
}
BEAM = ["--flink_master=here", "--streaming", "--experiments=a", "--experiments=b"]
IN_FILE = {"flink_master": "here", "streaming": "true", "experiments": ["a", "b"]}


def said_for(option: Option, field: Any) -> st.SearchStrategy[Any]:
    """Values that an option takes, as Python has them."""
    if option.switch:
        return st.booleans()
    if option.choices:
        return st.sampled_from(option.choices)
    if "Names" in str(field.type):
        return st.lists(st.text(string.ascii_letters, min_size=1), min_size=1).map(Names)
    if option.many:
        return st.lists(said_for_one_of_many(str(field.type)), min_size=1).map(tuple)
    return next(strategy for kind, strategy in BY_TYPE.items() if kind in str(field.type))


def said_for_one_of_many(kinds: str) -> st.SearchStrategy[Any]:
    if "NamedRun" in kinds:
        return st.builds(NamedRun, NAMES.filter(lambda name: "=" not in name), NAMES)
    return NAMES.filter(lambda name: not name.startswith("-"))


@st.composite
def some_options(draw: st.DrawFn, command: str) -> Any:
    kind = COMMANDS[command]
    fields = attrs.fields_dict(kind)
    said = {}
    for option in options_of(kind):
        if option.hidden:
            said[option.name] = draw(st.sampled_from([(), tuple(BEAM)]))
        elif option.required or draw(st.booleans()):
            value = draw(said_for(option, fields[option.name]))
            if not option.positional or not str(value).startswith("-"):
                said[option.name] = value
    missing = [option.name for option in options_of(kind) if option.required and option.name not in said]
    return kind(**said, **dict.fromkeys(missing, "x"))  # a name that starts with a dash has no place on a command line


def from_line(command: str, words: list[str]) -> Any:
    return command_line.options(command, command_line.split(command, words))


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "completion"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_command_line_file_and_python_say_the_same(command: str, tmp_path: Path, data: st.DataObject) -> None:
    options = data.draw(some_options(command))
    assert from_line(command, list(command_line.words(options))) == options

    declared = {option.name: option for option in options_of(type(options))}
    said = {name: getattr(options, name) for name in declared if name != "beam_options"}
    given = {name: value for name, value in said.items() if value not in (None, ())}
    assert command_line.options(command, Said(given, {}, tuple(getattr(options, "beam_options", ())))) == options

    lines: dict[str, Any] = {
        name: [text(part) for part in value] if declared[name].many else text(value) for name, value in given.items()
    }
    if "beam_options" in declared:
        lines["beam_options"] = IN_FILE if options.beam_options else {}
    file = tmp_path / "options.yaml"
    file.write_text(json.dumps(lines, ensure_ascii=False), encoding="utf-8")  # JSON is YAML
    assert from_line(command, ["--config", str(file)]) == options


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_recorded_is_json_and_a_command_line_that_says_the_same(command: str) -> None:
    kind = COMMANDS[command]
    options = kind(**{option.name: (option.choices or ("7",))[0] for option in options_of(kind) if option.required})
    assert json.loads(json.dumps(command_line.record(options))).keys() == attrs.fields_dict(kind).keys()
    program, name, *words = shlex.split(command_line.command_line(options))
    assert (program, name) == ("dpdeblur", command) == ("dpdeblur", name_of(options))
    assert from_line(command, words) == options


def test_choices_are_those_that_the_program_has() -> None:
    choices = {option.name: option.choices for name in ("deblur", "pack") for option in options_of(COMMANDS[name])}
    assert choices["layout"] == ("auto", *LAYOUTS)
    assert choices["backend"] == tuple(BACKENDS)
    assert choices["model_order"] == card.ORDERS
    assert choices["model_transfer"] == card.TRANSFERS
    assert choices["model_range"] == tuple(model_opening.RANGES)
    assert set(choices["codec"]) == {"keep", *(set(codecs.WRITTEN) - {"jpeg"})}
    assert {option.name: option.choices for option in options_of(COMMANDS["watch"])}["layout"] == watched_place.LAYOUTS
    protocol = next(option for option in options_of(COMMANDS["score"]) if option.name == "protocol")
    assert all(name in protocol.help for name in protocols.PROTOCOLS)
    assert protocol.default == protocols.DEFAULT
    fewest = f"{paired.FEWEST_FOR_BOOTSTRAP} scenes or more; the Wilcoxon test needs {paired.FEWEST_FOR_WILCOXON}"
    assert f"{paired.RESAMPLES} resamples of the scenes, seed {paired.SEED}, and need {fewest}." in COMMANDS["compare"].notes


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command: str) -> None:
    shown = command_line.parser(command, width=100).format_help()
    for option in options_of(COMMANDS[command]):
        assert option.help[0].islower() or option.help[0].isdigit() or option.name == "runner", option
        assert not option.help.endswith("."), option
        if not option.hidden:
            assert option.flag in shown
            assert option.switch or option.choices or option.metavar, option
    assert all(line.startswith("dpdeblur ") for line in COMMANDS[command].examples)


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_in_the_help_are_command_lines_that_it_takes(command: str) -> None:
    for example in COMMANDS[command].examples:
        _, name, *words = shlex.split(example.replace("\\\n", " ").replace("…", "").partition(" > ")[0])
        assert type(from_line(name, words)) is COMMANDS[name]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("deblur --inptu x --output y", "unknown option --inptu. Did you mean --input?"),
        ("deblur --input x --outptu=y", "unknown option --outptu. Did you mean --output?"),
        ("score --input x --restord y --output z", "Did you mean --restored?"),
        ("watch --input x --output y --until-idel 5s", "Did you mean --until-idle?"),
        ("pack --input x --output y --shardsize 1GB", "Did you mean --shard-size?"),
        ("synthesize --output y --scene 4", "Did you mean --scenes?"),
        ("plan --input x --output y --layuot dpdd", "Did you mean --layout?"),
        ("latency --modle x", "Did you mean --model?"),
        ("models --jsno", "Did you mean --json?"),
        ("report run --outptu x", "Did you mean --output?"),
        ("compare a b --fromat html", "Did you mean --format?"),
        ("submit --chekc x", "Did you mean --check?"),
        ("deblur --input x --output y --flink_mastr z", "Did you mean --flink_master?"),
        ("deblur --input x --output y --layout folder", "Did you mean folders?"),
        ("compare a b --format markdwon", "Did you mean markdown?"),
        ("models chek x.onnx", "Did you mean check?"),
        ("completion bsh", "Did you mean bash?"),
        ("deblru --input x", "Did you mean deblur?"),
        ("--versoin", "Did you mean --version?"),
        ("deblur --output y", "--input is missing: folder, shard or manifest of scenes"),
        ("deblur --input x --output y stray", "unexpected argument 'stray'"),
        ("deblur --input x --output y --flink_master=z stray", "unexpected argument 'stray'"),
        ("deblur --input x --output y --streaming=false", "--streaming is a switch of Beam"),
        ("deblur --input x --output", "--output: expected one argument"),
        ("report run --runner x", "unknown option --runner"),
        ("deblur --input= --output y", "--input: the value is empty"),
        ("deblur --input x --output y --prism_location=", "--prism_location: the value is empty"),
        ("deblur --input x --output y --flink_master a --prism_location ''", "--prism_location: the value is empty"),
    ],
)
def test_a_slip_is_named_with_what_may_be_meant(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(line)) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_a_config_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deblur", "--config", "nowhere.yaml"]) == 2
    assert "--config nowhere.yaml cannot be read: No such file or directory." in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["deblur", "--help"], ["watch", "--input", "x", "-h"]])
def test_help_goes_to_standard_output(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    said = capsys.readouterr()
    assert said.out.startswith("usage: dpdeblur")
    assert said.err == ""


def test_a_group_gives_the_arguments_of_its_constructor_their_types() -> None:
    options = DeblurOptions(input=Path("a"), output="b", max_memory="8GB", max_failures=3, beam_options={"job_name": "x"})
    assert (options.input, options.max_memory, options.beam_options) == ("a", 8_000_000_000, ("--job_name=x",))
    assert options.max_failures == Share(3)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        options.input = "c"  # type: ignore[misc]


def test_an_option_said_by_an_unknown_name_is_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown option blacklevel\. Did you mean black_level\?"):
        command_line.options("deblur", Said({"input": "a", "output": "b", "blacklevel": 1}, {}, ()))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_that_is_misspelt_is_suggested(command: str) -> None:
    for option in options_of(COMMANDS[command]):
        if option.hidden or option.positional:
            continue
        flag = option.flag
        for typo in {flag[:3] + flag[4:], flag + "s", flag[:-2] + flag[-1] + flag[-2]} - {flag}:
            if typo in known_flags(COMMANDS[command]):
                continue
            with pytest.raises(UsageError) as refused:
                command_line.options(command, command_line.split(command, [typo, "1"]))
            assert re.search(rf"unknown option {typo}\. .*{flag}", str(refused.value)), (typo, str(refused.value))
