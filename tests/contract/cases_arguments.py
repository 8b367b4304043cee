"""CONTRACT.md section 2, its first lines: what every function takes, and that nothing else is
taken."""

from suite import case, check, fails, nothing_written, same, thrown, value
from world import make_op, new_device, new_id, new_run

WRONG = {  # for each kind of argument, values of other kinds
    "text": (None, True, 5, 1.5, [], {}, ["tasks"]),
    "number": (None, True, "5", [], {}, "NaN"),
    "object": (None, True, 5, "x", [], [{}]),
    "array": (None, True, 5, "x", {}),
    "bool": (None, 1, "true", [], {}),
    "cursor": (True, 5, [], {}),
}


def functions():
    """(kind, path, args, kinds of the args) of every function but auth:*, with args that are
    good."""
    push = {"protocol": 1, "deviceId": new_device(), "runId": new_run()}
    name = {"protocol": 1, "table": "tasks"}
    text = {"table": "text", "clientId": "text", "set": "object"}
    create = {**name, "clientId": new_id(), "set": {"text": "x"}}
    return [
        ("query", "users:viewer", {"protocol": 1}, {}),
        ("query", "sync:head", {"protocol": 1}, {}),
        (
            "query",
            "sync:getAllForUser",
            {**name, "cursor": None, "limit": 1},
            {"table": "text", "cursor": "cursor", "limit": "number"},
        ),
        (
            "query",
            "sync:getChangesSince",
            {"protocol": 1, "cursors": {"tasks": None}, "limit": 1, "runId": new_run()},
            {"cursors": "object", "limit": "number", "runId": "text"},
        ),
        (
            "mutation",
            "sync:upsert",
            {**push, "op": make_op()},
            {"deviceId": "text", "runId": "text"},
        ),
        (
            "mutation",
            "sync:bulkUpsert",
            {**push, "ops": [make_op()]},
            {"deviceId": "text", "runId": "text", "ops": "array"},
        ),
        (
            "query",
            "records:list",
            {**name, "limit": 1, "deleted": False},
            {"table": "text", "limit": "number", "deleted": "bool"},
        ),
        (
            "query",
            "records:get",
            {**name, "clientId": new_id()},
            {"table": "text", "clientId": "text"},
        ),
        ("mutation", "records:create", create, text),
        ("mutation", "records:update", create, text),
        (
            "mutation",
            "records:remove",
            {**name, "clientId": new_id()},
            {"table": "text", "clientId": "text"},
        ),
        ("query", "records:conflicts", {"protocol": 1, "limit": 1}, {"limit": "number"}),
        ("query", "tasks:list", {"protocol": 1, "limit": 1}, {"limit": "number"}),
        ("mutation", "tasks:create", {"protocol": 1, "set": {"text": "x"}}, {"set": "object"}),
        (
            "mutation",
            "tasks:update",
            {"protocol": 1, "clientId": new_id(), "set": {"text": "x"}},
            {"clientId": "text", "set": "object"},
        ),
        ("mutation", "tasks:remove", {"protocol": 1, "clientId": new_id()}, {"clientId": "text"}),
    ]


def refused_whole(t, kind, path, args, *codes):
    """The call must be refused; the message says which."""
    answer = t.me.call(kind, path, args)
    try:
        fails(answer, *codes)
    except AssertionError as error:
        raise type(error)(f"{path} {args}: {error}") from None


@case()
def every_function_wants_a_protocol(t):
    """Every function but auth:* takes protocol:1."""
    with nothing_written(t.me):
        for kind, path, args, _ in functions():
            refused_whole(
                t,
                kind,
                path,
                {k: v for k, v in args.items() if k != "protocol"},
                "invalid_value",
                "client_too_old",
            )


@case()
def a_protocol_that_is_too_high_is_invalid(t):
    """invalid_value (a protocol that is too high, too)."""
    with nothing_written(t.me):
        for kind, path, args, _ in functions():
            thrown(t.me.call(kind, path, {**args, "protocol": 2}), "invalid_value")


@case()
def a_protocol_that_is_no_whole_number_is_refused(t):
    """Every function but auth:* takes protocol:1."""
    with nothing_written(t.me):
        for protocol in ("1", None, True, 1.5, [1], {}, -1, 0):
            refused_whole(
                t, "query", "sync:head", {"protocol": protocol}, "invalid_value", "client_too_old"
            )
            refused_whole(
                t,
                "mutation",
                "records:create",
                {"protocol": protocol, "table": "tasks", "set": {"text": "x"}},
                "invalid_value",
                "client_too_old",
            )


@case()
def an_unknown_argument_fails_the_call(t):
    """Unknown members of args fail the call."""
    with nothing_written(t.me):
        for kind, path, args, _ in functions():
            refused_whole(t, kind, path, {**args, "surprise": 1}, "invalid_value")
        fails(t.client.call("action", "auth:signIn", {"refreshToken": "x", "surprise": 1}))
        fails(t.client.call("action", "auth:signOut", {"surprise": 1}))


@case()
def a_user_cannot_be_named_in_an_argument(t):
    """All take the user from the token, never from an argument."""
    other = value(t.you.query("users:viewer"))["userId"]
    with nothing_written(t.you), nothing_written(t.me):
        for kind, path, args, _ in functions():
            refused_whole(t, kind, path, {**args, "userId": other}, "invalid_value")


@case()
def a_missing_argument_fails_the_call(t):
    """The functions' arguments are not optional but where the table says so."""
    optional = {"limit", "deleted", "cursor"}
    with nothing_written(t.me):
        for kind, path, args, _ in functions():
            for name in args:
                is_optional = name in optional and not path.startswith("sync:")
                if (
                    name == "protocol"
                    or is_optional
                    or (path == "records:create" and name == "clientId")
                ):
                    continue
                refused_whole(
                    t, kind, path, {k: v for k, v in args.items() if k != name}, "invalid_value"
                )


@case()
def an_argument_of_a_wrong_type_fails_the_call(t):
    """200 {"status":"error"...}, or 400: refused, nothing committed."""
    with nothing_written(t.me):
        for kind, path, args, kinds in functions():
            for name, sort in kinds.items():
                for wrong in WRONG[sort]:
                    refused_whole(
                        t,
                        kind,
                        path,
                        {**args, name: wrong},
                        "invalid_value",
                        "unknown_table",
                        "cursor_unknown",
                    )


@case()
def a_device_id_has_a_fixed_form(t):
    """deviceId (not `office`) and runId are 1 to 64 of [A-Za-z0-9-]."""
    good = {"deviceId": "d" * 64, "runId": "R-9" * 21, "ops": []}
    same(value(t.me.mutation("sync:bulkUpsert", **good))["results"], [], "results of no ops")
    value(t.me.mutation("sync:bulkUpsert", deviceId="d", runId="r", ops=[]))
    with nothing_written(t.me):
        for name in ("deviceId", "runId"):
            for wrong in ("", "a" * 65, "under_score", "dot.", "space d", "\u00e9", "new\nline"):
                refused_whole(
                    t,
                    "mutation",
                    "sync:bulkUpsert",
                    {"protocol": 1, **good, name: wrong, "ops": [make_op()]},
                    "invalid_value",
                )
                if name == "deviceId":
                    refused_whole(
                        t,
                        "mutation",
                        "sync:upsert",
                        {"protocol": 1, "deviceId": wrong, "runId": "r", "op": make_op()},
                        "invalid_value",
                    )
        refused_whole(
            t,
            "mutation",
            "sync:bulkUpsert",
            {"protocol": 1, **good, "deviceId": "office", "ops": [make_op()]},
            "invalid_value",
        )


@case()
def a_run_id_of_a_pull_has_the_same_form(t):
    """deviceId and runId are 1 to 64 of [A-Za-z0-9-]."""
    args = {"protocol": 1, "cursors": {"tasks": None}, "limit": 1}
    value(t.me.call("query", "sync:getChangesSince", {**args, "runId": "r" * 64}))
    for wrong in ("", "r" * 65, "a b", "a_b", "\u0661"):
        refused_whole(t, "query", "sync:getChangesSince", {**args, "runId": wrong}, "invalid_value")


@case()
def a_limit_is_a_whole_number_from_1(t):
    """limit: a whole number from 1."""
    for path, args in (
        ("sync:getAllForUser", {"table": "tasks", "cursor": None}),
        ("sync:getChangesSince", {"cursors": {"tasks": None}, "runId": "run"}),
        ("records:list", {"table": "tasks"}),
        ("records:conflicts", {}),
        ("tasks:list", {}),
    ):
        for wrong in (0, -1, 1.5, -500):
            refused_whole(
                t, "query", path, {"protocol": 1, **args, "limit": wrong}, "invalid_value"
            )
        value(t.me.query(path, **args, limit=1))
        value(t.me.query(path, **args, limit=1.0))


@case()
def a_client_id_in_an_argument_is_a_lower_case_uuid(t):
    """clientId, opId and references are lower-case UUID text."""
    with nothing_written(t.me):
        for wrong in (
            "",
            "x",
            new_id().upper().replace("0", "A"),
            new_id()[:-1],
            new_id() + "0",
            new_id().replace("-", ""),
            "{" + new_id() + "}",
            "urn:uuid:" + new_id(),
        ):
            thrown(
                t.me.mutation("records:create", table="tasks", clientId=wrong, set={"text": "x"}),
                "invalid_value",
            )
            refused_whole(
                t,
                "query",
                "records:get",
                {"protocol": 1, "table": "tasks", "clientId": wrong},
                "invalid_value",
            )


@case()
def an_unknown_table_is_named_as_such_by_every_function_that_takes_one(t):
    """Thrown: unknown_table."""
    names = (
        "nope",
        "Tasks",
        "task",
        "",
        "tasks ",
        "users",
        "accounts",
        "sessions",
        "receipts",
        "conflicts",
        "settings",
        "devices",
        "authSessions",
        "sqlite_master",
        "__proto__",
        "constructor",
        "toString",
        "tasks; drop table tasks",
    )
    with nothing_written(t.me):
        for name in names:
            thrown(t.me.walk_call(name, None, 1), "unknown_table")
            thrown(t.me.query("records:list", table=name), "unknown_table")
            thrown(t.me.query("records:get", table=name, clientId=new_id()), "unknown_table")
            thrown(t.me.mutation("records:create", table=name, set={"text": "x"}), "unknown_table")
            thrown(
                t.me.mutation("records:update", table=name, clientId=new_id(), set={"text": "x"}),
                "unknown_table",
            )
            thrown(t.me.mutation("records:remove", table=name, clientId=new_id()), "unknown_table")


@case()
def an_account_is_a_user_with_the_same_id_on_every_device(t):
    """An account is a site, crew or person; its devices and its office sign in to the same
    account."""
    first = value(t.me.query("users:viewer"))
    second = value(t.me.another_session().query("users:viewer"))
    other = value(t.you.query("users:viewer"))
    check(
        isinstance(first.get("userId"), str) and first["userId"],
        f"userId is {first.get('userId')!r}",
    )
    same(second, first, "users:viewer of a second sign-in")
    check(other["userId"] != first["userId"], "two accounts share a userId")
    check(set(first) <= {"userId", "email", "name"}, f"users:viewer has {sorted(first)}")
    same(first.get("email", t.me.email.lower()), t.me.email.lower(), "email")
