"""CONTRACT.md sections 2 and 4: sync:getChangesSince, and the soundness of cursors."""

from suite import applied, case, check, rev, same, thrown, value
from world import at_once, make_op, new_run, thing


@case()
def a_pull_has_the_agreed_members(t):
    """-> {epoch,changes:[{table,doc}],cursors,more,unknown?:[TABLE]}."""
    cursor = t.me.caught_up()
    t.me.record()
    page = value(t.me.changes_call({"tasks": cursor}))
    wanted = {"epoch", "changes", "cursors", "more"}
    check(wanted <= set(page) <= wanted | {"unknown"}, f"members {sorted(page)}")
    same(len(page["changes"]), 1, "changes")
    same(set(page["changes"][0]), {"table", "doc"}, "members of a change")
    same(page["changes"][0]["table"], "tasks", "table")
    same(page["more"], False, "more")
    same(set(page["cursors"]), {"tasks"}, "cursors")
    check(isinstance(page["cursors"]["tasks"], str), "the cursor is no text")


@case("things")
def several_tables_come_in_one_request(t):
    """The named tables in one request."""
    cursors = {"tasks": t.me.caught_up(), "contractthings": t.me.caught_up("contractthings")}
    made = [
        ("tasks", t.me.record()),
        ("contractthings", t.me.record(thing(), "contractthings")),
        ("tasks", t.me.record()),
    ]
    for limit in (500, 2, 1):
        found, ends = t.me.changes_since(cursors, limit)
        got = {(change["table"], change["doc"]["clientId"]): change["doc"] for change in found}
        want = {(table, doc["clientId"]): doc for table, doc in made}
        same(sorted(got), sorted(want), f"changes with limit {limit}")
        check(all(got[key] == want[key] for key in want), "a doc differs")
        same(set(ends), set(cursors), "cursors")


@case("things")
def only_the_named_tables_come(t):
    """The named tables in one request; cursors has exactly the known tables asked for."""
    cursor = t.me.caught_up("contractthings")
    t.me.record()
    page = value(t.me.changes_call({"contractthings": cursor}))
    same(page["changes"], [], "changes")
    same(set(page["cursors"]), {"contractthings"}, "cursors")


@case()
def no_table_named_is_no_change(t):
    """cursors has exactly the known tables asked for."""
    page = value(t.me.changes_call({}))
    same(
        [page["changes"], page["cursors"], page["more"]], [[], {}, False], "changes, cursors, more"
    )


@case()
def a_table_without_a_cursor_is_read_from_the_start(t):
    """cursors:{TABLE:CURSOR|null,...}."""
    doc = t.me.record()
    same(t.me.changed_since(None).get(doc["clientId"]), doc, "a record pulled from null")


@case()
def tombstones_are_pulled(t):
    """Tombstones included."""
    doc = t.me.record()
    cursor = t.me.caught_up()
    gone = t.me.remove(doc)
    check(gone["deletedAt"] is not None, "no deletedAt")
    same(t.me.changed_since(cursor), {doc["clientId"]: gone}, "changes")


@case()
def records_last_written_under_the_same_run_are_left_out(t):
    """Leaves out records last written under this runId."""
    run, cursor = new_run(), t.me.caught_up()
    own = t.me.record(run=run)
    other = t.me.record()
    same(
        set(t.me.changed_since(cursor, run=run)),
        {other["clientId"]},
        "pulled under the run of the first",
    )
    same(
        set(t.me.changed_since(cursor)),
        {own["clientId"], other["clientId"]},
        "pulled under another run",
    )


@case()
def the_cursor_moves_past_records_that_are_left_out(t):
    """A page may hold none with more:true, but then at least one cursor has moved."""
    run, cursor = new_run(), t.me.caught_up()
    t.me.push_many([make_op() for _ in range(5)], run=run)
    found, cursors = t.me.changes_since({"tasks": cursor}, 2, run)
    same(found, [], "changes")
    same(t.me.changed_since(cursors["tasks"]), {}, "changes after the cursor that passed them")


@case()
def a_record_written_by_others_since_comes_back_to_its_run(t):
    """Leaves out records *last* written under this runId."""
    run, cursor = new_run(), t.me.caught_up()
    doc = t.me.record({"text": "a"}, run=run)
    same(t.me.changed_since(cursor, run=run), {}, "before")
    later = applied(t.me.update(doc, {"text": "b"}, {"text": "a"}))
    same(
        t.me.changed_since(cursor, run=run), {doc["clientId"]: later}, "after another run's update"
    )


@case()
def office_writes_clear_the_run(t):
    """Office writes clear runId."""
    run, cursor = new_run(), t.me.caught_up()
    docs = [t.me.record(run=run) for _ in range(2)]
    want = {
        docs[0]["clientId"]: t.me.office_update(docs[0], {"text": "office"}),
        docs[1]["clientId"]: t.me.remove(docs[1]),
    }
    same(t.me.changed_since(cursor, run=run), want, "changes")


@case()
def a_write_that_changes_nothing_takes_no_record_into_its_run(t):
    """A write that changes nothing is applied and leaves the record as it was."""
    run, cursor = new_run(), t.me.caught_up()
    doc = t.me.record({"text": "a"})
    applied(t.me.update(doc, {"text": "a"}, {"text": "a"}, run=run))
    same(t.me.changed_since(cursor, run=run), {doc["clientId"]: doc}, "changes")


@case()
def unknown_tables_are_named_and_hinder_no_other(t):
    """A table that it does not know is named in unknown and hinders no other; cursors has exactly
    the known tables asked for."""
    cursor = t.me.caught_up()
    doc = t.me.record()
    names = {
        "nope": None,
        "users": None,
        "receipts": "x",
        "Tasks": None,
        "sqlite_master": None,
    }
    page = value(t.me.changes_call({"tasks": cursor, **names}))
    same(sorted(page["unknown"]), sorted(names), "unknown")
    same(set(page["cursors"]), {"tasks"}, "cursors")
    same([change["doc"] for change in page["changes"]], [doc], "changes")


@case()
def names_of_objects_in_general_are_no_tables(t):
    """A table that it does not know is named in unknown."""
    names = ("constructor", "toString", "hasOwnProperty", "valueOf")
    page = value(t.me.changes_call({name: None for name in names}))
    same(sorted(page["unknown"]), sorted(names), "unknown")


@case()
def one_bad_cursor_names_its_table(t):
    """cursor_unknown with table; only that table is walked again."""
    thrown(t.me.changes_call({"tasks": "bad"}), "cursor_unknown", table="tasks")


@case()
def cursors_of_a_wrong_type_are_refused(t):
    """cursors:{TABLE:CURSOR|null,...}: malformed: cursor_unknown, or refused as an argument."""
    for wrong in (5, True, [], {}, 1.5):
        body = t.me.changes_call({"tasks": wrong}).json
        check(body.get("status") != "success", f"cursor {wrong!r}: {body}")


@case()
def more_is_false_when_nothing_is_left(t):
    """more:false: nothing was left in this snapshot."""
    cursor = t.me.caught_up()
    made = [t.me.record() for _ in range(4)]
    for limit in (1, 2, 3, 4, 5):
        same(
            set(t.me.changed_since(cursor, limit=limit)),
            {doc["clientId"] for doc in made},
            f"records up to more:false with limit {limit}",
        )


@case()
def pulling_again_from_a_cursor_gives_the_same_again(t):
    """Pages and push answers are safe in any order; an answer that was lost is asked for again."""
    cursor = t.me.caught_up()
    t.me.record()
    first, second = (value(t.me.changes_call({"tasks": cursor})) for _ in range(2))
    same(second, first, "the second answer")


@case()
def changes_come_in_commit_order_whatever_the_clocks_say(t):
    """By commit order, never by clocks."""
    cursor = t.me.caught_up()
    clocks = (1800000000000, 5, 1700000000000, 0)
    made = [applied(t.me.push(make_op(createdAt=clock, updatedAt=clock))) for clock in clocks]
    page = value(t.me.changes_call({"tasks": cursor}))
    same(
        [change["doc"]["clientId"] for change in page["changes"]],
        [doc["clientId"] for doc in made],
        "order",
    )
    found = []
    for _ in made:
        one = value(t.me.changes_call({"tasks": cursor}, 1))
        found.extend(change["doc"]["clientId"] for change in one["changes"])
        cursor = one["cursors"]["tasks"]
    same(found, [doc["clientId"] for doc in made], "order, one by one")


@case()
def the_rows_of_one_batch_survive_a_page_break(t):
    """Cursor (rev, clientId): all rows of one mutation may share a rev, and none is lost between
    pages."""
    cursor = t.me.caught_up()
    made = [applied(result) for result in t.me.push_many([make_op() for _ in range(11)])]
    for limit in (1, 3, 10, 11):
        same(
            set(t.me.changed_since(cursor, limit=limit)),
            {doc["clientId"] for doc in made},
            f"limit {limit}",
        )


@case()
def a_reader_among_writers_misses_no_commit(t):
    """Cursor soundness: by commit order."""
    start, writers, each = t.me.caught_up(), 4, 15
    sessions = [t.me.another_session() for _ in range(writers)]
    ended = []

    def write(session):
        def job():
            try:
                return [session.record({"text": f"w{n}"})["clientId"] for n in range(each)]
            finally:
                ended.append(session)

        return job

    def read():
        cursors, found = {"tasks": start}, []
        while True:
            is_last = len(ended) == writers
            page, cursors = t.me.changes_since(cursors, 7)
            found.extend(change["doc"]["clientId"] for change in page)
            if is_last:
                return found

    made = at_once(read, *(write(session) for session in sessions))
    found, written = made[0], [name for names in made[1:] for name in names]
    same(len(written), writers * each, "writes")
    same(sorted(set(written) - set(found)), [], "records that the reader missed")


@case()
def a_doc_of_an_older_page_has_a_lower_rev(t):
    """The device ignores a doc whose rev is lower than the one it has."""
    cursor = t.me.caught_up()
    doc = t.me.record({"text": "a"})
    page = value(t.me.changes_call({"tasks": cursor}))
    newer = applied(t.me.update(doc, {"text": "b"}))
    check(
        rev(page["changes"][0]["doc"]) < rev(newer),
        "the page's rev is not lower than the push answer's",
    )


@case()
def a_pull_shows_only_the_user_s_records(t):
    """No account ever sees another account's records."""
    cursor = t.me.caught_up()
    t.you.record()
    same(t.me.changed_since(cursor), {}, "changes")
