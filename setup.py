"""Packaging: what the project is made of, and what workers install."""

from pathlib import Path

from setuptools import find_packages, setup

HOUSE = ("pipelines", "transforms", "models")  # folders at the top here; for whoever installs them, under one import name

CORE = [
    "apache-beam>=2.77,<2.78",  # runner internals are pinned to what was measured
    "attrs>=24.2,<27",  # options: frozen classes whose constructors take text or values
    "filelock>=3.20,<5",
    "imagecodecs>=2026.1.1",  # exact PNG, TIFF and JPEG XL, without the GIL
    "isal>=1.7,<2",  # DEFLATE for PNG, five times as fast as zlib
    "jinja2>=3.1.6,<4",  # pages
    "llvmlite>=0.47",  # loads what numba has compiled; numba says which version
    "numba>=0.65,<1",  # compiles the loops over samples, once for a kind of processor
    "numpy>=2.1,<2.5",
    "onnxruntime>=1.24,<2",
    "pillow>=12.1.1,<13",
    "pyarrow>=18,<26",
    "pyyaml>=6,<7",
    "rich>=14,<16",  # progress and tables on the terminal
    "scikit-image>=0.25,<1",
    "shtab>=1.7,<2",
    "tifffile>=2024.8.10",  # directories of TIFF files; scikit-image brings it too
]
EXTRAS = {
    "openvino": ["openvino>=2026.0,<2027"],
    "bench": ["onnx>=1.19,<2", "opencv-python-headless>=4.11,<6", "openvino>=2026.0,<2027"],
    "train": ["onnx>=1.19,<2", "opencv-python-headless>=4.11,<6", "torch>=2.8,<3"],
    "raw": ["rawpy>=0.26,<1"],
    "gcp": ["apache-beam[gcp]>=2.77,<2.78"],
    "aws": ["apache-beam[aws]>=2.77,<2.78", "obstore>=0.12,<1"],
    "yaml": ["apache-beam[yaml]>=2.77,<2.78"],  # pipelines in Beam YAML
    "prometheus": ["prometheus-client>=0.20,<1"],
    "azure": ["apache-beam[azure]>=2.77,<2.78"],
    "cluster": [  # what tests/cluster needs besides engines
        "apache-beam[aws]>=2.77,<2.78",
        "build>=1.2,<2",  # for --setup_file
        "google-auth-httplib2>=0.2,<1",  # the part of apache-beam[gcp] that stores need: a tenth of it
        "google-cloud-storage>=2.18,<4",
        "grpcio-status>=1.62,<2",  # or importing Beam warns that it is missing
        "moto[server]>=5.1,<6",
        "obstore>=0.12,<1",
        "setuptools>=80",
    ],
    "docs": ["mkdocs>=1.6.1,<2", "mkdocs-material>=9.7,<10", "mkdocstrings[python]>=1,<2", "ruff>=0.14,<1"],
    "test": [
        "build>=1.2,<2",  # makes the wheel that a test installs
        "docstring-parser>=0.15,<1",  # for Beam YAML, whose own extra asks for an old pandas
        "duckdb>=1.2,<2",
        "hypothesis>=6.130,<7",
        "jsonschema>=4,<5",  # for Beam YAML
        "mypy>=1.18,<3",
        "onnx>=1.19,<2",
        "pandas>=2.2,<4",
        "polars>=1.30,<3",
        "prometheus-client>=0.20,<1",
        "playwright>=1.50,<2",  # drives the Chromium that the machine has
        "pytest>=8.4,<10",
        "pytest-cov>=6,<8",
        "pytest-xdist>=3.6,<4",
        "rawpy>=0.26,<1",
        "ruff>=0.14,<1",
        "scipy>=1.13,<2",  # the paired tests are held against its own
        "scipy-stubs>=1.16",
        "types-PyYAML>=6,<7",
        "webdataset>=1,<2",
    ],
}

setup(
    name="dpdeblur",
    version="0.2.0",
    description="Batch deblurring of dual-pixel photographs on CPUs: restored pictures, per-image scores, latency statistics.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "models/metrics/NOTICE"],
    python_requires=">=3.11,<3.15",
    packages=["dpdeblur", *(f"dpdeblur.{name}" for folder in HOUSE for name in find_packages(include=[folder, f"{folder}.*"]))],
    package_dir={f"dpdeblur.{folder}": folder for folder in HOUSE},
    package_data={
        "dpdeblur": ["py.typed"],
        "dpdeblur.models": ["weights/*.onnx", "weights/*.json", "metrics/*.onnx", "metrics/NOTICE"],
        "dpdeblur.pipelines.html": ["templates/*"],
    },
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["dpdeblur = dpdeblur.pipelines.cli:main"]},
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Scientific/Engineering :: Image Processing",
        "Typing :: Typed",
    ],
)
