"""CONTRACT.md section 4, Validation: from the table's definition, the same on both sides."""

from definitions import RECORD_LIMIT, TEXT_LIMIT, TIME_MAX
from suite import applied, case, check, nothing_written, rejected, same, value
from world import make_op, new_id, refused_op, thing

# Unicode White_Space (PropList.txt), all of it.
WHITE_SPACE = (
    "\t\n\v\f\r \u0085\u00a0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
# What looks empty, but is no White_Space.
NO_WHITE_SPACE = "\u200b\u200c\u200d\u2060\ufeff\u180e\u00ad"


def takes(t, table, column, values):
    """Every value is stored and comes back the same."""
    start = thing() if table == "contractthings" else {"text": "x"}
    ops = [make_op(table, set={**start, column: good}) for good in values]
    for good, result in zip(values, t.me.push_many(ops)):
        check(result["status"] == "applied", f"{column} = {good!r}: {result}")
        same(applied(result)[column], good, column)


def refuses(t, table, column, values):
    """No value is stored: each op is rejected with invalid_value and its column."""
    start = thing() if table == "contractthings" else {"text": "x"}
    ops = [make_op(table, set={**start, column: bad}) for bad in values]
    with nothing_written(t.me):
        for bad, result in zip(values, t.me.push_many(ops)):
            try:
                rejected(result, "invalid_value", column=column)
            except AssertionError as error:
                raise type(error)(f"{column} = {bad!r}: {error}") from None


@case()
def required_text_holds_more_than_white_space(t):
    """Required text holds something besides Unicode White_Space."""
    refuses(t, "tasks", "text", ["", *WHITE_SPACE, WHITE_SPACE, "  \u3000 "])


@case()
def what_is_no_white_space_is_text(t):
    """Required text holds something besides Unicode White_Space."""
    takes(t, "tasks", "text", [*NO_WHITE_SPACE, "\u3000x", "x\u2028", "\u0001", "."])


@case("things")
def text_limits_count_code_points(t):
    """Limits count Unicode code points."""
    takes(
        t,
        "contractthings",
        "name",
        ["a" * 40, "\u00e9" * 40, "\u6f22" * 40, "\U0001f527" * 40, "e\u0301" * 20, "\u202e" * 40],
    )
    refuses(
        t,
        "contractthings",
        "name",
        [
            "a" * 41,
            "\u00e9" * 41,
            "\U0001f527" * 41,
            "e\u0301" * 20 + "e",
            "a" * 5000,
            " " * 40 + "a",
        ],
    )


@case()
def the_limits_of_tasks_are_those_of_its_definition(t):
    """Validation from the table's definition."""
    for column in ("text", "notes"):
        limit = t.tasks.text_limit(column)
        takes(t, "tasks", column, ["a" * limit, "\U0001f527" * limit])
        refuses(t, "tasks", column, ["a" * (limit + 1), "\U0001f527" * (limit + 1)])


@case("pages")
def text_without_a_limit_has_65536(t):
    """Text without a limit has 65,536."""
    doc = applied(t.me.push(make_op("contractpages", set={"title": "x", "top": "a" * TEXT_LIMIT})))
    same(len(doc["top"]), TEXT_LIMIT, "length")
    with nothing_written(t.me):
        rejected(
            t.me.push(make_op("contractpages", set={"title": "x", "top": "a" * (TEXT_LIMIT + 1)})),
            "invalid_value",
            column="top",
        )


@case("pages")
def a_record_has_at_most_256_kib_of_json(t):
    """A record is at most 256 KiB of JSON."""
    full = {
        "title": "x",
        "top": "a" * 65000,
        "left": "b" * 65000,
        "right": "c" * 65000,
        "bottom": "d" * 60000,
    }
    check(len(str(full)) < RECORD_LIMIT, "the record that fits does not")
    applied(t.me.push(make_op("contractpages", set=full)))
    many = {"title": "x", "top": "\U0001f527" * 65536}  # 256 KiB by itself, and the rest
    with nothing_written(t.me):
        refused_op(
            t.me, make_op("contractpages", set={**full, "title": "t" * 65000}), "invalid_value"
        )
        refused_op(t.me, make_op("contractpages", set=many), "invalid_value")


@case("pages")
def an_update_cannot_make_a_record_too_large(t):
    """A record is at most 256 KiB of JSON: the merged record counts, not the op."""
    doc = applied(
        t.me.push(
            make_op(
                "contractpages",
                set={"title": "x", "top": "a" * 65000, "left": "b" * 65000, "right": "c" * 65000},
            )
        )
    )
    with nothing_written(t.me):
        refused_op(
            t.me,
            make_op(
                "contractpages",
                doc["clientId"],
                "update",
                {"bottom": "d" * 65000, "title": "t" * 10000},
            ),
            "invalid_value",
        )
    same(t.me.get(doc["clientId"], "contractpages"), doc, "doc")


@case()
def text_is_text(t):
    """Validation from the table's definition: a column of type text."""
    refuses(t, "tasks", "text", [5, 1.5, True, False, [], ["x"], {}, {"$integer": "AAAAAAAAAAA="}])
    refuses(t, "tasks", "notes", [5, 1.5, True, False, [], ["x"], {}])


@case()
def a_bool_is_true_or_false(t):
    """Validation from the table's definition: a column of type bool."""
    takes(t, "tasks", "isCompleted", [True, False])
    refuses(t, "tasks", "isCompleted", [0, 1, "true", "", [], {}])


@case()
def a_choice_is_one_of_the_list(t):
    """choice: one of the list."""
    takes(t, "tasks", "priority", ["low", "normal", "high", None])
    refuses(
        t,
        "tasks",
        "priority",
        ["High", "urgent", "", " low", "low ", "lo", "lowest", 0, 1, True, ["low"], {}],
    )


@case("things")
def a_required_choice_is_one_of_the_list(t):
    """choice: one of the list; null for a required one is invalid_value."""
    takes(t, "contractthings", "kind", ["a", "b"])
    refuses(t, "contractthings", "kind", [None, "", "c", "A", "ab"])


@case()
def a_date_is_an_existing_day(t):
    """date: an existing day of the years 0001 to 9999 as YYYY-MM-DD."""
    takes(
        t,
        "tasks",
        "dueAt",
        [
            "2024-02-29",
            "2000-02-29",
            "0001-01-01",
            "9999-12-31",
            "1582-10-10",
            "2023-12-31",
            "0004-02-29",
            None,
        ],
    )
    refuses(
        t,
        "tasks",
        "dueAt",
        [
            "2023-02-29",
            "1900-02-29",
            "2100-02-29",
            "0000-01-01",
            "0000-12-31",
            "2024-00-10",
            "2024-13-01",
            "2024-01-00",
            "2024-01-32",
            "2024-04-31",
            "2024-1-01",
            "2024-01-1",
            "24-01-01",
            "10000-01-01",
            "",
            "2024-01-01T00:00:00Z",
            " 2024-01-01",
            "2024-01-01 ",
            "2024/01/01",
            "20240101",
            "-001-01-01",
            "+024-01-01",
            "2024-01-+1",
            "\u0662\u0660\u0662\u0664-01-01",
            "today",
            20240101,
            1700000000000,
            True,
            [],
            {},
        ],
    )


@case("things")
def an_integer_is_whole_and_within_its_bounds(t):
    """integer is whole and below 2^53 in size; min and max from the definition."""
    takes(t, "contractthings", "count", [0, 1, 1000, 5.0, None])
    refuses(
        t,
        "contractthings",
        "count",
        [-1, 1001, 0.5, 999.999, "5", "", True, [], {}, 1e18, 2**53, -(2**53), 1e300],
    )


@case("things")
def a_real_is_a_finite_number(t):
    """real: finite."""
    takes(
        t,
        "contractthings",
        "size",
        [
            0,
            1.5,
            -1.5,
            1e-300,
            1.7976931348623157e308,
            -1e308,
            5e-324,
            0.1,
            123456789.123456789,
            None,
        ],
    )
    refuses(t, "contractthings", "size", ["1.5", "NaN", "Infinity", True, [], {}])
    raw = (
        b'{"path":"sync:upsert","format":"json",'
        b'"args":{"protocol":1,"deviceId":"d","runId":"r","op":%s}}'
    )
    op = (
        b'{"opId":"%s","table":"contractthings","clientId":"%s","operation":"create","base":{},'
        b'"set":{"name":"n","kind":"a","size":%s},"createdAt":0,"updatedAt":0}'
    )
    with nothing_written(t.me):
        for number in (b"1e400", b"-1e400", b"NaN", b"Infinity", b'{"$float":"AAAAAAAA+H8="}'):
            body = raw % (op % (new_id().encode(), new_id().encode(), number))
            answer = t.client.post("mutation", body, t.me.token)
            if (answer.json or {}).get("status") == "success":
                rejected(value(answer)["result"], "invalid_value", column="size")
            else:
                check(answer.status in (200, 400), f"{number}: {answer}")


@case("things")
def a_timestamp_is_whole_milliseconds(t):
    """Times: whole ms since the epoch, UTC, 0 to 253402300799999."""
    takes(t, "contractthings", "seenAt", [0, 1700000000000, TIME_MAX, None])
    refuses(
        t,
        "contractthings",
        "seenAt",
        [-1, TIME_MAX + 1, 0.5, "1700000000000", "2024-01-01", True, [], {}],
    )


@case("things")
def a_reference_is_checked_for_form_only(t):
    """A reference is checked for form only; references are lower-case UUID text."""
    takes(t, "contractthings", "task", [new_id(), "00000000-0000-7000-8000-000000000000", None])
    name = new_id()
    refuses(
        t,
        "contractthings",
        "task",
        [
            "",
            "x",
            "A" + name[1:],
            name[:-1],
            name + "0",
            name.replace("-", ""),
            name[:-1] + "g",
            5,
            True,
            [],
            {},
        ],
    )


@case("things")
def a_bool_with_a_default_takes_no_null(t):
    """null for one with a default is invalid_value."""
    refuses(t, "contractthings", "isOn", [None, 0, 1, "true"])


def raw_op(set_json):
    """A push of one op whose `set` is given as raw JSON bytes; fresh ids."""
    op = (
        b'{"opId":"%s","table":"tasks","clientId":"%s","operation":"create","base":{},"set":%s,'
        b'"createdAt":0,"updatedAt":0}' % (new_id().encode(), new_id().encode(), set_json)
    )
    return (
        b'{"path":"sync:upsert","format":"json",'
        b'"args":{"protocol":1,"deviceId":"d","runId":"r","op":%s}}' % op
    )


def writes_nothing(t, bodies):
    with nothing_written(t.me):
        for body in bodies:
            answer = t.client.post("mutation", body, t.me.token)
            if (answer.json or {}).get("status") == "success":
                rejected(value(answer)["result"], "invalid_value", "unknown_column")
            else:
                check(
                    answer.status in (200, 400) and answer.json is not None,
                    f"{body[:200]!r}: {answer}",
                )


@case()
def a_nul_is_refused(t):
    """U+0000 is refused, and nothing is cut at it."""
    writes_nothing(
        t,
        [
            raw_op(b'{"text":"%s"}' % text)
            for text in (b"\\u0000", b"a\\u0000", b"\\u0000b", b"a\\u0000b")
        ]
        + [
            raw_op(b'{"text":"x","notes":"a\\u0000b"}'),
            raw_op(b'{"text\\u0000":"x"}'),
            raw_op(b'{"text":"x","notes\\u0000":"x"}'),
        ],
    )


@case()
def a_lone_surrogate_is_refused(t):
    """Invalid Unicode is refused."""
    writes_nothing(
        t,
        [
            raw_op(b'{"text":"%s"}' % text)
            for text in (b"\\ud800", b"\\udc00", b"a\\ud83db", b"\\ud83d\\ud83d", b"\\udd27\\ud83d")
        ],
    )


@case()
def a_surrogate_pair_is_one_character(t):
    """Limits count Unicode code points, however JSON escapes them."""
    answer = t.client.post("mutation", raw_op(b'{"text":"\\ud83d\\udd27\\u00e9\\n"}'), t.me.token)
    same(applied(value(answer)["result"])["text"], "\U0001f527\u00e9\n", "text")


@case()
def bytes_that_are_no_utf8_are_refused(t):
    """Invalid Unicode is refused."""
    writes_nothing(
        t,
        [
            raw_op(b'{"text":"a%sb"}' % bad)
            for bad in (
                b"\xff",
                b"\xfe",
                b"\x80",
                b"\xc3",
                b"\xc0\x80",
                b"\xc1\xbf",
                b"\xe0\x80\x80",
                b"\xe2\x82",
                b"\xed\xa0\x80",
                b"\xed\xbf\xbf",
                b"\xf0\x80\x80\x80",
                b"\xf4\x90\x80\x80",
                b"\xf8\x88\x80\x80\x80",
                b"\xf0\x9f\x94",
            )
        ],
    )


@case("things")
def base_is_compared_and_not_validated(t):
    """base: the values before; what was valid under an older definition must not block an edit."""
    doc = t.me.record(thing(), "contractthings")
    for base in ({"kind": "gone"}, {"kind": "x" * 100}, {"kind": 5}):
        result = t.me.update(doc, {"kind": "b"}, base, "contractthings")
        applied(result)
