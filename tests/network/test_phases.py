from __future__ import annotations

from hypothesis import HealthCheck, given, seed, settings, strategies as st

STAGES = ("deploy", "val", "x")


@st.composite
def rules(draw):
    kind = draw(st.sampled_from(["include", "exclude"]))
    parts = [f"phase: {draw(st.sampled_from(['TRAIN', 'TEST']))} "] if draw(st.booleans()) else []
    for name in ("min_level", "max_level"):
        if draw(st.integers(0, 3)) == 0:
            parts.append(f"{name}: {draw(st.integers(-1, 3))} ")
    for name in ("stage", "not_stage"):
        chosen = draw(st.lists(st.sampled_from(STAGES), max_size=2))
        parts += [f'{name}: "{stage}" ' for stage in chosen]
    return kind, "".join(parts)


@st.composite
def nets(draw):
    text = draw(st.sampled_from(["", 'state { phase: TRAIN level: 2 stage: "val" }\n']))
    text += 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 } } }\n'
    for number in range(draw(st.integers(1, 5))):
        found = draw(st.lists(rules(), max_size=3))
        kinds = {kind for kind, _ in found}
        body = " ".join(f"{sorted(kinds)[0]} {{ {rule}}}" for _, rule in found)
        text += f'layer {{ name: "l{number}" type: "ReLU" bottom: "x" top: "y{number}" {body} }}\n'
    return text


@seed(3)
@settings(
    max_examples=150,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    text=nets(),
    phase=st.sampled_from(["TRAIN", "TEST"]),
    level=st.integers(-1, 3),
    stages=st.lists(st.sampled_from(STAGES), max_size=2),
)
def test_the_layers_caffe_builds(ask_caffe, parse, text, phase, level, stages):
    caffe = ask_caffe(text, phase=phase, level=level, stages=stages)
    network = parse(text, phase=phase, level=level, stages=stages)
    real = [name for name in caffe["layers"] if not name.endswith("_split")]
    assert [layer.name for layer in network.layers] == real
