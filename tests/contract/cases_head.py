"""CONTRACT.md section 2: sync:head, and the shape and times of a doc."""

import email.utils
import time

from definitions import TIME_MAX
from suite import applied, case, check, nothing_written, rejected, rev, same, value
from world import CREATED, UPDATED, make_op, new_id, thing


@case()
def the_head_is_an_epoch_and_an_opaque_head(t):
    """sync:head -> {epoch,head}."""
    head = t.me.head()
    same(set(head), {"epoch", "head"}, "members")
    check(isinstance(head["epoch"], str) and head["epoch"], f"epoch is {head['epoch']!r}")
    check(head["head"] is not None, "head is null")


@case()
def the_head_changes_with_every_committed_change(t):
    """head is opaque and changes with every committed change of any record of the user."""
    seen = [t.me.head()]

    def moved(what):
        head = t.me.head()
        check(head not in seen, f"{what}: the head is one that was there before")
        seen.append(head)

    doc = t.me.record({"text": "a"})
    moved("a create")
    applied(t.me.update(doc, {"text": "b"}, {"text": "a"}))
    moved("an update")
    doc = t.me.office_update(doc, {"notes": "n"})
    moved("the office's update")
    t.me.remove(doc)
    moved("the office's remove")
    applied(t.me.update(doc, {"text": "c"}, {"text": "b"}))
    moved("a revival")
    t.me.office_create()
    moved("the office's create")
    t.me.push_many([make_op(), make_op()])
    moved("a batch")


@case("things")
def the_head_changes_with_a_record_of_any_table(t):
    """head changes with every committed change of any record of the user."""
    before = t.me.head()
    t.me.record(thing(), "contractthings")
    check(t.me.head() != before, "the head stayed")


@case()
def reading_changes_no_head(t):
    """head changes with every committed change; nothing else is said to change it."""
    doc = t.me.record()
    with nothing_written(t.me):
        t.me.get(doc["clientId"])
        t.me.caught_up()
        value(t.me.query("records:list", table="tasks"))
        t.me.another_session()


@case()
def every_answer_of_sync_names_the_same_epoch(t):
    """Every sync function answers with epoch."""
    epoch = t.me.head()["epoch"]
    for answer in (
        t.me.push_call(make_op()),
        t.me.push_many_call([make_op()]),
        t.me.walk_call("tasks", None, 1),
        t.me.changes_call({"tasks": None}, 1),
        t.me.push_many_call([]),
    ):
        same(value(answer)["epoch"], epoch, "epoch")
    same(t.you.head()["epoch"], epoch, "epoch of another account")


@case()
def a_doc_has_every_column_and_nothing_else(t):
    """doc: {clientId,serverId,rev,deletedAt|null,createdAt,updatedAt,...every column, null when
    empty}."""
    op = make_op(set={"text": "only text"})
    doc = applied(t.me.push(op))
    same(set(doc), t.tasks.doc_keys(), "members of the doc")
    same(doc["clientId"], op["clientId"], "clientId")
    check(isinstance(doc["serverId"], str) and doc["serverId"], f"serverId is {doc['serverId']!r}")
    same(doc["deletedAt"], None, "deletedAt")
    same(
        {"text": doc["text"], "isCompleted": doc["isCompleted"]},
        {"text": "only text", "isCompleted": False},
        "columns",
    )
    for column in ("notes", "priority", "dueAt"):
        same(doc[column], None, column)


@case()
def a_doc_is_the_same_wherever_it_is_read(t):
    """doc: one shape in push answers, pulls, walks and the office's functions."""
    cursor = t.me.caught_up()
    doc = t.me.record({"text": "t", "notes": "n", "priority": "high", "dueAt": "2024-02-29"})
    name = doc["clientId"]
    same(t.me.get(name), doc, "records:get")
    same(t.me.changed_since(cursor)[name], doc, "sync:getChangesSince")
    same(
        {one["clientId"]: one for one in t.me.walk(cursor=cursor)[0]}[name],
        doc,
        "sync:getAllForUser",
    )
    listed = t.me.pages("records:list", "docs", table="tasks", limit=500)
    same({one["clientId"]: one for one in listed}[name], doc, "records:list")


@case()
def a_rev_rises_with_each_change(t):
    """rev rises with each change of the record within one epoch."""
    doc = t.me.record({"text": "a"})
    revs = [rev(doc)]
    revs.append(rev(applied(t.me.update(doc, {"text": "b"}, {"text": "a"}))))
    revs.append(rev(t.me.office_update(doc, {"text": "c"})))
    revs.append(rev(t.me.remove(doc)))
    revs.append(rev(applied(t.me.update(doc, {"text": "d"}, {"text": "c"}))))
    check(revs == sorted(set(revs)), f"revs {revs}")


@case()
def a_server_id_stays_with_its_record(t):
    """A record is (userId, table, clientId); serverId names it on the backend."""
    doc = t.me.record({"text": "a"})
    same(applied(t.me.update(doc, {"text": "b"}))["serverId"], doc["serverId"], "after an update")
    check(t.me.record()["serverId"] != doc["serverId"], "two records share a serverId")


@case()
def created_at_never_changes_after_the_first_write(t):
    """createdAt never changes after the first write."""
    doc = t.me.record()
    same(doc["createdAt"], CREATED, "createdAt")
    again = applied(t.me.update(doc, {"text": "b"}, createdAt=CREATED + 5))
    same(again["createdAt"], CREATED, "after an update")
    op = make_op(client_id=doc["clientId"], set={"text": "c"}, createdAt=CREATED - 5)
    same(applied(t.me.push(op))["createdAt"], CREATED, "after a create of the existing record")
    same(t.me.office_update(doc, {"text": "d"})["createdAt"], CREATED, "after the office's update")


@case()
def updated_at_is_the_writer_s_clock(t):
    """createdAt and updatedAt are the writer's clock; updatedAt with every write that changes
    something."""
    doc = t.me.record()
    same(doc["updatedAt"], UPDATED, "updatedAt")
    later = applied(t.me.update(doc, {"text": "b"}, updatedAt=UPDATED + 77))
    same(later["updatedAt"], UPDATED + 77, "after an update")
    earlier = applied(t.me.update(doc, {"text": "c"}, updatedAt=UPDATED - 99))
    same(earlier["updatedAt"], UPDATED - 99, "after an update by a clock that is behind")


@case()
def a_write_that_changes_nothing_leaves_updated_at(t):
    """updatedAt changes with every write that changes something, and with no other."""
    doc = t.me.record({"text": "same"})
    with nothing_written(t.me):
        kept = applied(t.me.update(doc, {"text": "same"}, {"text": "same"}, updatedAt=UPDATED + 5))
    same(kept, doc, "doc")


@case()
def times_reach_from_1970_to_the_year_9999(t):
    """Times: whole ms since the epoch, UTC, 0 to 253402300799999."""
    doc = applied(t.me.push(make_op(createdAt=0, updatedAt=TIME_MAX)))
    same([doc["createdAt"], doc["updatedAt"]], [0, TIME_MAX], "times")
    with nothing_written(t.me):
        for wrong in (-1, TIME_MAX + 1, 0.5, 1e300, "1700000000000", True, [], {}):
            for member in ("createdAt", "updatedAt"):
                rejected(t.me.push(make_op(**{member: wrong})), "invalid_value")


@case()
def deleted_at_is_the_backend_s_clock(t):
    """deletedAt is the backend's clock."""
    doc = t.me.record()
    answer = t.me.mutation("records:remove", table="tasks", clientId=doc["clientId"])
    deleted_at = value(answer)["deletedAt"]
    date = answer.headers.get("date")
    now = email.utils.parsedate_to_datetime(date).timestamp() if date else time.time()
    check(deleted_at == int(deleted_at), f"deletedAt {deleted_at} is not whole")
    check(
        abs(deleted_at - now * 1000) < 60000,
        f"deletedAt {deleted_at}, the backend's clock {now * 1000}",
    )


@case("things")
def a_record_is_named_by_user_table_and_client_id(t):
    """A record is (userId, table, clientId)."""
    name = new_id()
    task = applied(t.me.push(make_op("tasks", name, set={"text": "task"})))
    made = applied(t.me.push(make_op("contractthings", name, set=thing())))
    yours = applied(t.you.push(make_op("tasks", name, set={"text": "yours"})))
    check(
        len({task["serverId"], made["serverId"], yours["serverId"]}) == 3, "serverIds are not three"
    )
    same(t.me.get(name)["text"], "task", "text")
    same(t.me.get(name, "contractthings")["name"], "pump", "name")
    same(t.you.get(name)["text"], "yours", "the other account's text")
