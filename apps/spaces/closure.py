"""What an app really reaches: modules, packages, weights and other files, read from the sources and never listed by hand.

Modules are followed through every import, also those inside functions. Four things stand in no import, and are read
from where they are said:

- weights: a module that uses core.weights or core.catalog names its entries in string constants: `weights.load("bears")`,
  a tuple `WEIGHTS = ("bears", "backbone")`, an f-string such as f"style-{name}", or `name.startswith("style-")`; where it
  opens what it is told, so do the modules that import it
- files beside the code: expressions that begin at `__file__`, at `registry.ROOT` or at another module's constant
- packages that are loaded by name: `NEEDS = ("psycopg",)` in the module that makes use of them; Debian's: `APT = ("ffmpeg",)`
- the page, the core, the endpoints, the examples and the card of an app: its row in the registry
"""

import ast
import fnmatch
import functools
import re
import sys
from dataclasses import dataclass, field

from apps.registry import ROOT
from core import catalog

OURS = ("apps", "core")
OPENING = {f"weights.{name}" for name in ("load", "find", "installed", "card")}
FOLDERS = [ROOT / name for name in ("assets", *OURS)]
BY_NAME = [ROOT / "assets" / name for name in ("weights", "examples", "shots")]  # given out by the catalogue and the registry


@dataclass
class Closure:
    """modules and files are paths below the root; packages are names as they are imported; needs are names as they are installed."""

    modules: dict = field(default_factory=dict)  # dotted name -> path
    packages: set = field(default_factory=set)
    needs: set = field(default_factory=set)
    apt: set = field(default_factory=set)  # Debian packages
    weights: set = field(default_factory=set)  # names in catalog.ENTRIES
    installed: set = field(default_factory=set)  # names in catalog.INSTALLED
    slugs: set = field(default_factory=set)  # apps that a module looks up
    variables: set = field(default_factory=set)  # of the environment
    files: set = field(default_factory=set)


def closure(source, modules=()):
    """The Closure of a program's text, and of modules that it opens by name."""
    found, waiting = Closure(), [*modules]
    waiting += _take(found, Source(None, source))
    while waiting:
        name = waiting.pop()
        path = module_path(name)
        if path is None or name in found.modules:
            continue
        found.modules[name] = path
        parent = name.rpartition(".")[0]
        waiting += [parent] if parent else []
        waiting += _take(found, source_of(path))
    _take_weights(found, [Source(None, source), *map(source_of, found.modules.values())])
    return found


def _take_weights(found, sources):
    """Note the weights that the sources name: those that open some, and those that hand a name to one that opens what it is told."""
    told = {name for name, path in found.modules.items() if source_of(path).opens_what_it_is_told()}
    for source in sources:
        if source.uses_weights() or told & {*source.imports}:
            found.weights |= source.names_among(catalog.ENTRIES)
            found.installed |= source.names_among(catalog.INSTALLED)


def _take(found, source):
    """Note what one source says; -> the names of our modules that it may import."""
    found.packages |= {name.split(".")[0] for name in source.imports if name.split(".")[0] not in (*sys.stdlib_module_names, *OURS, "__future__")}
    found.needs |= source.statement("NEEDS")
    found.apt |= source.statement("APT")
    found.slugs |= source.arguments_of("registry.find")
    found.variables |= source.variables()
    more = []
    for path in source.files():
        if path.suffix == ".py":
            name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
            more += [name] if module_path(name) else []
        found.files.add(path)
        if path.suffix == ".py" and not more[-1:]:
            more += _take(found, source_of(path))
    return more + [name for name in source.imports if name.split(".")[0] in OURS]


def module_path(name):
    """core.rag.answer -> its file, core.rag -> its __init__.py, anything else -> None."""
    place = ROOT.joinpath(*name.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


@functools.cache
def source_of(path):
    return Source(path, path.read_text(encoding="utf-8"))


class Source:
    """One Python file, parsed: what it imports and says."""

    def __init__(self, path, text):
        self.path = path
        tree = ast.parse(text)
        tree.body = [node for node in tree.body if not _is_main(node)]
        self.tree, self.nodes = tree, list(ast.walk(tree))
        self.imports, self.aliases = [], {}  # aliases: name here -> dotted name there
        for node in self.nodes:
            if isinstance(node, ast.Import):
                self.imports += [alias.name for alias in node.names]
                self.aliases |= {alias.asname or alias.name.split(".")[0]: alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                self.imports += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                self.aliases |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        self.constants = {n.targets[0].id: n.value for n in tree.body if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)}

    def uses_weights(self):
        return self.path not in (ROOT / "core" / "weights.py", ROOT / "core" / "catalog.py") and {"core.weights", "core.catalog"} & {*self.imports}

    def opens_what_it_is_told(self):
        """Whether it calls a function of core.weights with a name that is not written there."""
        calls = [node for node in self.nodes if isinstance(node, ast.Call) and node.args and ast.unparse(node.func) in OPENING]
        return self.uses_weights() and any(not isinstance(node.args[0], (ast.Constant, ast.JoinedStr)) for node in calls)

    def texts(self):
        return {node.value for node in self.nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}

    def names_among(self, names):
        """Which of the names this source says, whole, by an f-string's fixed parts, or by their beginning."""
        texts, patterns = self.texts(), []
        for node in self.nodes:
            if isinstance(node, ast.JoinedStr):
                parts = [p.value if isinstance(p, ast.Constant) else None for p in node.values]
                if any(parts):
                    patterns.append("".join(".+" if part is None else re.escape(part) for part in parts))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith" and node.args:
                if isinstance(node.args[0], ast.Constant) and node.args[0].value:
                    patterns.append(re.escape(str(node.args[0].value)) + ".*")
        return {name for name in names if name in texts or any(re.fullmatch(pattern, name) for pattern in patterns)}

    def statement(self, name):
        """The strings in a tuple that the module assigns to `name`."""
        value = self.constants.get(name)
        return {item.value for item in value.elts} if isinstance(value, ast.Tuple) else set()

    def arguments_of(self, function):
        """The first arguments, where they are text, of every call of `function`, which is written as here."""
        calls = [node for node in self.nodes if isinstance(node, ast.Call) and node.args and ast.unparse(node.func) == function]
        return {node.args[0].value for node in calls if isinstance(node.args[0], ast.Constant)}

    def variables(self):
        """Names of the environment's variables that it reads."""
        read = self.arguments_of("os.environ.get") | self.arguments_of("os.getenv")
        for node in self.nodes:
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ" and isinstance(node.slice, ast.Constant):
                read |= {node.slice.value} if isinstance(node.ctx, ast.Load) else set()
        return read

    def files(self):
        """Files that its path expressions name."""
        if self.path is None or self.path in (ROOT / "apps" / "registry.py", ROOT / "core" / "weights.py"):
            return set()
        return {file for place in self._places(self.tree) for file in _files(place)}

    def _places(self, node):
        place = self.place(node) if isinstance(node, ast.expr) else None
        if place is not None:
            return [place]
        return [place for child in ast.iter_child_nodes(node) for place in self._places(child)]

    def place(self, node):
        """An expression -> the Path it stands for, with * for what is known only when it runs; None if it is no path of ours."""
        if isinstance(node, ast.Name):
            if node.id == "__file__" and self.path:
                return self.path
            if node.id in self.constants:
                return self.place(self.constants[node.id])
            return _elsewhere(self.aliases.get(node.id))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            left = self.place(node.left)
            return None if left is None else left / _pattern(node.right)
        if isinstance(node, ast.Attribute):
            if node.attr == "parent":
                inner = self.place(node.value)
                return inner and inner.parent
            return _elsewhere(f"{self.aliases.get(node.value.id)}.{node.attr}") if isinstance(node.value, ast.Name) else None
        if isinstance(node, ast.Call):
            return self._called(node)
        return None

    def _called(self, node):
        if isinstance(node.func, ast.Name) and node.func.id == "Path" and node.args:
            return self.place(node.args[0])
        if not isinstance(node.func, ast.Attribute):
            return None
        inner = self.place(node.func.value)
        if inner is None or node.func.attr == "resolve":
            return inner
        if node.func.attr == "with_name" and node.args:
            return inner.with_name(_pattern(node.args[0]))
        if node.func.attr in ("joinpath", "glob", "rglob") and node.args:
            return inner.joinpath(*(["**"] if node.func.attr == "rglob" else []), *map(_pattern, node.args))
        return inner  # read_text, open, is_file ...: still that place


def _is_main(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def _elsewhere(dotted):
    """The path that a constant of another module of ours stands for."""
    module, _, name = (dotted or "").rpartition(".")
    path = module_path(module) if module.split(".")[0] in OURS else None
    if path is None or name not in source_of(path).constants:
        return None
    return source_of(path).place(source_of(path).constants[name])


def _pattern(node):
    """Part of a path as text; what is not written down becomes *."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    return "*"


def _files(place):
    """A path, a folder or a pattern -> the files of ours that it means."""
    if not place.is_relative_to(ROOT) or place in (ROOT, *FOLDERS, *BY_NAME):
        return []
    found = [place]
    if "*" in str(place):
        found = [path for path in (ROOT / "assets").rglob("*") if fnmatch.fnmatch(str(path), str(place))]
        found = [path for path in found if not any(path.is_relative_to(known) for known in BY_NAME)]
    inside = [file for path in found if path.is_dir() and not (path / "__init__.py").is_file() for file in path.rglob("*")]
    return [file for file in (*found, *inside) if file.is_file() and "__pycache__" not in file.parts]
