"""CONTRACT.md sections 2 and 4: sync:getAllForUser, the walk."""

from definitions import MOST, PAGE_BYTES
from suite import applied, case, check, rev, same, thrown, value
from world import make_op, new_id


def by_id(docs):
    return {doc["clientId"]: doc for doc in docs}


def records(t, count):
    """A cursor, and `count` fresh records behind it."""
    cursor = t.me.caught_up()
    ops = [make_op(set={"text": f"walked {n}"}) for n in range(count)]
    return cursor, [applied(result) for result in t.me.push_many(ops)]


@case()
def a_walk_gives_every_live_record(t):
    """One table from the start (cursor:null), for the initial sync and for walking again."""
    made = [t.me.record({"text": f"w{n}"}) for n in range(3)]
    docs, _ = t.me.walk()
    found = by_id(docs)
    for doc in made:
        same(found.get(doc["clientId"]), doc, "a walked doc")
    same(len(found), len(docs), "a quiet walk gives each record once; records")


@case()
def a_page_has_the_agreed_members(t):
    """-> {epoch,docs,cursor,more,total?}."""
    t.me.record()
    page = value(t.me.walk_call("tasks", None, 1))
    check(
        {"epoch", "docs", "cursor", "more"}
        <= set(page)
        <= {"epoch", "docs", "cursor", "more", "total"},
        f"members {sorted(page)}",
    )
    check(isinstance(page["more"], bool), f"more is {page['more']!r}")
    check(isinstance(page["cursor"], str) and page["cursor"], f"cursor is {page['cursor']!r}")


@case()
def a_walk_goes_page_by_page(t):
    """limit: a page may hold fewer, even none, with more:true, but then the cursor has moved."""
    cursor, made = records(t, 7)
    docs, _ = t.me.walk(limit=3, cursor=cursor)
    same(sorted(by_id(docs)), sorted(doc["clientId"] for doc in made), "records")
    docs, _ = t.me.walk(limit=1, cursor=cursor)
    same(len(docs), 7, "records with limit 1")


@case()
def a_walk_leaves_out_tombstones_older_than_its_first_page(t):
    """Leaves out tombstones older than the walk's first page (the cursor carries that point)."""
    made = [t.me.record() for _ in range(4)]
    t.me.remove(made[0])
    t.me.remove(made[2])
    for limit in (MOST, 100):
        found = by_id(t.me.walk(limit=limit)[0])
        check(
            made[1]["clientId"] in found and made[3]["clientId"] in found,
            "a live record is missing",
        )
        for doc in (made[0], made[2]):
            check(doc["clientId"] not in found, "an old tombstone was given")


@case()
def a_walk_gives_tombstones_made_since_its_first_page(t):
    """Leaves out tombstones older than the walk's first page and gives later ones."""
    made = [t.me.record() for _ in range(3)]
    first = value(t.me.walk_call("tasks", None, 1))
    check(first["more"], "wanted a walk of several pages")
    gone = t.me.remove(made[1])
    docs, _ = t.me.walk(cursor=first["cursor"])
    same(by_id(docs).get(gone["clientId"]), gone, "the tombstone made during the walk")


@case()
def a_record_changed_during_a_walk_is_given_as_it_is_now(t):
    """By commit order: what changes during a walk comes later in the walk, or after it by pull."""
    made = [t.me.record({"text": "old"}) for _ in range(3)]
    first = value(t.me.walk_call("tasks", None, 1))
    new = applied(t.me.update(made[0], {"text": "new"}, {"text": "old"}))
    late = t.me.record({"text": "late"})
    docs, cursor = t.me.walk(cursor=first["cursor"])
    found = {**by_id(docs), **t.me.changed_since(cursor)}
    same(found.get(new["clientId"]), new, "the changed record")
    same(found.get(late["clientId"]), late, "the new record")


@case()
def total_counts_live_records_on_the_first_page_only(t):
    """total: live records when the walk began, on the first page only, may be absent."""
    docs = [t.me.record() for _ in range(3)]
    t.me.remove(docs[0])
    first = value(t.me.walk_call("tasks", None, 1))
    live = len(by_id(t.me.walk()[0]))
    if "total" in first:
        same(first["total"], live, "total")
    second = value(t.me.walk_call("tasks", first["cursor"], 1))
    check("total" not in second, f"total on the second page: {second.get('total')!r}")


@case()
def the_end_of_a_walk_is_where_a_pull_continues(t):
    """The last page of a walk is where getChangesSince continues."""
    t.me.record()
    _, cursor = t.me.walk()
    same(t.me.changed_since(cursor), {}, "changes right after a walk")
    doc = t.me.record()
    same(t.me.changed_since(cursor), {doc["clientId"]: doc}, "changes after one write")
    gone = t.me.remove(doc)
    same(t.me.changed_since(cursor), {doc["clientId"]: gone}, "changes after the removal")


@case()
def cursors_of_both_functions_are_of_one_kind(t):
    """Cursors are opaque, never null in an answer, one kind for both functions."""
    cursor, made = records(t, 5)
    names = {doc["clientId"] for doc in made}
    page = value(t.me.walk_call("tasks", cursor, 2))
    rest = set(t.me.changed_since(page["cursor"]))
    same(sorted(set(by_id(page["docs"])) | rest), sorted(names), "a walk continued by pull")
    page = value(t.me.changes_call({"tasks": cursor}, 2))
    rest = set(by_id(t.me.walk(cursor=page["cursors"]["tasks"])[0]))
    first = {change["doc"]["clientId"] for change in page["changes"]}
    same(sorted(first | rest), sorted(names), "a pull continued by a walk")


@case("things")
def an_empty_table_has_a_cursor_too(t):
    """Cursors are never null in an answer."""
    for table in ("contractthings", "tasks"):
        page = value(t.you.walk_call(table, None, MOST))
        check(isinstance(page["cursor"], str) and page["cursor"], f"cursor is {page['cursor']!r}")


@case()
def an_unknown_table_cannot_be_walked(t):
    """Thrown: unknown_table."""
    thrown(t.me.walk_call("nope", None, 10), "unknown_table")


@case()
def a_cursor_that_is_malformed_is_unknown(t):
    """Cursors: malformed ...: cursor_unknown with table; only that table is walked again."""
    good = t.me.caught_up()
    for bad in (
        "",
        "x",
        "0",
        "-1",
        "null",
        good + "x",
        " " + good,
        good + " ",
        "\u00e9",
        "9" * 400,
        "A" * 5000,
    ):
        thrown(t.me.walk_call("tasks", bad, 10), "cursor_unknown", table="tasks")
        thrown(t.me.changes_call({"tasks": bad}, 10), "cursor_unknown", table="tasks")


@case()
def a_cursor_of_another_account_is_unknown(t):
    """Another account's or table's (the cursor carries a hash of both): cursor_unknown with
    table."""
    t.you.record()
    theirs = t.you.walk(limit=MOST)[1]
    thrown(t.me.walk_call("tasks", theirs, 10), "cursor_unknown", table="tasks")
    thrown(t.me.changes_call({"tasks": theirs}, 10), "cursor_unknown", table="tasks")


@case("things")
def a_cursor_of_another_table_is_unknown(t):
    """Another account's or table's (the cursor carries a hash of both): cursor_unknown with
    table."""
    tasks, things = t.me.caught_up(), t.me.caught_up("contractthings")
    thrown(t.me.walk_call("contractthings", tasks, 10), "cursor_unknown", table="contractthings")
    data = t.me.changes_call({"tasks": tasks, "contractthings": tasks}, 10)
    thrown(data, "cursor_unknown", table="contractthings")
    value(t.me.changes_call({"tasks": tasks, "contractthings": things}, 10))


@case()
def a_limit_over_500_means_500(t):
    """limit: over 500 means 500. A page at most 500 changes and 4 MiB."""
    you = t.crowd()
    for limit in (501, 1000, 9007199254740991):
        page = value(you.walk_call("tasks", None, limit))
        check(0 < len(page["docs"]) <= MOST, f"limit {limit}: {len(page['docs'])} docs")
        check(page["more"], "a crowd on one page")
        page = value(you.changes_call({"tasks": None}, limit))
        check(0 < len(page["changes"]) <= MOST, f"limit {limit}: {len(page['changes'])} changes")


@case()
def a_page_is_at_most_4_mib(t):
    """A page at most 500 changes and 4 MiB."""
    you = t.crowd()
    for first in (you.walk_call("tasks", None, MOST), you.changes_call({"tasks": None}, MOST)):
        check(len(first.body) <= PAGE_BYTES + 4096, f"a page of {len(first.body)} bytes")
        check(value(first)["more"], "over 4 MiB on one page")
    walked, _ = you.walk()
    pulled = you.changed_since(None)
    live = {name: doc for name, doc in pulled.items() if doc["deletedAt"] is None}
    same(sorted(by_id(walked)), sorted(live), "records of a walk and of a pull in several pages")


@case()
def docs_of_a_walk_come_in_commit_order(t):
    """By commit order, never by clocks."""
    cursor, made = records(t, 3)
    applied(t.me.update(made[0], {"text": "changed"}, updatedAt=1))
    docs, _ = t.me.walk(cursor=cursor)
    revs = [rev(doc) for doc in docs]
    same(revs, sorted(revs), "revs")
    same(docs[-1]["clientId"], made[0]["clientId"], "the record changed last")


@case()
def a_walk_shows_only_the_user_s_records(t):
    """No account ever sees another account's records."""
    name = new_id()
    applied(t.you.push(make_op(client_id=name)))
    check(name not in by_id(t.me.walk()[0]), "another account's record was walked")
