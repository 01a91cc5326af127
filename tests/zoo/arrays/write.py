"""Write checkpoints of Flax, exports of JAX, and MATLAB files by SciPy and by MATLAB itself."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import scipy.io
from flax import linen, serialization
from jax import export


class Network(linen.Module):
    """Two dense layers."""

    @linen.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return linen.Dense(3)(linen.relu(linen.Dense(8)(x)))


def write_flax(folder: Path) -> None:
    params = Network().init(jax.random.key(0), jnp.ones((1, 4)))
    (folder / "dense.msgpack").write_bytes(serialization.to_bytes(params))
    (folder / "flax_model.msgpack").write_bytes(serialization.msgpack_serialize(params))
    kinds = ("float32", "float16", "bfloat16", "int8", "uint8", "int32", "bool", "complex64")
    tree = {kind: jnp.ones((2, 3), kind) for kind in kinds}
    tree |= {"empty": jnp.zeros((0, 4)), "scalar": np.float32(1.5), "complex": 1 + 2j, "none": None}
    tree |= {"list": {"0": np.arange(3), "1": "text"}, "step": 1000, "loss": 0.25}
    (folder / "kinds.msgpack").write_bytes(serialization.msgpack_serialize(tree))
    big = {"embedding": np.zeros((1000, 300), np.float32)}
    (folder / "embedding.msgpack").write_bytes(serialization.to_bytes(big))


def write_exports(folder: Path) -> None:
    shape = jax.ShapeDtypeStruct((3, 3), jnp.float32)
    functions = {
        "sine": jnp.sin,
        "solve": lambda a: jnp.linalg.solve(a + jnp.eye(3), a),
        "svd": lambda a: jnp.linalg.svd(a, compute_uv=False),
        "random": lambda a: a + jax.random.normal(jax.random.key(0), (3, 3)),
        "loop": lambda a: jax.lax.fori_loop(0, 3, lambda _, x: x @ a, a),
    }
    for name, function in functions.items():
        exported = export.export(jax.jit(function))(shape)
        (folder / f"{name}.jax").write_bytes(exported.serialize())
        (folder / f"{name}.mlirbc").write_bytes(exported.mlir_module_serialized)
        (folder / f"{name}.mlir").write_text(exported.mlir_module())


def write_matlab(folder: Path) -> None:
    variables = {
        "weights": np.random.default_rng(0).normal(size=(20, 30)),
        "labels": np.array(["cat", "dog"], dtype=object),
        "options": {"rate": 0.1, "name": "adam", "layers": [1, 2, 3]},
        "mask": np.array([True, False]),
    }
    scipy.io.savemat(folder / "plain.mat", variables)
    scipy.io.savemat(folder / "packed.mat", variables, do_compression=True)
    theirs = Path(scipy.io.__file__).parent / "matlab" / "tests" / "data"
    # What SciPy tests its own reader with; some are broken on purpose, and say so in their names.
    for path in sorted(theirs.glob("test*.mat")):
        if not any(word in path.name for word in ("corrupt", "malformed", "bad", "nested_depth")):
            shutil.copy(path, folder / path.name)


def main() -> None:
    folder = Path(sys.argv[1])
    for write in (write_flax, write_exports, write_matlab):
        write(folder)


if __name__ == "__main__":
    main()
