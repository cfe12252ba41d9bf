"""Fails on an arrow between crates that points up, and on a circle between the modules of a crate.

`python3 .ci/house.py`: reads Cargo.toml and the `use`d paths of the sources; tests within files are left out.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# each crate may use those before it
FLOORS = ["stepwell", "stepwell-deep", "stepwell-lab", "stepwell-store", "stepwell-plot", "stepwell-cli"]
NEIGHBORS = [{"stepwell-store", "stepwell-plot"}]


def arrows_up(crate):
    text = (ROOT / "crates" / crate / "Cargo.toml").read_text()
    dependencies = text.split("[dependencies]", 1)[-1].split("\n[dev-dependencies]")[0]
    used = set(re.findall(r"^(stepwell[a-z-]*) *=", dependencies, re.M))
    for other in sorted(used - {crate}):
        if FLOORS.index(other) >= FLOORS.index(crate) or {crate, other} in NEIGHBORS:
            yield f"crates/{crate} uses {other}, which stands above or beside it"


def module_of(path, source):
    parts = list(path.relative_to(source).with_suffix("").parts)
    if parts[-1] in ("mod", "lib", "main"):
        parts.pop()
    return tuple(parts)


def without_tests(text):
    text = re.sub(r"//[^\n]*", "", text)
    at = text.find("#[cfg(test)]")
    return text if at < 0 else text[:at]


def paths_of(tree, prefix=()):
    """The leaves of a `use` tree: `a::{b, c::d}` is `a::b` and `a::c::d`."""
    tree = tree.strip()
    at = tree.find("{")
    if at < 0:
        yield prefix + tuple(part.strip().split(" as ")[0] for part in tree.split("::"))
        return
    head = tuple(part for part in tree[:at].split("::") if part.strip())
    depth, start, body = 0, at + 1, tree[at + 1 : tree.rfind("}")]
    piece = ""
    for c in body + ",":
        depth += (c == "{") - (c == "}")
        if c == "," and depth == 0:
            if piece.strip():
                yield from paths_of(piece, prefix + tuple(part.strip() for part in head))
            piece = ""
        else:
            piece += c


def graph(crate):
    source = ROOT / "crates" / crate / "src"
    files = {module_of(path, source): path for path in sorted(source.rglob("*.rs"))}
    texts = {module: without_tests(path.read_text()) for module, path in files.items()}
    # what a front page says of its children is the child's: `pub use child::{A, B}`
    told_by = {}
    for module, text in texts.items():
        for tree in re.findall(r"\bpub(?:\([a-z]+\))?\s+use\s+([^;]*);", text):
            for parts in paths_of(tree):
                parts = parts[1:] if parts[0] == "self" else parts
                if module + parts[:1] in files:
                    told_by[module + parts[-1:]] = module + parts[:1]
    arrows = {}
    for module, text in texts.items():
        used = set()
        for tree in re.findall(r"\buse\s+((?:crate|super|self)\b[^;]*);", text):
            used.update(paths_of(tree))
        for found in re.findall(r"\b(?:crate|super)(?:::\w+)+", re.sub(r"\buse\s[^;]*;", "", text)):
            used.add(tuple(found.split("::")))
        targets = set()
        for parts in used:
            parts = list(parts)
            place = list(module)
            if parts[0] == "crate":
                place, parts = [], parts[1:]
            while parts and parts[0] == "super":
                place, parts = place[:-1], parts[1:]
            if parts and parts[0] == "self":
                parts = parts[1:]
            whole = place + parts
            # the deepest file on the path; what a folder re-exports is the folder's
            target = max((tuple(whole[:k]) for k in range(len(whole) + 1) if tuple(whole[:k]) in files), key=len)
            while (told := told_by.get(target + tuple(whole[len(target) : len(target) + 1]))) and told != target:
                target, whole = told, list(told) + whole[-1:]
            # a folder's own front page may speak of its children, and they of each other
            if target != module and target != () and target[: len(module)] != module:
                targets.add(target)
        arrows[module] = targets
    # a folder stands for all that is in it, as seen from outside
    return arrows


def circle(arrows):
    state, trail = {}, []

    def visit(node):
        state[node] = 1
        trail.append(node)
        for target in sorted(arrows.get(node, ())):
            if state.get(target) == 1:
                return trail[trail.index(target) :] + [target]
            if target not in state and (found := visit(target)):
                return found
        trail.pop()
        state[node] = 2

    for node in sorted(arrows):
        if node not in state and (found := visit(node)):
            return found


def main():
    faults = []
    for crate in FLOORS:
        if not (ROOT / "crates" / crate).exists():
            continue
        faults += arrows_up(crate)
        if found := circle(graph(crate)):
            faults.append(f"crates/{crate}: a circle of modules: " + " -> ".join("::".join(node) for node in found))
    print("\n".join(faults) or "the house: arrows point down, no circles")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
