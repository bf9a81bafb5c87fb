// What may stand between a browser and the server: something that mounts it below a path of its own.

import { once } from "node:events";
import { createServer, request } from "node:http";

/**
 * Serves what is at `url` below a path, and nothing beside it.
 * @param {string} url
 * @param {string} path with slashes at both ends
 */
export async function mount(url, path) {
  /** @type {string[]} */
  const strays = [];
  const server = createServer((asked, reply) => {
    const target = asked.url ?? "";
    if (!target.startsWith(path)) {
      strays.push(target);
      reply.writeHead(404).end();
      return;
    }
    const inner = request(new URL(target.slice(path.length - 1), url), { method: asked.method, headers: asked.headers }, (answer) => {
      reply.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(reply);
    });
    inner.on("error", () => reply.destroy());
    reply.on("close", () => inner.destroy());
    asked.pipe(inner);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}${path}`,
    /** What was asked for beside the path. */
    strays,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
