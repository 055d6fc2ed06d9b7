"""Generates the modules beside the .proto files; with --check only says whether they are as generated."""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
_NO_LINTING = '# ruff: noqa\n# fmt: off\n# mypy: disable-error-code="type-arg"\n'
_COMMON, _OWN = "_descriptor_pool.Default()", "_descriptor_pool.DescriptorPool()"


def main(arguments: list[str]) -> int:
    """0: as generated; 1: not so, and with --check left as it was."""
    stale = [path for path, text in generated() if not path.exists() or path.read_text() != text]
    if not stale:
        return 0
    if "--check" in arguments:
        print(f"not as generated: {', '.join(path.name for path in stale)}; run: make protos", file=sys.stderr)
        return 1
    for path, text in generated():
        path.write_text(text)
    return 0


def generated() -> Iterator[tuple[Path, str]]:
    """Each file and what it must hold. Raises RuntimeError when a .proto is wrong."""
    from grpc_tools import protoc

    sources = sorted(HERE.glob("*.proto"))
    with TemporaryDirectory() as folder:
        where = [f"-I{HERE}", f"--python_out={folder}", f"--pyi_out={folder}"]
        if protoc.main(["protoc", *where, *map(str, sources)]) != 0:
            raise RuntimeError("protoc does not take the .proto files; it has said why")
        for path in sorted(Path(folder).iterdir()):
            yield HERE / path.name, _NO_LINTING + path.read_text().replace(_COMMON, _OWN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
