// Builds the page: web/src as it is written, and what it takes from npm, become web/dist. No bundler: browsers load modules.
//
// Assets lie in a folder that is named after what is in it, so that they may be kept for ever. Where the router's root is
// only the server knows: index.html has `{base}` for it.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** What is served beside the page's own files, as the packages have it. A licence goes with all that is inside. */
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
const [built, fresh, former] = ["dist", ".dist-new", ".dist-old"].map((name) => `${here}/${name}`);

/**
 * The files below a folder by their paths in it, in the order of these.
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
  const named = paths.map((path) => /** @type {const} */ ([relative(folder, path).split(sep).join("/"), path]));
  named.sort(([one], [other]) => (one < other ? -1 : 1));
  return new Map(named.map(([name, path]) => [name, readFileSync(path)]));
}

/**
 * What the assets are called together: the same name only for the same names and contents.
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
  if (content === undefined) throw new Error(`there is no ${name}, and something refers to it`);
  return content;
}

/**
 * The modules that a module imports before it runs, and those that these import. Each must be there.
 * @param {Map<string, Buffer>} assets
 * @param {string} entry
 */
function importsOf(assets, entry) {
  const seen = new Set([entry]);
  for (const module of seen) {
    const text = required(assets, module).toString();
    for (const [, target = ""] of text.matchAll(
      /^(?:import\s*|(?:import|export)\b[^"'`;=()]*?\bfrom\s*)["']([^"']+)["']/gm,
    )) {
      const path = posix.join(posix.dirname(module), target);
      // A browser looks for no packages.
      if (!/^\.{1,2}\//.test(target)) throw new Error(`${module} imports ${target}, which is no path`);
      seen.add(path);
    }
  }
  seen.delete(entry);
  return [...seen].sort();
}

/**
 * The page itself, which names the files of this version.
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
  if (source === undefined) throw new Error(`there is no src/${SHELL}`);
  for (const name of assets.keys()) {
    if (name === SHELL || name.endsWith(".d.ts")) assets.delete(name);
  }
  for (const [name, path] of Object.entries(VENDOR)) {
    assets.set(`vendor/${name}`, readFileSync(`${here}/node_modules/${path}`));
  }
  for (const [, name = ""] of source.matchAll(/%ASSETS%\/([^"]*)/g)) required(assets, name);
  const version = versionOf(assets);

  for (const folder of [fresh, former]) rmSync(folder, { recursive: true, force: true });
  write(`${fresh}/${SHELL}`, shellOf(source, version, importsOf(assets, "main.js")));
  for (const [name, content] of assets) {
    const path = `${fresh}/assets/${version}/${name}`;
    write(path, content);
    if (TEXT.test(name)) write(`${path}.gz`, gzipSync(content, { level: 9 }));
  }
  // Where nothing changed nothing is touched: what embeds the page would be built again.
  if (equal(filesOf(fresh), filesOf(built))) {
    rmSync(fresh, { recursive: true });
    return;
  }
  if (existsSync(built)) renameSync(built, former);
  renameSync(fresh, built);
  rmSync(former, { recursive: true, force: true });
}

try {
  build();
} catch (error) {
  console.error(`error: the page cannot be built: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
