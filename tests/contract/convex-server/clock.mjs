/** A clock for everything in this process that can be moved: tokens, tombstones, commits. */
const RealDate = Date;
let movedMs = 0;

class MovableDate extends RealDate {
  constructor(...words) {
    if (words.length === 0) super(RealDate.now() + movedMs);
    else super(...words);
  }

  static now() {
    return RealDate.now() + movedMs;
  }
}

/** Before convex-test and the functions are loaded. */
export function install() {
  globalThis.Date = MovableDate;
}

export function advance(seconds) {
  movedMs += seconds * 1000;
}
