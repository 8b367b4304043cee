import { cronJobs } from "convex/server";
import { internal } from "./_generated/api";

const crons = cronJobs();

crons.interval("forget old receipts", { hours: 6 }, internal.prune.receipts, {});
crons.interval("forget old tombstones", { hours: 24 }, internal.prune.allTombstones, {});
crons.interval("forget sessions that are over", { hours: 24 }, internal.prune.sessions, {});

export default crons;
