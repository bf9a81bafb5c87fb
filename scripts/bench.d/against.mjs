// Compares the benches of another revision with those of this tree in one run: each round runs the old program and the new one,
// which takes the first turn in every second round, so that a drift of the machine's speed affects both. Prints the ratio new / old
// of each figure. Called by scripts/bench.
//
// Figures are criterion's medians, and for `cached` and `shared` the microseconds of processor time per request. The ratio is that
// of the lowest figures of all rounds, since a busy machine only adds time; the lowest and the highest ratio of one round stand
// beside it. A ratio above 1 is slower. Rounds of criterion's benches are short and many, since the machine's speed drifts within a
// long one.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROUNDS = Number(process.env.AXON_BENCH_ROUNDS ?? 10);
// Benches that take minutes, and the most rounds that they run in.
const SLOW = ['cached', 'shared', 'answers'];
const SLOW_ROUNDS = 2;
const SHORT = ['--noplot', '--warm-up-time', '0.3', '--measurement-time', '1', '--sample-size', '30'];
const [revision, ...names] = process.argv.slice(2);
const folder = resolve('target/against');
const tree = join(folder, 'tree');

// Rows that older revisions call by another name.
const RENAMED = [
  ['kept answer', 'cached answer'], ['counted for Prometheus', 'with a Prometheus recorder'],
  ['computed each time', 'uncached answer'], ['the answer alone, without HTTP', 'answer without HTTP'],
  ['bare handler with the same bytes', 'bare handler, the same bytes'], ['written each time', 'encodes JSON per request'],
  ['from Redis each time', 'reads Redis per request'], ['found in Redis', 'read from Redis'],
  ['floor: count lines', 'lower bound: count lines'], ['ten thousand events together', '10,000 events in one batch'],
  ['7 days and the 7 before', '7 days compared with the 7 before'],
];
// Without the size of the answer, which differs by a byte from run to run.
const rowName = (id) => RENAMED.reduce((name, [before, now]) => name.replace(before, now), id.replace(/, \d+ bytes/, ''));

const git = (...args) => execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
let commit;
try {
  commit = git('rev-parse', '--verify', `${revision}^{commit}`);
} catch {
  console.error(`error: unknown git revision ${revision}`);
  process.exit(1);
}

// Builds the benches of a tree. Returns the program of each.
function build(cwd, target) {
  const args = ['bench', '--locked', '--package', 'axon-benches', '--no-run', '--message-format=json'];
  names.forEach((name) => args.push('--bench', name));
  const env = { ...process.env, CARGO_TARGET_DIR: target };
  const built = spawnSync('cargo', args, { cwd, env, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] });
  if (built.status !== 0) throw new Error(`cannot build the benches of ${cwd}: see cargo's output above`);
  const messages = built.stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  const programs = messages.filter((message) => message.executable && message.target.kind.includes('bench'));
  return Object.fromEntries(programs.map((message) => [message.target.name, message.executable]));
}

// Criterion's medians in nanoseconds below a folder, by the name of the bench.
function medians(home, found = {}) {
  for (const entry of readdirSync(home, { withFileTypes: true })) {
    const path = join(home, entry.name);
    if (entry.isDirectory() && entry.name !== 'new' && entry.name !== 'base') medians(path, found);
    if (entry.name !== 'new') continue;
    const { full_id: id } = JSON.parse(readFileSync(join(path, 'benchmark.json'), 'utf8'));
    found[rowName(id)] = JSON.parse(readFileSync(join(path, 'estimates.json'), 'utf8')).median.point_estimate;
  }
  return found;
}

// Runs a program. Returns its figures.
function run(program, cwd, name) {
  const home = join(folder, 'criterion');
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const env = { ...process.env, CRITERION_HOME: home };
  const done = spawnSync(program, ['--bench', ...(['cached', 'shared'].includes(name) ? [] : SHORT)], { cwd, env, encoding: 'utf8' });
  const figures = medians(home);
  for (const [, row, micros] of done.stdout.matchAll(/^ {2}(\S.*?) +([\d.]+) us /gm)) figures[rowName(`${name}: ${row}`)] = Number(micros);
  if (Object.keys(figures).length === 0) throw new Error(`the bench ${name} printed no figures:\n${done.stdout}\n${done.stderr}`);
  return figures;
}

if (!existsSync(tree)) {
  mkdirSync(folder, { recursive: true });
  git('worktree', 'add', '--detach', '--force', tree, commit);
}
try {
  execFileSync('git', ['checkout', '--quiet', '--detach', commit], { cwd: tree });
  const sides = { old: tree, new: process.cwd() };
  const programs = { old: build(tree, join(folder, 'old')), new: build('.', resolve('target')) };
  const figures = {};
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const name of names.filter((one) => !SLOW.includes(one) || round <= SLOW_ROUNDS)) {
      process.stderr.write(`\n== round ${round} of ${ROUNDS}: ${name}\n`);
      const order = round % 2 === 1 ? ['old', 'new'] : ['new', 'old'];
      const found = Object.fromEntries(order.map((side) => [side, run(programs[side][name], join(sides[side], 'benches'), name)]));
      for (const id of Object.keys(found.new).filter((one) => found.old[one])) {
        (figures[id] ??= []).push({ before: found.old[id], now: found.new[id] });
      }
    }
  }
  console.log(`new / old, old is ${commit.slice(0, 12)}; lowest figures of all rounds (lowest to highest ratio of one round)`);
  for (const [id, rounds] of Object.entries(figures)) {
    const ratios = rounds.map(({ before, now }) => now / before);
    const lowest = (side) => Math.min(...rounds.map((round) => round[side]));
    const text = [lowest('now') / lowest('before'), Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(3));
    console.log(`  ${text[0]}  (${text[1]} to ${text[2]}, ${rounds.length} rounds)  ${id}`);
  }
} finally {
  git('worktree', 'remove', '--force', tree);
}
