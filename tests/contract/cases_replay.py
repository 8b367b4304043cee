"""CONTRACT.md section 4: Replay and Late arrivals. The same op may come any number of times, at any
time."""

from suite import applied, case, nothing_written, rejected, rev, same, value
from world import at_once, make_op, new_device, new_id, new_run

DAY = 24 * 3600


@case()
def a_replayed_op_raises_no_cursor(t):
    """A replay changes nothing, raises no cursor, and answers with the record as it is now."""
    op = make_op(set={"text": "a"})
    doc = applied(t.me.push(op))
    cursor = t.me.caught_up()
    with nothing_written(t.me):
        same(applied(t.me.push(op), op["opId"]), doc, "doc of a lone replay")
        same(applied(t.me.push_many([op])[0], op["opId"]), doc, "doc of a replay in a batch")
    same(t.me.changed_since(cursor), {}, "changes")


@case()
def a_replay_answers_with_the_record_as_it_is_now(t):
    """... and answers with the record as it is now."""
    op = make_op(set={"text": "a"})
    doc = applied(t.me.push(op))
    now = t.me.office_update(doc, {"text": "office", "notes": "n"})
    with nothing_written(t.me):
        same(applied(t.me.push(op)), now, "doc")


@case()
def a_replay_undoes_no_newer_edit_and_is_no_conflict(t):
    """A replay changes nothing."""
    device = new_device()
    op = make_op(set={"text": "a"})
    doc = applied(t.me.push(op, device))
    newer = applied(t.me.update(doc, {"text": "b"}, {"text": "a"}, device=new_device()))
    with nothing_written(t.me):
        result = t.me.push(op, device)
    same(applied(result), newer, "doc")
    same(result.get("overwrote", []), [], "overwrote")
    same(t.me.conflicts(doc["clientId"]), [], "conflicts")


@case()
def a_replayed_conflict_is_logged_once(t):
    """A replay changes nothing, the conflict log included."""
    doc = t.me.record({"text": "a"})
    op = make_op(
        client_id=doc["clientId"], operation="update", set={"text": "b"}, base={"text": "stale"}
    )
    device = new_device()
    for _ in range(3):
        applied(t.me.push(op, device))
    same(len(t.me.conflicts(doc["clientId"])), 1, "conflicts")


@case()
def a_replay_of_a_removed_record_answers_with_its_tombstone(t):
    """... as it is now (perhaps a tombstone)."""
    op = make_op(set={"text": "a"})
    gone = t.me.remove(applied(t.me.push(op)))
    with nothing_written(t.me):
        same(applied(t.me.push(op)), gone, "doc")
    same(t.me.get(op["clientId"])["deletedAt"], gone["deletedAt"], "deletedAt")


@case()
def a_replay_from_another_device_or_run_is_a_replay(t):
    """Receipts are (userId, opId)."""
    op = make_op(set={"text": "a"})
    doc = applied(t.me.push(op, new_device(), new_run()))
    with nothing_written(t.me):
        same(applied(t.me.another_session().push(op, new_device(), new_run())), doc, "doc")


@case()
def another_account_s_op_of_the_same_id_is_no_replay(t):
    """Receipts are (userId, opId)."""
    op = make_op(set={"text": "mine"})
    applied(t.me.push(op))
    theirs = {**op, "set": {"text": "theirs"}}
    same(applied(t.you.push(theirs))["text"], "theirs", "text")
    same(t.me.get(op["clientId"])["text"], "mine", "my text")
    other = {**op, "clientId": new_id()}
    applied(t.you.push({**other, "opId": new_id()}))


@case()
def a_rejected_op_leaves_no_receipt(t):
    """Only applied ops leave a receipt."""
    op = make_op(set={"text": ""})
    rejected(t.me.push(op), "invalid_value")
    mended = {**op, "set": {"text": "mended"}}
    same(applied(t.me.push(mended), op["opId"])["text"], "mended", "text")
    missing = make_op(operation="update", set={"notes": "n"})
    rejected(t.me.push(missing), "not_found")
    applied(t.me.push({**missing, "set": {"text": "t", "notes": "n"}}), missing["opId"])


@case()
def the_receipt_is_looked_up_before_validation(t):
    """The receipt is looked up before validation."""
    op = make_op(set={"text": "a"})
    doc = applied(t.me.push(op))
    with nothing_written(t.me):
        for columns in ({"text": ""}, {"text": 5}, {"colour": "red"}, {"text": None}):
            same(
                applied(t.me.push({**op, "set": columns}), op["opId"]),
                doc,
                f"doc with set {columns}",
            )


@case()
def the_same_op_id_for_another_record_is_invalid(t):
    """The same opId for another record is invalid_value, column opId."""
    op = make_op(set={"text": "a"})
    doc = applied(t.me.push(op))
    with nothing_written(t.me):
        other = {**op, "clientId": new_id()}
        rejected(t.me.push(other), "invalid_value", column="opId")
        rejected(t.me.push_many([other])[0], "invalid_value", column="opId")
    same(t.me.get(doc["clientId"]), doc, "doc")


@case("things")
def the_same_op_id_in_another_table_is_invalid(t):
    """The same opId for another record is invalid_value, column opId: a record is (userId, table,
    clientId)."""
    op = make_op(set={"text": "a"})
    applied(t.me.push(op))
    with nothing_written(t.me):
        rejected(
            t.me.push({**op, "table": "contractthings", "set": {"name": "n", "kind": "a"}}),
            "invalid_value",
            column="opId",
        )


@case()
def twice_in_one_batch_the_first_applies(t):
    """Twice in one batch: the first applies, the second is a replay."""
    first = make_op(set={"text": "first"})
    second = {**first, "set": {"text": "second"}}
    results = t.me.push_many([first, second, first])
    docs = [applied(result, first["opId"]) for result in results]
    same([doc["text"] for doc in docs], ["first"] * 3, "texts")
    same([rev(doc) for doc in docs], [rev(docs[0])] * 3, "revs")
    same(t.me.get(first["clientId"])["text"], "first", "text")


@case()
def at_once_on_several_connections_one_applies(t):
    """At once on two connections: the first applies, the second is a replay."""
    for _ in range(5):
        op = make_op(set={"text": "at once"})
        results = at_once(*[lambda: t.me.push(op)] * 4)
        docs = [applied(result, op["opId"]) for result in results]
        same([rev(doc) for doc in docs], [rev(docs[0])] * 4, "revs")
        same(t.me.get(op["clientId"]), docs[0], "doc")


@case()
def the_same_batch_twice_changes_nothing_the_second_time(t):
    """The API does not deduplicate, receipts do: a batch whose answer was lost is sent again."""
    doc = t.me.record({"text": "a"})
    ops = [make_op(set={"text": f"op {n}"}) for n in range(5)]
    ops.append(
        make_op(
            client_id=doc["clientId"], operation="update", set={"text": "b"}, base={"text": "a"}
        )
    )
    first = t.me.push_many(ops)
    with nothing_written(t.me):
        second = t.me.push_many(ops)
    same([applied(result) for result in second], [applied(result) for result in first], "docs")


@case()
def replaced_ops_get_receipts_too(t):
    """Applying it writes receipts for them too, so that a late arrival changes nothing."""
    doc = t.me.record({"text": "a"})
    old = [
        make_op(
            client_id=doc["clientId"],
            operation="update",
            set={"text": f"old {n}"},
            base={"text": "a"},
        )
        for n in range(3)
    ]
    newest = make_op(
        client_id=doc["clientId"],
        operation="update",
        set={"text": "new"},
        base={"text": "a"},
        replaces=[op["opId"] for op in old],
    )
    device = new_device()
    now = applied(t.me.push(newest, device))
    with nothing_written(t.me):
        for op in old:
            result = t.me.push(op, device)
            same(applied(result, op["opId"]), now, "doc of a late arrival")
        for result in t.me.push_many(old, device):
            same(applied(result), now, "doc of a late arrival in a batch")
    same(t.me.conflicts(doc["clientId"]), [], "conflicts")


@case()
def an_op_that_replaces_an_applied_one_is_applied(t):
    """An edit that coalesces into an op which was sent without an answer takes a new opId and lists
    the old ones in replaces: the old one may have been applied."""
    old = make_op(set={"text": "old"})
    newest = {
        **old,
        "opId": new_id(),
        "set": {"text": "new", "notes": "n"},
        "replaces": [old["opId"]],
    }
    device = new_device()
    applied(t.me.push(old, device))
    result = t.me.push(newest, device)
    doc = applied(result, newest["opId"])
    same([doc["text"], doc["notes"]], ["new", "n"], "columns")
    same(result.get("overwrote", []), [], "overwrote")
    with nothing_written(t.me):
        same(applied(t.me.push(old, device)), doc, "doc of the old one's replay")


@case()
def a_rejected_op_replaces_nothing(t):
    """Only applied ops leave a receipt; applying it writes receipts for them too."""
    doc = t.me.record({"text": "a"})
    old = make_op(
        client_id=doc["clientId"], operation="update", set={"text": "old"}, base={"text": "a"}
    )
    rejected(
        t.me.push({**old, "opId": new_id(), "set": {"text": ""}, "replaces": [old["opId"]]}),
        "invalid_value",
    )
    same(applied(t.me.push(old))["text"], "old", "text")


@case()
def a_late_create_after_its_replacement_makes_no_second_record(t):
    """A request can arrive long after the device gave up on it."""
    old = make_op(set={"text": "old"})
    newest = {**old, "opId": new_id(), "set": {"text": "new"}, "replaces": [old["opId"]]}
    doc = applied(t.me.push(newest))
    cursor = t.me.caught_up()
    same(applied(t.me.push(old)), doc, "doc")
    same(t.me.changed_since(cursor), {}, "changes")


@case()
def a_replacement_that_changes_nothing_writes_its_receipts(t):
    """A write that changes nothing is applied, and applied ops leave a receipt."""
    doc = t.me.record({"text": "a"})
    old = make_op(client_id=doc["clientId"], operation="update", set={"text": "old"})
    same(
        applied(
            t.me.push(
                make_op(
                    client_id=doc["clientId"],
                    operation="update",
                    set={"text": "a"},
                    replaces=[old["opId"]],
                )
            )
        ),
        doc,
        "doc",
    )
    with nothing_written(t.me):
        same(applied(t.me.push(old)), doc, "doc of the late arrival")


@case("advance")
def receipts_are_kept_90_days(t):
    """Only applied ops leave a receipt, in the same transaction, kept 90 days."""
    op = make_op(set={"text": "a"})
    newer = t.me.office_update(applied(t.me.push(op)), {"text": "office"})
    t.much_later(89 * DAY)
    t.me.record()
    t.me.walk()
    with nothing_written(t.me):
        same(applied(t.me.push(op)), newer, "doc on day 89")


@case("kill")
def receipts_outlive_a_kill(t):
    """Only applied ops leave a receipt, in the same transaction."""
    op = make_op(set={"text": "a"})
    doc = applied(t.me.push(op))
    t.restarted(t.control.kill())
    with nothing_written(t.me):
        same(applied(t.me.push(op)), doc, "doc")
    same(
        value(t.me.query("records:get", table="tasks", clientId=op["clientId"])), doc, "records:get"
    )
