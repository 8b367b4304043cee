/**
 * Faults by rule. A rule is {path?, after?, times?, fault, ...}: it meets calls of that function
 * path (of all without one), lets `after` of them go by, and then strikes `times` (1 by default).
 *
 *   status      answers HTTP `status` with {code, message} (503: a write conflict); nothing ran
 *   retryAfter  as status, with a Retry-After header of `seconds`
 *   paused      fails like a paused deployment: 200, no errorData; nothing ran
 *   before      hangs up before the function ran
 *   lost        hangs up after it ran: the answer is lost
 *   truncated   sends half of the answer, then hangs up
 *   garbage     answers 200 with a page of HTML; nothing ran
 *   late        runs it, and answers after `ms`
 *   held        runs it only after `ms`, when the caller may have given up
 */
export const FAULTS = new Set([
  "status",
  "retryAfter",
  "paused",
  "before",
  "lost",
  "truncated",
  "garbage",
  "late",
  "held",
]);

export class Faults {
  rules = [];
  struck = [];

  set(rules) {
    for (const { fault } of rules) {
      if (!FAULTS.has(fault)) throw new Error(`There is no fault ${fault}.`);
    }
    this.rules = rules.map((rule) => ({ after: 0, times: 1, ...rule }));
    this.struck = [];
  }

  /** The rule that strikes this call, or null. */
  next(path) {
    for (const rule of this.rules) {
      if (rule.path !== undefined && rule.path !== path) continue;
      if (rule.after > 0) {
        rule.after--;
      } else if (rule.times > 0) {
        rule.times--;
        this.struck.push({ path, fault: rule.fault });
        return rule;
      }
    }
    return null;
  }
}
