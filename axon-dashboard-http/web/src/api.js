// Requests to the server. A failure is a value that says what to do next, never an empty answer.

import { BASE } from "./address.js";
import { widgetsOf } from "./widgets/registry.js";

/** @typedef {import("./types.js").Problem} Problem */
/** @typedef {import("./address.js").Address} Address */

/** Longer than any answer may take. */
const PATIENCE = 15_000;

/**
 * Where the figures of a page are.
 * @param {Address} address
 * @param {"answer" | "stream"} kind
 */
export function figures(address, kind) {
  const view = address.view === "activity" ? "activity" : "campaign";
  const path = `api/v1/dashboard/${view}/${encodeURIComponent(address.id)}`;
  const url = new URL(kind === "stream" ? `${path}/stream` : path, BASE);
  const query = { widgets: widgetsOf(view), period: address.period, compare: "previous", mode: address.mode };
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  if (address.period === "custom") {
    url.searchParams.set("startDate", address.startDate);
    url.searchParams.set("endDate", address.endDate);
  }
  return url;
}

/**
 * Asks for JSON. With the tag of what is known already, an answer that says the same has no value. The browser's own cache is
 * left out: it would give the old answer with its old instants.
 * @param {URL | string} path
 * @param {{signal?: AbortSignal, tag?: string | null}} [options]
 * @returns {Promise<{ok: true, value: any, tag: string | null} | {ok: false, problem: Problem}>}
 */
export async function ask(path, { signal, tag } = {}) {
  const asking = new AbortController();
  const give = () => asking.abort();
  signal?.addEventListener("abort", give);
  let late = false;
  const patience = setTimeout(() => {
    late = true;
    give();
  }, PATIENCE);
  try {
    const response = await fetch(new URL(path, BASE), { cache: "no-store", signal: asking.signal, headers: tag ? { "if-none-match": tag } : {} });
    const { status } = response;
    if (status === 304) return { ok: true, value: null, tag: tag ?? null };
    if (response.ok) return { ok: true, value: await response.json(), tag: response.headers.get("etag") };
    const retryAfter = Number(response.headers.get("retry-after")) || null;
    // What stands between may refuse, too, and in a form of its own.
    const told = await response.json().catch(() => null);
    const code = String(told?.code ?? (status >= 500 ? "unreachable" : status));
    const fields = (told?.errors ?? []).map((/** @type {{field: string}} */ error) => error.field);
    return { ok: false, problem: { status, code, retryAfter, fields } };
  } catch {
    return { ok: false, problem: { status: 0, code: late ? "timeout" : "unreachable", retryAfter: null, fields: [] } };
  } finally {
    clearTimeout(patience);
    signal?.removeEventListener("abort", give);
  }
}

/** Whether asking again may work. @param {Problem} problem */
export function mayPass(problem) {
  return problem.status === 0 || problem.status === 429 || problem.status >= 500;
}

/** @type {Promise<Map<string, import("./types.js").Definition>> | null} */
let asked = null;

/** What every figure means; asked for once, and again if it could not be had. */
export function definitions() {
  asked ??= ask("api/v1/dashboard/definitions").then((reply) => {
    if (!reply.ok) asked = null;
    const list = reply.ok ? reply.value.definitions : [];
    return new Map(list.map((/** @type {import("./types.js").Definition} */ one) => [one.key, one]));
  });
  return asked;
}
