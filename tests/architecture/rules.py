"""The rules of docs/STYLE.md that ruff, mypy and import-linter cannot say: each returns what is wrong with one file."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

Rule = Callable[[Path, ast.Module], Iterator[str]]

FUNCTION_LINES_MAX = 50
FILE_LINES_MAX = 300
KERNEL = "services/kernel"
COMMITS = {f"{KERNEL}/db.py", f"{KERNEL}/direct.py", f"{KERNEL}/migrate.py"}
COMMITS_OFFSETS = f"{KERNEL}/kafka/loop.py"
SQL_OF_THE_KERNEL = {f"{KERNEL}/{name}.py" for name in ("db", "direct", "partitions", "migrate")} | {
    f"{KERNEL}/kafka/{name}.py" for name in ("inbox", "outbox", "tables")
}
READS_ENVIRONMENT = {f"{KERNEL}/migrate.py"}
# Who may catch everything, and why that improves something.
CATCHES_ALL = {
    f"{KERNEL}/direct.py": "hands every failure to SQLAlchemy, which knows what became of the connection",
    f"{KERNEL}/hot.py": "answers 500 for what nobody foresaw, as the framework does elsewhere, and logs it",
    f"{KERNEL}/kafka/consumer.py": "decides between again, bisect, bury and halt",
    f"{KERNEL}/kafka/outbox.py": "waits out an outage",
    f"{KERNEL}/kafka/producers.py": "closes a producer whose start failed, and raises on",
    f"{KERNEL}/process.py": "waits for what it needs at start; logs what ends the process",
}
# Who may say where a ciphertext lives: a sealing and an opening of the same thing use one function.
NAMES_SEALED_PLACES = {
    f"{KERNEL}/crypto/places.py": "what one service seals and another one opens",
    "services/gateway/places.py": "the gateway's own",
    "services/consent/consents/service.py": "evidence, which consent alone seals",
}
CLOSED_TO_OTHER_SLICES = {"repository", "endpoints", "consumers", "schemas", "metrics"}
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc"}
NAMED_BASE = "services/kernel/contracts/base.py"
SQL_CALLS = {"execute", "scalar", "scalars", "exec_driver_sql", "executemany", "fetch", "fetchrow", "fetchval"}
COMMIT_CALLS = {"commit", "begin", "begin_nested", "rollback"}


def opens_with_one_sentence(path: Path, tree: ast.Module) -> Iterator[str]:
    sentence = (ast.get_docstring(tree) or "").split("\n\n")[0]
    if not sentence.endswith((".", "?", "`", ")")):
        yield "the module must open with a sentence that says what it is for"
    elif re.search(r"[.!?]\s+[A-ZА-Я]", sentence):
        yield "the module's first paragraph must be one sentence"


def is_small(path: Path, tree: ast.Module) -> Iterator[str]:
    if _is_migration(path):
        return
    last = max((node.end_lineno or 0 for node in tree.body), default=0)
    if last > FILE_LINES_MAX:
        yield f"{last} lines; {FILE_LINES_MAX} are where a file is split"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{node.name} has {length} lines; {FUNCTION_LINES_MAX} are where a function is split"


def commits_at_the_edge(path: Path, tree: ast.Module) -> Iterator[str]:
    if path.as_posix() in COMMITS | {COMMITS_OFFSETS} or _is_migration(path):
        return
    for name in _method_calls(tree) & COMMIT_CALLS:
        yield f".{name}() belongs to kernel/db.py: a request or a batch is one transaction"


def keeps_sql_in_repositories(path: Path, tree: ast.Module) -> Iterator[str]:
    if path.name == "repository.py" or path.as_posix() in SQL_OF_THE_KERNEL or _is_migration(path):
        return
    for name in _method_calls(tree) & SQL_CALLS:
        yield f".{name}() belongs to a repository.py"
    if ("sqlalchemy", "text") in _imported_names(tree):
        yield "SQL text belongs to a repository.py"


def enters_other_slices_by_the_service(path: Path, tree: ast.Module) -> Iterator[str]:
    if len(path.parts) < 4 or path.parts[1] == "kernel":
        return
    own = path.parts[1:3]
    for module in _imported_modules(tree):
        parts = module.split(".")
        is_other = parts[0] == "services" and len(parts) > 3 and parts[1] == own[0] and parts[2] != own[1]
        if is_other and parts[3] in CLOSED_TO_OTHER_SLICES:
            yield f"{module} is another slice's: ask its service"


def raises_own_errors(path: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None and "HTTPException" in ast.dump(node.exc):
            yield "raise a ServiceError: it carries its own fate"


def reads_no_environment(path: Path, tree: ast.Module) -> Iterator[str]:
    if path.name == "settings.py" or path.as_posix() in READS_ENVIRONMENT:
        return
    attributes = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {name for module, name in _imported_names(tree) if module == "os"}
    if attributes & {"os.environ", "os.getenv", "os.environb"} or names & {"environ", "getenv"}:
        yield "the environment is read by settings.py, at start"


def has_no_slow_middleware(path: Path, tree: ast.Module) -> Iterator[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {name for _, name in _imported_names(tree)}
    if "BaseHTTPMiddleware" in names or "middleware" in _method_calls(tree):
        yield "middleware is pure ASGI: the other kind costs 1 to 3 ms a request"


def imports_no_slow_client(path: Path, tree: ast.Module) -> Iterator[str]:
    for module in _imported_modules(tree):
        if module.split(".")[0] in {"httpx", "requests"}:
            yield f"{module} is too slow here: take aiohttp or kernel/client.py"


def prints_nothing(path: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"print", "pprint"}:
            yield f"line {node.lineno}: a service logs and never prints"


def catches_what_it_can_improve(path: Path, tree: ast.Module) -> Iterator[str]:
    if path.as_posix() in CATCHES_ALL:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = "" if node.type is None else ast.unparse(node.type)
            if not caught or re.search(r"\b(Base)?Exception\b", caught):
                yield f"line {node.lineno}: catch only what you can improve"


def names_a_sealed_place_once(path: Path, tree: ast.Module) -> Iterator[str]:
    if path.as_posix() in NAMES_SEALED_PLACES:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"Place", "crypto.Place"}:
            yield f"line {node.lineno}: where a ciphertext lives is a function of a places.py"


def has_a_telling_name(path: Path, tree: ast.Module) -> Iterator[str]:
    if path.as_posix() != NAMED_BASE and EMPTY_NAMES & {path.stem, *path.parts}:
        yield "the name says nothing: a folder is a noun of the business"


def counts_money_in_integers(path: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            name = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
            if name.endswith("_micros") and re.search(r"\bfloat\b", ast.unparse(node.annotation)):
                yield f"line {node.lineno}: {name} is money and never a float"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.endswith("_micros"):
            if node.returns is not None and re.search(r"\bfloat\b", ast.unparse(node.returns)):
                yield f"line {node.lineno}: {node.name} is money and never a float"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and _is_money(node.left, node.right):
            yield f"line {node.lineno}: / makes a float of money"


def _is_money(*operands: ast.expr) -> bool:
    names = [ast.unparse(operand) for operand in operands if isinstance(operand, ast.Name | ast.Attribute)]
    return any(name.endswith("_micros") for name in names)


def _is_migration(path: Path) -> bool:
    return "migrations" in path.parts


def _method_calls(tree: ast.Module) -> set[str]:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {call.attr for call in calls if isinstance(call, ast.Attribute)}


def _imported_names(tree: ast.Module) -> set[tuple[str, str]]:
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return {(node.module or "", alias.name) for node in imports for alias in node.names}


def _imported_modules(tree: ast.Module) -> set[str]:
    direct = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return direct | {f"{module}.{name}" for module, name in _imported_names(tree)}


EVERYWHERE: tuple[Rule, ...] = (has_a_telling_name, counts_money_in_integers)
PRODUCT: tuple[Rule, ...] = (opens_with_one_sentence, is_small)
SERVICES: tuple[Rule, ...] = (
    commits_at_the_edge,
    keeps_sql_in_repositories,
    enters_other_slices_by_the_service,
    raises_own_errors,
    reads_no_environment,
    has_no_slow_middleware,
    imports_no_slow_client,
    prints_nothing,
    catches_what_it_can_improve,
    names_a_sealed_place_once,
)


def rules_for(path: Path) -> tuple[Rule, ...]:
    """Return the rules that a Python file is held to."""
    if path.parts[0] == "services":
        return EVERYWHERE + PRODUCT + SERVICES
    return EVERYWHERE if path.parts[0] == "tests" else EVERYWHERE + PRODUCT
