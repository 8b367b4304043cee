"""CONTRACT.md section 4: conflicts, per column. The device wins; nothing is lost silently."""

from suite import applied, case, check, overwrote, rejected, same, value
from world import make_op, new_device, thing


def setup(t, set):
    """A record and its device."""
    device = new_device()
    return t.me.record(set, device=device), device


@case()
def a_write_on_its_base_is_no_conflict(t):
    """Where the stored value differs from base ...: here it does not."""
    doc, _ = setup(t, {"text": "a"})
    result = t.me.update(doc, {"text": "b"}, {"text": "a"}, device=new_device())
    same(applied(result)["text"], "b", "text")
    same(overwrote(result), {}, "overwrote")
    same(t.me.conflicts(doc["clientId"]), [], "conflicts")


@case()
def the_device_wins_over_another_device_and_the_old_value_is_kept(t):
    """The device's value wins and the old one goes into the conflict log and overwrote."""
    doc, first = setup(t, {"text": "a"})
    second = new_device()
    applied(t.me.update(doc, {"text": "theirs"}, {"text": "a"}, device=first))
    op = make_op(
        client_id=doc["clientId"], operation="update", set={"text": "ours"}, base={"text": "a"}
    )
    result = t.me.push(op, second)
    same(applied(result)["text"], "ours", "text")
    same(result["overwrote"], [{"column": "text", "theirs": "theirs"}], "overwrote")
    log = t.me.conflicts(doc["clientId"])
    same(len(log), 1, "conflicts")
    same(
        {key: log[0][key] for key in log[0] if key != "at"},
        {
            "table": "tasks",
            "clientId": doc["clientId"],
            "column": "text",
            "base": "a",
            "theirs": "theirs",
            "ours": "ours",
            "theirWriter": first,
            "deviceId": second,
            "opId": op["opId"],
        },
        "conflict",
    )
    check(isinstance(log[0]["at"], (int, float)) and log[0]["at"] > 0, f"at is {log[0]['at']!r}")


@case()
def the_device_wins_over_the_office_which_is_named_as_writer(t):
    """conflict: {table,clientId,column,base,theirs,ours,theirWriter:"office"|deviceId,...}."""
    doc, device = setup(t, {"text": "a"})
    t.me.office_update(doc, {"text": "office"})
    result = t.me.update(doc, {"text": "field"}, {"text": "a"}, device=device)
    same(applied(result)["text"], "field", "text")
    same(overwrote(result), {"text": "office"}, "overwrote")
    log = t.me.conflicts(doc["clientId"])
    same(
        [[entry["theirWriter"], entry["theirs"], entry["ours"]] for entry in log],
        [["office", "office", "field"]],
        "conflicts",
    )


@case()
def the_same_device_is_no_conflict_with_itself(t):
    """... and was not last written by the same device."""
    doc, device = setup(t, {"text": "a"})
    applied(t.me.update(doc, {"text": "b"}, {"text": "a"}, device=device))
    result = t.me.update(doc, {"text": "c"}, {"text": "a"}, device=device)
    same(applied(result)["text"], "c", "text")
    same(overwrote(result), {}, "overwrote")
    same(t.me.conflicts(doc["clientId"]), [], "conflicts")


@case()
def the_same_device_in_another_run_is_the_same_device(t):
    """... was not last written by the same device: deviceId counts, not runId or sign-in."""
    doc, device = setup(t, {"text": "a"})
    applied(t.me.update(doc, {"text": "b"}, {"text": "a"}, device=device))
    result = t.me.another_session().update(doc, {"text": "c"}, {"text": "a"}, device=device)
    same(overwrote(result), {}, "overwrote")


@case()
def a_value_that_is_the_same_on_both_sides_is_no_conflict(t):
    """Where the stored value differs from base and from the new one."""
    doc, _ = setup(t, {"text": "a"})
    t.me.office_update(doc, {"text": "b"})
    result = t.me.update(doc, {"text": "b"}, {"text": "a"}, device=new_device())
    same(applied(result)["text"], "b", "text")
    same(overwrote(result), {}, "overwrote")
    same(t.me.conflicts(doc["clientId"]), [], "conflicts")


@case()
def a_conflict_is_per_column(t):
    """Conflict, per column."""
    doc, device = setup(t, {"text": "a", "notes": "n", "priority": "low"})
    t.me.office_update(doc, {"text": "office"})
    result = t.me.update(
        doc, {"text": "field", "notes": "m"}, {"text": "a", "notes": "n"}, device=device
    )
    same(overwrote(result), {"text": "office"}, "overwrote")
    merged = applied(result)
    same([merged["text"], merged["notes"], merged["priority"]], ["field", "m", "low"], "columns")


@case()
def columns_that_the_device_did_not_set_keep_the_office_s_value(t):
    """Only columns in set are written: what the device did not touch is no conflict."""
    doc, device = setup(t, {"text": "a", "notes": "n"})
    t.me.office_update(doc, {"notes": "office"})
    result = t.me.update(doc, {"text": "b"}, {"text": "a", "notes": "n"}, device=device)
    same([applied(result)["text"], applied(result)["notes"]], ["b", "office"], "columns")
    same(overwrote(result), {}, "overwrote")


@case()
def each_column_has_a_last_writer_of_its_own(t):
    """The backend keeps each column's last writer."""
    doc, first = setup(t, {"text": "a", "notes": "n"})
    second = new_device()
    applied(t.me.update(doc, {"notes": "by the second"}, {"notes": "n"}, device=second))
    result = t.me.update(
        doc, {"text": "b", "notes": "by the first"}, {"text": "stale", "notes": "n"}, device=first
    )
    same(overwrote(result), {"notes": "by the second"}, "overwrote")
    result = t.me.update(doc, {"text": "c"}, {"text": "a"}, device=second)
    same(overwrote(result), {"text": "b"}, "overwrote of the first one's column")


@case()
def two_columns_may_be_in_conflict_at_once(t):
    """overwrote?:[{column,theirs}]."""
    doc, device = setup(t, {"text": "a", "notes": "n", "isCompleted": False})
    t.me.office_update(doc, {"text": "office", "isCompleted": True, "notes": None})
    result = t.me.update(
        doc,
        {"text": "b", "isCompleted": False, "notes": "m"},
        {"text": "a", "isCompleted": True, "notes": "n"},
        device=device,
    )
    same(overwrote(result), {"text": "office", "notes": None}, "overwrote")
    log = {entry["column"]: entry["theirs"] for entry in t.me.conflicts(doc["clientId"])}
    same(log, {"text": "office", "notes": None}, "conflicts")


@case()
def a_column_absent_from_base_counts_as_null(t):
    """A column absent from base counts as null."""
    doc, _ = setup(t, {"text": "a"})
    result = t.me.update(doc, {"notes": "n"}, {}, device=new_device())
    same(overwrote(result), {}, "overwrote of an empty column")
    result = t.me.update(doc, {"notes": "m"}, {}, device=new_device())
    same(overwrote(result), {"notes": "n"}, "overwrote of a filled column")
    same(t.me.conflicts(doc["clientId"])[0]["base"], None, "base in the log")
    result = t.me.update(doc, {"text": "b"}, {"text": None}, device=new_device())
    same(overwrote(result), {"text": "a"}, "overwrote with base null")


@case()
def a_create_that_meets_a_record_is_a_conflict_too(t):
    """A column absent from base counts as null: two devices that made the same record."""
    doc, _ = setup(t, {"text": "a", "notes": "n"})
    result = t.me.push(
        make_op(client_id=doc["clientId"], set={"text": "b", "notes": "n"}), new_device()
    )
    same(overwrote(result), {"text": "a"}, "overwrote")


@case()
def a_cleared_value_may_be_overwritten_and_is_told(t):
    """The old one goes into the conflict log and overwrote, null as well."""
    doc, device = setup(t, {"text": "a", "notes": "n"})
    t.me.office_update(doc, {"notes": None})
    result = t.me.update(doc, {"notes": "m"}, {"notes": "n"}, device=device)
    same(result["overwrote"], [{"column": "notes", "theirs": None}], "overwrote")


@case()
def clearing_a_value_that_another_changed_is_a_conflict(t):
    """The device's value wins, null as well."""
    doc, device = setup(t, {"text": "a", "notes": "n"})
    t.me.office_update(doc, {"notes": "office"})
    result = t.me.update(doc, {"notes": None}, {"notes": "n"}, device=device)
    same(applied(result)["notes"], None, "notes")
    same(overwrote(result), {"notes": "office"}, "overwrote")


@case("things")
def numbers_are_equal_by_value(t):
    """Equal means the same JSON value."""
    doc = t.me.record(thing(count=5, size=2.5), "contractthings")
    result = t.me.update(
        doc, {"count": 6, "size": 3}, {"count": 5.0, "size": 2.50}, "contractthings"
    )
    same([applied(result)["count"], applied(result)["size"]], [6, 3], "columns")
    same(overwrote(result), {}, "overwrote")
    result = t.me.update(doc, {"count": 6.0}, {"count": 99}, "contractthings")
    same(overwrote(result), {}, "overwrote by the same number")


@case("things")
def a_base_of_another_type_is_another_value(t):
    """Equal means the same JSON value: "5" is not 5, and false is not 0 or null."""
    doc = t.me.record(thing(count=5, isOn=False), "contractthings")
    result = t.me.update(
        doc, {"count": 6, "isOn": True}, {"count": "5", "isOn": 0}, "contractthings"
    )
    same(overwrote(result), {"count": 5, "isOn": False}, "overwrote")


@case("things")
def minus_zero_is_stored_as_zero(t):
    """-0 is stored as 0."""
    op = make_op("contractthings", set=thing(size=-0.0, count=-0.0))
    answer = t.me.push_call(op)
    doc = applied(value(answer)["result"])
    for column in ("size", "count"):
        check(str(float(doc[column])) == "0.0", f"{column} is {doc[column]!r}")
    check(
        b"-0" not in answer.body.replace(op["clientId"].encode(), b"").split(b'"size"')[1][:6],
        "size is -0",
    )
    result = t.me.update(doc, {"size": 1}, {"size": 0}, "contractthings")
    same(overwrote(result), {}, "overwrote")


@case()
def composed_and_decomposed_letters_are_two_values(t):
    """Equal means the same JSON value: no normalization."""
    doc, _ = setup(t, {"text": "\u00e9"})
    result = t.me.update(doc, {"text": "x"}, {"text": "e\u0301"}, device=new_device())
    same(overwrote(result), {"text": "\u00e9"}, "overwrote")


@case()
def a_rejected_op_leaves_no_conflict(t):
    """Refused: nothing committed."""
    doc, device = setup(t, {"text": "a", "notes": "n"})
    t.me.office_update(doc, {"text": "office"})
    rejected(
        t.me.update(doc, {"text": "b", "priority": "urgent"}, {"text": "a"}, device=device),
        "invalid_value",
    )
    same(t.me.conflicts(doc["clientId"]), [], "conflicts")
    same(t.me.get(doc["clientId"])["text"], "office", "text")


@case()
def an_office_write_is_no_conflict(t):
    """Conflicts are what a device overwrote; the office sees what it edits."""
    doc, _ = setup(t, {"text": "a"})
    t.me.office_update(doc, {"text": "office"})
    same(t.me.conflicts(doc["clientId"]), [], "conflicts")


@case()
def conflicts_are_read_page_by_page(t):
    """records:conflicts {cursor?,limit?} -> {conflicts,cursor,more}."""
    doc, _ = setup(t, {"text": "0"})
    for n in range(1, 5):
        applied(t.me.update(doc, {"text": str(n)}, {"text": "stale"}, device=new_device()))
    page = value(t.me.query("records:conflicts", limit=1))
    same(set(page), {"conflicts", "cursor", "more"}, "members")
    same(len(page["conflicts"]), 1, "conflicts on a page of 1")
    for limit in (1, 3, 500):
        found = [
            entry
            for entry in t.me.pages("records:conflicts", "conflicts", limit=limit)
            if entry["clientId"] == doc["clientId"]
        ]
        same(
            sorted(entry["theirs"] for entry in found),
            ["0", "1", "2", "3"],
            f"theirs with limit {limit}",
        )
        check(
            all(
                set(entry)
                == {
                    "table",
                    "clientId",
                    "column",
                    "base",
                    "theirs",
                    "ours",
                    "theirWriter",
                    "deviceId",
                    "opId",
                    "at",
                }
                for entry in found
            ),
            f"members: {found[0]}",
        )


@case()
def conflicts_of_another_account_are_not_seen(t):
    """No account ever sees another account's records."""
    doc, _ = setup(t, {"text": "a"})
    applied(t.me.update(doc, {"text": "b"}, {"text": "stale"}, device=new_device()))
    same(len(t.me.conflicts(doc["clientId"])), 1, "my conflicts")
    same(t.you.conflicts(doc["clientId"]), [], "the other account's")
