/** The chart above the list of executions. */

import { parseTime } from "./clock.js";
import { h } from "./elements.js";

const MAX_BARS = 48;
const BAR_SECONDS = [1, 5, 15, 60, 300, 900, 3600, 10_800, 43_200, 86_400, 604_800, 2_592_000, 31_536_000];

function countPerBar(executions) {
	const times = executions.map(parseTime);
	const [newest, oldest] = [times[0], times.at(-1)];
	const wide = (seconds) => (newest - oldest) / 1000 / seconds < MAX_BARS - 1;
	const width = 1000 * BAR_SECONDS.find(wide);
	const zone = new Date(oldest).getTimezoneOffset() * 60_000;
	const start = Math.floor((oldest - zone) / width) * width + zone;
	const bars = [];
	for (let from = start; from <= newest; from += width) bars.push({ from, to: from + width, succeeded: 0, failed: 0 });
	executions.forEach(({ success }, at) => {
		bars[Math.floor((times[at] - start) / width)][success ? "succeeded" : "failed"]++;
	});
	return bars;
}

export const formatCounts = (locale, { succeeded, failed }) => locale.text("counts", { succeeded, failed });

function createBar(locale, counted, most) {
	const parts = ["succeeded", "failed"].map((kind) => {
		const part = h("i", { class: kind, hidden: counted[kind] === 0 });
		part.style.height = `${(100 * counted[kind]) / most}%`;
		return part;
	});
	const title = `${locale.shortRange(counted.from, counted.to)}: ${formatCounts(locale, counted)}`;
	return h("span", { title }, parts);
}

export function createChart(locale, executions) {
	const bars = countPerBar(executions);
	const most = Math.max(...bars.map(({ succeeded, failed }) => succeeded + failed));
	const failing = bars.filter(({ failed }) => failed).slice(-5);
	const failures = failing
		.map(({ from, failed }) => locale.text("chart.failure", { count: failed, time: locale.shortTime(from) }))
		.join("; ");
	const name = locale.text(failures ? "chart.failures" : "chart.noFailures", { failures });
	const failed = executions.filter(({ success }) => !success).length;
	const edge = (execution) => h("span", locale.shortTime(parseTime(execution)));
	const counts = formatCounts(locale, { succeeded: executions.length - failed, failed });
	return [
		h("div.bars", { role: "img", "aria-label": name }, bars.map((counted) => createBar(locale, counted, most))),
		h("p.scale", edge(executions.at(-1)), h("span", { class: failed > 0 && "failing" }, counts), edge(executions[0])),
	];
}
