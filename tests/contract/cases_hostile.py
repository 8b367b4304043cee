"""Requests that no honest client sends: refused, nothing written, and the backend goes on."""

import client
from suite import applied, bad_request, case, check, fails, nothing_written, same, thrown, value
from world import make_op, new_id, new_run

HEAD = b'{"path":"sync:head","args":{"protocol":1},"format":"json"}'


def is_refusal(answer):
    """A JSON refusal of any kind."""
    if answer.status == 401:
        return bad_request(answer, 401)
    return fails(answer)


@case()
def malformed_json_is_400(t):
    """Other 400: wrong client. JSON with a code."""
    bodies = (
        b"",
        b" ",
        b"{",
        b"}",
        b"x",
        b"nul",
        b"'path'",
        HEAD[:-1],
        HEAD + b"}",
        HEAD + b"x",
        HEAD + HEAD,
        HEAD.replace(b'"path"', b"path"),
        HEAD.replace(b'"', b"'"),
        HEAD.replace(b":1", b":NaN"),
        HEAD.replace(b":1}", b":1,}"),
        HEAD.replace(b":1", b":"),
        HEAD.replace(b":1", b":-"),
        b"/* */" + HEAD,
        b"\x00" + HEAD,
        HEAD + b"\x00",
        HEAD.replace(b":1", b":0x1"),
        b'"' + b"\\" * 99,
    )
    with nothing_written(t.me):
        for body in bodies:
            for kind in ("query", "mutation", "action"):
                answer = t.client.post(kind, body, t.me.token)
                try:
                    bad_request(answer)
                except AssertionError as error:
                    raise type(error)(f"{body!r}: {error}") from None


@case()
def json_that_is_no_object_is_400(t):
    """Other 400: wrong client."""
    for body in (b"null", b"5", b"true", b'"x"', b"[]", b"[" + HEAD + b"]", b"1e999"):
        bad_request(t.client.post("query", body, t.me.token))


@case()
def bad_utf8_in_a_request_is_400(t):
    """Invalid Unicode is refused."""
    for bad in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"):
        bad_request(t.client.post("query", HEAD.replace(b"sync", b"sync" + bad), t.me.token))


@case()
def deep_nesting_is_refused(t):
    """Value nesting in arguments is bounded (Convex: 64)."""
    bodies = [
        b"[" * 100000,
        b'{"a":' * 100000,
        b"[" * 100000 + b"]" * 100000,
        b'{"path":"sync:head","args":' + b"[" * 50000 + b"]" * 50000 + b',"format":"json"}',
        HEAD.replace(b":1", b":" + b"[" * 2000 + b"]" * 2000),
    ]
    with nothing_written(t.me):
        for body in bodies:
            is_refusal(t.client.post("mutation", body, t.me.token))


@case()
def deep_nesting_inside_an_op_is_refused(t):
    """ops is an array of anything; value nesting in arguments is bounded."""
    deep = 5
    for _ in range(300):
        deep = [deep]
    with nothing_written(t.me):
        for op in (
            deep,
            make_op(set={"text": deep}),
            make_op(set={"text": ""}, base={"text": deep}),
        ):
            answer = t.me.push_many_call([op])
            if answer.json.get("status") == "success":
                same(answer.json["value"]["results"][0]["status"], "rejected", "status")
            else:
                fails(answer)


@case()
def a_member_given_twice_is_never_half_taken(t):
    """Duplicated keys may be refused; whichever counts, the answer shows it."""
    op = make_op(set={"text": "first"})
    body = client.encode(
        {
            "path": "sync:upsert",
            "format": "json",
            "args": {"protocol": 1, "deviceId": "d", "runId": "r", "op": op},
        }
    )
    twice = body.replace(b'"text":"first"', b'"text":"first","text":"second"')
    check(twice != body, "nothing was doubled")
    answer = t.client.post("mutation", twice, t.me.token)
    if (answer.json or {}).get("status") == "success":
        result = answer.json["value"]["result"]
        if result["status"] == "applied":
            check(result["doc"]["text"] in ("first", "second"), f"{result}")
            same(t.me.get(op["clientId"]), result["doc"], "doc")
            return
    else:
        is_refusal(answer)
    same(t.me.get(op["clientId"]), None, "the record")


@case()
def a_nul_in_a_name_is_not_its_end(t):
    """U+0000 is refused: a name is compared whole."""
    session = t.me.another_session()
    with nothing_written(t.me):
        for old, new in (
            (b"sync:head", b"sync:head\\u0000"),
            (b"sync:head", b"sync:head\\u0000x"),
            (b'"protocol"', b'"protocol\\u0000x"'),
            (b'"args"', b'"args\\u0000"'),
        ):
            is_refusal(t.client.post("query", HEAD.replace(old, new), t.me.token))
        op = make_op()
        body = client.encode(
            {
                "path": "sync:upsert",
                "format": "json",
                "args": {"protocol": 1, "deviceId": "d", "runId": "r", "op": op},
            }
        )
        for old in (
            b'"tasks"',
            op["clientId"].encode() + b'"',
            op["opId"].encode() + b'"',
            b'"create"',
            b'"d"',
            b'"r"',
            b'"set"',
            b'"text"',
            b'"op"',
        ):
            bad = body.replace(old, old[:-1] + b'\\u0000"')
            check(bad != body, f"{old} is not in the body")
            answer = t.client.post("mutation", bad, t.me.token)
            if (answer.json or {}).get("status") == "success":
                same(answer.json["value"]["result"]["status"], "rejected", f"status with {old}")
            else:
                is_refusal(answer)
        for args in (
            {"table": "tasks\0", "cursor": None, "limit": 1},
            {"table": "tasks", "cursor": t.me.caught_up() + "\0", "limit": 1},
        ):
            is_refusal(session.query("sync:getAllForUser", **args))
        is_refusal(t.me.query("records:get", table="tasks", clientId=new_id() + "\0"))
        is_refusal(
            t.me.mutation("records:create", table="tasks", set={"text": "x", "priority": "low\0"})
        )
    for params in ({"email": t.me.email + "\0"}, {"email": t.me.email + "\0x"}):
        fails(t.me.sign_in_call(**params), "invalid_credentials", "invalid_value")
    fails(t.me.sign_in_call(password=t.me.password + "\0"), "invalid_credentials", "invalid_value")
    session.head()
    answer = t.client.call("action", "auth:signIn", {"refreshToken": session.refresh_token + "\0"})
    if answer.json.get("status") == "success":
        same(value(answer), {"tokens": None}, "value")
    else:
        fails(answer)


@case()
def content_length_and_transfer_encoding_together_are_refused(t):
    """Accepting both lets two servers see two different requests."""
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(HEAD), HEAD)
    with nothing_written(t.me):
        for extra in (
            ["Transfer-Encoding: chunked"],
            ["transfer-encoding: CHUNKED"],
            ["Transfer-Encoding : chunked"],
            ["Transfer-Encoding:\tchunked"],
            ["Transfer-Encoding: xchunked"],
        ):
            head = t.client.head_bytes("/api/query", len(HEAD), t.me.token, extra)
            for rest in (HEAD, chunked):
                answer = t.client.raw(head + rest)
                check(answer is None or answer.status == 400, f"{answer}")


@case()
def two_lengths_are_refused(t):
    """A request whose end is in doubt is no request."""
    for extra in ([f"Content-Length: {len(HEAD) + 5}"], ["Content-Length: 0"]):
        answer = t.client.raw(
            t.client.head_bytes("/api/query", len(HEAD), t.me.token, extra) + HEAD, 20
        )
        check(answer is None or answer.status == 400, f"{answer}")


@case()
def a_length_that_is_no_number_is_refused(t):
    """A request whose end is in doubt is no request."""
    for length in ("-1", "x", "1e3", "99999999999999999999999999", "+5", "0x10"):
        answer = t.client.raw(t.client.head_bytes("/api/query", length, t.me.token) + HEAD, 20)
        check(answer is None or answer.status in (400, 413), f"{length}: {answer}")


@case()
def what_is_no_http_is_refused(t):
    """Anything else on the port brings nothing down."""
    for data in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64 + b"\r\n\r\n",
        b"\0" * 100 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /api/query\r\n\r\n",
        b"\r\n\r\n\r\n\r\nX / HTTP/9.9\r\n\r\n",
    ):
        answer = t.client.raw(data, 20)
        check(answer is None or answer.status >= 400, f"{data[:20]!r}: {answer}")
    t.me.head()


@case()
def odd_bytes_in_a_token_are_no_session(t):
    """401 with a JSON code: token expired or foreign."""
    for token in (
        "\u00ff" * 20,
        "x" * 7000,
        t.me.token + " x",
        "null",
        "[object Object]",
        "' or 1=1 --",
    ):
        answer = t.client.call("query", "sync:head", {"protocol": 1}, token)
        check(answer.status in (400, 401, 413, 431), f"{token[:20]!r}: {answer}")


@case()
def a_path_out_of_the_api_leads_nowhere(t):
    """Other 404: wrong URL."""
    for target in (
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/api/query/../../instance_name/x",
        "//instance_name//",
        "/instance_name%00",
        "/version/..",
    ):
        answer = t.client.request("GET", target)
        check(answer.status in (400, 404, 405), f"{target}: {answer}")
        check(b"root:" not in answer.body, f"{target} shows a file")
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {t.me.token}"}
    for target in (
        "/api/query%00",
        "/api/query%00x",
        "/api/query/",
        "/api/./query",
        "/api/query%20",
    ):
        answer = t.client.request("POST", target, HEAD, headers)
        check(answer.status in (400, 404), f"{target}: {answer}")


@case()
def words_of_a_query_language_are_text(t):
    """Values are values."""
    texts = [
        "'; DROP TABLE tasks; --",
        "\" OR \"\"=\"",
        "x' UNION SELECT password FROM accounts --",
        "%' --",
        "$ne",
    ]
    for text in texts:
        same(applied(t.me.push(make_op(set={"text": text})))["text"], text, "text")
        thrown(t.me.sign_in_call(email=text + "@example.org", password=text), "invalid_credentials")
        same(t.me.refresh_with(text), None, "tokens")
        check(
            (t.me.query("records:get", table="tasks", clientId=text).json or {}).get("status")
            != "success",
            f"records:get of {text!r}",
        )


@case()
def huge_texts_in_small_places_are_refused(t):
    """deviceId and runId are 1 to 64; names are names."""
    big = "x" * 200000
    with nothing_written(t.me):
        fails(t.me.call("query", big, {"protocol": 1}))
        fails(t.me.query("sync:getAllForUser", table=big, cursor=None, limit=1), "unknown_table")
        fails(
            t.me.query("sync:getAllForUser", table="tasks", cursor=big, limit=1), "cursor_unknown"
        )
        fails(
            t.me.query("sync:getChangesSince", cursors={"tasks": None}, limit=1, runId=big),
            "invalid_value",
        )
        fails(
            t.me.mutation("sync:bulkUpsert", deviceId=big, runId="r", ops=[make_op()]),
            "invalid_value",
        )
        fails(
            t.me.sign_in_call(email=big),
            "invalid_credentials",
            "invalid_value",
            "too_many_attempts",
        )
        fails(
            t.me.sign_in_call(email=f"{new_id()}@example.org", password=big),
            "invalid_credentials",
            "invalid_value",
            "too_many_attempts",
        )


@case()
def numbers_at_the_edge_are_refused_where_they_do_not_fit(t):
    """limit: a whole number from 1; over 500 means 500."""
    for raw in (
        b"1e400",
        b"-1e400",
        b"1e-400",
        b"-0",
        b"0.0",
        b"9" * 400,
        b"0.99999999999999999999e0000000000000000000",
    ):
        body = (
            b'{"path":"records:list","format":"json",'
            b'"args":{"protocol":1,"table":"tasks","limit":%s}}' % raw
        )
        answer = t.client.post("query", body, t.me.token)
        if (answer.json or {}).get("status") == "success":  # read as 1, or as something above 500
            check(raw.startswith((b"9", b"0.9")), f"limit {raw[:20]}: {answer}")
        else:
            is_refusal(answer)


@case()
def many_refusals_in_a_row_bring_nothing_down(t):
    """The backend goes on."""
    with nothing_written(t.me):
        for n in range(200):
            is_refusal(
                t.client.post("mutation", b'{"path":"sync:upsert","args":{"n":%d}}' % n, t.me.token)
            )
    t.me.record()


@case()
def a_pull_of_an_account_cannot_be_aimed_at_another_by_a_cursor(t):
    """The cursor carries a hash of both account and table."""
    secret = t.you.record({"text": "secret"})
    theirs = t.you.walk()[1]
    for answer in (
        t.me.walk_call("tasks", theirs, 500),
        t.me.query("sync:getChangesSince", cursors={"tasks": theirs}, limit=500, runId=new_run()),
    ):
        check(secret["clientId"].encode() not in answer.body, "another account's record")
        thrown(answer, "cursor_unknown", table="tasks")
