"""Makes one site of pages that stand in several places: the repository's own pages become pages of it, and links between them stay true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
TOP_PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages at the top of the repository, and every file outside ``docs`` that a page links to."""
    for name in TOP_PAGES:
        files.append(File.generated(config, name, content=(ROOT / name).read_text()))
    linked = {path for file in files.documentation_pages() for path in _outside(file)}
    for path in sorted(linked):
        files.append(File.generated(config, f"files/{_name(path)}", content=path.read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turns links that leave ``docs`` into links inside the site."""
    del config, files
    base = _place(page.file)
    depth = page.file.src_uri.count("/")

    def mend(found: re.Match[str]) -> str:
        target, anchor = found.group(2), found.group(3) or ""
        if "://" in target or target.startswith("mailto:"):
            return found.group(0)
        path = (base / target).resolve()
        if path.is_dir() or not path.exists() or not path.is_relative_to(ROOT):
            return found.group(0)
        return f"{found.group(1)}{'../' * depth}{_uri(path)}{anchor}{found.group(4)}"

    return _LINK.sub(mend, markdown)


def _uri(path: Path) -> str:
    """Where a file of the repository stands in the site."""
    if path.is_relative_to(ROOT / "docs"):
        return str(path.relative_to(ROOT / "docs"))
    if path == ROOT / "README.md":
        return "index.md"
    return path.name if path.name in TOP_PAGES and path.parent == ROOT else f"files/{_name(path)}"


def _outside(file: File) -> set[Path]:
    text = file.content_string
    targets = (_place(file) / found.group(2) for found in _LINK.finditer(text) if "://" not in found.group(2))
    resolved = {target.resolve() for target in targets}
    return {
        path
        for path in resolved
        if path.is_file()
        and path.is_relative_to(ROOT)
        and not path.is_relative_to(ROOT / "docs")
        and not (path.parent == ROOT and path.suffix == ".md")
    }


def _place(file: File) -> Path:
    """The folder that a page's links start from."""
    if file.src_uri in TOP_PAGES:
        return ROOT
    if file.src_uri.startswith("files/"):
        return ROOT / Path(file.src_uri.removeprefix("files/").replace("__", "/")).parent
    return (ROOT / "docs" / file.src_uri).parent


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT)).replace("/", "__")
