"""Bytes to plain objects and back: prototxt, caffemodel and HDF5 files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.formats.atomic import (
        make_folder as make_folder,
        move_together as move_together,
        refuse_overwriting as refuse_overwriting,
        refuse_unmakable as refuse_unmakable,
        refuse_unwritable as refuse_unwritable,
        write_together as write_together,
        write_whole as write_whole,
    )
    from netsurgery.formats.blob import (
        SHARED as SHARED,
        Blob as Blob,
        Held as Held,
        LayerWeights as LayerWeights,
    )
    from netsurgery.formats.caffemodel.binaryproto import (
        read_mean as read_mean,
    )
    from netsurgery.formats.convert import (
        convert_weights as convert_weights,
        in_float32 as in_float32,
    )
    from netsurgery.formats.databases.datum import (
        read_datum as read_datum,
        read_label as read_label,
    )
    from netsurgery.formats.databases.lmdb_database import (
        DATA as DATA,
        LmdbDatabase as LmdbDatabase,
    )
    from netsurgery.formats.digest import (
        sha256 as sha256,
        sha256_of as sha256_of,
    )
    from netsurgery.formats.half import (
        HALF as HALF,
        mostly_half as mostly_half,
        not_halved as not_halved,
        stored_alike as stored_alike,
    )
    from netsurgery.formats.hdf5.data import (
        Hdf5Rows as Hdf5Rows,
        read_rows as read_rows,
    )
    from netsurgery.formats.mask_file import (
        read_masks as read_masks,
        write_masks as write_masks,
    )
    from netsurgery.formats.on_disk import (
        product_blob as product_blob,
    )
    from netsurgery.formats.plain_data import (
        LONGEST as LONGEST,
        MismatchError as MismatchError,
        Schema as Schema,
        read_json as read_json,
        read_yaml as read_yaml,
        told as told,
    )
    from netsurgery.formats.prototxt.dilation import (
        FORK_FIELDS as FORK_FIELDS,
        fork_dilation as fork_dilation,
        fork_words as fork_words,
        in_stock_fields as in_stock_fields,
    )
    from netsurgery.formats.prototxt.document import (
        Prototxt as Prototxt,
    )
    from netsurgery.formats.prototxt.edits import (
        Edits as Edits,
    )
    from netsurgery.formats.prototxt.layer_text import (
        LayerText as LayerText,
    )
    from netsurgery.formats.prototxt.printing import (
        one_line as one_line,
    )
    from netsurgery.formats.prototxt.solver_text import (
        SolverText as SolverText,
        SolverValue as SolverValue,
        Word as Word,
    )
    from netsurgery.formats.prototxt.template import (
        Carried as Carried,
        Filling as Filling,
        LayerTemplate as LayerTemplate,
        quoted as quoted,
        render as render,
    )
    from netsurgery.formats.prototxt.tokens import (
        decode as decode,
        is_string as is_string,
        parse_integer as parse_integer,
        quote as quote,
    )
    from netsurgery.formats.prototxt.tree import (
        Field as Field,
        Message as Message,
        Scalar as Scalar,
    )
    from netsurgery.formats.scratch import (
        alone as alone,
        scratch_folder as scratch_folder,
        scratch_name as scratch_name,
    )
    from netsurgery.formats.side_by_side import (
        aligned as aligned,
    )
    from netsurgery.formats.upgrade.upgrade import (
        downgrade_layers as downgrade_layers,
        upgrade_net as upgrade_net,
    )
    from netsurgery.formats.upgrade.v0 import (
        Padding as Padding,
        fold_padding as fold_padding,
    )
    from netsurgery.formats.weights import (
        Weights as Weights,
        WholeFile as WholeFile,
        open_weights as open_weights,
    )
    from netsurgery.formats.yaml_marks import (
        MarkedData as MarkedData,
        read_marked_yaml as read_marked_yaml,
    )

__getattr__, __dir__, __all__ = face(__name__)
