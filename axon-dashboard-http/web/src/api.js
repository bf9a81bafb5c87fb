// Requests to the server. A failure is returned as a problem, never as an empty answer.

import { BASE } from "./address.js";
import { widgetsOf } from "./widgets/registry.js";

/** @typedef {import("./types.js").Problem} Problem */
/** @typedef {import("./address.js").Address} Address */

/** The deadline of a request in milliseconds, longer than the server's own budget for an answer. */
const DEADLINE = 15_000;

/**
 * The URL of the figures of a page.
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
 * Requests JSON. With the tag of an earlier answer, the value is null if the content is still the same. The browser's cache is
 * bypassed: for a 304 it would return the earlier answer with its earlier instants.
 * @param {URL | string} path
 * @param {{signal?: AbortSignal, tag?: string | null}} [options]
 * @returns {Promise<{ok: true, value: any, tag: string | null} | {ok: false, problem: Problem}>}
 */
export async function ask(path, { signal, tag } = {}) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  signal?.addEventListener("abort", abort);
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    abort();
  }, DEADLINE);
  try {
    const response = await fetch(new URL(path, BASE), { cache: "no-store", signal: controller.signal, headers: tag ? { "if-none-match": tag } : {} });
    const { status } = response;
    if (status === 304) return { ok: true, value: null, tag: tag ?? null };
    if (response.ok) return { ok: true, value: await response.json(), tag: response.headers.get("etag") };
    const retryAfter = Number(response.headers.get("retry-after")) || null;
    // A proxy may answer as well, with a body that is no problem of the server.
    const body = await response.json().catch(() => null);
    const code = String(body?.code ?? (status >= 500 ? "unreachable" : status));
    const fields = (body?.errors ?? []).map((/** @type {{field: string}} */ error) => error.field);
    return { ok: false, problem: { status, code, retryAfter, fields } };
  } catch {
    return { ok: false, problem: { status: 0, code: late ? "timeout" : "unreachable", retryAfter: null, fields: [] } };
  } finally {
    clearTimeout(deadline);
    signal?.removeEventListener("abort", abort);
  }
}

/** Whether a retry may succeed. @param {Problem} problem */
export function isTransient(problem) {
  return problem.status === 0 || problem.status === 429 || problem.status >= 500;
}

/** @type {Promise<Map<string, import("./types.js").Definition>> | null} */
let pending = null;

/** The definitions by key; empty if the request failed. They are requested once, and again after a failure. */
export function definitions() {
  pending ??= ask("api/v1/dashboard/definitions").then((reply) => {
    if (!reply.ok) pending = null;
    const list = reply.ok ? reply.value.definitions : [];
    return new Map(list.map((/** @type {import("./types.js").Definition} */ one) => [one.key, one]));
  });
  return pending;
}
