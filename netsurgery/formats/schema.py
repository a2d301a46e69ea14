"""Caffe's protobuf messages, in a descriptor pool of our own.

The pool is private so that this schema and pycaffe's ``caffe_pb2`` can live in one process:
both call their package ``caffe``, and protobuf's default pool takes only one of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool, message_factory

from netsurgery.formats.caffemodel.wire import fields


def _load_pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    data = (Path(__file__).parent / "caffe.desc").read_bytes()
    # A FileDescriptorSet holds files and nothing else.
    for file in fields(data, 0, len(data)):
        pool.AddSerializedFile(data[file.start : file.stop])
    return pool


_POOL = _load_pool()
# protobuf < 4.22 has no GetMessageClass; its factory's GetPrototype is gone from 5 on.
_class_of = getattr(message_factory, "GetMessageClass", None) or (
    message_factory.MessageFactory(_POOL).GetPrototype
)


def message_class(name: str) -> Any:
    """Return the class of the message called ``name``, for example ``"LayerParameter"``.

    Raises:
        KeyError: The schema has no such message.
    """
    return _class_of(_POOL.FindMessageTypeByName(f"caffe.{name}"))


LayerParameter = message_class("LayerParameter")
V1LayerParameter = message_class("V1LayerParameter")
V0LayerParameter = message_class("V0LayerParameter")
NetParameter = message_class("NetParameter")
SolverParameter = message_class("SolverParameter")
