"""Valid files that mutations start from."""

import gzip
import io
import json
import struct
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from tacit.models.config import ModelConfig, build
from tacit.saved.about import About, Data, Measured
from tacit.saved.folder import Saved, save
from tacit.saved.form import Form
from tacit.streams import seeded_initialisation
from tacit.studies.description.named import builtin_names, study_text

SIDE = 4


def studies() -> list[bytes]:
    """The built-in studies and one that names most keys."""
    own = """
title: t
seeds: [0, 1]
snapshots: [1, 2]
defaults: {latent_dim: 4, epochs: 2}
images: {source: digits, train_size: 80, size: 8, channels: gray}
runs:
  a: {learn: vae, likelihood: {kind: bernoulli, binarize: none}, objective: {kind: iwae}}
  p: {learn: vae, posterior: {kind: per-image, updates: 2}, phases: [{epochs: 1, rate: 0.1}]}
  c: {learn: classifier, network: pool, train: {per_class: 2, draws: 2, small_classes: whole}}
  d: {learn: autoencoder, encoder: {from: a, frozen: true}, latent_dim: 4}
questions:
  - classifier: {run: c, heading: "x"}
origins: {latent_dim: "assumed: small"}
"""
    return [study_text(name)[1].encode() for name in builtin_names()] + [own.encode()]


def idx_files() -> list[bytes]:
    """Images and labels, plain and packed."""
    images = struct.pack(">4B3I", 0, 0, 8, 3, 3, SIDE, SIDE) + bytes(range(3 * SIDE * SIDE))
    labels = struct.pack(">4BI", 0, 0, 8, 1, 3) + bytes(3)
    floats = struct.pack(">4B2I", 0, 0, 0x0D, 2, 2, 2) + bytes(16)
    return [images, labels, floats, gzip.compress(images, mtime=0)]


def pictures() -> list[bytes]:
    """Small images of the five formats, in the modes and with the metadata that are decoded."""
    rng = np.random.default_rng(0)
    grey = Image.fromarray(rng.integers(0, 256, (9, 7), dtype=np.uint8))
    colour = Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8))
    deep = Image.fromarray(rng.integers(0, 65536, (9, 7), dtype=np.uint16))
    turned = Image.Exif()
    turned[274] = 6
    text = PngImagePlugin.PngInfo()
    text.add_text("a", "b" * 20, zip=True)
    made = [
        (grey, "PNG", {"pnginfo": text}),
        (colour, "PNG", {"exif": turned}),
        (deep, "PNG", {}),
        (colour.quantize(4), "PNG", {"transparency": 1}),
        (colour.convert("RGBA"), "PNG", {}),
        (grey.convert("1"), "PNG", {}),
        (colour, "PNG", {"save_all": True, "append_images": [colour.transpose(0)]}),
        (colour, "JPEG", {"exif": turned}),
        (grey, "JPEG", {"progressive": True}),
        (colour.convert("CMYK"), "JPEG", {}),
        (colour, "BMP", {}),
        (colour.quantize(4), "BMP", {}),
        (colour, "TIFF", {"exif": turned}),
        (deep, "TIFF", {"compression": "tiff_lzw"}),
        (grey.convert("F"), "TIFF", {}),
        (grey, "TIFF", {"compression": "tiff_adobe_deflate"}),
        (colour.convert("CMYK"), "TIFF", {"compression": "packbits"}),
        (colour, "WEBP", {}),
        (colour.convert("RGBA"), "WEBP", {"lossless": True, "exif": turned}),
    ]
    return [_encoded(*one) for one in made]


def _encoded(image: Image.Image, kind: str, options: dict[str, object]) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def arrays() -> list[bytes]:
    """.npy and .npz files."""
    x = np.arange(2 * SIDE * SIDE, dtype=np.uint8).reshape(2, SIDE, SIDE)
    found = []
    for array in (x, x / np.float32(255), np.asfortranarray(x.astype(np.uint16)), x > 3):
        stream = io.BytesIO()
        np.save(stream, array)
        found.append(stream.getvalue())
    for save_all in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save_all(stream, x=x, y=np.array(["cat", "dog"]), x_test=x, y_test=np.array(["dog", ""]))
        found.append(stream.getvalue())
    return found


def models() -> list[bytes]:
    """Model folders as one string: the length of config.json, that file, the weights."""
    found = []
    for table in (
        {"learn": "vae", "network": {"kind": "dense", "hidden": [3]}},
        {"learn": "classifier", "n_classes": 2, "network": {"kind": "dense", "hidden": [3]}},
    ):
        config = ModelConfig.model_validate({"shape": (1, 2, 2), "latent_dim": 2} | table)
        with seeded_initialisation(0):
            model = build(config)
        about = About(
            model=config,
            classes=("a", "b") if config.n_classes else (),
            data=Data(source="squares", n=5, sha256="0" * 64),
            measured=(Measured(split="test", term="loss", value=1.5, standard_error=0.1, n=40),),
        )
        with tempfile.TemporaryDirectory() as folder:
            save(folder, Saved(model, Form("nchw", config.shape), about))
            config_json = json.dumps(json.loads((Path(folder) / "config.json").read_bytes()))
            weights = (Path(folder) / "model.safetensors").read_bytes()
        found.append(struct.pack("<H", len(config_json)) + config_json.encode() + weights)
    return found


def tables() -> list[bytes]:
    """labels.csv files for the images cat/1.png, dog/2.png and 3.png."""
    return [
        b"path,label\ncat/1.png,cat\ndog/2.png,dog\n",
        b'\xef\xbb\xbfpath,label,split\n"cat/1.png",a,train\ndog/2.png,b,test\n3.png,,\n',
        b"path,label\n../secret.png,x\n/etc/passwd,y\n./cat/1.png,cat\n\n",
    ]
