"""The code keeps to docs/architecture.md: who imports whom, how long things are, what is said."""

from __future__ import annotations

import ast
import importlib
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Iterator, NamedTuple, Union

import pytest

import netsurgery as ns
from netsurgery.formats import schema
from netsurgery.layers import layer_types

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "netsurgery"
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = [
    path
    for path in sorted((ROOT / "scripts").rglob("*"))
    if path.suffix == ".py" or (path.is_file() and b"python" in path.read_bytes()[:30])
]
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
OPTIONAL = {
    "cv2",
    "distributed",
    "h5py",
    "igraph",
    "jinja2",
    "lmdb",
    "matplotlib",
    "rich",
    "scipy.linalg",
}
OPTIONAL |= {"netsurgery.layers.pooling"}  # and with it all layer types

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
FunctionNode = Union[ast.FunctionDef, ast.AsyncFunctionDef]


class Import(NamedTuple):
    """One imported module, and where that is written."""

    module: str
    place: str


def read_rooms() -> list[str]:
    """The rooms in their order, from the table of docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", text, re.MULTILINE)
    # What no table needs to say: the version is known to all, and the package's face, which the
    # command line uses as any caller does, knows all but that.
    assert rooms.pop() == "cli"
    return ["version", *rooms, "__init__", "cli", "__main__"]


ROOMS = read_rooms()


def listed(faults: list[str]) -> str:
    return "\n" + "\n".join(faults)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def find_imports(path: Path) -> Iterator[Import]:
    """Every import in a file, also those inside functions."""
    for node in ast.walk(parse(path)):
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        place = f"{path.relative_to(ROOT)}:{node.lineno}"
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, place) for alias in node.names)
        elif node.level:
            pytest.fail(f"{place}: relative import; write out the room it comes from")
        else:
            yield from (Import(f"{node.module}.{alias.name}", place) for alias in node.names)


def find_functions(path: Path) -> Iterator[tuple[str, FunctionNode]]:
    """Every function of a file, with its place."""
    for node in ast.walk(parse(path)):
        if isinstance(node, FUNCTIONS):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].replace(".py", "")


def imported_room(module: str) -> str:
    """The room that ``netsurgery.room.module`` is in; ``__init__`` for a name of the face."""
    name = module.split(".")[1] if "." in module else "__init__"
    return name if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file() else "__init__"


def body_length(function: FunctionNode) -> int:
    """The lines from ``def`` to the end, without the docstring."""
    assert function.end_lineno
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    docstring = function.body[0]
    assert docstring.end_lineno
    return lines - (docstring.end_lineno - docstring.lineno + 1)


def test_every_module_is_in_a_room_of_the_plan() -> None:
    assert {room_of(path) for path in MODULES} <= set(ROOMS)


def test_no_import_points_down_the_list_of_rooms() -> None:
    downward = [
        f"{place}: imports {module}, which stands below {room_of(path)}"
        for path in MODULES
        for module, place in find_imports(path)
        if module.split(".")[0] == "netsurgery"
        and ROOMS.index(imported_room(module)) > ROOMS.index(room_of(path))
    ]
    assert not downward, listed(downward)


def has_face(room: str) -> bool:
    return (PACKAGE / room / "__init__.py").is_file() and room != "cli"


def test_rooms_speak_to_each_other_through_their_faces() -> None:
    """The package's own face offers the whole library, and names the rooms."""
    deep = [
        f"{place}: imports {module}; netsurgery.{imported_room(module)} should offer it"
        for path in MODULES
        for module, place in find_imports(path)
        if module.split(".")[0] == "netsurgery"
        and has_face(imported_room(module))
        and imported_room(module) != room_of(path)
        and module.count(".") > 2
    ]
    assert not deep, listed(deep)


@pytest.mark.parametrize("room", sorted(room for room in ROOMS if has_face(room)))
def test_a_face_offers_what_is_there(room: str) -> None:
    face = importlib.import_module(f"netsurgery.{room}")
    assert face.__all__
    for name in face.__all__:
        assert getattr(face, name) is not None, name
        assert not (PACKAGE / room / f"{name}.py").exists(), f"{name} is also a module of {room}"


def test_what_is_asked_of_a_face_is_offered() -> None:
    """Type checkers do not see it: for them a module with ``__getattr__`` may hold anything."""
    missing = []
    for path in (*MODULES, *ROOT.glob("tests/**/*.py"), *ROOT.glob("examples/**/*.py"), *SCRIPTS):
        for module, place in find_imports(path):
            package, *names = module.split(".")
            if package == "netsurgery" and names and not is_there(*names):
                missing.append(f"{place}: there is no {module}")
    assert not missing, listed(missing)


def is_there(room: str, *names: str) -> bool:
    """Whether the package has such a room, and the room such a part or name in its face."""
    if not names:
        return (PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").exists() or hasattr(ns, room)
    module = PACKAGE / room / names[0]
    if module.is_dir() or module.with_suffix(".py").exists():
        return True
    return hasattr(importlib.import_module(f"netsurgery.{room}"), names[0])


def test_no_class_name_stands_twice() -> None:
    places: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    twice = [f"{name}: {', '.join(where)}" for name, where in places.items() if len(where) > 1]
    assert not twice, listed(twice)


def test_only_formats_knows_protobuf_and_hdf5() -> None:
    strangers = [
        f"{place}: imports {module}; only formats/ may"
        for path in MODULES
        if room_of(path) != "formats"
        for module, place in find_imports(path)
        if re.match(r"(google\.protobuf|h5py|lmdb)\b", module)
    ]
    assert not strangers, listed(strangers)


def test_no_file_and_no_function_is_too_long() -> None:
    files = [*MODULES, *ROOT.glob("tests/**/*.py"), *ROOT.glob("examples/**/*.py")]
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    long = [f"{path}: {count} lines" for path, count in lines.items() if count > LONGEST_FILE]
    functions = [function for path in files for function in find_functions(path)]
    lengths = {place: body_length(node) for place, node in functions}
    long += [
        f"{place}: {count} lines" for place, count in lengths.items() if count > LONGEST_FUNCTION
    ]
    print(f"median file: {statistics.median(lines[path] for path in MODULES)} lines")
    print(f"median function: {statistics.median(lengths.values())} lines")
    assert not long, listed(long)


def find_public(body: list[ast.stmt]) -> Iterator[FunctionNode]:
    """Public functions, and public methods of public classes."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from find_public(node.body)
        elif isinstance(node, FUNCTIONS) and not node.name.startswith("_"):
            yield node


def is_annotated(function: FunctionNode) -> bool:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named += [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return function.returns is not None and all(
        argument.annotation or argument.arg in ("self", "cls") for argument in named
    )


def test_public_functions_are_documented_and_annotated() -> None:
    silent = []
    for path in MODULES:
        # Workers run in the Python 2.7 of old Caffes, which has no annotations.
        typed = "workers" not in path.parts
        for function in find_public(parse(path).body):
            place = f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
            if not ast.get_docstring(function):
                silent.append(f"{place}: no docstring")
            if typed and not is_annotated(function):
                silent.append(f"{place}: not annotated")
    assert not silent, listed(silent)


# Speaks to pip and uv, in their own flags.
SPEAKS_TO_OTHERS = PACKAGE / "engine" / "install.py"


def find_flags(path: Path) -> Iterator[str]:
    """Every literal in which a flag of a command line stands, with its place."""
    for node in ast.walk(parse(path)):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and re.search(r"(?<![\w-])--(?=[A-Za-z]|$)", text):
            yield f"{path.relative_to(ROOT)}:{node.lineno}: {text!r}"


def test_only_the_command_line_speaks_of_flags() -> None:
    """Whoever calls the library from Python has none: errors carry a `Remedy` instead."""
    library = [path for path in MODULES if room_of(path) != "cli" and path != SPEAKS_TO_OTHERS]
    flags = [flag for path in library for flag in find_flags(path)]
    assert not flags, listed(flags)
    assert list(find_flags(PACKAGE / "cli" / "_budget.py"))


def test_nothing_between_the_command_line_and_the_library_is_untyped() -> None:
    untyped = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((PACKAGE / "cli").glob("*.py"))
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Name) and node.id == "Any"
    ]
    assert not untyped, listed(untyped)


def find_engine_names(path: Path) -> Iterator[str]:
    """Every name of an engine of ours that is compared with or asked for, with its place."""
    for node in ast.walk(parse(path)):
        asked: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            asked = [node.left, *node.comparators]
        elif isinstance(node, ast.Call):
            asked = [*node.args, *(keyword.value for keyword in node.keywords)]
        for one in asked:
            if isinstance(one, ast.Constant) and one.value in ("caffe", "opencv"):
                yield f"{path.relative_to(ROOT)}:{one.lineno}: {one.value!r}"


def test_engines_are_told_apart_by_what_they_can() -> None:
    """Where nobody but a user names an engine, another one can do its jobs."""
    names = [
        name
        for path in MODULES
        if room_of(path) not in ("engine", "cli")
        for name in find_engine_names(path)
    ]
    assert not names, listed(names)
    assert list(find_engine_names(ROOT / "tests" / "engine" / "test_choosing.py"))


def test_caffe_desc_is_compiled_from_caffe_proto(tmp_path: Path) -> None:
    protoc = pytest.importorskip("grpc_tools.protoc")
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    formats = Path(schema.__file__).parent
    compiled = tmp_path / "caffe.desc"
    failed = protoc.main(
        ["protoc", f"--proto_path={formats}", f"--descriptor_set_out={compiled}", "caffe.proto"]
    )
    assert not failed
    kept = (formats / "caffe.desc").read_bytes()
    fresh = compiled.read_bytes()
    assert FileDescriptorSet.FromString(kept) == FileDescriptorSet.FromString(fresh), (
        "run scripts/compile_schema"
    )


# Files outside layers/ that name a layer type, and why each has to.
NAMES_LAYER_TYPES = {
    "engine/workers/caffe_worker.py": "runs in the Python of a Caffe, without this package",
    "formats/half.py": "formats know no layers, and a BatchNorm's sums overflow half precision",
    "formats/upgrade/layer_types.py": "the enum of V1 nets, as caffe.proto has it",
    "formats/upgrade/legacy.py": "fields that V0 had in the blocks of other types",
    "formats/upgrade/upgrade.py": "Caffe's own upgrade of BatchNorm",
}


def find_layer_types(path: Path) -> Iterator[str]:
    """Every literal that is the name of a layer type, or a list of such, with its place."""
    known = set(layer_types())
    for node in ast.walk(parse(path)):
        text = node.value if isinstance(node, ast.Constant) else None
        text = text.decode("latin-1") if isinstance(text, bytes) else text
        if isinstance(text, str) and text.split() and set(text.split()) <= known:
            yield f"{path.relative_to(ROOT)}:{node.lineno}: {text!r}"


def test_only_layers_names_layer_types() -> None:
    """Others ask a `LayerType` what it is, so that one more of them is one more file."""
    outside = [path for path in MODULES if room_of(path) != "layers"]
    found = {str(path.relative_to(PACKAGE)): list(find_layer_types(path)) for path in outside}
    named = [
        place for path, places in found.items() if path not in NAMES_LAYER_TYPES for place in places
    ]
    assert not named, listed(named)
    assert all(found[path] for path in NAMES_LAYER_TYPES), "no longer needed"


@pytest.mark.parametrize(
    "program",
    [
        "import netsurgery",
        "import runpy, sys; sys.argv[1:] = ['--help']\n"
        "try: runpy.run_module('netsurgery', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code",
    ],
    ids=["import", "help"],
)
def test_optional_and_heavy_libraries_wait_until_needed(program: str) -> None:
    question = f"{program}\nimport sys; print(sorted({OPTIONAL!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "[]"
