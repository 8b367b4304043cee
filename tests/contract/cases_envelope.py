"""CONTRACT.md section 1: requests and answers as Convex's HTTP functions API has them."""

import base64
import gzip
import re

from suite import Skip, applied, bad_request, case, check, fails, not_signed_in, nothing_written
from suite import rev, same, thrown, unauthorized, value
from world import make_op, new_device, new_id, new_run


@case()
def a_query_a_mutation_and_an_action_answer_success_with_a_value(t):
    """POST /api/query, /api/mutation, /api/action, body {"path","args","format":"json"}; 200
    {"status":"success","value":...} = done."""
    check(isinstance(t.me.head(), dict), "sync:head has no value")
    t.me.record()
    check(isinstance(value(t.me.sign_in_call()), dict), "auth:signIn has no value")


@case()
def answers_are_json_and_say_so(t):
    """Anything that is not JSON counts as transient: every answer of the API is JSON."""
    for answer in (
        t.me.query("sync:head"),
        t.me.query("sync:nope"),
        t.client.post("query", b"{", t.me.token),
    ):
        check("application/json" in answer.headers.get("content-type", ""), f"{answer.headers}")
        check(answer.json is not None, f"{answer}")


@case()
def a_request_without_the_json_content_type_is_refused(t):
    """Content-Type: application/json (mandatory)."""
    body = {"path": "sync:head", "args": {"protocol": 1}, "format": "json"}
    for kind in (None, "text/plain", "application/x-www-form-urlencoded"):
        answer = t.client.post("query", body, t.me.token, {"Content-Type": kind})
        bad_request(answer, 400, 415)


@case()
def a_content_type_with_a_charset_is_taken(t):
    """Content-Type: application/json, with or without a parameter."""
    value(
        t.me.call(
            "query",
            "sync:head",
            {"protocol": 1},
            {"Content-Type": "application/json; charset=utf-8"},
        )
    )


@case()
def any_client_name_and_none_is_taken(t):
    """Headers: Convex-Client: outpost-1.2.3."""
    for name in ("outpost-1.2.3", "npm-1.48.0", "somebody-9.9.9", None):
        value(t.me.call("query", "sync:head", {"protocol": 1}, {"Convex-Client": name}))


@case()
def the_bearer_scheme_is_matched_without_case(t):
    """Authorization: Bearer TOKEN."""
    for scheme in ("Bearer", "bearer", "BEARER"):
        value(
            t.client.call(
                "query",
                "sync:head",
                {"protocol": 1},
                None,
                {"Authorization": f"{scheme} {t.me.token}"},
            )
        )


@case()
def every_function_of_the_user_wants_a_token(t):
    """Authorization: Bearer TOKEN except on sign-in and refresh. Thrown: unauthenticated (treat as
    401)."""
    op = make_op()
    pushed = {"protocol": 1, "deviceId": new_device(), "runId": new_run()}
    calls = [
        ("query", "users:viewer", {"protocol": 1}),
        ("query", "sync:head", {"protocol": 1}),
        (
            "query",
            "sync:getAllForUser",
            {"protocol": 1, "table": "tasks", "cursor": None, "limit": 1},
        ),
        (
            "query",
            "sync:getChangesSince",
            {"protocol": 1, "cursors": {"tasks": None}, "limit": 1, "runId": "run"},
        ),
        ("mutation", "sync:upsert", {**pushed, "op": op}),
        ("mutation", "sync:bulkUpsert", {**pushed, "ops": [op]}),
        ("query", "records:list", {"protocol": 1, "table": "tasks"}),
        ("query", "records:get", {"protocol": 1, "table": "tasks", "clientId": new_id()}),
        ("mutation", "records:create", {"protocol": 1, "table": "tasks", "set": {"text": "x"}}),
        (
            "mutation",
            "records:update",
            {"protocol": 1, "table": "tasks", "clientId": new_id(), "set": {"text": "x"}},
        ),
        ("mutation", "records:remove", {"protocol": 1, "table": "tasks", "clientId": new_id()}),
        ("query", "records:conflicts", {"protocol": 1}),
        ("query", "tasks:list", {"protocol": 1}),
        ("mutation", "tasks:create", {"protocol": 1, "set": {"text": "x"}}),
    ]
    with nothing_written(t.me):
        for kind, path, args in calls:
            not_signed_in(t.client.call(kind, path, args))


@case()
def a_token_that_nobody_gave_out_is_401(t):
    """401 with a JSON code: token expired or foreign."""
    jwt = (
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhfGIiLCJpc3MiOiJodHRwczovL2V4YW1wbGUub3JnIn0.c2lnbmF0dXJl"
    )
    for token in ("A" * 43, jwt, t.me.token + "x", t.me.token[:-1], t.me.refresh_token):
        answer = t.client.call("query", "sync:head", {"protocol": 1}, token)
        if answer.status == 400:  # Convex: what does not even look like a token
            bad_request(answer)
        else:
            unauthorized(answer)


@case()
def a_write_with_a_foreign_token_writes_nothing(t):
    """401 with a JSON code: token expired or foreign; nothing was done."""
    args = {"protocol": 1, "deviceId": new_device(), "runId": new_run(), "op": make_op()}
    with nothing_written(t.me):
        unauthorized(t.client.call("mutation", "sync:upsert", args, "A" * 43))


@case()
def another_authorization_scheme_is_refused(t):
    """Authorization: Bearer TOKEN."""
    for text in (f"Basic {t.me.token}", f"Convex {t.me.token}", t.me.token):
        answer = t.client.call("query", "sync:head", {"protocol": 1}, None, {"Authorization": text})
        check(answer.status in (400, 401, 403), f"{text.split()[0]}: {answer}")
        bad_request(answer, answer.status)


@case()
def the_instance_name_is_told_without_a_token(t):
    """Without auth: GET /instance_name, remembered at sign-in and compared at each probe."""
    names = [t.client.request("GET", "/instance_name") for _ in range(2)]
    check(names[0].status == 200 and names[0].body.strip(), f"{names[0]}")
    same(names[1].body, names[0].body, "the name at a second probe")


@case("fresh")
def two_databases_have_different_instance_names(t):
    """GET /instance_name: made at random with the embedded database."""
    name = t.client.request("GET", "/instance_name").body
    backend = t.control
    backend.stop()
    backend.db += ".other"
    backend.start()
    t.restarted(backend.url)
    other = t.client.request("GET", "/instance_name")
    check(other.status == 200 and other.body.strip(), f"{other}")
    check(other.body != name, f"both are named {name!r}")


@case()
def the_version_is_told_without_a_token(t):
    """Without auth: GET /version."""
    answer = t.client.request("GET", "/version")
    check(answer.status == 200 and answer.body.strip(), f"{answer}")


@case()
def a_refusal_names_its_code_and_commits_nothing(t):
    """200 {"status":"error","errorMessage","errorData"?} with errorData.code: refused, nothing
    committed."""
    with nothing_written(t.me):
        thrown(
            t.me.mutation("records:create", table="tasks", set={"text": ""}),
            "invalid_value",
            column="text",
        )


@case()
def an_unknown_function_is_refused(t):
    """The same without errorData: nothing committed (a function that is not there)."""
    with nothing_written(t.me):
        for kind in ("query", "mutation", "action"):
            for path in ("sync:nope", "nope:head", "sync", "", "sync:head:more", "sync:HEAD"):
                fails(t.me.call(kind, path, {"protocol": 1}))


@case()
def a_function_is_refused_under_another_kind(t):
    """POST /api/query, /api/mutation, /api/action: each serves its own kind."""
    op = {"deviceId": new_device(), "runId": new_run(), "op": make_op()}
    with nothing_written(t.me):
        fails(t.me.query("sync:upsert", **op))
        fails(t.me.call("action", "sync:upsert", {"protocol": 1, **op}))
        fails(t.me.query("records:create", table="tasks", set={"text": "x"}))
    fails(t.me.mutation("sync:head"))
    fails(t.me.call("mutation", "auth:signIn", {"refreshToken": "x"}))


@case()
def internal_functions_cannot_be_called(t):
    """Accounts are made by `user add` and the internal admin:addUser; the epoch by
    admin:setEpoch."""
    head = t.me.head()
    for kind in ("query", "mutation", "action"):
        fails(
            t.me.call(
                kind, "admin:addUser", {"email": "eve@example.org", "password": "let me in please"}
            )
        )
        fails(t.me.call(kind, "admin:setEpoch", {"epoch": "mine"}))
        fails(t.me.call(kind, "admin:setEpoch", {}))
    same(t.me.head(), head, "sync:head")


@case()
def an_unknown_route_is_404(t):
    """Other 400, 403, 404, 405: wrong client, URL or right."""
    for target in ("/api/nope", "/api", "/nope", "/api/query/more", "/api/../api/query2"):
        answer = t.client.request("POST", target, b"{}", {"Content-Type": "application/json"})
        check(answer.status == 404, f"{target}: {answer}")


@case()
def a_wrong_method_is_refused(t):
    """Other 400, 403, 404, 405: wrong client, URL or right."""
    for method, target in (
        ("GET", "/api/mutation"),
        ("GET", "/api/action"),
        ("PUT", "/api/query"),
        ("DELETE", "/api/mutation"),
        ("POST", "/instance_name"),
        ("DELETE", "/version"),
    ):
        answer = t.client.request(method, target, None, {"Content-Type": "application/json"})
        check(answer.status in (404, 405), f"{method} {target}: {answer}")


@case()
def floats_are_printed_with_a_point(t):
    """Numbers in arguments are float64; answers print them as 1.0."""
    op = make_op()
    answer = t.me.push_call(op)
    applied(value(answer)["result"])
    check(
        re.search(rb'"createdAt":\s*1700000000000\.0\b', answer.body),
        f"createdAt is no 1.0: {answer}",
    )
    check(
        re.search(rb'"updatedAt":\s*1700000001000\.0\b', answer.body),
        f"updatedAt is no 1.0: {answer}",
    )


@case()
def a_rev_is_a_decimal_string(t):
    """int64 comes back as a decimal string."""
    check(rev(t.me.record()) > 0, "rev is not above 0")


@case()
def encoded_json_gives_rev_as_integer(t):
    """rev: a decimal string in format:json, $integer in encoded JSON."""
    doc = t.me.record()
    args = {"protocol": 1, "table": "tasks", "clientId": doc["clientId"]}
    answer = t.client.post(
        "query", {"path": "records:get", "args": args, "format": "convex_encoded_json"}, t.me.token
    )
    encoded = value(answer)["rev"]
    check(isinstance(encoded, dict) and list(encoded) == ["$integer"], f"rev is {encoded!r}")
    number = int.from_bytes(base64.b64decode(encoded["$integer"]), "little", signed=True)
    same(number, rev(doc), "rev")


@case()
def the_official_client_s_request_is_taken(t):
    """The official ConvexHttpClient works: args as an array of one object, encoded JSON, its own
    name."""
    answer = t.client.post(
        "query",
        {"path": "sync:head", "format": "convex_encoded_json", "args": [{"protocol": 1}]},
        t.me.token,
        {"Convex-Client": "npm-1.48.0"},
    )
    same(value(answer), t.me.head(), "sync:head")


@case()
def an_unknown_format_is_refused(t):
    """ "format":"json"."""
    body = {"path": "sync:head", "args": {"protocol": 1}, "format": "yaml"}
    bad_request(t.client.post("query", body, t.me.token))


@case()
def a_request_without_path_or_args_is_refused(t):
    """body {"path","args","format"}."""
    for body in (
        {"args": {"protocol": 1}},
        {"path": "sync:head"},
        {"path": 5, "args": {"protocol": 1}},
        {"path": None, "args": {"protocol": 1}},
        {},
    ):
        bad_request(t.client.post("query", {**body, "format": "json"}, t.me.token))


@case()
def args_that_are_no_object_are_refused(t):
    """ "args":{...}."""
    for args in (None, 5, "protocol", True, [], [{"protocol": 1}, {"protocol": 1}], [5], [[]]):
        fails(
            t.client.post(
                "query", {"path": "sync:head", "args": args, "format": "json"}, t.me.token
            )
        )


@case()
def an_optional_field_without_a_value_is_absent(t):
    """An absent optional field is absent, not null."""
    result = t.me.push(make_op())
    for name, member in result.items():
        check(member is not None, f"{name} is null in {result}")
    changes = value(t.me.changes_call({"tasks": t.me.caught_up()}))
    check(
        "unknown" not in changes or changes["unknown"] == [],
        f"unknown is {changes.get('unknown')!r}",
    )
    check(
        t.me.walk_call("tasks", None, 1).json["value"].get("total", 0) is not None, "total is null"
    )
    for name, member in value(t.me.query("users:viewer")).items():
        check(member is not None, f"{name} is null in users:viewer")


@case()
def the_api_itself_does_not_deduplicate(t):
    """The API itself does not deduplicate."""
    body = {"table": "tasks", "set": {"text": "twice"}}
    first, second = (value(t.me.mutation("records:create", **body)) for _ in range(2))
    check(first["clientId"] != second["clientId"], "the second call gave the first one's record")


@case()
def answers_are_gzipped_on_request_only(t):
    """Answers are gzipped on request."""
    doc = t.me.record({"text": "long", "notes": "again and again " * 1000})
    args = {"protocol": 1, "table": "tasks", "clientId": doc["clientId"]}
    plain = t.me.call("query", "records:get", args)
    check("content-encoding" not in plain.headers, f"not asked for: {plain.headers}")
    packed = t.me.call("query", "records:get", args, {"Accept-Encoding": "gzip"})
    same(packed.headers.get("content-encoding", "none"), "gzip", "Content-Encoding")
    check(len(packed.wire_body) < len(plain.wire_body), "gzip made it no smaller")
    same(value(packed), value(plain), "the gzipped answer")
    refused = t.me.call("query", "records:get", args, {"Accept-Encoding": "gzip;q=0, identity"})
    check("content-encoding" not in refused.headers, "gzip was refused by q=0")


def takes_gzip(t):
    if "gzip" not in t.me.query("sync:head").headers.get("accept-encoding", ""):
        raise Skip("no answer carries Accept-Encoding: gzip")


def post_gzip(t, kind, packed):
    return t.client.post(kind, packed, t.me.token, {"Content-Encoding": "gzip"})


@case()
def gzipped_requests_are_taken_where_an_answer_offers_it(t):
    """Requests are gzipped once an answer carried Accept-Encoding: gzip."""
    takes_gzip(t)
    body = b'{"path":"sync:head","args":{"protocol":1},"format":"json"}'
    same(
        value(post_gzip(t, "query", gzip.compress(body))),
        t.me.head(),
        "sync:head by a gzipped request",
    )


@case()
def a_gzipped_request_that_is_no_gzip_is_refused(t):
    """Requests are gzipped once an answer carried Accept-Encoding: gzip; a broken one does
    nothing."""
    takes_gzip(t)
    packed = gzip.compress(b'{"path":"sync:head","args":{"protocol":1},"format":"json"}')
    for broken in (b"no gzip at all", packed[:-9], packed[:12], b"", packed[:20] + b"\0" * 20):
        bad_request(post_gzip(t, "query", broken), 400, 413)


@case()
def a_small_gzip_that_unpacks_to_too_much_is_refused(t):
    """413, or 400: too large. Decompressed sizes are limited."""
    takes_gzip(t)
    with nothing_written(t.me):
        bad_request(post_gzip(t, "mutation", gzip.compress(b" " * (64 << 20) + b"{}")), 400, 413)


@case()
def an_unknown_content_encoding_is_refused(t):
    """Anything the backend cannot read is refused, not guessed at."""
    body = b'{"path":"sync:head","args":{"protocol":1},"format":"json"}'
    answer = t.client.post("query", body, t.me.token, {"Content-Encoding": "br"})
    bad_request(answer, 400, 415)
