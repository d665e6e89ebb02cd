/** Counts of executions per interval, and the bars of the chart that they add up to. */

import { getApiTime, parseTime } from "./clock.js";
import { DAY, HOUR, MINUTE, resolveRange } from "./ranges.js";

const MAX_BARS = 60;
/** What the chart shows if the range has no start. */
const DEFAULT_SPAN = 7 * DAY;
/** What the API counts by hour and by day, less the hours that it adds at both ends. */
const [MAX_BY_HOUR, MAX_BY_DAY] = [30.5 * DAY, 364 * DAY];

/** Widths of bars: so many intervals of so many milliseconds. The API counts by hour and by day of UTC. */
const WIDTHS = [
	...[1_000, 5_000, 15_000, MINUTE, 5 * MINUTE, 15 * MINUTE].map((interval) => ({ interval, count: 1 })),
	...[1, 3, 6, 12, 24].map((count) => ({ interval: HOUR, count })),
	...[1, 2, 7, 14, 28, 91, 365].map((count) => ({ interval: DAY, count })),
];

/** The start, end and width of the bars of a period; `counted`: its intervals are those that the API has. */
function plan(start, end, counted) {
	const fits = ({ interval, count }) =>
		(!counted || interval === DAY || (interval === HOUR && end - start <= MAX_BY_HOUR)) &&
		(end - start) / interval / count < MAX_BARS;
	return { ...(WIDTHS.find(fits) ?? WIDTHS.at(-1)), start, end };
}

/** The bars of a filter's range; null for a range in the future. */
export function planRange(filter) {
	const { start, end = Infinity } = resolveRange({ ...filter, bar: "" });
	const last = Math.min(end, getApiTime());
	const first = Math.max(start ?? last - DEFAULT_SPAN, last - MAX_BY_DAY);
	return first < last ? plan(first, last, true) : null;
}

/** The bars of loaded executions, newest first. */
export const planExecutions = (executions) => plan(parseTime(executions.at(-1)), parseTime(executions[0]) + 1, false);

const EMPTY = { succeeded: 0, failed: 0, hard_errors: 0, skipped: 0, p50: 0, p95: 0 };

function readInterval({ start, succeeded, failed, hard_errors, skipped, duration_ms: { p50, p95 } }) {
	return { start: Date.parse(start), succeeded, failed, hard_errors, skipped, p50: p50 ?? 0, p95: p95 ?? 0 };
}

function countExecution(counts, { success, hard_error: isHard, skipped }) {
	if (skipped) counts.skipped++;
	else if (success) counts.succeeded++;
	else counts.failed++;
	if (isHard) counts.hard_errors++;
}

/**
 * Counts per interval of the plan, from the start of the first to the present.
 *
 * The API's counts lag behind the log, and only a part of the log is loaded: the larger number is closer.
 */
function* countIntervals({ start, end, interval }, stats, executions) {
	const counted = new Map(stats.map(readInterval).map((counts) => [counts.start, counts]));
	const loaded = new Map();
	const align = (time) => Math.floor(time / interval) * interval;
	for (const execution of executions) {
		const at = align(parseTime(execution));
		if (!loaded.has(at)) loaded.set(at, { ...EMPTY });
		countExecution(loaded.get(at), execution);
	}
	for (let at = align(start); at < end; at += interval) {
		const [known, found] = [counted.get(at) ?? EMPTY, loaded.get(at) ?? EMPTY];
		yield { start: at, ...addUp(Math.max, known, found) };
	}
}

/** Adds counts. No percentile of both together is larger than the larger one. */
function addUp(add, one, other) {
	const largest = Object.fromEntries(["p50", "p95"].map((name) => [name, Math.max(one[name], other[name])]));
	const names = ["succeeded", "failed", "hard_errors", "skipped"];
	return { ...Object.fromEntries(names.map((name) => [name, add(one[name], other[name])])), ...largest };
}

const sum = (one, other) => one + other;
export const total = (bars) => bars.reduce((one, other) => addUp(sum, one, other), EMPTY);

/** What the intervals of one bar have in common: bars begin at hours of the viewer's zone, also on days of 23 hours. */
function findBar({ interval, count }, start, number) {
	if (interval !== HOUR || count === 1) return Math.floor(number / count);
	const at = new Date(start);
	return `${at.toDateString()} ${Math.floor(at.getHours() / count)}`;
}

/**
 * The bars of a plan, oldest first.
 *
 * @param {any} plan
 * @param {any[]} stats the API's intervals
 * @param {any[]} executions those that are loaded
 */
export function countBars(plan, stats, executions) {
	const bars = [];
	let last;
	let number = 0;
	for (const counts of countIntervals(plan, stats, executions)) {
		const name = findBar(plan, counts.start, number++);
		const to = counts.start + plan.interval;
		if (name === last) bars.push({ from: bars.at(-1).from, to, ...addUp(sum, bars.pop(), counts) });
		else bars.push({ from: counts.start, to, ...addUp(sum, EMPTY, counts) });
		last = name;
	}
	return bars;
}
