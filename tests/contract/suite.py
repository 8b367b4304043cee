"""What a case is made of: registration, expectations, and how a case says no.

A case is a function `case_name(t)` under @case. Its name is a sentence, its docstring the sentence
of the contract that it holds a backend to. `t` is a world.World.
"""

import contextlib


class Failed(AssertionError):
    """The backend did something else than the contract says."""


class Skip(Exception):
    """The case cannot say anything about this backend."""


class Case:
    def __init__(self, function, needs):
        self.function = function
        self.name = function.__name__
        self.section = function.__module__.removeprefix("cases_")
        self.needs = needs
        self.sentence = " ".join((function.__doc__ or "").split())


CASES = []

# What a case may need beyond a URL and an account. "embedded": says something about the embedded
# backend only. "things": the wider table of definitions.py. The others are powers of the control
# object and give the case a backend of its own where the control object can start one.
CONTROL_POWERS = ("advance", "kill", "epoch", "restore", "signup", "fresh")
TABLES = {"things": "contractthings", "pages": "contractpages"}
NEEDS = ("embedded", *TABLES, *CONTROL_POWERS)


def case(*needs):
    """Registers a case. Use as @case() or @case("advance", "things")."""
    for need in needs:
        assert need in NEEDS, need

    def register(function):
        made = Case(function, needs)
        assert made.sentence, f"{made.name} names no sentence of the contract"
        assert all(other.name != made.name for other in CASES), f"two cases {made.name}"
        CASES.append(made)
        return function

    return register


def check(condition, why):
    if not condition:
        raise Failed(why)


def same(got, want, what):
    """JSON equality: 1 and 1.0 are the same number, true is no number."""
    if not equal(got, want):
        raise Failed(f"{what}: got {short(got)}, want {short(want)}")


def equal(a, b):
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b))
    return type(a) is type(b) and a == b


def short(value, most=300):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= most else text[:most] + "..."


# Answers. `answer` is a client.Answer.


def value(answer):
    """The value of a call that succeeded."""
    body = answer.json
    check(
        answer.status == 200
        and isinstance(body, dict)
        and body.get("status") == "success"
        and "value" in body,
        f"wanted a success, got {answer}",
    )
    return body["value"]


def thrown(answer, code, table=None, column=None):
    """A function that refused with errorData.code; returns errorData."""
    body = answer.json
    check(
        answer.status == 200 and isinstance(body, dict) and body.get("status") == "error",
        f"wanted {code} thrown, got {answer}",
    )
    check(isinstance(body.get("errorMessage"), str), f"no errorMessage: {answer}")
    data = body.get("errorData")
    check(isinstance(data, dict), f"wanted errorData with {code}, got {answer}")
    same(data.get("code"), code, "errorData.code")
    check(isinstance(data.get("message"), str), f"errorData without message: {answer}")
    if table is not None:
        same(data.get("table"), table, "errorData.table")
    if column is not None:
        same(data.get("column"), column, "errorData.column")
    return data


def fails(answer, *codes):
    """Any refusal: thrown with one of `codes` or with no code at all, or 400, 404, 413 with a JSON
    code.

    For arguments of a wrong shape: Convex refuses them before the function runs, without errorData.
    """
    body = answer.json
    if answer.status == 200 and isinstance(body, dict) and body.get("status") == "error":
        check(isinstance(body.get("errorMessage"), str), f"no errorMessage: {answer}")
        data = body.get("errorData")
        if data is None:
            return
        check(
            isinstance(data, dict) and isinstance(data.get("code"), str), f"odd errorData: {answer}"
        )
        if codes:
            check(data["code"] in codes, f"wanted {' or '.join(codes)}, got {answer}")
        return
    check(
        answer.status in (400, 404, 413)
        and isinstance(body, dict)
        and isinstance(body.get("code"), str),
        f"wanted a refusal, got {answer}",
    )


def bad_request(answer, *statuses):
    """Refused before any function ran: an HTTP status with a JSON code."""
    wanted = statuses or (400,)
    check(answer.status in wanted, f"wanted HTTP {wanted}, got {answer}")
    body = answer.json
    check(
        isinstance(body, dict) and isinstance(body.get("code"), str) and "status" not in body,
        f"wanted a JSON code, got {answer}",
    )


def unauthorized(answer):
    bad_request(answer, 401)
    check(isinstance(answer.json.get("message"), str), f"401 without message: {answer}")


def not_signed_in(answer):
    """No token at all: Convex runs the function, which throws; a server may say 401 as well."""
    if answer.status == 401:
        unauthorized(answer)
    else:
        thrown(answer, "unauthenticated")


# Results of ops.


def applied(result, op_id=None):
    """The doc of an applied result."""
    check(
        isinstance(result, dict) and result.get("status") == "applied",
        f"wanted applied, got {short(result)}",
    )
    check(isinstance(result.get("doc"), dict), f"applied without doc: {short(result)}")
    check("error" not in result, f"applied with an error: {short(result)}")
    if "overwrote" in result:
        check(isinstance(result["overwrote"], list), f"odd overwrote: {short(result)}")
    if op_id is not None:
        same(result.get("opId"), op_id, "opId")
    return result["doc"]


def rejected(result, *codes, column=None):
    """The error of a rejected result."""
    check(
        isinstance(result, dict) and result.get("status") == "rejected",
        f"wanted rejected {codes}, got {short(result)}",
    )
    error = result.get("error")
    check(
        isinstance(error, dict)
        and isinstance(error.get("code"), str)
        and isinstance(error.get("message"), str),
        f"odd error: {short(result)}",
    )
    check("doc" not in result, f"rejected with a doc: {short(result)}")
    check(error.get("column", "") is not None, f"column is null instead of absent: {short(result)}")
    if codes:
        check(error["code"] in codes, f"wanted {' or '.join(codes)}, got {short(result)}")
    if column is not None:
        same(error.get("column"), column, "error.column")
    return error


def overwrote(result):
    """{column: theirs} of an applied result."""
    applied(result)
    return {entry["column"]: entry["theirs"] for entry in result.get("overwrote", [])}


def rev(doc):
    """rev as a number; it must be a decimal string."""
    text = doc.get("rev")
    check(isinstance(text, str) and text.isascii() and text.isdigit(), f"rev is {text!r}")
    return int(text)


@contextlib.contextmanager
def nothing_written(user):
    """Nothing inside may commit a change of this user's records."""
    before = user.head()
    yield
    after = user.head()
    same(after, before, "sync:head after calls that should write nothing")
