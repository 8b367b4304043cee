"""CONTRACT.md section 2: ops and results of sync:upsert and sync:bulkUpsert."""

from suite import applied, case, check, fails, nothing_written, rejected, same, value
from world import make_op, new_device, new_id, new_run, refused_op


@case()
def a_lone_op_gives_one_result(t):
    """sync:upsert {deviceId,runId,op} -> {epoch,result}."""
    op = make_op()
    got = value(t.me.push_call(op))
    same(set(got), {"epoch", "result"}, "members")
    result = got["result"]
    check(
        {"opId", "status", "doc"} <= set(result) <= {"opId", "status", "doc", "overwrote"},
        f"members of the result: {sorted(result)}",
    )
    applied(result, op["opId"])


@case()
def a_batch_gives_one_result_per_op_in_order(t):
    """sync:bulkUpsert {deviceId,runId,ops} -> {epoch,results}: one result per op, in order."""
    ops = [make_op(set={"text": f"op {n}"}) for n in range(5)]
    got = value(t.me.push_many_call(ops))
    same(set(got), {"epoch", "results"}, "members")
    for op, result in zip(ops, got["results"]):
        same(applied(result, op["opId"])["text"], op["set"]["text"], "text")


@case()
def an_empty_batch_is_done_at_once(t):
    """One result per op."""
    with nothing_written(t.me):
        same(t.me.push_many([]), [], "results")


@case()
def each_op_stands_on_its_own_merits(t):
    """One result per op, in order, each op on its own merits."""
    ops = [
        make_op(set={"text": "good"}),
        make_op(set={"text": ""}),
        make_op("nope"),
        make_op(set={"text": "end"}),
        make_op(set={"text": "x", "colour": "red"}),
        make_op(operation="update", set={"notes": "n"}),
        make_op(operation="delete"),
        make_op(set={"text": "last"}),
    ]
    results = t.me.push_many(ops)
    same([result.get("opId") for result in results], [op["opId"] for op in ops], "opIds")
    for index in (0, 3, 7):
        applied(results[index])
        same(t.me.get(ops[index]["clientId"])["text"], ops[index]["set"]["text"], "text")
    for index, code in (
        (1, "invalid_value"),
        (2, "unknown_table"),
        (4, "unknown_column"),
        (5, "not_found"),
        (6, "forbidden"),
    ):
        rejected(results[index], code)
        same(t.me.get(ops[index]["clientId"]), None, "the record of a rejected op")


@case()
def a_rejected_result_has_the_agreed_members(t):
    """{opId,status:"rejected",error:{code,message,column?}}."""
    op = make_op(set={"text": 5})
    result = t.me.push(op)
    same(set(result), {"opId", "status", "error"}, "members")
    same(result["opId"], op["opId"], "opId")
    error = rejected(result, "invalid_value", column="text")
    same(set(error), {"code", "message", "column"}, "members of the error")


@case()
def a_delete_is_forbidden(t):
    """operation:"delete" is refused with forbidden."""
    doc = t.me.record()
    with nothing_written(t.me):
        rejected(
            t.me.push(make_op(client_id=doc["clientId"], operation="delete", set={})), "forbidden"
        )
        rejected(t.me.push(make_op(client_id=doc["clientId"], operation="delete")), "forbidden")
        rejected(
            t.me.push_many([make_op(client_id=doc["clientId"], operation="delete")])[0], "forbidden"
        )
    same(t.me.get(doc["clientId"]), doc, "doc")


@case()
def unknown_members_of_an_op_are_ignored(t):
    """Unknown members are ignored (of an op; of args they fail the call)."""
    doc = applied(t.me.push(make_op(surprise={"a": [1]}, userId="somebody", rev="5", deletedAt=5)))
    same(doc["deletedAt"], None, "deletedAt")
    same(t.me.get(doc["clientId"]), doc, "doc")


@case()
def what_is_no_op_spoils_no_other(t):
    """ops is an array of anything: what is no well-formed op gets a rejected result (opId null if
    it has none) and spoils no other."""
    odd = [5, None, "op", True, [], {}, [make_op()], 1.5, {"opId": None}]
    good = make_op()
    results = t.me.push_many([*odd, good])
    for thing, result in zip(odd, results):
        rejected(result, "invalid_value")
        check("opId" in result and result["opId"] is None, f"{thing!r}: {result}")
    applied(results[-1], good["opId"])


@case()
def an_ill_formed_op_is_named_by_its_op_id(t):
    """A rejected result (opId null if it has none)."""
    op = make_op()
    result = t.me.push_many([{"opId": op["opId"]}])[0]
    rejected(result, "invalid_value")
    same(result["opId"], op["opId"], "opId")


@case()
def an_op_without_one_of_its_members_is_rejected(t):
    """op: {opId,table,clientId,operation,set,base,createdAt,updatedAt,replaces?}."""
    with nothing_written(t.me):
        for member in (
            "opId",
            "table",
            "clientId",
            "operation",
            "set",
            "base",
            "createdAt",
            "updatedAt",
        ):
            op = make_op()
            del op[member]
            result = t.me.push_many([op])[0]
            try:
                rejected(result, "invalid_value")
            except AssertionError as error:
                raise type(error)(f"without {member}: {error}") from None
            same(result["opId"], op.get("opId"), "opId")


@case()
def an_op_with_a_member_of_a_wrong_type_is_rejected(t):
    """What is no well-formed op gets a rejected result."""
    wrong = {
        "opId": (5, True, [], {}, "", "x", new_id().upper().replace("0", "A"), new_id() + "0"),
        "table": (5, True, [], {}),
        "clientId": (5, [], {}, "", "x", new_id()[:-1], "A" + new_id()[1:]),
        "operation": (5, [], "", "Create", "upsert", "remove", True),
        "set": (5, "x", [], True),
        "base": (5, "x", [], True),
        "createdAt": ("0", [], True, 1.5),
        "updatedAt": ("0", [], True, -1),
        "replaces": (
            5,
            "x",
            {},
            True,
            [5],
            [""],
            ["x"],
            [None],
            [new_id().upper().replace("0", "A")],
        ),
    }
    good = make_op()
    ops = [
        {**good, "opId": new_id(), "clientId": new_id(), member: bad}
        for member, values in wrong.items()
        for bad in (values if member == "replaces" else (None, *values))
    ]
    results = t.me.push_many([*ops, good])
    for op, result in zip(ops, results):
        try:
            codes = (
                ("invalid_value", "forbidden")
                if op["operation"] == "remove"
                else ("invalid_value",)
            )
            rejected(result, *codes)
        except AssertionError as error:
            raise type(error)(f"{op}: {error}") from None
    applied(results[-1], good["opId"])


@case()
def a_lone_op_that_is_no_op_is_refused(t):
    """sync:upsert {deviceId,runId,op}."""
    with nothing_written(t.me):
        for op in (5, None, "x", [], {}, [make_op()]):
            answer = t.me.push_call(op)
            if answer.json.get("status") == "success":
                rejected(answer.json["value"]["result"], "invalid_value")
            else:
                fails(answer, "invalid_value")


@case()
def replaces_has_at_most_20_ids(t):
    """replaces has at most 20 ids."""
    applied(t.me.push(make_op(replaces=[new_id() for _ in range(20)])))
    applied(t.me.push(make_op(replaces=[])))
    with nothing_written(t.me):
        rejected(t.me.push(make_op(replaces=[new_id() for _ in range(21)])), "invalid_value")


@case()
def an_unknown_table_in_an_op_is_rejected(t):
    """In a rejected result: unknown_table, unknown_column."""
    with nothing_written(t.me):
        for table in (
            "nope",
            "users",
            "receipts",
            "Tasks",
            "",
            "constructor",
            "__proto__",
            "sqlite_master",
        ):
            op = make_op(table)
            rejected(t.me.push(op), "unknown_table")
            rejected(t.me.push_many([op])[0], "unknown_table")


@case()
def an_unknown_column_in_an_op_is_rejected(t):
    """In a rejected result: unknown_table, unknown_column."""
    names = (
        "colour",
        "Text",
        "is_completed",
        "clientId",
        "serverId",
        "userId",
        "deletedAt",
        "createdAt",
        "rev",
        "runId",
        "writers",
        "constructor",
        "text ",
    )
    with nothing_written(t.me):
        for name in names:
            result = t.me.push(make_op(set={"text": "x", name: "x"}))
            rejected(result, "unknown_column", column=name)


@case()
def a_name_that_no_column_can_have_is_refused(t):
    """unknown_column; or the call is refused as a whole, because on Convex no object has such a
    member."""
    with nothing_written(t.me):
        for name in ("", "$text", "t\u00e9xt", "a" * 2000):
            refused_op(t.me, make_op(set={"text": "x", name: "x"}), "unknown_column")


@case()
def an_unknown_column_in_base_does_no_harm(t):
    """base:{column:value}: the values before; a device may know a column that the backend does
    not."""
    result = t.me.push(make_op(base={"colour": "red"}))
    if result["status"] == "applied":
        applied(result)
    else:
        rejected(result, "unknown_column", column="colour")


@case()
def an_update_without_anything_set_changes_nothing(t):
    """Only columns in set are written. A write that changes nothing is applied."""
    doc = t.me.record({"text": "a", "notes": "n"})
    with nothing_written(t.me):
        same(applied(t.me.update(doc, {})), doc, "doc")


@case()
def a_batch_of_500_is_taken(t):
    """A batch at most 500 ops."""
    docs = [t.me.record() for _ in range(2)]
    ops = [
        make_op(client_id=docs[n % 2]["clientId"], operation="update", set={"text": "x"})
        for n in range(500)
    ]
    for op, result in zip(ops, t.me.push_many(ops)):
        applied(result, op["opId"])


@case()
def over_500_ops_nothing_is_done(t):
    """Over 500 ops the call fails and nothing is done."""
    ops = [make_op() for _ in range(501)]
    with nothing_written(t.me):
        fails(t.me.push_many_call(ops), "invalid_value")
        fails(t.me.push_many_call([*ops[:1], *([5] * 500)]), "invalid_value")
    same(t.me.get(ops[0]["clientId"]), None, "the first op's record")


@case()
def a_batch_of_512_kib_is_taken(t):
    """A batch at most 500 ops and 512 KiB."""
    notes = "n" * min(20000, t.tasks.text_limit("notes"))
    ops = [
        make_op(set={"text": "big", "notes": notes})
        for _ in range((512 << 10) // (len(notes) + 400))
    ]
    for op, result in zip(ops, t.me.push_many(ops)):
        applied(result, op["opId"])


@case()
def two_ops_of_one_record_in_one_batch_apply_in_order(t):
    """One result per op, in order (a device never sends two of one record, but nothing is lost if
    so)."""
    first = make_op(set={"text": "first", "notes": "n"})
    second = make_op(
        client_id=first["clientId"],
        operation="update",
        set={"text": "second"},
        base={"text": "first"},
    )
    results = t.me.push_many([first, second])
    applied(results[0])
    doc = applied(results[1])
    same([doc["text"], doc["notes"]], ["second", "n"], "text, notes")
    same(t.me.get(doc["clientId"]), doc, "doc")


@case()
def ops_of_both_functions_are_the_same(t):
    """A lone op goes through sync:upsert, several through sync:bulkUpsert; the semantics are the
    same."""
    device, run = new_device(), new_run()
    lone = t.me.push(make_op(set={"text": "t", "priority": "low"}), device, run)
    among = t.me.push_many([make_op(set={"text": "t", "priority": "low"})], device, run)[0]
    check(set(lone) == set(among), f"{sorted(lone)} and {sorted(among)}")
    own = ("clientId", "serverId", "rev")
    same(
        {k: v for k, v in applied(lone).items() if k not in own},
        {k: v for k, v in applied(among).items() if k not in own},
        "docs",
    )
