"""CONTRACT.md section 4: Deletes. The office deletes, a device's edit revives, and both are
told."""

from suite import applied, case, check, nothing_written, overwrote, rejected, rev, same, value
from world import make_op, new_device

DAY = 24 * 3600


@case()
def a_removed_record_leaves_a_tombstone_that_keeps_its_columns(t):
    """The office's remove leaves a tombstone that keeps its columns."""
    doc = t.me.record({"text": "a", "notes": "n", "priority": "high", "isCompleted": True})
    gone = t.me.remove(doc)
    check(gone["deletedAt"] is not None, "deletedAt is null")
    changed = ("deletedAt", "rev", "updatedAt")
    same(
        {k: v for k, v in gone.items() if k not in changed},
        {k: v for k, v in doc.items() if k not in changed},
        "the tombstone's columns",
    )
    check(rev(gone) > rev(doc), "rev did not rise")
    same(t.me.get(doc["clientId"]), gone, "records:get")


@case()
def a_device_s_op_revives_a_removed_record(t):
    """A device op on it revives the record with the same serverId and createdAt, logged as a
    conflict."""
    doc = t.me.record({"text": "a", "notes": "n"})
    gone = t.me.remove(doc)
    device = new_device()
    op = make_op(
        client_id=doc["clientId"],
        operation="update",
        set={"text": "b"},
        base={"text": "a"},
        createdAt=doc["createdAt"] + 9,
    )
    result = t.me.push(op, device)
    back = applied(result)
    same(
        [back["deletedAt"], back["serverId"], back["createdAt"]],
        [None, doc["serverId"], doc["createdAt"]],
        "deletedAt, serverId, createdAt",
    )
    same([back["text"], back["notes"]], ["b", "n"], "columns")
    check(rev(back) > rev(gone), "rev did not rise")
    same(overwrote(result).get("deletedAt"), gone["deletedAt"], "theirs of deletedAt in overwrote")
    log = [entry for entry in t.me.conflicts(doc["clientId"]) if entry["column"] == "deletedAt"]
    same(len(log), 1, "conflicts of deletedAt")
    same(
        [
            log[0]["theirs"],
            log[0]["ours"],
            log[0]["theirWriter"],
            log[0]["deviceId"],
            log[0]["opId"],
        ],
        [gone["deletedAt"], None, "office", device, op["opId"]],
        "the conflict",
    )


@case()
def a_create_revives_as_well(t):
    """A device op on it revives the record; a form saved for a record that is gone re-creates it
    with all columns."""
    doc = t.me.record({"text": "a", "notes": "n"})
    t.me.remove(doc)
    result = t.me.push(
        make_op(client_id=doc["clientId"], set={"text": "form", "notes": "m", "isCompleted": False})
    )
    back = applied(result)
    same(
        [back["deletedAt"], back["serverId"], back["text"], back["notes"]],
        [None, doc["serverId"], "form", "m"],
        "the record",
    )
    check("deletedAt" in overwrote(result), "a revival is in overwrote too")


@case()
def an_op_that_sets_nothing_new_revives_as_well(t):
    """A device op on it revives the record."""
    doc = t.me.record({"text": "a"})
    gone = t.me.remove(doc)
    back = applied(t.me.update(doc, {"text": "a"}, {"text": "a"}))
    same([back["deletedAt"], back["text"]], [None, "a"], "deletedAt, text")
    check(rev(back) > rev(gone), "rev did not rise")


@case()
def a_rejected_op_revives_nothing(t):
    """A rejected op is not applied."""
    doc = t.me.record({"text": "a"})
    gone = t.me.remove(doc)
    with nothing_written(t.me):
        rejected(t.me.update(doc, {"text": ""}), "invalid_value")
        rejected(t.me.push(make_op(client_id=doc["clientId"], operation="delete")), "forbidden")
    same(t.me.get(doc["clientId"]), gone, "the tombstone")


@case()
def a_revival_reaches_other_devices(t):
    """By commit order: removal and revival raise the record's place."""
    doc = t.me.record({"text": "a"})
    t.me.remove(doc)
    cursor = t.me.caught_up()
    back = applied(t.me.update(doc, {"text": "b"}))
    same(t.me.changed_since(cursor), {doc["clientId"]: back}, "changes")


@case()
def a_revived_record_may_be_removed_again(t):
    """The office's remove leaves a tombstone."""
    doc = t.me.record({"text": "a"})
    t.me.remove(doc)
    applied(t.me.update(doc, {"text": "b"}))
    gone = t.me.remove(doc)
    same([gone["text"], gone["serverId"]], ["b", doc["serverId"]], "text, serverId")
    check(gone["deletedAt"] is not None, "deletedAt is null")


@case()
def a_second_op_after_a_revival_is_no_conflict(t):
    """A revival is a conflict with column deletedAt: once."""
    doc = t.me.record({"text": "a"})
    t.me.remove(doc)
    device = new_device()
    applied(t.me.update(doc, {"text": "b"}, {"text": "a"}, device=device))
    result = t.me.update(doc, {"text": "c"}, {"text": "b"}, device=device)
    same(overwrote(result), {}, "overwrote")
    same(
        len([e for e in t.me.conflicts(doc["clientId"]) if e["column"] == "deletedAt"]),
        1,
        "revivals",
    )


@case("advance")
def a_tombstone_is_kept_180_days(t):
    """The office's remove leaves a tombstone that keeps its columns, 180 days."""
    doc = t.me.record({"text": "a"})
    cursor = t.me.caught_up()
    gone = t.me.remove(doc)
    t.much_later(179 * DAY)
    same(t.me.changed_since(cursor), {doc["clientId"]: gone}, "changes on day 179")
    back = applied(t.me.update(doc, {"text": "b"}))
    same(back["serverId"], doc["serverId"], "serverId of a revival on day 179")


@case("advance")
def no_deletion_is_forgotten_silently(t):
    """Cursors older than the kept tombstones: cursor_unknown with table."""
    doc = t.me.record({"text": "a"})
    cursor = t.me.caught_up()
    t.me.remove(doc)
    t.much_later(181 * DAY)
    t.me.record()
    answer = t.me.changes_call({"tasks": cursor})
    if answer.json.get("status") == "success":  # not pruned yet
        found = {change["doc"]["clientId"]: change["doc"] for change in value(answer)["changes"]}
        check(doc["clientId"] in found, "neither a tombstone nor cursor_unknown")
    else:
        same(answer.json["errorData"]["code"], "cursor_unknown", "code")
        same(answer.json["errorData"]["table"], "tasks", "table")
    check(
        doc["clientId"] not in {one["clientId"] for one in t.me.walk()[0]},
        "walked again: it is there",
    )


def with_forgotten_tombstone(t):
    """Three live records, and a tombstone made after them that is no longer kept."""
    docs = [t.me.record({"text": f"old {n}"}) for n in range(3)]
    t.me.remove(t.me.record())
    t.much_later(181 * DAY)
    return sorted(doc["clientId"] for doc in docs)


@case("advance")
def a_list_goes_on_past_tombstones_that_are_gone(t):
    """list gives live records in commit order, page by page: a cursor given a moment ago is known."""
    names = with_forgotten_tombstone(t)
    listed = t.me.pages("records:list", "docs", table="tasks", limit=1)
    same(sorted(doc["clientId"] for doc in listed), names, "records")


@case("advance")
def a_walk_goes_on_past_tombstones_that_are_gone(t):
    """Cursors older than the kept tombstones are unknown, but a walk begun later missed none."""
    names = with_forgotten_tombstone(t)
    docs, cursor = t.me.walk(limit=1)
    same(sorted(doc["clientId"] for doc in docs), names, "records")
    doc = t.me.record()
    same(t.me.changed_since(cursor, limit=1), {doc["clientId"]: doc}, "changes after the walk")


@case("advance")
def a_pull_from_the_start_goes_on_past_tombstones_that_are_gone(t):
    """cursors:{TABLE:null}: from the start, so that no tombstone can have been missed."""
    names = with_forgotten_tombstone(t)
    same(sorted(t.me.changed_since(None, limit=1)), names, "records")
