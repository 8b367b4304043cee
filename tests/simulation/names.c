#include "tests/simulation/sim.h"

static const char *const situation_names[SIT_COUNT] = {
    [SIT_SAVES] = "saves",
    [SIT_SAVES_DURING_PUSH] = "saves while a request is under way",
    [SIT_SAVES_BACK] = "saves of an earlier value",
    [SIT_SAVES_OF_GONE] = "forms saved for a record that is gone",
    [SIT_IMPORTS] = "imports",
    [SIT_OFFICE_WRITES] = "office writes",
    [SIT_PUSHES] = "pushes",
    [SIT_PAGES] = "pages of changes",
    [SIT_PAGE_EDGES] = "pages with more behind them",
    [SIT_WALK_PAGES] = "pages of walks",
    [SIT_CONFLICTS] = "conflicts",
    [SIT_REVIVALS] = "revivals",
    [SIT_REPLAYS] = "replays",
    [SIT_LATE_CHANGED_NOTHING] = "late arrivals that changed nothing",
    [SIT_REPLACED] = "ops that replace sent ones",
    [SIT_REJECTIONS] = "rejections",
    [SIT_FAILED_OPS] = "failed ops repaired",
    [SIT_LOST_REQUESTS] = "lost requests",
    [SIT_LOST_ANSWERS] = "lost answers",
    [SIT_LATE_ARRIVALS] = "late arrivals",
    [SIT_DOUBLED] = "doubled requests",
    [SIT_CUT_ANSWERS] = "cut answers",
    [SIT_ERRORS] = "5xx and 429",
    [SIT_PORTALS] = "captive portals",
    [SIT_LINK_DOWN] = "links down",
    [SIT_REFUSED] = "connections refused",
    [SIT_TOKEN_REFRESHES] = "token refreshes",
    [SIT_SIGN_INS] = "new sign-ins",
    [SIT_DEVICE_KILLS] = "device kills",
    [SIT_DEVICE_CUTS] = "device power cuts",
    [SIT_CRASH_IN_SAVE] = "crashes in a save",
    [SIT_SAVE_SURVIVED] = "saves that survived their crash",
    [SIT_CRASH_IN_ENGINE] = "crashes in the engine",
    [SIT_CRASH_IN_OPEN] = "crashes while starting",
    [SIT_UNSYNCED_WRITES] = "unsynced writes met by power cuts",
    [SIT_SERVER_KILLS] = "backend kills",
    [SIT_SERVER_CUTS] = "backend power cuts",
    [SIT_CRASH_IN_PUSH] = "backend crashes in a push",
    [SIT_PUSH_SURVIVED] = "pushes that survived their crash",
    [SIT_CLOCK_JUMPS] = "clock jumps",
    [SIT_CHECKPOINTS] = "checkpoints",
    [SIT_HELD] = "ops of tables that the backend does not know",
    [SIT_UPGRADES] = "backend upgrades",
    [SIT_DISCARDS] = "discarded ops",
    [SIT_DISCARDS_SENT] = "discarded ops that were sent",
    [SIT_ODD_ANSWERS] = "answers that are not as agreed",
    [SIT_TWO_OPS] = "second ops of one record",
    [SIT_DRAINED_ALONE] = "queues that drained by timers alone",
    [SIT_FULL_DISKS] = "full disks",
    [SIT_SAVES_ON_FULL] = "saves refused by a full disk",
    [SIT_ENGINE_ON_FULL] = "waits of the engine for room",
    [SIT_STARTS_ON_FULL] = "starts on a full disk",
    [SIT_OLD_COPIES] = "devices put back to an old copy",
    [SIT_OLD_COPIES_WITH_OPS] = "old copies in which ops waited",
    [SIT_WINTERS] = "half years without anybody",
    [SIT_TOMBSTONES_PRUNED] = "tombstones pruned",
    [SIT_PRUNED_EDITS] = "edits of records whose tombstone was pruned",
    [SIT_CURSORS_UNKNOWN] = "cursors that the backend does not know",
    [SIT_EPOCHS] = "new epochs",
    [SIT_QUEUED_AGAIN] = "records queued again after a new epoch",
};

static const char *const broken_names[BROKEN_COUNT] = {
    [BROKEN_NOTHING] = "nothing",
    [BROKEN_FORGET_REPLACES] = "forget-replaces",
    [BROKEN_DUPLICATE_CREATE] = "duplicate-create",
    [BROKEN_NORMAL_QUEUE] = "normal-queue",
    [BROKEN_SKIP_PAGE_ROW] = "skip-page-row",
    [BROKEN_STRIP_BASE] = "strip-base",
    [BROKEN_NORMAL_SERVER] = "normal-server",
    [BROKEN_SWAP_ACCOUNTS] = "swap-accounts",
    [BROKEN_FORGET_OP] = "forget-op",
    [BROKEN_PULL_OVERWRITES] = "pull-overwrites",
    [BROKEN_NETWORK_COUNTS] = "network-counts",
};

const char *situation_name(enum situation s)
{
    return situation_names[s];
}

const char *broken_name(enum broken broken)
{
    return broken_names[broken];
}
