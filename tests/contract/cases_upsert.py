"""CONTRACT.md section 4: Upsert, and the codes of an update that finds no record."""

from suite import applied, case, check, nothing_written, overwrote, rejected, rev, same
from world import make_op, new_device, new_id, thing


@case()
def a_create_gives_the_other_columns_their_default(t):
    """Only columns in set are written; on create the others get their default."""
    doc = applied(t.me.push(make_op(set={"text": "x"})))
    same(
        [doc["isCompleted"], doc["notes"], doc["priority"], doc["dueAt"]],
        [False, None, None, None],
        "columns",
    )


@case("things")
def a_default_may_be_true(t):
    """On create the others get their default."""
    doc = t.me.record(thing(), "contractthings")
    same([doc["isOn"], doc["count"], doc["task"]], [True, None, None], "columns")
    doc = t.me.record(thing(isOn=False), "contractthings")
    same(doc["isOn"], False, "a default that was set otherwise")


@case()
def a_create_of_an_existing_record_is_merged_into_it(t):
    """create of an existing record and update of a missing one both end as the merged record."""
    doc = t.me.record({"text": "a", "notes": "kept", "isCompleted": True})
    again = applied(
        t.me.push(make_op(client_id=doc["clientId"], set={"text": "b", "priority": "low"}))
    )
    same(
        [again["text"], again["notes"], again["isCompleted"], again["priority"]],
        ["b", "kept", True, "low"],
        "columns",
    )
    same(again["serverId"], doc["serverId"], "serverId")
    check(rev(again) > rev(doc), "rev did not rise")


@case()
def an_update_of_a_missing_record_makes_it(t):
    """create of an existing record and update of a missing one both end as the merged record."""
    op = make_op(operation="update", set={"text": "b", "notes": "n"}, base={"text": "a"})
    doc = applied(t.me.push(op))
    same(
        [doc["text"], doc["notes"], doc["isCompleted"], doc["priority"]],
        ["b", "n", False, None],
        "columns",
    )
    same([doc["createdAt"], doc["deletedAt"]], [op["createdAt"], None], "createdAt, deletedAt")
    same(t.me.get(op["clientId"]), doc, "doc")


@case()
def an_update_that_leaves_out_a_required_column_finds_no_record(t):
    """not_found (an update of a record that the backend does not have, where a required column
    would be missing): not counted, the device sends the same change again as a create with all
    columns."""
    op = make_op(operation="update", set={"notes": "n"}, base={"notes": None})
    with nothing_written(t.me):
        rejected(t.me.push(op), "not_found")
        rejected(t.me.push(make_op(operation="update", set={})), "not_found")
    same(t.me.get(op["clientId"]), None, "the record")
    again = {
        **op,
        "opId": new_id(),
        "operation": "create",
        "set": {"text": "all", "notes": "n"},
        "base": {},
    }
    same(applied(t.me.push(again))["notes"], "n", "notes, sent again as a create")


@case("things")
def an_update_needs_every_required_column_of_a_missing_record(t):
    """not_found: where a required column would be missing."""
    with nothing_written(t.me):
        for columns in ({"name": "n"}, {"kind": "a"}, {"count": 5}):
            rejected(
                t.me.push(make_op("contractthings", operation="update", set=columns)), "not_found"
            )
    applied(
        t.me.push(make_op("contractthings", operation="update", set={"name": "n", "kind": "a"}))
    )


@case()
def a_create_without_a_required_column_is_invalid(t):
    """invalid_value: a required column has no value."""
    with nothing_written(t.me):
        rejected(t.me.push(make_op(set={"notes": "n"})), "invalid_value", column="text")
        rejected(t.me.push(make_op(set={})), "invalid_value", column="text")


@case("things")
def a_create_without_a_required_choice_is_invalid(t):
    """invalid_value: a required column has no value."""
    with nothing_written(t.me):
        rejected(
            t.me.push(make_op("contractthings", set={"name": "n"})), "invalid_value", column="kind"
        )


@case()
def a_create_of_an_existing_record_may_leave_out_required_columns(t):
    """Both end as the merged record."""
    doc = t.me.record({"text": "kept"})
    again = applied(t.me.push(make_op(client_id=doc["clientId"], set={"notes": "n"})))
    same([again["text"], again["notes"]], ["kept", "n"], "text, notes")


@case()
def only_columns_in_set_are_written(t):
    """Only columns in set are written."""
    doc = t.me.record({"text": "a", "notes": "n", "priority": "high", "dueAt": "2024-01-31"})
    office = t.me.office_update(doc, {"notes": "office"})
    later = applied(t.me.update(doc, {"text": "b"}, {"text": "a", "notes": "n"}))
    for column in ("notes", "priority", "dueAt", "isCompleted"):
        same(later[column], office[column], column)


@case()
def null_clears_an_optional_column(t):
    """null clears an optional column."""
    doc = t.me.record({"text": "a", "notes": "n", "priority": "high", "dueAt": "2024-01-31"})
    cleared = applied(t.me.update(doc, {"notes": None, "priority": None, "dueAt": None}))
    same([cleared["notes"], cleared["priority"], cleared["dueAt"]], [None, None, None], "columns")
    same(
        applied(t.me.push(make_op(set={"text": "x", "notes": None})))["notes"],
        None,
        "null in a create",
    )


@case()
def null_for_a_required_column_is_invalid(t):
    """For a required one, or one with a default, it is invalid_value."""
    doc = t.me.record()
    with nothing_written(t.me):
        rejected(t.me.update(doc, {"text": None}), "invalid_value", column="text")
        rejected(t.me.push(make_op(set={"text": None})), "invalid_value", column="text")


@case()
def null_for_a_column_with_a_default_is_invalid(t):
    """For a required one, or one with a default, it is invalid_value."""
    doc = t.me.record()
    with nothing_written(t.me):
        rejected(t.me.update(doc, {"isCompleted": None}), "invalid_value", column="isCompleted")
        rejected(
            t.me.push(make_op(set={"text": "x", "isCompleted": None})),
            "invalid_value",
            column="isCompleted",
        )


@case()
def a_write_that_changes_nothing_is_applied(t):
    """A write that changes nothing is applied and leaves the record as it was."""
    doc = t.me.record({"text": "a", "notes": "n"})
    cursor = t.me.caught_up()
    with nothing_written(t.me):
        for op in (
            make_op(client_id=doc["clientId"], set={"text": "a", "notes": "n"}),
            make_op(
                client_id=doc["clientId"],
                operation="update",
                set={"notes": "n"},
                base={"notes": "other"},
            ),
            make_op(client_id=doc["clientId"], operation="update", set={"isCompleted": False}),
        ):
            result = t.me.push(op, new_device())
            same(applied(result), doc, "doc")
            same(overwrote(result), {}, "overwrote")
    same(t.me.changed_since(cursor), {}, "changes")


@case()
def one_bad_column_spoils_the_whole_op(t):
    """A rejected op is not applied, in no part."""
    doc = t.me.record({"text": "a", "notes": "n"})
    with nothing_written(t.me):
        rejected(
            t.me.update(doc, {"notes": "new", "priority": "urgent"}),
            "invalid_value",
            column="priority",
        )
        rejected(
            t.me.update(doc, {"notes": "new", "colour": "red"}), "unknown_column", column="colour"
        )
    same(t.me.get(doc["clientId"]), doc, "doc")


@case()
def text_is_kept_as_it_was_typed(t):
    """The same JSON value: text comes back code point by code point."""
    texts = (
        "  spaces kept  ",
        "\u00fc \u6f22\u5b57 \U0001f527 \u05d0",
        "e\u0301 and \u00e9",
        "\u202ertl\u202c \u200b\ufeff|",
        "'; DROP TABLE tasks; --",
        "%s %n \\u0041 \\ \" / </script>",
        "\u0001\u001b[31m\u007f\u0085|",
        "\uffff \ufffd",
        "{\"$integer\":\"AAAAAAAAAAA=\"}",
        "NaN",
        "null",
        "1e5",
        "\U0010ffff",
    )
    for text in texts:
        doc = applied(t.me.push(make_op(set={"text": text, "notes": "line\nline\ttab\r\n" + text})))
        same(doc["text"], text, "text")
        same(t.me.get(doc["clientId"])["notes"], "line\nline\ttab\r\n" + text, "notes")


@case()
def an_optional_text_may_be_blank(t):
    """Required text holds something besides White_Space; of optional text nothing is said."""
    same(applied(t.me.push(make_op(set={"text": "x", "notes": "  "})))["notes"], "  ", "notes")
    check(
        applied(t.me.push(make_op(set={"text": "x", "notes": ""})))["notes"] in ("", None), "notes"
    )
