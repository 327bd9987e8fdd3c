from pathlib import Path

import pytest

from tacit.encoders.opening import open_encoders
from tacit.encoders.source import parse
from tacit.errors import EncoderError


def test_sources_say_kind_model_file_and_options():
    found = parse("timm:vit_small_patch14_dinov2.lvd142m@dir/w.safetensors,size=98,by=order")
    assert (found.kind, found.model) == ("timm", "vit_small_patch14_dinov2.lvd142m")
    assert found.file == Path("dir/w.safetensors")
    assert found.options == {"size": "98", "by": "order"}
    assert parse("timm:resnet18").file is None
    assert parse("onnx:a,b.onnx,mean=0.5/0.5/0.5").file == Path("a,b.onnx")
    assert parse("features:C:/x.csv").file == Path("C:/x.csv")


def test_names_are_short_and_never_a_path():
    assert parse("timm:resnet18@/home/me/w.pth").name == "resnet18"
    assert parse("onnx:/home/me/my encoder.onnx,size=96").name == "my-encoder-96"
    assert parse("features:../../x.npy").name == "x"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("resnet18", "none of timm:NAME"),
        ("tim:resnet18", "Did you mean 'timm:resnet18'"),
        ("timm:", "names nothing"),
        ("timm:resnet18@", "names nothing"),
        ("onnx:", "names nothing"),
        ("onnx:f.onnx,colour=red", "'colour' is no option of onnx; options: size"),
        ("onnx:f.onnx,size=3,size=4", "said twice"),
        ("features:f.txt", "read from .npy, .csv, .parquet"),
        ("features:f.npy,size=3", "options: none"),
    ],
)
def test_what_is_none_is_refused_with_the_choices(text, said):
    with pytest.raises(EncoderError, match=said):
        parse(text)


def test_two_of_one_name_are_refused(tmp_path):
    with pytest.raises(EncoderError, match="both called 'own'"):
        open_encoders([f"features:{tmp_path}/a/own.npy", f"features:{tmp_path}/b/own.npy"])
