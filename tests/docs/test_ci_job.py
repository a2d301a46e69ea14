"""The job for GitHub Actions is YAML, and what it runs are commands that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml

from netsurgery.cli import cli

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "ci.md"


def test_all_options_of_the_job_are_those_of_its_commands() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (job,) = yaml.safe_load(text)["jobs"].values()
    runs = [shlex.split(step["run"]) for step in job["steps"] if "run" in step]
    commands = [words[1:] for words in runs if words[0] == "netsurgery"]
    assert [words[0] for words in commands] == ["compress", "verify", "bisect"]
    for name, *words in commands:
        command = cli.get_command(None, name)
        assert command is not None
        known = {option for one in command.params for option in one.opts}
        assert {word for word in words if word.startswith("-")} <= known
