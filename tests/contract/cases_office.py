"""CONTRACT.md section 2: records:* and tasks:*, the office."""

from suite import applied, case, check, fails, nothing_written, rev, same, thrown, value
from world import new_id, thing


@case()
def the_office_creates_reads_updates_and_removes(t):
    """records:create -> doc, records:get -> doc or null, records:update -> doc, records:remove ->
    the tombstone."""
    doc = t.me.office_create({"text": "a", "priority": "low"})
    same(set(doc), t.tasks.doc_keys(), "members")
    same(
        [doc["text"], doc["priority"], doc["isCompleted"], doc["deletedAt"]],
        ["a", "low", False, None],
        "columns",
    )
    same(t.me.get(doc["clientId"]), doc, "records:get")
    later = t.me.office_update(doc, {"text": "b", "priority": None})
    same([later["text"], later["priority"]], ["b", None], "columns after an update")
    check(rev(later) > rev(doc), "rev did not rise")
    gone = t.me.remove(doc)
    check(gone["deletedAt"] is not None and rev(gone) > rev(later), f"tombstone {gone}")
    same(t.me.get(doc["clientId"]), gone, "records:get of a tombstone")
    same(t.me.get(new_id()), None, "records:get of nothing")


@case()
def the_office_may_choose_the_client_id(t):
    """records:create {table,clientId?,set} -> doc."""
    name = new_id()
    same(t.me.office_create(clientId=name)["clientId"], name, "clientId")
    made = t.me.office_create()["clientId"]
    same([len(made), made], [36, made.lower()], "the clientId that the backend made")


@case()
def a_used_id_cannot_be_created_again(t):
    """invalid_value (also create with a used id)."""
    doc = t.me.record({"text": "a"})
    with nothing_written(t.me):
        thrown(
            t.me.mutation(
                "records:create", table="tasks", clientId=doc["clientId"], set={"text": "b"}
            ),
            "invalid_value",
        )
    t.me.remove(doc)
    with nothing_written(t.me):
        thrown(
            t.me.mutation(
                "records:create", table="tasks", clientId=doc["clientId"], set={"text": "b"}
            ),
            "invalid_value",
        )


@case()
def what_is_missing_or_deleted_cannot_be_changed_by_the_office(t):
    """not_found (missing or deleted)."""
    gone = t.me.remove(t.me.record())["clientId"]
    with nothing_written(t.me):
        for name in (gone, new_id()):
            thrown(
                t.me.mutation("records:update", table="tasks", clientId=name, set={"text": "b"}),
                "not_found",
            )
            thrown(t.me.mutation("records:remove", table="tasks", clientId=name), "not_found")


@case()
def the_office_s_values_are_validated(t):
    """Thrown: invalid_value, unknown_column."""
    doc = t.me.record({"text": "a"})
    bad = (
        ("text", ""),
        ("text", "  "),
        ("text", 5),
        ("text", None),
        ("isCompleted", None),
        ("isCompleted", 1),
        ("priority", "urgent"),
        ("dueAt", "2023-02-29"),
        ("notes", []),
    )
    with nothing_written(t.me):
        for column, wrong in bad:
            thrown(
                t.me.mutation(
                    "records:update", table="tasks", clientId=doc["clientId"], set={column: wrong}
                ),
                "invalid_value",
                column=column,
            )
            thrown(
                t.me.mutation("records:create", table="tasks", set={"text": "x", column: wrong}),
                "invalid_value",
                column=column,
            )
        for name in ("colour", "rev", "deletedAt", "clientId", "is_completed"):
            thrown(
                t.me.mutation(
                    "records:update", table="tasks", clientId=doc["clientId"], set={name: "x"}
                ),
                "unknown_column",
                column=name,
            )
            thrown(
                t.me.mutation("records:create", table="tasks", set={"text": "x", name: "x"}),
                "unknown_column",
                column=name,
            )
        thrown(
            t.me.mutation("records:create", table="tasks", set={"notes": "n"}),
            "invalid_value",
            column="text",
        )
    same(t.me.get(doc["clientId"]), doc, "doc")


@case()
def an_office_update_that_changes_nothing_leaves_the_record(t):
    """A write that changes nothing is applied and leaves the record as it was."""
    doc = t.me.record({"text": "a"})
    with nothing_written(t.me):
        same(t.me.office_update(doc, {"text": "a"}), doc, "doc")
        same(t.me.office_update(doc, {}), doc, "doc after an empty set")


@case()
def an_office_update_writes_only_its_columns(t):
    """records:update {table,clientId,set} -> doc."""
    doc = t.me.record({"text": "a", "notes": "n", "dueAt": "2024-02-29"})
    later = t.me.office_update(doc, {"isCompleted": True})
    same(
        [later["text"], later["notes"], later["dueAt"], later["isCompleted"]],
        ["a", "n", "2024-02-29", True],
        "columns",
    )
    check(later["updatedAt"] != doc["updatedAt"], "updatedAt stayed")


@case()
def a_list_gives_live_records_in_commit_order(t):
    """list gives live records in commit order."""
    docs = [t.me.record({"text": f"l{n}"}) for n in range(4)]
    t.me.remove(docs[1])
    moved = applied(t.me.update(docs[0], {"text": "moved"}))
    listed = t.me.pages("records:list", "docs", table="tasks", limit=500)
    check(all(doc["deletedAt"] is None for doc in listed), "a tombstone among live records")
    revs = [rev(doc) for doc in listed]
    same(revs, sorted(revs), "revs")
    ours = {doc["clientId"] for doc in docs}
    same(
        [doc["clientId"] for doc in listed if doc["clientId"] in ours],
        [docs[2]["clientId"], docs[3]["clientId"], moved["clientId"]],
        "order",
    )


@case()
def a_list_gives_tombstones_when_asked(t):
    """Tombstones with deleted:true."""
    live, gone = t.me.record(), t.me.remove(t.me.record())
    listed = t.me.pages("records:list", "docs", table="tasks", limit=500, deleted=True)
    check(gone in listed, "the tombstone is not in the list")
    check(all(doc["deletedAt"] is not None for doc in listed), "a live record among tombstones")
    listed = t.me.pages("records:list", "docs", table="tasks", limit=500, deleted=False)
    check(live in listed and gone not in listed, "deleted:false is not the default's list")


@case()
def a_list_comes_page_by_page(t):
    """records:list {table,cursor?,limit?,deleted?} -> {docs,cursor,more}."""
    made = {t.me.record()["clientId"] for _ in range(3)}
    page = value(t.me.query("records:list", table="tasks", limit=2))
    same(set(page), {"docs", "cursor", "more"}, "members")
    check(len(page["docs"]) <= 2 and page["more"] is True, "a page of 2")
    check(isinstance(page["cursor"], str), f"cursor is {page['cursor']!r}")
    names = [doc["clientId"] for doc in t.me.pages("records:list", "docs", table="tasks", limit=50)]
    check(made <= set(names), "a record is on no page")
    same(len(set(names)), len(names), "records on two pages")


@case()
def a_list_has_100_by_default(t):
    """100 by default."""
    you = t.crowd()
    page = value(you.query("records:list", table="tasks"))
    same(len(page["docs"]), 100, "docs")
    same(
        [page["more"], page],
        [True, value(you.query("records:list", table="tasks", limit=100))],
        "page",
    )


@case()
def a_list_refuses_a_cursor_of_nobody(t):
    """Malformed, another account's or table's: cursor_unknown."""
    theirs = value(t.crowd().query("records:list", table="tasks", limit=1))["cursor"]
    for bad in ("x", "", theirs):
        fails(t.me.query("records:list", table="tasks", cursor=bad), "cursor_unknown")


@case()
def tasks_functions_are_the_same_for_tasks(t):
    """tasks:list/create/update/remove are the same for tasks."""
    doc = value(t.me.mutation("tasks:create", set={"text": "a"}))
    same(t.me.get(doc["clientId"]), doc, "records:get")
    named = value(t.me.mutation("tasks:create", clientId=new_id(), set={"text": "b"}))
    listed = t.me.pages("tasks:list", "docs", limit=500)
    check(doc in listed and named in listed, "tasks:list lacks a record")
    later = value(t.me.mutation("tasks:update", clientId=doc["clientId"], set={"text": "c"}))
    same(later["text"], "c", "text")
    gone = value(t.me.mutation("tasks:remove", clientId=doc["clientId"]))
    check(gone["deletedAt"] is not None, "deletedAt is null")
    check(
        gone in t.me.pages("tasks:list", "docs", limit=500, deleted=True),
        "the tombstone is not listed",
    )
    thrown(t.me.mutation("tasks:update", clientId=doc["clientId"], set={"text": "d"}), "not_found")
    thrown(t.me.mutation("tasks:create", set={"text": ""}), "invalid_value", column="text")


@case()
def tasks_functions_take_no_table(t):
    """tasks:*: the same for tasks; unknown members of args fail the call."""
    with nothing_written(t.me):
        fails(t.me.mutation("tasks:create", table="tasks", set={"text": "x"}), "invalid_value")
        fails(t.me.query("tasks:list", table="tasks"), "invalid_value")


@case("things")
def the_office_works_on_every_table(t):
    """records:* take the table's name."""
    doc = t.me.office_create(thing(count=3, seenAt=5, day="2024-02-29"), "contractthings")
    same(
        [doc["count"], doc["seenAt"], doc["day"], doc["isOn"]],
        [3, 5, "2024-02-29", True],
        "columns",
    )
    same(t.me.office_update(doc, {"count": None}, "contractthings")["count"], None, "count")
    check(t.me.remove(doc, "contractthings")["deletedAt"] is not None, "deletedAt is null")
    same(t.me.get(doc["clientId"]), None, "the same id in another table")


@case()
def what_the_office_makes_reaches_devices(t):
    """Office writes go by commit order like all others."""
    cursor = t.me.caught_up()
    doc = t.me.office_create({"text": "from the office"})
    same(t.me.changed_since(cursor), {doc["clientId"]: doc}, "changes")


@case()
def an_office_s_record_takes_a_device_s_edit(t):
    """Device and office write the same records."""
    doc = t.me.office_create({"text": "office"})
    result = t.me.update(doc, {"isCompleted": True}, {"isCompleted": False})
    merged = applied(result)
    same(
        [merged["text"], merged["isCompleted"], merged["serverId"]],
        ["office", True, doc["serverId"]],
        "columns",
    )
    same(result.get("overwrote", []), [], "overwrote")
