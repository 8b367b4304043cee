"""CONTRACT.md section 4, Walk: epochs, restored backups; and that what was acknowledged is kept."""

import http.client
import threading

from suite import applied, case, check, rev, same, value
from world import make_op


@case("epoch")
def a_new_epoch_shows_at_once(t):
    """A changed epoch (outpost-backend epoch --new, Convex admin:setEpoch)."""
    old = t.me.head()["epoch"]
    new = t.control.new_epoch()
    check(new and new != old, f"epoch --new printed {new!r}, the old one is {old!r}")
    doc = t.me.record()
    for answer in (
        t.me.query("sync:head"),
        t.me.push_call(make_op()),
        t.me.walk_call("tasks", None, 1),
        t.me.changes_call({"tasks": None}, 1),
    ):
        same(value(answer)["epoch"], new, "epoch")
    same(t.me.get(doc["clientId"]), doc, "doc")


@case("epoch")
def a_new_epoch_loses_no_record(t):
    """The epoch of the walk's pages decides what follows: all records are there to be compared."""
    docs = [t.me.record() for _ in range(3)]
    t.control.new_epoch()
    walked = {doc["clientId"]: doc for doc in t.me.walk()[0]}
    for doc in docs:
        same(walked.get(doc["clientId"]), doc, "a record after the epoch")


@case("epoch", "kill")
def an_epoch_outlives_a_kill(t):
    """Epoch: a string that changes when the backend was restored from a backup, and only then."""
    first = t.me.head()
    t.restarted(t.control.kill())
    same(t.me.head(), first, "sync:head after a kill")
    new = t.control.new_epoch()
    t.restarted(t.control.kill())
    same(t.me.head()["epoch"], new, "epoch after a second kill")


@case("kill")
def every_acknowledged_write_outlives_a_kill(t):
    """A write that was acknowledged is never lost: not by kill -9."""
    for _ in range(6):
        kept = []
        enough, stop = threading.Event(), threading.Event()

        def write():
            while not stop.is_set():
                try:
                    result = t.me.push(make_op(set={"text": f"kept {len(kept)}"}))
                except (OSError, http.client.HTTPException):
                    return
                kept.append(applied(result))
                if len(kept) >= 20:
                    enough.set()

        writers = [threading.Thread(target=write) for _ in range(2)]
        for writer in writers:
            writer.start()
        is_enough = enough.wait(60)
        url = t.control.kill()
        stop.set()
        for writer in writers:
            writer.join()
        check(is_enough, f"only {len(kept)} writes in 60 s")
        t.restarted(url)
        walked = {doc["clientId"]: doc for doc in t.me.walk()[0]}
        for doc in kept:
            same(walked.get(doc["clientId"]), doc, "an acknowledged write")


@case("kill")
def cursors_and_revs_go_on_after_a_kill(t):
    """Cursor soundness: a restart gives no rev twice and loses no change."""
    doc = t.me.record({"text": "a"})
    cursor = t.me.caught_up()
    late = t.me.record()
    t.restarted(t.control.kill())
    newer = applied(t.me.update(doc, {"text": "b"}))
    check(rev(newer) > rev(late), "the rev after a kill is not higher")
    same(t.me.changed_since(cursor), {late["clientId"]: late, doc["clientId"]: newer}, "changes")


@case("kill")
def the_instance_keeps_its_name(t):
    """GET /instance_name: made at random with the embedded database, remembered at sign-in."""
    name = t.client.request("GET", "/instance_name").body
    t.restarted(t.control.kill())
    same(t.client.request("GET", "/instance_name").body, name, "name")


@case("restore")
def a_restored_backup_is_noticed(t):
    """The embedded backend also notices by itself: a mark beside its file holds the highest rev
    committed."""
    t.me.record({"text": "in the backup"})
    before = t.me.head()["epoch"]
    t.control.stop()
    backup = t.control.copy()
    t.control.start()
    t.restarted(t.control.url)
    same(t.me.head()["epoch"], before, "epoch after a plain restart")
    lost = t.me.record({"text": "lost by the restore"})
    t.control.stop()
    t.control.restore(backup)
    t.control.start()
    t.restarted(t.control.url)
    same(t.me.get(lost["clientId"]), None, "the record that the backup does not hold")
    check(t.me.head()["epoch"] != before, "the epoch stayed over a restore")


@case("restore")
def a_backup_of_a_killed_backend_is_noticed_too(t):
    """A mark beside its file holds an id and, written ahead in steps, the highest rev committed."""
    kept = t.me.record()
    before = t.me.head()["epoch"]
    t.control.end(9)
    backup = t.control.copy()
    t.control.start()
    t.restarted(t.control.url)
    for _ in range(3):
        lost = t.me.record()
    t.control.end(9)
    t.control.restore(backup)
    t.control.start()
    t.restarted(t.control.url)
    same([t.me.get(kept["clientId"]), t.me.get(lost["clientId"])], [kept, None], "records")
    check(t.me.head()["epoch"] != before, "the epoch stayed over a restore")


@case("restore")
def revs_rise_across_a_restore(t):
    """Its rev is the greater of last + 1 and the time in us, so that it rises across a restore."""
    doc = t.me.record({"text": "a"})
    t.control.stop()
    backup = t.control.copy()
    t.control.start()
    t.restarted(t.control.url)
    for n in range(20):
        lost = applied(t.me.update(doc, {"text": f"lost {n}"}))
    t.control.stop()
    t.control.restore(backup)
    t.control.start()
    t.restarted(t.control.url)
    same(t.me.get(doc["clientId"]), doc, "the record as in the backup")
    newer = applied(t.me.update(doc, {"text": "new"}))
    check(
        rev(newer) > rev(lost),
        "a rev that was given before the restore was given again or passed under",
    )


@case("restore")
def a_cursor_from_before_a_restore_hides_nothing(t):
    """Cursors: future: cursor_unknown; or the answer's epoch is new, which starts a walk."""
    t.me.record()
    before = t.me.head()["epoch"]
    t.control.stop()
    backup = t.control.copy()
    t.control.start()
    t.restarted(t.control.url)
    t.me.record()
    future = t.me.walk()[1]
    t.control.stop()
    t.control.restore(backup)
    t.control.start()
    t.restarted(t.control.url)
    answer = t.me.changes_call({"tasks": future})
    if answer.json.get("status") == "success":
        check(answer.json["value"]["epoch"] != before, "taken as if nothing had happened")
    else:
        same(answer.json["errorData"]["code"], "cursor_unknown", "code")


@case("restore")
def a_restart_is_no_restore(t):
    """A changed epoch means that the operator restored a backup."""
    epochs = [t.me.head()["epoch"]]
    for n in range(3):
        t.me.record()
        t.control.stop() if n % 2 else t.control.end(9)
        t.control.start()
        t.restarted(t.control.url)
        epochs.append(t.me.head()["epoch"])
    same(len(set(epochs)), 1, "epochs over three restarts")


@case("restore")
def the_same_backup_restored_twice_is_noticed_twice(t):
    """It also notices by itself, each time."""
    t.me.record()
    t.control.stop()
    backup = t.control.copy()
    epochs = []
    for _ in range(3):
        t.control.start()
        t.restarted(t.control.url)
        epochs.append(t.me.head()["epoch"])
        t.me.record()
        t.control.stop()
        t.control.restore(backup)
    same(len(set(epochs)), 3, "epochs")


@case("advance")
def a_clock_set_back_stops_no_cursor(t):
    """By commit order, never by clocks: rev is the greater of last + 1 and the time in us."""
    doc = t.me.record({"text": "a"})
    cursor = t.me.caught_up()
    t.control.advance(-50 * 60)
    newer = applied(t.me.update(doc, {"text": "b"}))
    check(rev(newer) > rev(doc), "the rev fell with the clock")
    same(t.me.changed_since(cursor), {doc["clientId"]: newer}, "changes")


@case("restore")
def stopping_is_orderly(t):
    """SIGTERM ends the backend with exit status 0."""
    t.me.record()
    same(t.control.stop(), 0, "exit status")
    t.control.start()
