/**
 * How much one call reads and writes, against Convex's limits for one query or mutation: 16 MiB and
 * 32,000 documents read, 16 MiB and 16,000 documents written, 4,096 index ranges, 8,192 elements in
 * an array, 16 MiB of arguments or answer, 1 MiB a document.
 *
 * A record is at most RECORD_JSON_BYTES = 0.25 MiB of JSON; as a document, with its writers (at
 * most 129 of 64 + 64 bytes) and the fields that every record has, under 0.28 MiB.
 *
 * 25 tables and 100,000 records of one user, whatever their size:
 *
 * - sync:head            1 epoch + 1 head = 2 documents, 2 ranges, well under 1 KiB. Not 25 tables:
 *                        the newest of the user's `heads` says it all.
 * - sync:getChangesSince 1 epoch + 25 floors + at most 2,000 records, of which at most 6 MiB are
 *                        passed and one more for each table is looked at:
 *                        6 + 25 * 0.28 = 13 MiB; 2,051 documents;
 *                        1 + 25 + 25 * 2 = 76 ranges; at most 500 changes and 4 MiB in the answer.
 *                        100,000 records are 200 pages of 500.
 * - sync:getAllForUser,  the same for one table: 6.3 MiB, 2,003 documents, 4 ranges.
 *   records:list
 * - records:conflicts    500 conflicts or 4 MiB, and one more of at most 0.8 MiB: 4.8 MiB,
 *                        2 ranges.
 * - sync:upsert          epoch, receipt, record (which counts again when it is replaced) and head:
 *                        4 ranges, 6 documents, 0.6 MiB read; record, head, at most 21 receipts and
 *                        129 conflicts (base, theirs and ours: together at most 3 records):
 *                        152 documents, 1.2 MiB written.
 * - sync:bulkUpsert      2 + 500 * 2 = 1,002 ranges. Records may be large where ops are small, so
 *                        reads and writes are counted as they happen, and the call fails, with
 *                        nothing done, over 14 MiB read (and one record: 14.3), 12 MiB or 15,000
 *                        documents written: the device then halves its batch. 500 ops that replace
 *                        20 others each write 500 + 500 * 21 = 11,000 documents and the head.
 * - records:create, update, remove: record and head, read, replaced and written: 2 ranges,
 *                        4 documents, 0.6 MiB read and 0.3 MiB written.
 * - prune                500 documents or 4 MiB, each read again when it is deleted: 8.6 MiB; and a
 *                        floor for each user among them: at most 1,500 documents, 501 ranges.
 */

export const MIB = 1024 * 1024;

export const PAGE_DOCS = 500;
export const PAGE_BYTES = 4 * MIB;
export const PAGE_READ_DOCS = 2_000;
export const PAGE_READ_BYTES = 6 * MIB;

export const BATCH_OPS = 500;
export const BATCH_READ_BYTES = 14 * MIB;
export const BATCH_WRITTEN_BYTES = 12 * MIB;
export const BATCH_WRITTEN_DOCS = 15_000;

export const PRUNE_DOCS = 500;
export const PRUNE_BYTES = 4 * MIB;

export const REPLACES = 20;
export const RECORD_JSON_BYTES = 256 * 1024;
export const TEXT_CODE_POINTS = 65_536;

export const DAY_MS = 86_400_000;
export const RECEIPT_MS = 90 * DAY_MS;
export const TOMBSTONE_MS = 180 * DAY_MS;
