// @ts-check
/**
 * The time the service believes in. A tablet's own clock may be years off, and a demonstration's service believes that
 * it is another day: both are corrected by the time the server last stated. Never used to decide between two versions.
 */

const NOTABLE_MS = 86_400_000;

export class Clock {
  /** @param {() => number} device the tablet's own clock, ms */
  constructor(device = Date.now) {
    this.device = device;
    this.offsetMs = 0;
  }

  /**
   * @param {string} serverNow instant the server stated
   * @param {number} [receivedMs] device time at which it came
   */
  correct(serverNow, receivedMs = this.device()) {
    const stated = Date.parse(serverNow);
    if (!Number.isNaN(stated)) this.offsetMs = stated - receivedMs;
  }

  /** @returns {Date} */
  now() {
    return new Date(this.device() + this.offsetMs);
  }

  /** Whether the service's day is another than the tablet's: worth saying on the screen. */
  get isShifted() {
    return Math.abs(this.offsetMs) >= NOTABLE_MS;
  }
}
