"""Names and words of the project, checked: `python -m tests.house_style [FILE OR FOLDER ...]` prints each place.

The rules stand in CONTRIBUTING.md. Code is read as a syntax tree; words are searched only in what people read: strings,
docstrings, comments, pages, templates and scripts, never in applied migrations, samples or names of code.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
# what older versions wrote, what clients sent, and this list itself
EXEMPT = re.compile(
    r"sql/migrations/|tests/upgrade/version_|tests/samples/|demo/samples/|tests/house_style\.py|LICENSE"
)
PRODUCT_FOLDERS = ("systemscripts", "jobscripts", "webconsole", "demo", "bench")
READ_SUFFIXES = frozenset(
    (".py", ".md", ".html", ".sh", ".bash", ".bats", ".yaml", ".sql", ".txt", ".example", ".cron", ".css", ".js")
)

# a function is verb and object; these stand alone for what they are in every code base
PLAIN_FUNCTIONS = {"main", "setup", "teardown", "read", "put", "cut", "set"}
_IRREGULAR_PARTICIPLES = (
    "made found shown kept left sent read known taken seen told given done gone begun written held met "
    "put set cut drawn chosen hidden broken bound born built caught dealt fed felt grown heard laid led "
    "lent lost meant paid said sold spent split stuck thought understood won worn "
)
PARTICIPLES = frozenset(_IRREGULAR_PARTICIPLES.split())
QUESTION = re.compile(
    r"_*(is|has|have|are|was|were|can|may|must|should|will|does|do|did|needs|need|allows|accepts|matches|contains|exists|knows"
    r"|looks|starts|ends|wants|holds|fits|belongs|supports|recognises|applies|includes|uses|equals|differs|requires|try)(_|$)"
)
# modules that share a name -> why a search for the name does not mislead
SAME_NAMES = {
    "systemscripts/configuration/source_options/api systemscripts/sources/types/api": "a type of source, its options",
    "systemscripts/configuration/source_options/http systemscripts/sources/types/http": "as api",
    "systemscripts/configuration/source_options/mail systemscripts/sources/types/mail systemscripts/targets/types/mail":
        "a type of source and of target, its options",
    "systemscripts/configuration/source_options/store systemscripts/sources/types/store "
    "systemscripts/targets/types/store": "a type of source and of target, its options",
    "systemscripts/configuration/source_options/local systemscripts/sources/types/local": "as api",
    "systemscripts/configuration/source_options/archive systemscripts/sources/types/archive": "as api",
    "systemscripts/configuration/source_options/sftp systemscripts/sources/types/sftp systemscripts/targets/types/sftp":
        "a type of source and of target, its options",
    "systemscripts/s3 systemscripts/sources/types/s3 systemscripts/targets/types/s3":
        "a type of source and of target, and their client",
    "systemscripts/certificates systemscripts/monitoring/checks/certificates": "monitoring checks what the other reads",
    "systemscripts/settings/clock systemscripts/monitoring/checks/clock": "monitoring checks what the other reads",
    "jobscripts/database systemscripts/monitoring/checks/database": "the commands for the database, and its check",
    "jobscripts/datasets webconsole/queries/datasets": "the commands for datasets, and the queries of their pages",
    "jobscripts/secret systemscripts/secret": "the script is the command line of the module",
    "systemscripts/datasets/changes systemscripts/reports/parts/changes": "a report shows what the other finds",
    "systemscripts/reports/charts webconsole/charts": "charts of mails, and of pages",
    "systemscripts/db_utils/connection systemscripts/ssh/connection": "to PostgreSQL, and to an SSH server",
    "systemscripts/mail/session systemscripts/ssh/session": "with a mail server, and with an SSH server",
    "systemscripts/sources/meetmax/download systemscripts/ssh/download": "of a company list, and by SSH",
    "systemscripts/settings/model systemscripts/tables/model": "the data classes of settings, and of tables",
    "systemscripts/datasets/overview systemscripts/schedules/overview":
        "of datasets, and of schedules",
    "webconsole/api/sign_in webconsole/pages/sign_in": "the route for programs, and the page",
}  # fmt: skip
VAGUE_VARIABLES = {"found", "place", "kind", "each", "wanted", "made", "goal", "ending", "look"}

WORDS = {
    r"\bmend(s|ed|ing)?\b": "fix",
    r"(?<!there )(?<!There )\b(is|are|was|were) no\b(?! longer| more than| fewer| less| one\b)": "is not a ...",
    r"\bis no text\b": "invalid characters",
    r"\bholds? no tables?\b": "contains no table",
    r"\b(tells?|told) of\b": "reports",
    r"\bno more\b(?! than)": "no longer",
    r"\bun-set\b": "removed",
    r"\blets us in\b": "login succeeded",
    r"\bended over its head\b": "terminated",
    r"\b(breaks?|broke|broken|breaking) off\b": "was interrupted, is truncated",
    r"\bwants to be\b": "asked to be",
    r"\bgo(es)? on from there\b": "resumes",
    r"\bwhen it rests\b": "when it has stopped changing",
    r"\bkept aside\b": "set aside",
    r"\bput away\b": "archived",
    r"\bnear its end\b": "expires",
    r"\bbad since\b": "failing since",
    r"\bstill bad\b": "still failing",
    r"\bworks again\b": "recovered",
    r"\bwhat is bad\b": "problems",
    r"\b(does|do) away with\b": "removes",
    r"\bfar fewer rows are right\b": "accept an unusually small file",
    r"\bmade[- ]up\b": "sample, generated",
    r"\bcannot be looked at\b": "could not be checked",
    r"\bhad (its|their) time\b": "expired",
    r"\bturned over\b": "rotated",
    r"\bst(and|ands|anding|ood) in the way\b": "depends on",
    r"\banew\b": "again, from scratch",
    r"\bwhoever\b": "readers, the one who",
    r"\bnobody\b": "no one",
    r"\bsomebody\b": "someone",
    r"\bhis\b": "their",
    r"\ba word of\b": "message",
    r"\bhangs? on\b": "depends on",
    r"\b[Aa] year in the life\b": "Operations",
    r"\bthe way back\b": "Restore",
}
_WORDS = [(re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in WORDS.items()]


@dataclass(frozen=True)
class Place:
    """One place that does not follow a rule."""

    rule: str
    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


def project_files() -> list[Path]:
    """The files of the repository that people read or run, without what is exempt."""
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    kept = (line for line in listed.split("\n") if line and not EXEMPT.search(line))
    return [PROJECT / line for line in kept if Path(line).suffix in READ_SUFFIXES and (PROJECT / line).is_file()]


def check_module_names(files: list[Path]) -> Iterator[Place]:
    """Name the modules of the product called by a word in -ing, and those that share a name without a reason."""
    allowed = {path: group for group in SAME_NAMES for path in group.split()}
    first_paths: dict[str, str] = {}
    for path in files:
        relative = path.relative_to(PROJECT)
        if path.suffix != ".py" or relative.parts[0] not in PRODUCT_FOLDERS:
            continue
        if path.stem.endswith("ing"):
            yield Place("module in -ing", str(relative), 1, path.stem)
        # The demo and the measurements are named after what they show.
        if path.stem != "__init__" and relative.parts[0] not in ("bench", "demo"):
            module = str(relative.with_suffix(""))
            first = first_paths.setdefault(path.stem, module)
            if first != module and (module not in allowed or allowed[module] != allowed.get(first)):
                yield Place("two modules of one name", str(relative), 1, first)


def check_code(path: Path) -> Iterator[Place]:
    """Name functions that are a bare participle or noun, booleans that are not a question, and vague variables."""
    relative = str(path.relative_to(PROJECT))
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("__"):
            yield from _check_function(node, relative)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in VAGUE_VARIABLES:
            yield Place("vague variable", relative, node.lineno, node.id)
        elif isinstance(node, ast.arg) and node.arg in VAGUE_VARIABLES:
            yield Place("vague variable", relative, node.lineno, node.arg)


def _check_function(node: ast.FunctionDef | ast.AsyncFunctionDef, path: str) -> Iterator[Place]:
    words = node.name.strip("_").split("_")
    decorated = any(isinstance(each, ast.Name) and "property" in each.id for each in node.decorator_list)
    is_participle = words[0] in PARTICIPLES or re.search(r"(ed|ing)$", words[0])
    if len(words) == 1 and is_participle and not decorated and words[0] not in PLAIN_FUNCTIONS:
        yield Place("bare participle", path, node.lineno, node.name)
    is_boolean = isinstance(node.returns, ast.Name) and node.returns.id == "bool"
    if is_boolean and not QUESTION.match(node.name) and not path.startswith("tests/"):
        yield Place("boolean is not a question", path, node.lineno, node.name)


def check_words(path: Path) -> Iterator[Place]:
    """Name the words that a reader has to decode."""
    relative = str(path.relative_to(PROJECT))
    for line, text in _read_text(path):
        for pattern, instead in _WORDS:
            for match in pattern.finditer(text):
                line_of_match = line + text.count("\n", 0, match.start())
                yield Place("word", relative, line_of_match, f"{' '.join(match[0].split())!r}, better: {instead}")


def _read_text(path: Path) -> Iterator[tuple[int, str]]:
    """What people read of a file, with the line where each piece begins."""
    text = path.read_text()
    if path.suffix != ".py":
        yield 1, text
        return
    kinds = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in kinds:
            yield token.start[0], token.string


def check_project(below: list[Path] | None = None) -> list[Place]:
    """Every place in the project, or in some of its files and folders."""
    files = project_files()
    if below:
        files = [path for path in files if any(path == each or each in path.parents for each in below)]
    places = list(check_module_names(files))
    for path in files:
        if path.suffix == ".py":
            places += check_code(path)
        places += check_words(path)
    return places


if __name__ == "__main__":
    found = check_project([Path(argument).resolve() for argument in sys.argv[1:]])
    print(*found, sep="\n")
    print(f"{len(found)} places")
