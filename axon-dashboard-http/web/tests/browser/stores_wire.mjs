// Minimal clients of the three stores: the tests write to the stores directly, as the platform does.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect } from "node:net";

/**
 * A request to Elasticsearch.
 * @param {string} address @param {string} method @param {string} path @param {object} [body]
 */
export async function search(address, method, path, body) {
  const { origin, username, password } = new URL(address);
  /** @type {Record<string, string>} */
  const headers = { "content-type": "application/json" };
  if (username) headers.authorization = `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}`;
  const response = await fetch(`${origin}${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** @typedef {string | number | null | unknown[]} Reply */

/**
 * Commands to Redis, in its own protocol.
 * @template T
 * @param {string} address
 * @param {(command: (...words: string[]) => Promise<Reply>) => Promise<T>} use
 */
export async function redis(address, use) {
  const { hostname, port, username, password, pathname } = new URL(address);
  const { socket, read } = dial(hostname, Number(port || 6379));
  const line = async () => {
    let text = "";
    while (!text.endsWith("\r\n")) text += (await read(1)).toString("latin1");
    return text.slice(0, -2);
  };
  /** @returns {Promise<Reply>} */
  const reply = async () => {
    const head = await line();
    const [kind, rest] = [head[0], head.slice(1)];
    if (kind === "-") throw new Error(`Redis refused: ${rest}`);
    if (kind === "+") return rest;
    if (kind === ":") return Number(rest);
    if (Number(rest) < 0) return null;
    if (kind === "$") return (await read(Number(rest) + 2)).subarray(0, -2).toString();
    assert.equal(kind, "*", head);
    const all = [];
    for (let index = 0; index < Number(rest); index += 1) all.push(await reply());
    return all;
  };
  /** @param {...string} words */
  const command = (...words) => {
    socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`);
    return reply();
  };
  try {
    if (password) await command("AUTH", ...(username ? [decodeURIComponent(username)] : []), decodeURIComponent(password));
    if (Number(pathname.slice(1)) > 0) await command("SELECT", pathname.slice(1));
    return await use(command);
  } finally {
    socket.destroy();
  }
}

/** The replies to MySQL's challenge, by authentication plugin: they prove the password without sending it. @type {Record<string, (password: string, salt: Buffer) => Buffer>} */
const SCRAMBLES = {
  mysql_native_password: (password, salt) => scramble("sha1", password, (twice) => [salt, twice]),
  caching_sha2_password: (password, salt) => scramble("sha256", password, (twice) => [twice, salt]),
};

/** @param {string} hash @param {string} password @param {(twice: Buffer) => Buffer[]} order */
function scramble(hash, password, order) {
  if (!password) return Buffer.alloc(0);
  const digest = (/** @type {(Buffer | string)[]} */ ...parts) => parts.reduce((sum, part) => sum.update(part), createHash(hash)).digest();
  const one = digest(password);
  const mask = digest(...order(digest(one)));
  return Buffer.from(one.map((byte, index) => byte ^ (mask[index] ?? 0)));
}

/**
 * Runs a statement without rows on MySQL or MariaDB. The user must have logged in before: with `caching_sha2_password`, the server
 * otherwise asks for the plain password, which is not implemented.
 * @param {string} address @param {string} statement
 */
export async function sql(address, statement) {
  const { hostname, port, username, password } = new URL(address);
  const { socket, read } = dial(hostname, Number(port || 3306));
  let number = 0;
  const packet = async () => {
    const head = await read(4);
    number = head.readUInt8(3) + 1;
    const body = await read(head.readUIntLE(0, 3));
    if (body[0] === 0xff) throw new Error(`MySQL refused: ${body.subarray(9)}`);
    return body;
  };
  const send = (/** @type {Buffer} */ body) => {
    const head = Buffer.alloc(4);
    head.writeUIntLE(body.length, 0, 3);
    head.writeUInt8(number, 3);
    socket.write(Buffer.concat([head, body]));
  };
  const text = (/** @type {string} */ value) => Buffer.from(`${value}\0`);
  const proof = (/** @type {string} */ plugin, /** @type {Buffer} */ salt) => {
    const scrambled = SCRAMBLES[plugin];
    assert.ok(scrambled, `MySQL asks for the unsupported authentication plugin ${plugin}`);
    return scrambled(decodeURIComponent(password), salt);
  };
  try {
    const greeting = await packet();
    const from = greeting.indexOf(0, 1) + 5;
    const salt = Buffer.concat([greeting.subarray(from, from + 8), greeting.subarray(from + 27, from + 39)]);
    const plugin = greeting.subarray(from + 40, greeting.indexOf(0, from + 40)).toString() || "mysql_native_password";
    const response = proof(plugin, salt);
    const head = Buffer.alloc(32);
    // Capabilities: protocol 4.1, secure connection, plugin authentication.
    head.writeUInt32LE(0x0008_8200 | 0x0000_0001, 0);
    head.writeUInt32LE(1 << 24, 4);
    head.writeUInt8(45, 8);
    send(Buffer.concat([head, text(decodeURIComponent(username)), Buffer.from([response.length]), response, text(plugin)]));
    for (let reply = await packet(); reply[0] !== 0; reply = await packet()) {
      assert.notDeepEqual([...reply], [1, 4], "MySQL asks for the plain password: log in once with another client");
      if (reply[0] !== 0xfe) continue;
      const end = reply.indexOf(0, 1);
      send(proof(reply.subarray(1, end).toString(), reply.subarray(end + 1, end + 21)));
    }
    number = 0;
    send(Buffer.concat([Buffer.from([3]), Buffer.from(statement)]));
    assert.equal((await packet())[0], 0, "a statement without rows");
  } finally {
    socket.destroy();
  }
}

/** A connection that is read in chunks of a given length. @param {string} host @param {number} port */
function dial(host, port) {
  const socket = connect(port, host.replace(/^\[|\]$/g, ""));
  const chunks = socket[Symbol.asyncIterator]();
  let buffered = Buffer.alloc(0);
  return {
    socket,
    /** @param {number} length */
    async read(length) {
      while (buffered.length < length) {
        const { value, done } = await chunks.next();
        assert.ok(!done, `${host}:${port} closed the connection`);
        buffered = Buffer.concat([buffered, value]);
      }
      const chunk = buffered.subarray(0, length);
      buffered = buffered.subarray(length);
      return chunk;
    },
  };
}
