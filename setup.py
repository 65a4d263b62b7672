"""Everything about the project is in pyproject.toml; this file only adds the optional C kernels.

`optional=True`: where there is no compiler the build goes on without it, and isogain draws the same
bits, and measures the same numbers, with NumPy.  The stable ABI makes one wheel serve every Python
from 3.11 on.
"""

import sysconfig
from pathlib import Path

from setuptools import Extension, setup

free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def kernel(name: str) -> Extension:
    """The C of one module, which lies beside what calls it."""
    source = Path("src", *name.split(".")).with_suffix(".c")
    return Extension(
        name,
        sources=[str(source)],
        depends=sorted(map(str, source.parent.glob("*.h"))),
        define_macros=[] if free_threaded else [("Py_LIMITED_API", "0x030B0000")],
        py_limited_api=not free_threaded,
        extra_compile_args=["-O3", "-std=c11", "-ffp-contract=off"],
        optional=True,
    )


setup(
    ext_modules=[kernel("isogain.drawing._native"), kernel("isogain.torch.measure._numbers")],
    options={} if free_threaded else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
