// @ts-check
/** The dashboard: asks the master every other second and hands what it says to the views. */

/** @import { History, Snapshot } from './types.d.ts' */

import { Capacity } from './capacity.js';
import { Charts, reloadWord } from './charts.js';
import { Client, Refused, SignInNeeded, Unreachable } from './client.js';
import { showDoctor } from './doctor.js';
import { find, setAttribute, setText } from './dom.js';
import { Figures } from './figures.js';
import { bytes, clock, foreign, span } from './format.js';
import { HistoryFeed } from './history-feed.js';
import { fullest, Pools } from './pools.js';
import { Profile } from './profile.js';
import { Reload } from './reload.js';
import { Routes } from './routes.js';
import { Slow } from './slow.js';
import { WorkerDialog } from './worker-dialog.js';
import { Workers } from './workers.js';

const pollMs = 2000;
/** While another tab is looked at: often enough for the title. */
const hiddenMs = 30_000;
/** Minutes, as in the page. */
const ranges = [5, 15, 60];
/** Waits after failures, the last one for as long as it takes. */
const backOffMs = [1000, 2000, 4000, 8000, 15_000];

const client = new Client();
const feed = new HistoryFeed(client);
const views = find('views', HTMLElement);
const signInForm = find('sign-in', HTMLFormElement);
const actions = find('actions', HTMLElement);
const queries = find('queries', HTMLInputElement);
const pools = new Pools(
  find('pools', HTMLTableElement),
  find('pools-rest', HTMLElement),
  { filter: find('pool-filter', HTMLInputElement), said: find('pools-said', HTMLElement) },
  select,
  () => poll(),
);
const charts = new Charts(find('charts', HTMLElement), showPoint);
const figures = new Figures(find('figures', HTMLTableElement), find('figures-open', HTMLDetailsElement));
const workers = new Workers(find('workers', HTMLTableElement), find('workers-rest', HTMLElement), (row) =>
  dialog.open(row),
);
const dialog = new WorkerDialog(client);
const capacity = new Capacity(
  find('capacity', HTMLTableElement),
  find('capacity-said', HTMLElement),
  find('capacity-rest', HTMLElement),
  client,
);
const routes = new Routes(find('routes', HTMLTableElement), find('routes-rest', HTMLElement), client);
const slow = new Slow(find('slow', HTMLElement), find('slow-rest', HTMLElement), client);
const profile = new Profile(client, onFailure);
const reload = new Reload(find('reload', HTMLButtonElement), find('outcome', HTMLElement), client, onFailure);

/** @type {string | undefined} */
let selected = new URLSearchParams(location.hash.slice(1)).get('pool') ?? undefined;
/** @type {Snapshot | undefined} */
let snapshot;
/** Minutes shown by the charts; as much as there is until the user chooses. */
let minutes = 5;
let isRangeChosen = false;
let failures = 0;
/** @type {number | undefined} */
let timer;
/** A round that was begun before the last change must not show what was asked for before it. */
let round = 0;

function start() {
  client.takeFromAddress();
  addEventListener('hashchange', () => client.takeFromAddress() && poll());
  document.addEventListener('visibilitychange', () => (document.hidden ? again(hiddenMs) : poll()));
  addEventListener('online', () => poll());
  signInForm.addEventListener('submit', signIn);
  find('sign-out', HTMLButtonElement).addEventListener('click', signOut);
  queries.addEventListener('change', poll);
  find('range', HTMLElement).addEventListener('change', changeRange);
  const filter = find('filter', HTMLInputElement);
  const busyOnly = find('busy-only', HTMLInputElement);
  const choose = () => workers.choose(filter.value, busyOnly.checked);
  filter.addEventListener('input', choose);
  busyOnly.addEventListener('change', choose);
  poll();
}

async function poll() {
  clearTimeout(timer);
  const mine = ++round;
  try {
    const question = pools.question(selected);
    if (queries.checked) question.set('query', '1');
    const [next, history] = await Promise.all([client.get(`api/pools?${question}`), feed.read(selected)]);
    if (mine !== round) return;
    failures = 0;
    show(next, history);
    await Promise.all([
      capacity.show(selected),
      routes.show(selected),
      slow.show(next.pools, selected, queries.checked),
    ]);
    again(pollMs);
  } catch (error) {
    if (mine === round) onFailure(error);
  }
}

/** @param {number} wait milliseconds */
function again(wait) {
  clearTimeout(timer);
  timer = setTimeout(poll, document.hidden ? Math.max(wait, hiddenMs) : wait);
}

/** @param {Snapshot} next @param {History} history */
function show(next, history) {
  snapshot = next;
  signInForm.hidden = true;
  views.hidden = false;
  actions.hidden = false;
  find('sign-out', HTMLElement).hidden = !client.hasToken;
  find('lost', HTMLElement).hidden = true;
  setLink('live', 'Live');
  const { version, pid, startedAt, at, state } = next;
  const facts = [
    `v${version}`,
    `pid ${pid}`,
    `up ${span((at - startedAt) / 1000)}`,
    ...memoryFacts(next),
    ...(state === 'normal' ? [] : [state]),
  ];
  setText(find('facts', HTMLElement), facts.join(' · '));
  showTitle(next);
  reload.show(next.lastReload);
  showDoctor(find('doctor', HTMLElement), next.doctor, at);
  pools.show(next, selected);
  const scope = selected === undefined ? 'all pools' : `pool ${foreign(selected)}`;
  setText(find('charts-scope', HTMLElement), scope);
  setText(find('workers-scope', HTMLElement), scope);
  setText(find('routes-scope', HTMLElement), scope);
  setText(find('slow-scope', HTMLElement), scope);
  profile.show(next.pools);
  if (!isRangeChosen) setRange(fittingRange(history));
  const full = selected === undefined ? fullest(next.pools) : undefined;
  charts.show(history, minutes, { isOfAll: selected === undefined, fullest: full && foreign(full.name) });
  setText(find('charts-reloads', HTMLElement), reloadsIn(history, minutes));
  figures.show(history, minutes);
  dialog.show(workers.show(next.pools.filter(({ name }) => selected === undefined || name === selected)));
}

/** Memory in use below the limit. @param {Snapshot} next */
function memoryFacts({ memory }) {
  if (memory === undefined) return [];
  const { usedBytes, limitBytes, othersBytes, source } = memory;
  const others = othersBytes === undefined ? '' : `, others ${bytes(othersBytes)}`;
  return [`memory ${bytes(usedBytes)} of ${bytes(limitBytes)} (${source}${others})`];
}

/** The tab tells of trouble while another one is looked at. @param {Snapshot} next */
function showTitle({ counts: { queue: queued, down } }) {
  document.title = [
    ...(down > 0 ? [`${down} down`] : []),
    ...(queued > 0 ? [`queue ${queued}`] : []),
    'Hathi',
  ].join(' · ');
}

/** @param {unknown} error */
function onFailure(error) {
  if (error instanceof SignInNeeded) return askForToken();
  if (error instanceof Refused && error.message === 'no such pool') {
    select(undefined);
    return;
  }
  const wait = backOffMs[Math.min(failures, backOffMs.length - 1)] ?? 0;
  failures += 1;
  const lost = find('lost', HTMLElement);
  const said = error instanceof Unreachable ? 'No answer from the master' : 'The master could not answer';
  const since = snapshot === undefined ? '' : ` What is shown is from ${clock(snapshot.at)}.`;
  setText(lost, `${said}: ${error instanceof Error ? error.message : error}.${since} Trying again.`);
  lost.hidden = false;
  setLink('lost', `Offline, next try in ${Math.round(wait / 1000)} s`);
  again(wait);
}

function askForToken() {
  const wasRefused = client.hasToken;
  client.signOut();
  views.hidden = true;
  actions.hidden = true;
  find('lost', HTMLElement).hidden = true;
  const wasHidden = signInForm.hidden;
  signInForm.hidden = false;
  setText(find('sign-in-error', HTMLElement), wasRefused ? 'The master does not take this token.' : '');
  setLink('waiting', 'Not signed in');
  if (wasHidden || wasRefused) find('token', HTMLInputElement).focus();
}

/** @param {Event} event */
function signIn(event) {
  event.preventDefault();
  const field = find('token', HTMLInputElement);
  client.signIn(field.value.trim());
  field.value = '';
  poll();
}

function signOut() {
  client.signOut();
  feed.forget();
  setText(find('facts', HTMLElement), '');
  poll();
}

/** @param {string | undefined} name */
function select(name) {
  selected = name;
  profile.select(name);
  history.replaceState(
    null,
    '',
    name === undefined ? location.pathname : `#${new URLSearchParams({ pool: name })}`,
  );
  poll();
}

/** @param {Event} event */
function changeRange(event) {
  if (!(event.target instanceof HTMLInputElement)) return;
  isRangeChosen = true;
  minutes = Number(event.target.value);
  poll();
}

/** @param {number} next */
function setRange(next) {
  minutes = next;
  for (const input of find('range', HTMLElement).querySelectorAll('input'))
    input.checked = Number(input.value) === next;
}

/** @param {History} history */
function fittingRange({ at }) {
  const kept = ((at.at(-1) ?? 0) - (at[0] ?? 0)) / 60_000;
  return ranges.find((range) => kept <= range) ?? 60;
}

/** Reloads marked on the charts. @param {History} history @param {number} minutes */
function reloadsIn({ at, reloads }, minutes) {
  const from = (at.at(-1) ?? Date.now()) - minutes * 60_000;
  const shown = reloads.filter((reload) => reload.at >= from).slice(-4);
  return shown
    .map(
      (reload) => `${reload.outcome === 'succeeded' ? '▼' : '▽'} ${reloadWord(reload)} ${clock(reload.at)}`,
    )
    .join('  ');
}

/** @param {number | undefined} at */
function showPoint(at) {
  setText(find('charts-at', HTMLElement), at === undefined ? '' : clock(at));
}

/** @param {'live' | 'lost' | 'waiting'} state @param {string} text */
function setLink(state, text) {
  const link = find('link', HTMLElement);
  setAttribute(link, 'data-state', state);
  setText(link, text);
}

start();
