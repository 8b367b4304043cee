"""CONTRACT.md section 4, Sessions: how long tokens live, and what a lost refresh answer costs."""

from suite import case, check, same, thrown, unauthorized, value
from world import User, make_op, new_device, new_run

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@case()
def a_used_refresh_token_works_again_at_once(t):
    """A used refresh token works again for 10 s (the answer may have been lost)."""
    session = t.me.another_session()
    used = session.refresh_token
    first = session.refresh_with(used)
    again = session.refresh_with(used)
    check(first and again, f"first {first is not None}, again {again is not None}")
    for tokens in (first, again):
        session.take(tokens)
        session.head()


@case("advance")
def a_used_refresh_token_works_until_its_successor_was_used(t):
    """A used refresh token works again for 10 s and after that until its successor was used."""
    session = t.me
    used = session.refresh_token
    session.take(session.refresh_with(used))
    t.control.advance(30 * MINUTE)
    tokens = session.refresh_with(used)
    check(tokens is not None, "its successor was never used, but it is dead")
    session.take(tokens)
    session.head()


@case("advance")
def a_used_refresh_token_is_dead_once_its_successor_was_used(t):
    """After that until its successor was used; then tokens:null."""
    session = t.me
    used = session.refresh_token
    session.take(session.refresh_with(used))
    session.take(session.refresh_with(session.refresh_token))
    t.control.advance(15)
    same(session.refresh_with(used), None, "tokens")


@case("advance")
def a_used_refresh_token_works_for_10_s_even_after_its_successor_was_used(t):
    """A used refresh token works again for 10 s."""
    session = t.me
    used = session.refresh_token
    session.take(session.refresh_with(used))
    session.take(session.refresh_with(session.refresh_token))
    check(session.refresh_with(used) is not None, "dead within its 10 s")


@case("advance")
def a_token_lives_an_hour(t):
    """JWT 1 h. 401 with a JSON code: token expired: refresh once and repeat."""
    t.control.advance(HOUR - 2 * MINUTE)
    t.me.head()
    t.control.advance(4 * MINUTE)
    unauthorized(t.me.query("sync:head"))
    unauthorized(t.me.mutation("sync:upsert", deviceId=new_device(), runId=new_run(), op=make_op()))
    t.me.take(t.me.refresh_with(t.me.refresh_token))
    t.me.head()


@case("advance")
def a_session_outlives_29_days_of_silence(t):
    """Session 30 days."""
    t.control.advance(29 * DAY)
    t.me.take(t.me.refresh_with(t.me.refresh_token))
    t.me.head()


@case("advance")
def a_session_ends_after_30_days(t):
    """Session 30 days; {tokens:null} = session over."""
    t.control.advance(31 * DAY)
    same(t.me.refresh_with(t.me.refresh_token), None, "tokens")
    t.me.sign_in().head()


@case("advance")
def refreshing_does_not_prolong_a_session(t):
    """Session 30 days, in total."""
    for _ in range(2):
        t.control.advance(14 * DAY)
        t.me.take(t.me.refresh_with(t.me.refresh_token))
    t.control.advance(3 * DAY)
    same(t.me.refresh_with(t.me.refresh_token), None, "tokens on day 31")


@case("fresh")
def too_many_wrong_passwords_are_stopped(t):
    """too_many_attempts."""
    for attempt in range(40):
        answer = t.you.sign_in_call(password=f"wrong {attempt}")
        if answer.json.get("errorData", {}).get("code") == "too_many_attempts":
            break
        thrown(answer, "invalid_credentials")
    else:
        check(False, "40 wrong passwords and no too_many_attempts")
    check(attempt >= 3, f"stopped after {attempt} attempts already")
    thrown(t.you.sign_in_call(), "too_many_attempts")
    t.you.head()  # who is signed in stays signed in


@case("advance")
def too_many_attempts_are_forgiven_in_time(t):
    """too_many_attempts: attempts are limited in a time, no account is locked for good."""
    for attempt in range(40):
        answer = t.you.sign_in_call(password=f"wrong {attempt}")
        if answer.json.get("errorData", {}).get("code") == "too_many_attempts":
            break
    t.control.advance(2 * HOUR)
    t.you.sign_in().head()


@case("fresh")
def too_many_attempts_at_unknown_accounts_tell_nothing(t):
    """invalid_credentials (unknown account, wrong password): an unknown account behaves as a known
    one."""
    codes = []
    for email in ("ghost@example.org", t.you.email):
        mine = []
        for attempt in range(40):
            answer = User(t.url, email, f"wrong {attempt}").sign_in_call()
            mine.append(answer.json["errorData"]["code"])
            if mine[-1] == "too_many_attempts":
                break
        codes.append(set(mine))
    check(codes[0] <= {"invalid_credentials", "too_many_attempts"}, f"unknown account: {codes[0]}")
    check(codes[1] <= {"invalid_credentials", "too_many_attempts"}, f"known account: {codes[1]}")


@case("kill")
def sessions_outlive_a_kill(t):
    """New tokens are on disk before use, on both sides."""
    t.me.take(t.me.refresh_with(t.me.refresh_token))
    t.restarted(t.control.kill())
    t.me.head()
    t.me.take(t.me.refresh_with(t.me.refresh_token))
    value(t.me.query("users:viewer"))


@case("fresh")
def a_token_of_another_backend_is_foreign(t):
    """401 with a JSON code: token expired or foreign. {tokens:null} for a refresh token."""
    t.me.head()
    backend = t.control
    backend.stop()
    backend.db += ".other"
    backend.start()
    t.restarted(backend.url)
    unauthorized(t.me.query("sync:head"))
    same(t.me.refresh_with(t.me.refresh_token), None, "tokens")
