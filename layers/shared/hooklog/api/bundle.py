"""Joins ES modules into one, so that a browser loads what it needs at once with one request.

Each module becomes a function that returns what it exports. It reads only the forms that the page's modules have:
`import { a, b } from "./file.js";` and exported declarations, each at the start of a line. There must be no cycles.
"""

import re
from collections.abc import Iterator, Mapping

IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"\./([^"]+)";\n', re.MULTILINE)
"""Not import(), which loads on demand."""
EXPORT = re.compile(
    r"^export (?=(?:(?:async )?function\*?|class|const|let) (?:(\w+)|[\[{]([^\]}]*)[\]}]))", re.MULTILINE
)
UNKNOWN = re.compile(r"^(?:import|export)\b(?!\().*", re.MULTILINE)


class UnknownSyntaxError(Exception):
    """A module imports or exports in another form, or imports itself."""


class Bundler:
    """The modules of a page whose entry every other module may use.

    Args:
        files: The modules' texts by name.
        entry: The module that the page loads first.
    """

    def __init__(self, files: Mapping[str, str], entry: str) -> None:
        self._files = files
        self._entry = entry
        self._first = list(self._list_modules(entry))

    def bundle(self, name: str) -> str:
        """Return a module with all that it imports, except what the entry contains already.

        A module of the entry is returned as one that exports what the entry contains, so that it exists only once.

        Raises:
            UnknownSyntaxError: A module has an import or an export that this class does not read.
        """
        if name == self._entry:
            return self._join(self._first) + f"export {{ {', '.join(map(_name, self._first))} }};\n"
        own = [each for each in self._list_modules(name) if each not in self._first]
        used = {each for module in own for each in self._reach(module)} if own else {name}
        needed = sorted(used.intersection(self._first))
        head = f'import {{ {", ".join(map(_name, needed))} }} from "./{self._entry}";\n' if needed else ""
        exported = ", ".join(_list_exports(self._files[name]))
        return f"{head}{self._join(own)}export const {{ {exported} }} = {_name(name)};\n"

    def _reach(self, name: str) -> list[str]:
        return [name, *(imported for _, imported in IMPORT.findall(self._files[name]))]

    def _list_modules(self, name: str, importing: tuple[str, ...] = ()) -> Iterator[str]:
        """Yield all that a module imports, each before the modules that import it, and the module last."""
        if name in importing:
            raise UnknownSyntaxError(f"{name} imports itself, through {', '.join(importing)}")
        seen = set()
        for imported in self._reach(name)[1:]:
            for each in self._list_modules(imported, (*importing, name)):
                if each not in seen:
                    seen.add(each)
                    yield each
        yield name

    def _join(self, names: list[str]) -> str:
        return "".join(f"const {_name(name)} = (() => {{\n{self._wrap(name)}}})();\n" for name in names)

    def _wrap(self, name: str) -> str:
        text = self._files[name]
        body = EXPORT.sub("", IMPORT.sub(_replace_import, text))
        if unknown := UNKNOWN.search(body):
            raise UnknownSyntaxError(f"{name}: {unknown[0]}")
        return f"{body}return {{ {', '.join(_list_exports(text))} }};\n"


def _name(file: str) -> str:
    """Return the name that a module's exports have in the bundle."""
    return "$" + file.removesuffix(".js").replace("-", "_")


def _replace_import(found: re.Match[str]) -> str:
    names, file = found.groups()
    return f"const {{ {' '.join(names.replace(' as ', ': ').split())} }} = {_name(file)};\n" if names else ""


def _list_exports(text: str) -> list[str]:
    return [name for one, several in EXPORT.findall(text) for name in (one, *re.findall(r"\w+", several)) if name]
