// A reverse proxy that mounts the server below a nested path.

import { once } from "node:events";
import { createServer, request } from "node:http";

/**
 * Serves `url` below a path, and 404 outside it.
 * @param {string} url
 * @param {string} path with slashes at both ends
 */
export async function mount(url, path) {
  /** @type {string[]} */
  const strays = [];
  const server = createServer((incoming, reply) => {
    const target = incoming.url ?? "";
    if (!target.startsWith(path)) {
      strays.push(target);
      reply.writeHead(404).end();
      return;
    }
    const inner = request(new URL(target.slice(path.length - 1), url), { method: incoming.method, headers: incoming.headers }, (answer) => {
      reply.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(reply);
    });
    inner.on("error", () => reply.destroy());
    reply.on("close", () => inner.destroy());
    incoming.pipe(inner);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}${path}`,
    /** The paths of requests outside the mount. */
    strays,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
