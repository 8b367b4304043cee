"""CONTRACT.md sections 2 and 3: signing in and out."""

import json

from suite import (
    case,
    check,
    fails,
    not_signed_in,
    nothing_written,
    same,
    thrown,
    unauthorized,
    value,
)
from world import User

NOBODY = "nobody-{}@example.org"


@case()
def the_right_password_gives_two_tokens(t):
    """auth:signIn {provider:"password",params:{flow:"signIn",email,password}} -> {tokens:{token,
    refreshToken}}."""
    got = value(t.me.sign_in_call())
    same(set(got), {"tokens"}, "members of the answer")
    same(set(got["tokens"]), {"token", "refreshToken"}, "members of tokens")
    User(t.url, t.me.email, t.me.password).take(got["tokens"])


@case()
def an_email_is_trimmed_and_its_ascii_letters_lower_cased(t):
    """E-mail is trimmed and its ASCII letters lower-cased."""
    for email in (f"  {t.me.email} ", t.me.email.upper(), f"\t{t.me.email.title()}\n"):
        session = User(t.url, email, t.me.password).sign_in()
        same(
            value(session.query("users:viewer")), value(t.me.query("users:viewer")), "users:viewer"
        )


@case()
def a_password_is_taken_as_it_is(t):
    """invalid_credentials: wrong password; only the e-mail is trimmed."""
    thrown(t.me.sign_in_call(password=t.me.password + " "), "invalid_credentials")
    t.me.another_session()


@case()
def an_unknown_account_is_invalid_credentials(t):
    """invalid_credentials (unknown account ...)."""
    thrown(t.me.sign_in_call(email=NOBODY.format(1)), "invalid_credentials")


@case()
def a_wrong_password_is_invalid_credentials(t):
    """invalid_credentials (... wrong password ...)."""
    thrown(t.me.sign_in_call(password="not the password"), "invalid_credentials")
    t.me.another_session()


@case()
def missing_fields_are_invalid_credentials(t):
    """invalid_credentials (... missing fields)."""
    whole = {"flow": "signIn", "email": t.me.email, "password": t.me.password}
    for name in ("email", "password"):
        params = {key: text for key, text in whole.items() if key != name}
        thrown(
            t.client.call("action", "auth:signIn", {"provider": "password", "params": params}),
            "invalid_credentials",
        )
    for params in ({**whole, "email": ""}, {**whole, "password": ""}):
        thrown(
            t.client.call("action", "auth:signIn", {"provider": "password", "params": params}),
            "invalid_credentials",
        )


@case()
def a_sign_in_of_a_wrong_shape_gives_no_tokens(t):
    """auth:signIn {provider:"password",params:{flow,email,password}}."""
    whole = {"flow": "signIn", "email": t.me.email, "password": t.me.password}
    for args in (
        {},
        {"provider": "password"},
        {"provider": "nope", "params": whole},
        {"params": whole},
        {"provider": "password", "params": []},
        {"provider": "password", "params": None},
        {"provider": 5, "params": whole},
        {"provider": "password", "params": {**whole, "flow": "x"}},
        {"provider": "password", "params": {**whole, "flow": None}},
        {"provider": "password", "params": {**whole, "email": 5}},
        {"provider": "password", "params": {**whole, "email": {"$ne": ""}}},
        {"provider": "password", "params": {**whole, "password": ["x"]}},
        {"provider": "password", "params": {**whole, "password": None}},
    ):
        fails(t.client.call("action", "auth:signIn", args))


@case()
def signing_up_is_closed_by_default(t):
    """forbidden (sign-up is closed, the default)."""
    if not t.control.is_embedded:  # a URL may be of a backend that was opened
        answer = t.me.sign_in_call(flow="signUp", email=NOBODY.format(2), password="short")
        fails(answer, "forbidden", "invalid_value")
        return
    thrown(
        t.me.sign_in_call(flow="signUp", email=NOBODY.format(2), password="long enough"),
        "forbidden",
    )
    thrown(t.me.sign_in_call(email=NOBODY.format(2), password="long enough"), "invalid_credentials")


@case("signup")
def an_opened_sign_up_makes_an_account(t):
    """serve --signup and a Convex setting open it."""
    newcomer = User(t.url, "New.Comer@example.org", "long enough")
    newcomer.take(value(newcomer.sign_in_call(flow="signUp"))["tokens"])
    same(value(newcomer.query("users:viewer"))["email"], "new.comer@example.org", "email")
    newcomer.record()
    again = newcomer.another_session()
    same(value(again.query("users:viewer")), value(newcomer.query("users:viewer")), "users:viewer")


@case("signup")
def a_new_password_has_at_least_8_characters(t):
    """invalid_value with column password (a new one under 8 characters)."""
    for password in ("1234567", "", "\u00e9\u00e9\u00e9\u00e9\u00e9"):
        answer = t.me.sign_in_call(flow="signUp", email=NOBODY.format(3), password=password)
        if password:
            thrown(answer, "invalid_value", column="password")
        else:
            fails(answer, "invalid_value", "invalid_credentials")
    value(t.me.sign_in_call(flow="signUp", email=NOBODY.format(3), password="12345678"))


@case("signup")
def a_sign_up_over_an_existing_account_is_invalid_credentials(t):
    """invalid_credentials (... sign-up over an existing account ...)."""
    for password in ("another password", t.me.password):
        for email in (t.me.email, t.me.email.upper() + " "):
            thrown(
                t.me.sign_in_call(flow="signUp", email=email, password=password),
                "invalid_credentials",
            )
    t.me.another_session()


@case()
def a_refresh_gives_new_tokens(t):
    """{refreshToken} -> the same. A refresh rotates."""
    session = t.me.another_session()
    used = session.refresh_token
    session.take(session.refresh_with(used))
    check(session.refresh_token != used, "the refresh token stayed the same")
    same(value(session.query("users:viewer")), value(t.me.query("users:viewer")), "users:viewer")


@case()
def a_malformed_or_unknown_refresh_token_means_signed_out(t):
    """Malformed or unknown: tokens:null."""
    session = t.me.another_session()
    for token in (
        "",
        "x",
        "a|b",
        "A" * 43,
        session.refresh_token + "x",
        session.refresh_token[:-1],
        session.token,
        "\u00e9",
        "x" * 5000,
    ):
        same(session.refresh_with(token), None, f"tokens for {token[:20]!r}")
    check(session.refresh_with(session.refresh_token), "the good token does not work any more")


@case()
def a_refresh_token_of_a_wrong_type_gives_no_tokens(t):
    """Malformed or unknown: tokens:null."""
    for token in (5, None, True, [], {}):
        answer = t.client.call("action", "auth:signIn", {"refreshToken": token})
        if answer.json.get("status") == "success":
            same(answer.json["value"], {"tokens": None}, "value")
        else:
            fails(answer)


@case()
def signing_out_kills_the_refresh_token_at_once(t):
    """auth:signOut {} -> null. The refresh token is dead at once."""
    session = t.me.another_session()
    same(value(session.call("action", "auth:signOut", {})), None, "value")
    same(session.refresh_with(session.refresh_token), None, "tokens")


@case()
def signing_out_ends_no_other_session(t):
    """auth:signOut: the session of this device; the account's other devices stay signed in."""
    staying, leaving = t.me.another_session(), t.me.another_session()
    value(leaving.call("action", "auth:signOut", {}))
    staying.head()
    staying.take(staying.refresh_with(staying.refresh_token))


@case()
def signing_out_kills_tokens_that_were_used_before(t):
    """The refresh token is dead at once, with those it came from."""
    session = t.me.another_session()
    used = session.refresh_token
    session.take(session.refresh_with(used))
    value(session.call("action", "auth:signOut", {}))
    same(session.refresh_with(used), None, "tokens for a used one")
    same(session.refresh_with(session.refresh_token), None, "tokens for the last one")


@case()
def signing_out_without_a_session_is_null_too(t):
    """auth:signOut {} -> null (also without a session)."""
    same(value(t.client.call("action", "auth:signOut", {})), None, "value")
    session = t.me.another_session()
    value(session.call("action", "auth:signOut", {}))
    again = session.call("action", "auth:signOut", {})
    if again.status == 401:  # the access token may be dead by now
        unauthorized(again)
    else:
        same(value(again), None, "value of a second sign-out")


@case()
def tokens_open_only_their_own_account(t):
    """No account ever sees or pushes another account's records: the user is the token's."""
    mine = t.me.record({"text": "mine"})
    same(t.you.get(mine["clientId"]), None, "my record as another account")
    with nothing_written(t.me):
        thrown(
            t.you.mutation(
                "records:update", table="tasks", clientId=mine["clientId"], set={"text": "yours"}
            ),
            "not_found",
        )
        thrown(
            t.you.mutation("records:remove", table="tasks", clientId=mine["clientId"]), "not_found"
        )
        value(
            t.you.mutation(
                "records:create", table="tasks", clientId=mine["clientId"], set={"text": "y"}
            )
        )
    same(t.me.get(mine["clientId"])["text"], "mine", "text")
    same(t.you.get(mine["clientId"])["text"], "y", "the other account's record of the same id")


@case()
def an_answer_never_shows_a_password_or_a_hash(t):
    """users:viewer -> {userId,email?,name?} and nothing else."""
    text = json.dumps(t.me.query("users:viewer").json)
    check(t.me.password not in text and "argon2" not in text, text)


@case()
def an_empty_bearer_is_no_session(t):
    """Authorization: Bearer TOKEN."""
    for text in ("Bearer", "Bearer ", "Bearer  "):
        answer = t.client.call("query", "sync:head", {"protocol": 1}, None, {"Authorization": text})
        if answer.status == 400:
            check(isinstance(answer.json.get("code"), str), f"{answer}")
        else:
            not_signed_in(answer)
