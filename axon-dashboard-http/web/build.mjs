// Builds the page: copies web/src and the files that it needs from npm packages to web/dist. There is no bundler: browsers load
// the modules.
//
// Assets are in a folder that is named after a hash of their content, so that browsers may cache them without revalidation. Only
// the server knows where the router's root is: index.html has `{base}` in its place.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** Files of npm packages that are served unchanged, by their names below `vendor`. Each comes with its licence. */
const VENDOR = {
  "chart.umd.js": "chart.js/dist/chart.umd.js",
  "chart.LICENSE.txt": "chart.js/LICENSE.md",
  "chart.color.LICENSE.txt": "@kurkle/color/LICENSE.md",
  "chartjs-chart-funnel.umd.js": "chartjs-chart-funnel/build/index.umd.min.js",
  "chartjs-chart-funnel.LICENSE.txt": "chartjs-chart-funnel/LICENSE",
  "chartjs-chart-funnel.chroma.LICENSE.txt": "chroma-js/LICENSE",
};
const SHELL = "index.html";
const TEXT = /\.(?:css|html|js|json|svg|txt)$/;

const here = dirname(fileURLToPath(import.meta.url));
const [current, next, previous] = ["dist", ".dist-new", ".dist-old"].map((name) => `${here}/${name}`);

/**
 * The files below a folder by their paths in it, sorted by path. Empty if there is no such folder.
 * @param {string} folder
 * @returns {Map<string, Buffer>}
 */
function filesOf(folder) {
  /** @param {string} inner @returns {string[]} */
  const walk = (inner) =>
    readdirSync(inner, { withFileTypes: true }).flatMap((entry) => {
      const path = `${inner}/${entry.name}`;
      return entry.isDirectory() ? walk(path) : [path];
    });
  const paths = existsSync(folder) ? walk(folder) : [];
  const entries = paths.map((path) => /** @type {const} */ ([relative(folder, path).split(sep).join("/"), path]));
  entries.sort(([one], [other]) => (one < other ? -1 : 1));
  return new Map(entries.map(([name, path]) => [name, readFileSync(path)]));
}

/**
 * The version of the assets: a hash of their names and contents.
 * @param {Map<string, Buffer>} assets
 */
function versionOf(assets) {
  const hash = createHash("sha256");
  for (const name of [...assets.keys()].sort()) {
    const content = assets.get(name) ?? "";
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex").slice(0, 16);
}

/**
 * @param {Map<string, Buffer>} assets
 * @param {string} name
 */
function required(assets, name) {
  const content = assets.get(name);
  if (content === undefined) throw new Error(`missing file: ${name}; ${SHELL} or a module refers to it`);
  return content;
}

/**
 * The modules that a module imports, directly and indirectly, without itself. Throws if one is missing.
 * @param {Map<string, Buffer>} assets
 * @param {string} entry
 */
function importsOf(assets, entry) {
  // A set that grows while it is iterated: each module is read once.
  const modules = new Set([entry]);
  for (const module of modules) {
    const text = required(assets, module).toString();
    for (const [, target = ""] of text.matchAll(
      /^(?:import\s*|(?:import|export)\b[^"'`;=()]*?\bfrom\s*)["']([^"']+)["']/gm,
    )) {
      const path = posix.join(posix.dirname(module), target);
      // Browsers resolve paths only, not package names.
      if (!/^\.{1,2}\//.test(target)) throw new Error(`${module} imports ${target}, which is not a relative path`);
      modules.add(path);
    }
  }
  modules.delete(entry);
  return [...modules].sort();
}

/**
 * The text of index.html with the paths of this version.
 * @param {string} source
 * @param {string} version
 * @param {string[]} modules
 */
function shellOf(source, version, modules) {
  const mark = "<!-- modulepreload -->";
  if (!source.includes(mark)) throw new Error(`${SHELL} has no ${mark}`);
  const links = modules.map((path) => `<link rel="modulepreload" href="%ASSETS%/${path}">`);
  return source.replace(mark, () => links.join("\n")).replaceAll("%ASSETS%", `{base}assets/${version}`);
}

/**
 * @param {string} path
 * @param {string | Buffer} content
 */
function write(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/**
 * @param {Map<string, Buffer>} some
 * @param {Map<string, Buffer>} others
 */
function equal(some, others) {
  return some.size === others.size && [...some].every(([name, content]) => others.get(name)?.equals(content));
}

function build() {
  const assets = filesOf(`${here}/src`);
  const source = assets.get(SHELL)?.toString();
  if (source === undefined) throw new Error(`missing file: src/${SHELL}`);
  for (const name of assets.keys()) {
    if (name === SHELL || name.endsWith(".d.ts")) assets.delete(name);
  }
  for (const [name, path] of Object.entries(VENDOR)) {
    assets.set(`vendor/${name}`, readFileSync(`${here}/node_modules/${path}`));
  }
  for (const [, name = ""] of source.matchAll(/%ASSETS%\/([^"]*)/g)) required(assets, name);
  const version = versionOf(assets);

  for (const folder of [next, previous]) rmSync(folder, { recursive: true, force: true });
  write(`${next}/${SHELL}`, shellOf(source, version, importsOf(assets, "main.js")));
  for (const [name, content] of assets) {
    const path = `${next}/assets/${version}/${name}`;
    write(path, content);
    if (TEXT.test(name)) write(`${path}.gz`, gzipSync(content, { level: 9 }));
  }
  // An unchanged page is not touched: cargo would otherwise rebuild the crate that embeds it.
  if (equal(filesOf(next), filesOf(current))) {
    rmSync(next, { recursive: true });
    return;
  }
  if (existsSync(current)) renameSync(current, previous);
  renameSync(next, current);
  rmSync(previous, { recursive: true, force: true });
}

try {
  build();
} catch (error) {
  console.error(`error: the page cannot be built: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
