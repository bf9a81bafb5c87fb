// The server's clock, as far as it is known here: ages are told against it and never against the viewer's own.

let told = 0;
let at = 0;
let seen = 0;

/** Takes in an instant that the server just named. @param {string} timestamp */
export function set(timestamp) {
  told = Date.parse(timestamp);
  at = performance.now();
  seen = Date.now();
}

/** The server's time in milliseconds; the viewer's own until the server said something. */
export function now() {
  // One of the two stands still while the machine sleeps.
  return told ? told + Math.max(performance.now() - at, Date.now() - seen) : Date.now();
}
