// The server's clock, estimated from its latest instant. Ages are computed with it, since the viewer's clock may be wrong.

/** The latest instant of the server, and the two clocks of the browser at that moment, in milliseconds. */
let serverTime = 0;
let monotonicTime = 0;
let wallTime = 0;

/** Sets the clock to an instant that the server has just sent. @param {string} timestamp */
export function set(timestamp) {
  serverTime = Date.parse(timestamp);
  monotonicTime = performance.now();
  wallTime = Date.now();
}

/** The server's time in milliseconds; the viewer's own time until the server has sent an instant. */
export function now() {
  // The larger one of both: the monotonic clock may stop while the machine sleeps, and the wall clock may be set back.
  return serverTime ? serverTime + Math.max(performance.now() - monotonicTime, Date.now() - wallTime) : Date.now();
}
