"""What a case sees: a backend, two accounts on it, and short ways to say what a device or an office
does."""

import secrets
import threading
import uuid

import client
from suite import Skip, applied, check, fails, rejected, same, value

CREATED = 1700000000000  # a writer's clock: for display only, so any will do
UPDATED = 1700000001000


def new_id():
    return str(uuid.uuid4())


def new_device():
    return "device-" + secrets.token_hex(8)


def new_run():
    return "run-" + secrets.token_hex(8)


def make_op(table="tasks", client_id=None, operation="create", set=None, base=None, **members):
    """An op as a device sends it; `members` replace or add."""
    op = {
        "opId": new_id(),
        "table": table,
        "clientId": client_id or new_id(),
        "operation": operation,
        "set": {"text": "x"} if set is None else set,
        "base": {} if base is None else base,
        "createdAt": CREATED,
        "updatedAt": UPDATED,
    }
    return {**op, **members}


def thing(**columns):
    """Columns of a valid contractthings record."""
    return {"name": "pump", "kind": "a", **columns}


class User:
    """One signed-in device or office of an account."""

    def __init__(self, url, email, password):
        self.client = client.Client(url)
        self.email = email
        self.password = password
        self.token = None
        self.refresh_token = None
        self.cursors = {}  # up to where caught_up has read

    def move(self, url):
        """The same account and tokens on a backend that was started again."""
        self.client = client.Client(url)

    # sign-in

    def sign_in_call(self, **params):
        args = {
            "provider": "password",
            "params": {"flow": "signIn", "email": self.email, "password": self.password, **params},
        }
        return self.client.call("action", "auth:signIn", args)

    def take(self, tokens):
        check(isinstance(tokens, dict), f"no tokens: {tokens}")
        for name in ("token", "refreshToken"):
            check(
                isinstance(tokens.get(name), str) and tokens[name], f"odd tokens: {sorted(tokens)}"
            )
        self.token, self.refresh_token = tokens["token"], tokens["refreshToken"]

    def sign_in(self):
        self.take(value(self.sign_in_call())["tokens"])
        return self

    def refresh_with(self, refresh_token):
        """tokens of a refresh, None when the session is over."""
        answer = self.client.call("action", "auth:signIn", {"refreshToken": refresh_token})
        return value(answer)["tokens"]

    def another_session(self):
        """A new sign-in of the same account, which may be ended without harm to other cases."""
        return User(self.url, self.email, self.password).sign_in()

    @property
    def url(self):
        scheme = "https" if self.client.is_tls else "http"
        return f"{scheme}://{self.client.host}:{self.client.port}{self.client.prefix}"

    # calls

    def call(self, kind, path, args, headers=None):
        """Any call, with exactly these args; an Answer."""
        return self.client.call(kind, path, args, self.token, headers)

    def query(self, path, **args):
        return self.call("query", path, {"protocol": 1, **args})

    def mutation(self, path, **args):
        return self.call("mutation", path, {"protocol": 1, **args})

    def head(self):
        return value(self.query("sync:head"))

    # a device

    def push_call(self, op, device=None, run=None):
        return self.mutation(
            "sync:upsert", deviceId=device or new_device(), runId=run or new_run(), op=op
        )

    def push(self, op, device=None, run=None):
        """The result of a lone op."""
        return value(self.push_call(op, device, run))["result"]

    def push_many_call(self, ops, device=None, run=None):
        return self.mutation(
            "sync:bulkUpsert", deviceId=device or new_device(), runId=run or new_run(), ops=ops
        )

    def push_many(self, ops, device=None, run=None):
        results = value(self.push_many_call(ops, device, run))["results"]
        same(len(results), len(ops), "number of results")
        return results

    def record(self, set=None, table="tasks", device=None, run=None):
        """The doc of a fresh record, written by a device."""
        op = make_op(table, set=set)
        return applied(self.push(op, device, run), op["opId"])

    def update(self, doc, set, base=None, table="tasks", device=None, run=None, **members):
        """The result of a device's update of a record."""
        op = make_op(table, doc["clientId"], "update", set, base, **members)
        return self.push(op, device, run)

    def changes_call(self, cursors, limit=500, run=None):
        return self.query(
            "sync:getChangesSince", cursors=cursors, limit=limit, runId=run or new_run()
        )

    def changes_since(self, cursors, limit=500, run=None):
        """All changes after the cursors, page by page: ([{table, doc}], cursors)."""
        found, cursors = [], dict(cursors)
        while True:
            page = value(self.changes_call(cursors, limit, run))
            check(len(page["changes"]) <= limit, f"{len(page['changes'])} changes, limit {limit}")
            found.extend(page["changes"])
            check(
                not page["more"] or page["cursors"] != cursors, "more:true, but no cursor has moved"
            )
            cursors = page["cursors"]
            if not page["more"]:
                return found, cursors

    def caught_up(self, table="tasks"):
        """A cursor behind all that is committed now."""
        start = {table: self.cursors.get(table)}
        _, cursors = self.changes_since(start)
        self.cursors[table] = cursors[table]
        return cursors[table]

    def changed_since(self, cursor, table="tasks", run=None, limit=500):
        """{clientId: doc} of the changes of one table; a later one wins."""
        found, _ = self.changes_since({table: cursor}, limit, run)
        return {change["doc"]["clientId"]: change["doc"] for change in found}

    def walk_call(self, table="tasks", cursor=None, limit=500):
        return self.query("sync:getAllForUser", table=table, cursor=cursor, limit=limit)

    def walk(self, table="tasks", limit=500, cursor=None):
        """(docs, last cursor) of a whole walk, or of the rest of one."""
        docs = []
        while True:
            page = value(self.walk_call(table, cursor, limit))
            check(len(page["docs"]) <= limit, f"{len(page['docs'])} docs, limit {limit}")
            docs.extend(page["docs"])
            check(
                not page["more"] or page["cursor"] != cursor,
                "more:true, but the cursor has not moved",
            )
            cursor = page["cursor"]
            if not page["more"]:
                return docs, cursor

    # the office

    def get(self, client_id, table="tasks"):
        return value(self.query("records:get", table=table, clientId=client_id))

    def office_create(self, set=None, table="tasks", **more):
        return value(self.mutation("records:create", table=table, set=set or {"text": "x"}, **more))

    def office_update(self, doc, set, table="tasks"):
        return value(
            self.mutation("records:update", table=table, clientId=doc["clientId"], set=set)
        )

    def remove(self, doc, table="tasks"):
        return value(self.mutation("records:remove", table=table, clientId=doc["clientId"]))

    def pages(self, path, member, **args):
        """All entries of an office list, page by page."""
        entries, more = [], {}
        while True:
            page = value(self.query(path, **args, **more))
            entries.extend(page[member])
            if not page["more"]:
                return entries
            check(page["cursor"] != more.get("cursor"), "more:true, but the cursor has not moved")
            more = {"cursor": page["cursor"]}

    def conflicts(self, client_id):
        """The conflict log of one record."""
        entries = self.pages("records:conflicts", "conflicts", limit=500)
        return [entry for entry in entries if entry["clientId"] == client_id]


class World:
    """One backend as a case sees it."""

    def __init__(self, url, accounts, tasks, control):
        self.url = url
        self.client = client.Client(url)
        self.tasks = tasks  # definitions.Table
        self.control = control
        self.accounts = accounts
        self.kept = {}  # what is_kept made, by name
        self.users = {}

    @property
    def me(self):
        return self.user(0)

    @property
    def you(self):
        """A second account: what it may see of the first is nothing."""
        return self.user(1)

    def user(self, which):
        if which not in self.users:
            if which >= len(self.accounts):
                raise Skip("needs a second account (--email2, --password2)")
            email, password = self.accounts[which]
            self.users[which] = User(self.url, email, password).sign_in()
        return self.users[which]

    def has_table(self, table):
        if table not in self.kept:
            answer = self.me.walk_call(table, None, 1)
            data = (answer.json or {}).get("errorData") or {}
            self.kept[table] = data.get("code") != "unknown_table"
        return self.kept[table]

    def crowd(self):
        """The second account with over 500 records of over 4 MiB: made once, found again by later
        runs."""
        if "crowd" not in self.kept:
            docs, _ = self.you.walk()
            for _ in range(len(docs), 550, 50):
                ops = [make_op(set={"text": f"crowd {n}", "notes": "n" * 9000}) for n in range(50)]
                for result in self.you.push_many(ops):
                    applied(result)
            self.kept["crowd"] = True
        return self.you

    def much_later(self, seconds):
        """Time passes, the backend starts again where that can be had (it may prune), and I sign
        in."""
        self.control.advance(seconds)
        if "kill" in self.control.powers:
            self.restarted(self.control.kill())
        self.me.sign_in()

    def restarted(self, url):
        """The backend is back, perhaps on another port."""
        self.url = url
        self.client = client.Client(url)
        for user in self.users.values():
            user.move(url)


def at_once(*jobs):
    """Runs callables in threads that start together; their values, or the first failure."""
    barrier = threading.Barrier(len(jobs))
    outcomes = [None] * len(jobs)

    def run(index, job):
        barrier.wait(30)
        try:
            outcomes[index] = (job(), None)
        except Exception as error:  # handed to the caller below, in his own thread
            outcomes[index] = (None, error)

    threads = [threading.Thread(target=run, args=(n, job)) for n, job in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _, error in outcomes:
        if error is not None:
            raise error
    return [outcome[0] for outcome in outcomes]


def refused_op(user, op, *codes, column=None):
    """A lone op that must not be applied: a rejected result, or the call refused as a whole."""
    answer = user.push_call(op)
    body = answer.json
    if isinstance(body, dict) and body.get("status") == "success":
        result = body["value"]["result"]
        return rejected(result, *codes, column=column)
    fails(answer, *codes)
    return None
