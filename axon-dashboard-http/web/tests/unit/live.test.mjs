// The live connection: streams, polling, back-off and reconnects, on a fake clock.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Live } from "../../src/live.js";
import { Clock, page, Requests, settle, Stream } from "./world.mjs";

/** @typedef {import("../../src/address.js").Address} Address */

/** @type {Address} */
const ADDRESS = { view: "campaign", id: "123", period: "7d", startDate: "", endDate: "", mode: "", lang: "ko" };
const HEARTBEAT = { timestamp: "2024-11-12T10:30:05Z", asOf: "2024-11-12T10:30:03Z" };
const [MAX_SILENCE, MAX_FIRST_SILENCE, POLL_INTERVAL, HIDDEN_GRACE] = [12_000, 4_000, 1_000, 30_000];

/** @type {Clock} */
let clock;
/** @type {Requests} */
let requests;
/** @type {Live | undefined} */
let live;
/** @type {string[]} the calls of the listener, in order */
let calls;
const { EventSource, Math: { random } } = globalThis;

beforeEach(() => {
  [clock, requests, calls, page.hidden, Stream.all] = [new Clock(), new Requests(), [], false, []];
  clock.install();
  requests.install();
  Object.assign(globalThis, { EventSource: Stream });
  Math.random = () => 0;
});

afterEach(() => {
  live?.close();
  clock.restore();
  requests.restore();
  Object.assign(globalThis, { EventSource });
  Math.random = random;
});

/** @param {Partial<Address>} [address] */
function start(address = {}) {
  live = new Live({ ...ADDRESS, ...address }, {
    answer: (answer) => calls.push(`answer ${answer.campaignKey}`),
    beat: (beat) => calls.push(`beat ${beat && beat.asOf}`),
    link: (link) => calls.push(link),
    problem: ({ code }) => calls.push(`problem ${code}`),
  });
  return live;
}

/** The calls of the listener since the last time. */
const news = () => calls.splice(0);

/** @param {boolean} hidden */
function setHidden(hidden) {
  page.hidden = hidden;
  page.dispatchEvent(new Event("visibilitychange"));
}

/** @param {number} status @param {string} code @param {Record<string, string>} [headers] */
const problem = (status, code, headers) => ({ status, headers, body: { status, code } });

/** Makes the stream fail, and then the request that follows. @param {import("./world.mjs").Reply} reply */
async function fail(reply) {
  Stream.last.refuse();
  await settle();
  await requests.last.answer(reply);
}

test("a page opens one stream for its address", () => {
  start({ id: "1/2", period: "custom", startDate: "2024-01-01", endDate: "2024-01-31", mode: "unique" });
  assert.equal(Stream.all.length, 1);
  assert.match(Stream.last.url.pathname, /\/api\/v1\/dashboard\/campaign\/1%2F2\/stream$/);
  assert.deepEqual(Object.fromEntries(Stream.last.url.searchParams), {
    widgets: "overview,funnel,comparison,realtime,activities", period: "custom", compare: "previous", mode: "unique", startDate: "2024-01-01", endDate: "2024-01-31",
  });
  assert.deepEqual(news(), ["connecting"]);
});

test("an activity's page asks for no table of activities", () => {
  start({ view: "activity", id: "789" });
  assert.match(Stream.last.url.pathname, /\/activity\/789\/stream$/);
  assert.equal(Stream.last.url.searchParams.get("widgets"), "overview,funnel,comparison,realtime");
  assert.equal(Stream.last.url.searchParams.has("mode"), false);
});

test("an update is reported, and the page is live", () => {
  start();
  news();
  Stream.last.say("update", { campaignKey: 1 });
  Stream.last.say("update", { campaignKey: 2 });
  assert.deepEqual(news(), ["live", "answer 1", "live", "answer 2"]);
});

test("a heartbeat tells up to when the figures are complete", () => {
  start();
  Stream.last.say("update", { campaignKey: 1 });
  news();
  Stream.last.say("heartbeat", HEARTBEAT);
  assert.deepEqual(news(), ["live", "beat 2024-11-12T10:30:03Z"]);
});

test("a heartbeat with a code reports a failure and no figures", () => {
  start();
  news();
  Stream.last.say("heartbeat", { ...HEARTBEAT, asOf: null, code: "unavailable" });
  assert.deepEqual(news(), ["failing"]);
  Stream.last.say("heartbeat", HEARTBEAT);
  assert.deepEqual(news(), ["live", "beat 2024-11-12T10:30:03Z"]);
});

test("a stream with regular heartbeats stays open", async () => {
  start();
  Stream.last.say("update", { campaignKey: 1 });
  for (let beat = 0; beat < 100; beat += 1) {
    await clock.pass(MAX_SILENCE - 1);
    Stream.last.say("heartbeat", HEARTBEAT);
  }
  assert.deepEqual([Stream.all.length, requests.all.length], [1, 0]);
});

test("a new stream without an event for four seconds is replaced by polls", async () => {
  start();
  news();
  await clock.pass(MAX_FIRST_SILENCE - 1);
  assert.equal(requests.all.length, 0);
  await clock.pass(1);
  assert.ok(Stream.last.closed);
  assert.match(requests.last.url.pathname, /\/campaign\/123$/);
  assert.equal(requests.last.url.search, Stream.last.url.search);
  await requests.last.answer({ body: { campaignKey: 7 } });
  assert.deepEqual(news(), ["polling", "answer 7"]);
});

test("a silent stream is closed after twelve seconds", async () => {
  start();
  Stream.last.say("update", { campaignKey: 1 });
  news();
  await clock.pass(MAX_SILENCE - 1);
  assert.ok(!Stream.last.closed);
  await clock.pass(1);
  assert.ok(Stream.last.closed);
  await requests.last.answer({ body: { campaignKey: 2 } });
  assert.deepEqual(news(), ["polling", "answer 2"]);
});

test("a response that is no stream is closed at once", async () => {
  start();
  news();
  Stream.last.refuse();
  await settle();
  assert.equal(requests.all.length, 1);
  await requests.last.answer({ body: { campaignKey: 1 } });
  assert.deepEqual(news(), ["polling", "answer 1"]);
});

test("a stream that breaks before its first event is closed at once", async () => {
  start();
  Stream.last.break();
  await settle();
  assert.deepEqual([Stream.last.closed, requests.all.length], [true, 1]);
});

test("a poll follows a second after an answer, every 30th with a stream", async () => {
  start();
  Stream.last.refuse();
  await settle();
  for (let poll = 1; poll <= 30; poll += 1) {
    assert.deepEqual([requests.all.length, Stream.all.length], [poll, 1]);
    // The interval starts after the answer, however long it takes.
    await clock.pass(5_000);
    assert.equal(requests.all.length, poll);
    await requests.last.answer({ body: { campaignKey: poll } });
    assert.equal(clock.next, POLL_INTERVAL);
    await clock.pass(POLL_INTERVAL);
  }
  assert.deepEqual([requests.all.length, Stream.all.length], [31, 2]);
  news();
  Stream.last.say("update", { campaignKey: 31 });
  await settle();
  assert.deepEqual([news(), requests.last.signal.aborted], [["live", "answer 31"], true]);
  assert.deepEqual([clock.next, clock.waiting], [MAX_SILENCE, 1]);
});

test("a silent second stream is closed after four seconds, beside polls", async () => {
  start();
  Stream.last.refuse();
  await settle();
  for (let poll = 1; poll <= 34; poll += 1) {
    assert.equal(requests.all.length, poll);
    news();
    await requests.last.answer({ body: { campaignKey: poll } });
    assert.deepEqual(news(), ["polling", `answer ${poll}`]);
    await clock.pass(POLL_INTERVAL);
  }
  assert.deepEqual([Stream.all.length, Stream.last.closed, requests.all.length], [2, true, 35]);
});

test("a refused second stream does not delay polls", async () => {
  start();
  Stream.last.refuse();
  await settle();
  for (let poll = 0; poll < 30; poll += 1) {
    await requests.last.answer({ body: {} });
    await clock.pass(POLL_INTERVAL);
  }
  Stream.last.refuse();
  await settle();
  await requests.last.answer({ body: {} });
  await clock.pass(POLL_INTERVAL);
  assert.deepEqual([requests.all.length, Stream.all.length], [32, 2]);
});

test("the browser reconnects a broken stream after the server's retry", async () => {
  start();
  Stream.last.say("update", { campaignKey: 1 });
  news();
  Stream.last.break();
  assert.deepEqual(news(), ["reconnecting"]);
  await clock.pass(3_000);
  assert.deepEqual([Stream.all.length, requests.all.length], [1, 0]);
  Stream.last.say("update", { campaignKey: 2 });
  assert.deepEqual(news(), ["live", "answer 2"]);
});

test("a stream not reconnected within twelve seconds is closed", async () => {
  start();
  Stream.last.say("update", { campaignKey: 1 });
  Stream.last.break();
  await clock.pass(MAX_SILENCE);
  assert.deepEqual([Stream.last.closed, requests.all.length], [true, 1]);
});

test("a stream whose reconnect fails is replaced by polls", async () => {
  start();
  Stream.last.say("update", { campaignKey: 1 });
  Stream.last.break();
  await clock.pass(3_000);
  news();
  Stream.last.break();
  await settle();
  assert.deepEqual([Stream.last.closed, requests.all.length], [true, 1]);
  await requests.last.answer(new TypeError("failed to fetch"));
  assert.deepEqual(news(), ["reconnecting", "problem unreachable"]);
});

test("the back-off doubles with each failure, up to fifteen seconds", async () => {
  start();
  const waits = [];
  for (let failure = 0; failure < 7; failure += 1) {
    news();
    await fail(problem(503, "unavailable"));
    assert.deepEqual(news(), ["reconnecting", "problem unavailable"]);
    waits.push(clock.next);
    await clock.pass(clock.next);
    assert.deepEqual([Stream.all.length, news()], [failure + 2, ["reconnecting"]]);
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
});

test("one answer resets the back-off", async () => {
  start();
  for (let failure = 0; failure < 3; failure += 1) {
    await fail(problem(500, "internal_error"));
    await clock.pass(clock.next);
  }
  Stream.last.say("update", { campaignKey: 1 });
  await fail(problem(500, "internal_error"));
  assert.equal(clock.next, 1000);
});

test("Retry-After is honoured, with jitter", async () => {
  for (const [random, wait] of [[0, 7000], [1, 8750]]) {
    Math.random = () => Number(random);
    start();
    await fail(problem(503, "overloaded", { "retry-after": "7" }));
    assert.equal(clock.next, wait);
    live?.close();
  }
});

test("Retry-After is clamped to ten minutes", async () => {
  start();
  await fail(problem(503, "overloaded", { "retry-after": "99999999" }));
  assert.equal(clock.next, 600_000);
});

test("an unreachable server is retried", async () => {
  start();
  news();
  await fail(new TypeError("failed to fetch"));
  assert.deepEqual(news(), ["reconnecting", "problem unreachable"]);
  assert.equal(clock.next, 1000);
});

test("a page of a proxy is no answer", async () => {
  start();
  news();
  await fail({ status: 502, body: "<h1>Bad gateway</h1>", headers: { "retry-after": "3" } });
  assert.deepEqual([news(), clock.next], [["reconnecting", "problem unreachable"], 3000]);
  await clock.pass(3000);
  news();
  await fail({ status: 200, body: "<h1>Welcome</h1>" });
  assert.deepEqual(news(), ["reconnecting", "problem unreachable"]);
});

test("a permanent problem is not retried", async () => {
  for (const [status, code] of /** @type {[number, string][]} */ ([[404, "not_found"], [400, "invalid_request"], [400, "too_many_activities"]])) {
    start();
    news();
    await fail(problem(status, code));
    assert.deepEqual(news(), ["over", `problem ${code}`]);
    assert.equal(clock.waiting, 0);
    live?.close();
  }
});

test("a refusal by a login proxy is reported with its status", async () => {
  start();
  news();
  await fail({ status: 401, body: "who are you?" });
  assert.deepEqual([news(), clock.waiting], [["over", "problem 401"], 0]);
});

test("a stream that ends with not_found is not reopened", () => {
  start();
  Stream.last.say("update", { campaignKey: 1 });
  news();
  Stream.last.say("end", { reason: "not_found" });
  assert.deepEqual([news(), Stream.last.closed, clock.waiting], [["over", "problem not_found"], true, 0]);
});

test("a stream that ends with its server is reopened", async () => {
  for (const reason of ["shutdown", "evicted"]) {
    start();
    Stream.last.say("update", { campaignKey: 1 });
    news();
    Stream.last.say("end", { reason });
    assert.deepEqual([news(), Stream.last.closed], [[], false]);
    Stream.last.break();
    assert.deepEqual(news(), ["reconnecting"]);
    live?.close();
  }
});

test("a paused page has no stream and no timer until it is resumed", async () => {
  const paused = start();
  Stream.last.say("update", { campaignKey: 1 });
  news();
  paused.pause(true);
  assert.deepEqual([news(), Stream.last.closed, clock.waiting], [["paused"], true, 0]);
  paused.retry();
  setHidden(true);
  setHidden(false);
  assert.deepEqual([news(), Stream.all.length, clock.waiting], [[], 1, 0]);
  paused.pause(false);
  assert.deepEqual([news(), Stream.all.length], [["connecting"], 2]);
});

test("pausing aborts a running request", async () => {
  const paused = start();
  Stream.last.refuse();
  await settle();
  news();
  paused.pause(true);
  assert.ok(requests.last.signal.aborted);
  await requests.last.answer({ body: { campaignKey: 1 } });
  assert.deepEqual([news(), clock.waiting], [["paused"], 0]);
});

test("a hidden page closes its stream after 30 s until it is visible", async () => {
  start();
  Stream.last.say("update", { campaignKey: 1 });
  setHidden(true);
  for (let beat = 0; beat < 6; beat += 1) {
    assert.ok(!Stream.last.closed);
    Stream.last.say("heartbeat", HEARTBEAT);
    await clock.pass(HIDDEN_GRACE / 6);
  }
  assert.deepEqual([Stream.last.closed, clock.waiting, requests.all.length], [true, 0, 0]);
  news();
  setHidden(false);
  assert.deepEqual([news(), Stream.all.length], [["connecting"], 2]);
});

test("a page that is hidden for a moment keeps its stream", async () => {
  start();
  Stream.last.say("update", { campaignKey: 1 });
  setHidden(true);
  await clock.pass(MAX_SILENCE - 1);
  Stream.last.say("heartbeat", HEARTBEAT);
  setHidden(false);
  await clock.pass(MAX_SILENCE - 1);
  Stream.last.say("heartbeat", HEARTBEAT);
  await clock.pass(MAX_SILENCE - 1);
  assert.deepEqual([Stream.all.length, Stream.last.closed], [1, false]);
});

test("a page opened hidden polls for 30 s, and streams once visible", async () => {
  page.hidden = true;
  start();
  for (let poll = 0; poll * POLL_INTERVAL < HIDDEN_GRACE - POLL_INTERVAL; poll += 1) {
    await requests.last.answer({ body: { campaignKey: 1 } });
    await clock.pass(POLL_INTERVAL);
  }
  assert.equal(Stream.all.length, 0);
  await clock.pass(POLL_INTERVAL);
  assert.ok(requests.last.signal.aborted);
  assert.equal(clock.waiting, 0);
  setHidden(false);
  assert.equal(Stream.all.length, 1);
});

test("a poll sends the latest tag, and a 304 keeps the figures", async () => {
  start();
  Stream.last.refuse();
  await settle();
  assert.deepEqual(requests.last.headers, {});
  await requests.last.answer({ body: { campaignKey: 1 }, headers: { etag: 'W/"1"' } });
  news();
  await clock.pass(POLL_INTERVAL);
  assert.deepEqual(requests.last.headers, { "if-none-match": 'W/"1"' });
  await requests.last.answer({ status: 304 });
  assert.deepEqual(news(), ["polling", "beat null"]);
  await clock.pass(POLL_INTERVAL);
  assert.deepEqual(requests.last.headers, { "if-none-match": 'W/"1"' }, "a 304 keeps the tag");
});

test("a hidden page stops polling after 30 s", async () => {
  start();
  Stream.last.refuse();
  await settle();
  setHidden(true);
  for (let poll = 0; poll < 29; poll += 1) {
    await requests.last.answer({ body: {} });
    await clock.pass(POLL_INTERVAL);
  }
  await clock.pass(HIDDEN_GRACE);
  assert.ok(requests.last.signal.aborted);
  assert.equal(clock.waiting, 0);
});

test("a manual retry is immediate and resets the back-off", async () => {
  const failing = start();
  for (let failure = 0; failure < 4; failure += 1) {
    await fail(problem(503, "unavailable"));
    await clock.pass(clock.next);
  }
  await fail(problem(503, "unavailable"));
  news();
  failing.retry();
  assert.deepEqual(news(), ["connecting"]);
  await fail(problem(503, "unavailable"));
  assert.equal(clock.next, 1000);
});

test("a closed page leaves no listener, timer or stream", async () => {
  const before = page.listening;
  const closed = start();
  Stream.last.say("update", { campaignKey: 1 });
  setHidden(true);
  news();
  closed.close();
  closed.retry();
  setHidden(false);
  assert.deepEqual([news(), Stream.last.closed, clock.waiting, Stream.all.length, page.listening], [[], true, 0, 1, before]);
});
